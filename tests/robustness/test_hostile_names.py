"""Names that a file brings along: no exported code, table, path or terminal takes them for anything but text."""

from __future__ import annotations

import ast
import dataclasses
import json
from pathlib import Path

import pytest

import matnet
from matnet.cli.entry import run
from matnet.exporters.recording import Options
from matnet.exporters.save import rendered
from matnet.model.provenance import Provenance
from matnet.network import Network

FIXTURES = Path(__file__).parent.parent.parent / "fixtures"
NET = matnet.load(FIXTURES / "two_by_two.mat")

HOSTILE = (
    '*/ system("x"); /*',
    '"""\nimport os\nos.system("x")\n"""',
    "\n%}\nsystem('x')\n%{",
    "end\nsystem('x');",
    '\\\n#include "/etc/passwd"',
    "??/\n#error",
    "\r\nfunction evil",
    "\u2028import os\u2029",
    "../../../tmp/evil",
    "\0\x1b]0;title\x07\x1b[2J",
    '=HYPERLINK("http://x")',
    "${IFS}`id`$(id)",
)


def named(text: str) -> Network:
    """The network with the text wherever a file can bring one along."""
    structure = dataclasses.replace(
        NET.structure,
        inputs=tuple(dataclasses.replace(entry, name=text) for entry in NET.structure.inputs),
        layers=tuple(dataclasses.replace(layer, name=text) for layer in NET.structure.layers),
        outputs=tuple(dataclasses.replace(entry, name=text) for entry in NET.structure.outputs),
    )
    told = Provenance(text, text, text, text, text, text, None, (text,), {text: text})
    return Network(structure, told, text)


COMMENTS = {".c": " * ", ".m": "%", ".py": ""}
"""How a line begins that holds where the network came from; in Python it is within the docstring."""


@pytest.mark.parametrize("suffix", COMMENTS)
@pytest.mark.parametrize("text", HOSTILE)
def test_exported_code_differs_in_one_comment_alone(suffix: str, text: str) -> None:
    place = Path(f"net{suffix}")
    harmless = rendered(named("harmless"), place, Options()).content.decode().split("\n")
    hostile = rendered(named(text), place, Options()).content.decode().split("\n")
    assert len(hostile) == len(harmless)
    differing = [line for line, other in zip(hostile, harmless, strict=True) if line != other]
    assert differing
    for line in differing:
        assert line.startswith(COMMENTS[suffix])
        assert line.isascii()
        assert line.isprintable()
        assert not set(line.removeprefix(COMMENTS[suffix])) & set("*%\"'\\`$;#?<>[]&|!")
    if suffix == ".py":
        trees = [ast.parse("\n".join(lines)) for lines in (hostile, harmless)]
        code = [ast.dump(ast.Module(tree.body[1:], [])) for tree in trees]
        assert code[0] == code[1]


@pytest.mark.parametrize("text", HOSTILE)
def test_an_archive_keeps_the_names_as_text(text: str, tmp_path: Path) -> None:
    matnet.save(named(text), tmp_path / "net.json")
    content = (tmp_path / "net.json").read_text(encoding="ascii")
    assert json.loads(content)["name"] == text
    back = matnet.load(tmp_path / "net.json")
    assert (back.name, back.provenance.file) == (text, text)
    assert [path.name for path in tmp_path.iterdir()] == ["net.json"]


@pytest.mark.parametrize("text", HOSTILE)
def test_onnx_keeps_the_names_as_text(text: str) -> None:
    onnx = pytest.importorskip("onnx")
    graph = onnx.load_from_string(rendered(named(text), Path("net.onnx"), Options()).content).graph
    names = {value.name for value in (*graph.input, *graph.output)}
    harmless = onnx.load_from_string(rendered(named("harmless"), Path("net.onnx"), Options()).content).graph
    assert names == {value.name for value in (*harmless.input, *harmless.output)}


@pytest.mark.parametrize("suffix", [".c", ".m", ".py", ".onnx"])
@pytest.mark.parametrize("text", [text for text in HOSTILE if not text.isprintable()])
def test_a_name_of_an_element_with_control_characters_is_refused(suffix: str, text: str) -> None:
    if suffix == ".onnx":
        pytest.importorskip("onnx")
    with pytest.raises(matnet.UnsupportedError) as raised:
        rendered(NET, Path(f"net{suffix}"), Options(inputs=(text, "b", "c", "d", "e")))
    assert str(raised.value) == f"net{suffix}: input name 1 is {text!r}, expected printable text"


@pytest.mark.parametrize("suffix", COMMENTS)
@pytest.mark.parametrize("text", [text for text in HOSTILE if text.isprintable()])
def test_a_name_of_an_element_reaches_a_comment_alone(suffix: str, text: str) -> None:
    contents = [
        rendered(NET, Path(f"net{suffix}"), Options(inputs=(name, "b", "c", "d", "e"))).content.decode("ascii")
        for name in ("a", text)
    ]
    differing = [line for one, line in zip(*(content.split("\n") for content in contents), strict=True) if one != line]
    assert len(differing) == (2 if suffix == ".py" else 1)
    assert not set(differing[0].removeprefix(COMMENTS[suffix])) & set("*%\"'\\`$;#?<>[]&|!")
    if suffix == ".py":
        assert ast.literal_eval(differing[1].removeprefix("INPUTS = "))[0] == text


@pytest.mark.parametrize("text", HOSTILE)
def test_the_terminal_gets_no_control_characters(text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    matnet.save(named(text), tmp_path / "net.json")
    assert run(["inspect", str(tmp_path / "net.json")]) == 0
    shown = capsys.readouterr()
    assert shown.err == ""
    assert all(line.isprintable() for line in shown.out.split("\n"))


@pytest.mark.parametrize("text", HOSTILE)
def test_a_table_has_the_columns_that_were_asked_for(
    text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    matnet.save(named(text), tmp_path / "net.json")
    (tmp_path / "x.csv").write_text("x1,x2,x3,x4,x5\n1,7.5,5,0,0\n")
    assert run(["predict", str(tmp_path / "net.json"), str(tmp_path / "x.csv")]) == 0
    assert capsys.readouterr().out.split("\n")[0] == "y1,y2,y3,y4"
