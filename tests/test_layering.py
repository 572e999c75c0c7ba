"""The walls of the house: imports point one way, and what must never be in the package is not in it."""

from __future__ import annotations

import ast
import importlib
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import matnet

PROJECT = Path(__file__).parent.parent
PACKAGE = PROJECT / "matnet"
MODULES = sorted(PACKAGE.rglob("*.py"))
CODE = MODULES + sorted(path for folder in ("scripts", "tests") for path in (PROJECT / folder).rglob("*.py"))

LEVELS = (
    ("errors",),
    ("functions",),
    ("model",),
    ("simulate",),
    ("derivatives",),
    ("tape",),
    ("network",),
    ("importers", "exporters"),
    ("proof", "tables", "plots"),
    ("report",),
    ("cli",),
)
"""From the ground upwards: a room knows the rooms on the levels below its own, and none beside it."""

LEVEL = {room: level for level, rooms in enumerate(LEVELS) for room in rooms}

HEAVY = ("scipy", "h5py", "polars", "click", "threadpoolctl", "torch", "jax", "onnx", "casadi", "matplotlib", "dask")


def ids(path: Path) -> str:
    return path.relative_to(PROJECT).as_posix()


def room(module: str) -> str:
    """The room of a module of the package: `model` for `matnet.model.structure`, '' for `matnet` itself."""
    return module.split(".")[1] if "." in module else ""


def module_name(path: Path) -> str:
    parts = path.relative_to(PROJECT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported(tree: ast.AST) -> Iterator[str]:
    """The modules that a file imports anywhere in it; `from matnet import model` counts as `matnet.model`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: a relative import"
            assert node.module is not None
            yield node.module
            if node.module == "matnet":
                yield from (f"matnet.{alias.name}" for alias in node.names if alias.name in LEVEL)


def parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


@pytest.mark.parametrize("path", MODULES, ids=ids)
def test_imports_point_one_way(path: Path) -> None:
    here = room(module_name(path))
    if not here:
        return  # the public names come from everywhere
    assert here in LEVEL, f"{ids(path)} is in no room of the house"
    known = {room(module) for module in imported(parse(path)) if module.split(".")[0] == "matnet"}
    # the commands may use the public face
    allowed = {here, *(name for name in LEVEL if LEVEL[name] < LEVEL[here]), *([""] if here == "cli" else [])}
    assert known <= allowed, f"{ids(path)} imports {sorted(known - allowed)}"


@pytest.mark.parametrize("path", MODULES, ids=ids)
def test_only_the_commands_know_click(path: Path) -> None:
    if room(module_name(path)) != "cli":
        assert "click" not in {module.split(".")[0] for module in imported(parse(path))}


@pytest.mark.parametrize(
    ("statement", "allowed"),
    [("import matnet", set()), ("from matnet.cli.entry import run; run(['--help'])", {"click"})],
    ids=["import matnet", "matnet --help"],
)
def test_heavy_modules_are_imported_when_they_are_used(statement: str, allowed: set[str]) -> None:
    program = f"import sys; {statement}; print(' '.join(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    loaded = {name.split(".")[0] for name in done.stdout.splitlines()[-1].split()}
    assert "matnet" in loaded
    assert loaded & set(HEAVY) <= allowed


@pytest.mark.parametrize("path", MODULES, ids=ids)
def test_nothing_in_a_file_is_ever_executed(path: Path) -> None:
    tree = parse(path)
    assert {module.split(".")[0] for module in imported(tree)}.isdisjoint(
        {"pickle", "marshal", "shelve", "dill", "joblib"}
    )
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id not in {"eval", "exec", "compile", "__import__"}, f"line {node.lineno}"
        if isinstance(node, ast.keyword):
            assert node.arg != "allow_pickle" or ast.unparse(node.value) == "False", f"line {node.value.lineno}"


@pytest.mark.parametrize("path", MODULES, ids=ids)
def test_the_library_never_prints_or_exits(path: Path) -> None:
    if room(module_name(path)) == "cli":
        return
    for node in ast.walk(parse(path)):
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            assert called not in {"print", "input", "exit", "quit", "sys.exit", "os._exit"}, f"line {node.lineno}"
        if isinstance(node, ast.Attribute):
            assert ast.unparse(node) not in {"sys.stdout", "sys.stderr"}, f"line {node.lineno}"


@pytest.mark.parametrize("path", MODULES, ids=ids)
def test_no_handler_catches_everything(path: Path) -> None:
    for node in ast.walk(parse(path)):
        if not isinstance(node, ast.ExceptHandler):
            continue
        caught = {"everything"} if node.type is None else set(re.findall(r"\w+", ast.unparse(node.type)))
        if caught & {"everything", "Exception", "BaseException"}:
            # cleaning up and raising the same error again is allowed, swallowing it is not
            last = node.body[-1]
            assert isinstance(last, ast.Raise), f"line {node.lineno}"
            assert last.exc is None, f"line {node.lineno}"


@pytest.mark.parametrize("path", CODE, ids=ids)
def test_files_are_short_and_named_for_what_they_hold(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 500
    assert path.stem not in {"utils", "helpers", "common", "base", "misc", "manager", "handler"}


@pytest.mark.parametrize("path", MODULES, ids=ids)
def test_every_module_says_what_it_holds(path: Path) -> None:
    assert (ast.get_docstring(parse(path)) or "").strip()


@pytest.mark.parametrize("path", CODE, ids=ids)
def test_nothing_is_left_open(path: Path) -> None:
    words = ("TO" + "DO", "FIX" + "ME", "XX" + "X", "HA" + "CK")
    found = re.findall(rf"\b(?:{'|'.join(words)})\b", path.read_text(encoding="utf-8"))
    assert not found


@pytest.mark.parametrize("path", [path for path in MODULES if path.name == "__init__.py"], ids=ids)
def test_all_is_what_the_package_defines(path: Path) -> None:
    package = importlib.import_module(module_name(path))
    public = {name for name in dir(package) if not name.startswith("_") and name != "annotations"}
    rooms = {entry.stem for entry in path.parent.iterdir()}
    if not hasattr(package, "__all__"):
        assert package is not matnet, "the public names must be listed"
        assert public <= rooms, "names that are imported from a package are listed in its __all__"
        return
    assert sorted(package.__all__) == sorted(set(package.__all__))
    assert set(package.__all__) - {"__version__"} == public - (rooms - set(package.__all__))
