"""Every call that the documentation names in a table or a sentence runs, as it is written."""

from __future__ import annotations

import ast
import contextlib
import re
import shlex
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars
import pytest

import make_bad_fixtures
import matnet
from matnet import Network
from matnet.cli.entry import run
from matnet.model.structure import Input, Layer, Output, Structure, Weight
from network_object import row, write

PROJECT = Path(__file__).parent.parent
PAGES = [PROJECT / "README.md", *sorted((PROJECT / "docs").glob("**/*.md"))]
FROM_MATLAB = PROJECT / "docs" / "guide" / "from-matlab.md"

ROOTS = {"matnet", "net", "run", "fast", "mean", "closed", "early", "data"}
PACKAGES = {
    'format="sympy"': "sympy",
    "to_torch": "torch",
    "to_jax": "jax",
    "to_casadi": "casadi",
    "to_openmdao": "openmdao",
    "to_sklearn": "sklearn",
    "plots": "matplotlib",
}
"""The packages without which the calls of a function are not tested."""
FILES = re.compile(r"\w+\.(mat|json|m|c|h|f90|js|py|onnx|csv|tsv|xlsx|parquet|arrow|svg|html|md|pdf|pkl)")


def spans(page: Path) -> list[str]:
    """The inline code of a page, outside of its sessions and listings."""
    prose = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    return re.findall(r"`([^`\n]+)`", prose)


def python_of(span: str) -> ast.Module | None:
    """The span as Python, where it is something of matnet's: `net.run(x)`, but not MATLAB's `net.b{1}` or a file."""
    if FILES.fullmatch(span):
        return None
    try:
        tree = ast.parse(span)
    except SyntaxError:
        return None
    used = [node for node in ast.walk(tree) if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)]
    return tree if any(isinstance(node.value, ast.Name) and node.value.id in ROOTS for node in used) else None


CALLS = [(page, span) for page in PAGES for span in dict.fromkeys(spans(page)) if python_of(span) is not None]


def dynamic_network() -> Network:
    weights = Weight([[0.5, 0.25]], delays=(0, 1))
    layer = Layer(1, "tansig", {0: weights}, {0: Weight([[0.3]], delays=(1,))}, bias=[0.1])
    return Network(Structure((Input(1),), (layer,), (Output(0, 1),)))


@pytest.fixture(scope="module")
def net() -> Network:
    return matnet.load(PROJECT / "fixtures" / "pump.mat")


@pytest.fixture(scope="module")
def folder_of_calls(net: Network, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files that the pages' calls name."""
    folder = tmp_path_factory.mktemp("calls")
    shutil.copy(PROJECT / "fixtures" / "pump.mat", folder / "net.mat")
    stored = make_bad_fixtures.network()
    write(folder / "ws.mat", {"results": {"Network": stored}, "nets": row([stored] * 3)})
    matnet.save(net, folder / "net.json")
    return folder


@pytest.fixture
def names(net: Network, folder_of_calls: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the pages' short names stand for, in a folder with the files that they name."""
    shutil.copytree(folder_of_calls, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    x = np.array([[60.0, 2400.0], [30.0, 2000.0]])
    minmax = {"xmin": [0.0, 1450.0], "xmax": [100.0, 2900.0], "ymin": -1.0, "ymax": 1.0}
    return {
        "matnet": matnet,
        "np": np,
        "net": net,
        "retrained": net,
        "file": "net.mat",
        "x": x,
        "t": net(x),
        "wb": net.parameters,
        "theta": net.parameters,
        "fit": type("Fit", (), {"x": net.parameters}),
        "ps": minmax,
        "ts": {"xmin": 0.0, "xmax": 50.0, "ymin": -1.0, "ymax": 1.0},
        "k": 1,
        "df": polars.DataFrame({"flow": x[:, 0], "speed": x[:, 1]}),
    }


def of_a_series(span: str) -> bool:
    return re.search(r"\brun(_jacobian)?\b", span) is not None


def of_a_loop(span: str) -> bool:
    return re.search(r"_loop\b|_delay\b|\bforecast|\bprepare\b|\bdata\b", span) is not None


def loop_names(span: str) -> dict[str, Any]:
    closed = matnet.load(PROJECT / "fixtures" / "genfunction" / "narx_closed.m")
    net, x, t = closed.open_loop(), np.ones((9, 2)), np.ones((9, 1))
    names = {"closed": closed, "early": net.remove_delay(), "data": net.prepare(x, t), "x": x, "t": t}
    if "(None, y_past" in span:
        layer = Layer(1, "tansig", {}, {0: Weight([[0.5]], delays=(1,))}, bias=[0.1])
        net = Network(Structure((), (layer,), (Output(0, 1),)))
    return names | {"net": net, "x_past": x[:6], "y_past": t[:6], "x_future": x[6:]}


def series_names() -> dict[str, Any]:
    net, x = dynamic_network(), np.ones((4, 1))
    xi, ai = np.zeros((1, 1)), np.zeros((1, 1))
    run = net.run(x, input_states=xi, layer_states=ai)
    return {"net": net, "x": x, "xi": xi, "ai": ai, "run": run}


def layered_names() -> dict[str, Any]:
    """A network whose layers have the names of those of a network of images."""
    net = matnet.load(PROJECT / "fixtures" / "pump.mat")
    names = ("conv_1", "relu_1")
    layers = tuple(replace(layer, name=name) for layer, name in zip(net.structure.layers, names, strict=True))
    return {"net": Network(replace(net.structure, layers=layers))}


def test_there_are_calls() -> None:
    assert len(CALLS) > 30
    assert sum(page == FROM_MATLAB for page, _ in CALLS) > 15


@pytest.mark.parametrize(("page", "span"), CALLS, ids=[f"{page.name} {span}" for page, span in CALLS])
def test_the_call_runs(page: Path, span: str, names: dict[str, Any]) -> None:
    for used, package in PACKAGES.items():
        if used in span:
            pytest.importorskip(package)
    if "to_pyomo" in span:
        names["block"] = pytest.importorskip("pyomo.environ").Block(concrete=True)
    if "xarray" in span:
        names["raster"] = pytest.importorskip("xarray").DataArray(names["x"], dims=("row", "band"))
    if "compile" in span and not any(map(shutil.which, ("cc", "gcc", "clang"))):
        pytest.skip("there is no C compiler")
    if re.search(r"conv_1|relu_1", span):
        names |= layered_names()
    given = loop_names(span) if of_a_loop(span) else series_names() if of_a_series(span) else {}
    exec(compile(span, str(page), "exec"), names | given)  # noqa: S102


PLACEHOLDERS = {"FILE": "net.mat", "TABLE": "table.csv", "[TABLE]": "table.csv", "NAMES": "t", "OUT": "out.svg"}
"""What the placeholders of the gallery stand for."""

GALLERY = PROJECT / "docs" / "guide" / "gallery.md"
DYNAMIC = {"series", "lags", "error-autocorrelation"}


def sentence_commands() -> list[tuple[Path, str]]:
    """The commands within sentences and tables that name files: `matnet verify net.mat`."""
    found = []
    for page in PAGES:
        for span in dict.fromkeys(spans(page)):
            words = span.split()
            if page == GALLERY and words[:2] == ["matnet", "plot"]:
                span = " ".join(PLACEHOLDERS.get(word, word) for word in words)
            concrete = any(re.search(r"\w\.\w|/", word) for word in words[1:]) or "-o" in span.split()
            if words[0] == "matnet" and concrete and not re.search(r"\b[A-Z]{3,}\b|\[|\.\.\.", span):
                found.append((page, span))
    return found


COMMANDS = sentence_commands()


@pytest.fixture(scope="module")
def folder_of_commands(net: Network, folder_of_calls: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files that the pages' commands name."""
    folder = tmp_path_factory.mktemp("commands")
    shutil.copytree(folder_of_calls, folder, dirs_exist_ok=True)
    with contextlib.chdir(folder):
        write_files_of_commands(net)
    return folder


def write_files_of_commands(net: Network) -> None:
    """Into the working directory."""
    rows = np.array([[20.0, 1500.0], [60.0, 2400.0], [30.0, 2000.0], [90.0, 2800.0]])
    for name, t in (("table", net(rows)), ("classes", (np.arange(4) % 2)[:, None])):
        columns = np.concatenate([rows, t], axis=1)
        np.savetxt(f"{name}.csv", columns, delimiter=",", header="x1,x2,t", comments="")
    shutil.copytree(PROJECT / "fixtures", "fixtures")
    shutil.copy("net.mat", "model.mat")
    for name in ("one", "two"):
        Path("runs").mkdir(exist_ok=True)
        shutil.copy("net.mat", f"runs/{name}.mat")
    shutil.copy("fixtures/genfunction/static_rows.m", "net.m")
    assert run(["trace", "net.mat", "table.csv", "--row", "3", "-o", "mine.csv"]) == 0
    matnet.save(dynamic_network(), "dynamic.json")
    series = np.arange(24.0)[:, None] % 5.0
    measured = np.concatenate([series, series, series], axis=1)
    np.savetxt("series.csv", measured, delimiter=",", header="x1,y1,t", comments="")
    np.savetxt("images.csv", np.random.default_rng(0).uniform(size=(2, 784)), delimiter=",")


def test_there_are_commands_in_sentences() -> None:
    assert len(COMMANDS) > 40
    assert {page for page, _ in COMMANDS} >= {GALLERY, FROM_MATLAB}


@pytest.mark.parametrize(("page", "command"), COMMANDS, ids=[f"{page.name} {command}" for page, command in COMMANDS])
def test_the_command_runs(
    page: Path,
    command: str,
    folder_of_commands: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    shutil.copytree(folder_of_commands, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    if {"plot", "report"} & set(command.split()[1:2]):
        pytest.importorskip("matplotlib")
    if command.endswith(".onnx"):
        pytest.importorskip("onnx")
    if command.endswith(".xlsx"):
        pytest.importorskip("xlsxwriter")
    words = shlex.split(command)[1:]
    kind = words[1] if words[0] == "plot" else ""
    if kind in DYNAMIC:
        others = {"net.mat": "dynamic.json", "table.csv": "series.csv"}
        words = [others.get(word, word) for word in words]
    if kind == "pixels":
        others = {"net.mat": "fixtures/digits.mat", "table.csv": "images.csv"}
        words = [others.get(word, word) for word in words]
    if kind in ("confusion", "roc"):
        words = ["classes.csv" if word == "table.csv" else word for word in words]
    # two networks may differ
    assert run(words) in ((0, 1) if words[0] == "diff" else (0,)), capsys.readouterr().err
