"""What a user may ask for wrongly: the whole message, and no file, nor half of one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import matnet
from exported_networks import row_networks
from matnet.errors import FormatError, ModelError, UnsupportedError
from matnet.exporters.target import targets
from matnet.model.provenance import Provenance
from matnet.model.structure import Layer, Weight
from matnet.network import Network
from random_networks import network

NET = row_networks()["several"]

NAMES = "give one of letters, digits and _ that begins with a letter"
COMPET = (
    "every way from the inputs to the outputs goes through compet, whose derivative is 0 wherever it exists; "
    "leave dy/dx out: jacobian=False, or --no-jacobian"
)

REFUSED: list[tuple[str, dict[str, Any], str]] = [
    ("a.foo", {}, "{path}: the suffix '.foo' names no format; known: .json, .c, .m, .onnx, .py"),
    ("a", {}, "{path}: the suffix '' names no format; known: .json, .c, .m, .onnx, .py"),
    ("a-b.c", {}, "{path}: the function's name (name=, or --name) is 'a-b', which is no identifier; " + NAMES),
    ("1a.py", {}, "{path}: the function's name (name=, or --name) is '1a', which is no identifier; " + NAMES),
    ("ä.py", {}, "{path}: the function's name (name=, or --name) is 'ä', which is no identifier; " + NAMES),
    ("for.m", {}, "{path}: the function's name (name=, or --name) is 'for', a keyword of C; give another"),
    (
        "a.c",
        {"name": "endif"},
        "{path}: the function's name (name=, or --name) is 'endif', a keyword of MATLAB; give another",
    ),
    (
        "a.c",
        {"name": "lambda"},
        "{path}: the function's name (name=, or --name) is 'lambda', a keyword of Python; give another",
    ),
    ("a.c", {"name": ""}, "{path}: the function's name (name=, or --name) is '', which is no identifier; " + NAMES),
    (
        "a.c",
        {"name": "a\n"},
        "{path}: the function's name (name=, or --name) is 'a\\n', which is no identifier; " + NAMES,
    ),
    (
        "a.c",
        {"name": "a" * 64},
        "{path}: the function's name (name=, or --name) has 64 characters, MATLAB takes 63: aaaaaaaaaaaaaaaaaaaa…",
    ),
    ("a.m", {"name": "b"}, "{path}: MATLAB calls a function by its file's name; write it to b.m"),
    ("sum.m", {}, "{path}: the function's name is 'sum', which its own code uses; give another"),
    ("largest.m", {}, "{path}: the function's name is 'largest', which its own code uses; give another"),
    ("numpy.py", {}, "{path}: the function's name is 'numpy', which its own code imports; give another"),
    ("a.c", {"inputs": ["u"]}, "{path}: 1 input names are given, the network has 3 input elements"),
    ("a.c", {"outputs": ["u"]}, "{path}: 1 output names are given, the network has 5 output elements"),
    ("a.c", {"inputs": ["u", "v", "w w"]}, "{path}: input name 3 is 'w w', which is no identifier; " + NAMES),
    ("a.c", {"inputs": ["u", "v", "*/"]}, "{path}: input name 3 is '*/', which is no identifier; " + NAMES),
    (
        "a.c",
        {"inputs": ["u", "v", "y2"]},
        "{path}: a name is given twice: y2; every input and output needs its own",
    ),
    ("a.py", {"float32": True}, "{path}: Python is written in float64 only"),
    ("a.m", {"float32": True}, "{path}: MATLAB is written in float64 only"),
    ("a.c", {"opset": 17}, "{path}: only .onnx has an opset"),
    ("a.json", {"jacobian": False}, "{path}: a .json holds the network itself and takes no options of an export"),
]


@pytest.mark.parametrize(("name", "options", "message"), REFUSED, ids=[f"{a}-{b}" for a, b, _ in REFUSED])
def test_refused(name: str, options: dict[str, Any], message: str, tmp_path: Path) -> None:
    path = tmp_path / name
    with pytest.raises(UnsupportedError) as raised:
        matnet.save(NET, path, **options)
    assert str(raised.value) == message.format(path=path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("opset", [12, 999])
def test_an_opset_that_is_not_written(opset: int, tmp_path: Path) -> None:
    onnx = pytest.importorskip("onnx")
    newest = onnx.defs.onnx_opset_version()
    with pytest.raises(UnsupportedError) as raised:
        matnet.save(NET, tmp_path / "a.onnx", opset=opset)
    assert str(raised.value) == (
        f"{tmp_path / 'a.onnx'}: opset {opset} cannot be written; the installed onnx and matnet know 13 to {newest}"
    )


def test_a_precision_that_does_not_exist() -> None:
    from matnet.exporters.recording import Options

    with pytest.raises(ModelError) as raised:
        Options(precision="float16")  # type: ignore[arg-type]
    assert str(raised.value) == "precision is 'float16', expected 'float64' or 'float32'"


def test_the_derivative_of_compet(tmp_path: Path) -> None:
    net = network(Layer(3, "compet", {0: Weight(np.eye(3))}), inputs=3)
    for suffix in targets():
        path = tmp_path / f"a{suffix}"
        if suffix == ".onnx":
            pytest.importorskip("onnx")
        with pytest.raises(UnsupportedError) as raised:
            matnet.save(net, path)
        assert str(raised.value) == f"{path}: {COMPET}"
        matnet.save(net, path, jacobian=False)


def test_the_derivative_of_compet_in_casadi() -> None:
    pytest.importorskip("casadi")
    net = network(Layer(3, "compet", {0: Weight(np.eye(3))}), inputs=3)
    with pytest.raises(UnsupportedError) as raised:
        matnet.to_casadi(net)
    assert str(raised.value) == COMPET


def test_work_memory_beyond_a_stack(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    layer = Layer(1000, "elliotsig", {0: Weight(rng.normal(size=(1000, 300)), "dist")})
    net = network(layer, Layer(1, "purelin", layer_weights={0: Weight(rng.normal(size=(1, 1000)))}), inputs=300)
    with pytest.raises(UnsupportedError) as raised:
        matnet.save(net, tmp_path / "a.c")
    message = str(raised.value)
    assert message.startswith(f"{tmp_path / 'a.c'}: C would need ")
    assert message.endswith(
        " bytes of work memory on the stack, 4194304 are allowed; write .onnx or .py, or leave the Jacobian out"
    )
    assert list(tmp_path.iterdir()) == []


def test_a_path_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(FormatError) as raised:
        matnet.save(NET, tmp_path / "nowhere" / "a.c")
    assert str(raised.value) == f"{tmp_path / 'nowhere' / 'a.c'}: cannot be written: No such file or directory"
    (tmp_path / "a.py").mkdir()
    with pytest.raises(FormatError) as raised:
        matnet.save(NET, tmp_path / "a.py")
    assert str(raised.value) == f"{tmp_path / 'a.py'} is a folder; name a file in it"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.py"]


def test_a_file_that_was_there_is_replaced_only_by_a_whole_one(tmp_path: Path) -> None:
    path = tmp_path / "a.c"
    path.write_text("mine")
    with pytest.raises(UnsupportedError):
        matnet.save(NET, path, inputs=["only"])
    assert path.read_text() == "mine"
    matnet.save(NET, path)
    assert path.read_text().startswith("/* a: written by matnet;")


def test_names_from_a_file_reach_no_code(tmp_path: Path) -> None:
    evil = '*/ ??/ \\\n"""\n% {x}\nimport os\r\nsystem("x") é'
    net = Network(NET.structure, Provenance(file=evil, path=evil, sha256=evil), evil)
    for suffix in (".c", ".m", ".py"):
        path = tmp_path / f"a{suffix}"
        matnet.save(net, path)
        text = path.read_bytes()
        told = "_/ __/ _______ {x}_import os__system(_x_) _"
        assert sum(told in line for line in text.decode("ascii").splitlines()) == 3
        assert len(text.splitlines()) == len(text.split(b"\n")) - 1


def test_a_module_that_was_saved_is_not_taken_for_a_generated_one(tmp_path: Path) -> None:
    matnet.save(NET, tmp_path / "a.m")
    with pytest.raises(matnet.MatnetError):
        matnet.load(tmp_path / "a.m")


def test_json_round_trip(tmp_path: Path) -> None:
    matnet.save(NET, tmp_path / "a.json")
    again = matnet.load(tmp_path / "a.json")
    np.testing.assert_array_equal(again.parameters, NET.parameters)
    x = np.random.default_rng(0).normal(size=(5, 3))
    np.testing.assert_array_equal(again.jacobian(x), NET.jacobian(x))
