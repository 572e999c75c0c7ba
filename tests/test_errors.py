"""What an error carries: its text, its place, and both as one message."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from pathlib import Path

import pytest

import matnet
from matnet import errors
from matnet.errors import Advice, FormatError, MatnetError, MissingExtraError, ModelError, Parameter, TableError

KINDS = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, MatnetError)]


@pytest.mark.parametrize("kind", KINDS)
def test_the_message_is_place_and_text(kind: type[MatnetError]) -> None:
    error = kind("it is broken", place="net.mat")
    assert (error.place, error.text, str(error)) == ("net.mat", "it is broken", "net.mat: it is broken")
    assert (kind("it is broken").place, str(kind("it is broken"))) == ("", "it is broken")
    for again in (pickle.loads(pickle.dumps(error)), copy.copy(error)):  # noqa: S301 - of our own making
        assert (type(again), again.place, str(again)) == (kind, error.place, str(error))


@pytest.mark.parametrize(
    ("places", "place"),
    [
        (["net.layers{2}", "ws.mat"], "ws.mat: net.layers{2}"),
        ([":12", "net.m"], "net.m:12"),
        (["IW{1,1}: ", "net: ", "ws.mat: "], "ws.mat: net: IW{1,1}"),
        (["", "ws.mat"], "ws.mat"),
    ],
)
def test_places_are_joined_from_the_outside_in(places: list[str], place: str) -> None:
    error: MatnetError = ModelError("the matrix is 2x3")
    error.__cause__ = KeyError("x")
    for outer in places:
        error = error.at(outer)
    assert (error.place, error.text, str(error)) == (place, "the matrix is 2x3", f"{place}: the matrix is 2x3")
    assert isinstance(error, ModelError)
    assert isinstance(error.__cause__, KeyError)


def test_a_command_rewords_the_text_and_keeps_the_place() -> None:
    error = TableError("the cell is empty", Advice("; let ", Parameter("missing", "nan"), " read it"), place="t.csv")
    assert str(error) == "t.csv: the cell is empty; let missing='nan' read it"
    assert error.reworded(lambda parameter: f"--{parameter.name}") == "t.csv: the cell is empty; let --missing read it"
    assert error.reworded(lambda parameter: None) == "t.csv: the cell is empty"


def test_text_from_a_file_is_one_line_that_moves_no_cursor() -> None:
    error = TableError("'a\nb\x1b[2J\u202e' is not a number", place="t\r.csv")
    assert str(error) == "t\\r.csv: 'a\\nb\\x1b[2J\\u202e' is not a number"
    assert error.reworded(lambda parameter: None) == str(error)
    assert str(MatnetError("°C, Größe, 漢字")) == "°C, Größe, 漢字"


def test_a_missing_package_is_an_import_error() -> None:
    assert isinstance(MissingExtraError("install it"), ImportError)


def broken(folder: Path, name: str, content: str) -> Path:
    path = folder / name
    path.write_text(content, encoding="utf-8")
    return path


def test_a_broken_archive_says_where(tmp_path: Path) -> None:
    matnet.save(matnet.load("fixtures/pump.mat"), tmp_path / "net.json")
    text = (tmp_path / "net.json").read_text(encoding="utf-8")
    path = broken(tmp_path, "net.json", text.replace('"tansig"', '"mytf"'))
    with pytest.raises(MatnetError) as caught:
        matnet.load(path)
    assert caught.value.place == f"{path}: .layers[0]: transferFcn"
    assert str(caught.value).startswith(f"{path}: .layers[0]: transferFcn: unknown transfer function 'mytf'; known: ")


def test_a_file_that_is_not_there_is_a_place(tmp_path: Path) -> None:
    with pytest.raises(FormatError) as caught:
        matnet.load(tmp_path / "no.mat")
    assert caught.value.place == str(tmp_path / "no.mat")


def _load(name: str, content: str) -> Callable[[Path], object]:
    return lambda folder: matnet.load(broken(folder, name, content))


PLACES: dict[str, tuple[Callable[[Path], object], str]] = {
    "a line of a function file": (_load("f.m", "function y1 = f(x1)\nIW1_1 = #;\nend\n"), "{folder}/f.m:2"),
    "an entry of an archive": (
        _load("a.json", '{"format": "matnet network archive", "version": []}'),
        "{folder}/a.json: .version",
    ),
    "a variable": (lambda folder: matnet.load("fixtures/pump.mat", "tr"), "fixtures/pump.mat"),
    "a folder": (lambda folder: matnet.load_all(folder), "{folder}"),
    "a target": (lambda folder: matnet.save(matnet.load("fixtures/pump.mat"), folder / "a.xyz"), "{folder}/a.xyz"),
    "an array": (lambda folder: matnet.load("fixtures/pump.mat")([1.0]), ""),
}
"""What fails, and where."""


@pytest.mark.parametrize(("act", "place"), PLACES.values(), ids=list(PLACES))
def test_the_place_of_an_error(act: Callable[[Path], object], place: str, tmp_path: Path) -> None:
    with pytest.raises(MatnetError) as caught:
        act(tmp_path)
    assert caught.value.place == place.format(folder=tmp_path)
    assert caught.value.text
    assert str(caught.value) == ": ".join(filter(None, (caught.value.place, caught.value.text)))
