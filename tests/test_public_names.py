"""``import matnet`` and ``python -m matnet``: the public names, and their arguments."""

from __future__ import annotations

import importlib.metadata
import io
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import matnet
from matnet.cli.entry import run
from matnet.errors import FormatError
from matnet.explore.page import page
from matnet.explore.subject import Address, Subject

PUMP = "fixtures/pump.mat"


def test_modules_are_there_after_the_import() -> None:
    program = "import matnet; print(matnet.tables.__name__, matnet.errors.__name__, 'plots' in dir(matnet))"
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert done.stdout == "matnet.tables matnet.errors True\n"


def test_plots_are_there_after_the_import() -> None:
    pytest.importorskip("matplotlib")
    program = "import matnet; print(matnet.plots.network.__name__)"
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert done.stdout == "network\n"


def test_version() -> None:
    assert matnet.__version__ == importlib.metadata.version("matnet")
    done = subprocess.run([sys.executable, "-m", "matnet", "--version"], check=True, capture_output=True, text=True)
    assert done.stdout == f"matnet {matnet.__version__}\n"


def test_the_version_is_unknown_without_an_installation(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def missing(name: str) -> str:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "version", missing)
    monkeypatch.delitem(vars(matnet), "__version__", raising=False)
    assert matnet.__version__ == "unknown"
    monkeypatch.delitem(vars(matnet), "__version__")
    assert run(["--version"]) == 0
    assert capsys.readouterr().out == "matnet unknown\n"
    net = matnet.load(PUMP)
    assert "Made by matnet unknown. " in page(Subject(net, address=Address("pump.mat")))


def test_a_module_ends_with_the_status_of_the_program() -> None:
    done = subprocess.run([sys.executable, "-m", "matnet", "inspect", "no.mat"], capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr == "matnet: no.mat: cannot be read: No such file or directory\n"


def test_an_unknown_name() -> None:
    with pytest.raises(AttributeError, match=r"^module 'matnet' has no attribute 'nothing'$"):
        matnet.nothing  # noqa: B018


@pytest.mark.parametrize("limit", ["8G", "500 MB", "3000000", 10**8, np.int64(10**8)])
def test_limits_with_a_unit(limit: Any) -> None:
    assert matnet.load(PUMP, limit=limit).input_size == 2


def test_a_limit_counts() -> None:
    with pytest.raises(FormatError) as caught:
        matnet.load(PUMP, limit="1K")
    text = "the file needs more than 1024 bytes of memory; raise the limit if you trust it"
    assert (caught.value.place, caught.value.text) == (PUMP, text)


def test_a_name_in_bytes_is_a_name() -> None:
    assert matnet.load(b"fixtures/pump.mat").input_size == 2  # type: ignore[arg-type]


NOT_A_FILE = "expected the name of a file: write what is in memory to a file first"
LIMIT = "expected a number of bytes, or a text with K, M, G or T as in '8G'"
REFUSED: dict[str, tuple[Callable[[], Any], str]] = {
    "a number": (lambda: matnet.load(0), f"path is of type int, {NOT_A_FILE}"),  # type: ignore[arg-type]
    "bytes in memory": (lambda: matnet.load(io.BytesIO()), f"path is of type BytesIO, {NOT_A_FILE}"),  # type: ignore[arg-type]
    "nothing": (lambda: matnet.load_all(None), f"path is of type NoneType, {NOT_A_FILE}"),  # type: ignore[arg-type]
    "a number to save to": (
        lambda: matnet.save(matnet.load(PUMP), 5),  # type: ignore[arg-type]
        f"path is of type int, {NOT_A_FILE}",
    ),
    "NUL": (lambda: matnet.load("a\0b"), "path is 'a\\x00b', which is not a file name: it contains a NUL character"),
    "a unit": (lambda: matnet.load(PUMP, limit="8 apples"), f"limit is '8 apples', {LIMIT}"),
    "no bytes": (lambda: matnet.load_all(PUMP, limit=-1), f"limit is -1, {LIMIT}"),
    "a fraction": (lambda: matnet.load(PUMP, limit=2.5), f"limit is 2.5, {LIMIT}"),  # type: ignore[arg-type]
    "on_error": (
        lambda: matnet.load_all(PUMP, on_error="ignore"),  # type: ignore[arg-type]
        "on_error='ignore', expected 'raise', 'skip' or a function of the error",
    ),
    "the number of a network": (
        lambda: matnet.load(PUMP, network=3),  # type: ignore[arg-type]
        "network=3 is not a path, expected one as in network='nets{3}'",
    ),
}


@pytest.mark.parametrize(("act", "message"), REFUSED.values(), ids=list(REFUSED))
def test_arguments_of_another_type_are_refused(act: Callable[[], Any], message: str) -> None:
    with pytest.raises(FormatError) as caught:
        act()
    assert str(caught.value) == message
