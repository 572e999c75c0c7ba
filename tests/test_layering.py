"""The rooms of the package: imports point one way, and some constructs never occur."""

from __future__ import annotations

import ast
import importlib
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

import matnet

PROJECT = Path(__file__).parent.parent
PACKAGE = PROJECT / "matnet"
MODULES = sorted(PACKAGE.rglob("*.py"))
CODE = MODULES + sorted(path for folder in ("scripts", "tests") for path in (PROJECT / folder).rglob("*.py"))

LEVELS = (
    ("errors",),
    ("addresses", "extras", "files", "version"),
    ("isolation",),
    ("functions",),
    ("model",),
    ("simulate",),
    ("derivatives",),
    ("tape",),
    ("formulas",),
    ("network",),
    ("importers", "exporters"),
    ("compiled", "proof", "sensitivity", "tables"),
    ("plots", "xarray"),
    ("explore",),
    ("report",),
    ("cli",),
    ("__main__",),
)
"""From the ground upwards: a room knows the rooms on the levels below its own, and none beside it."""

LEVEL = {room: level for level, rooms in enumerate(LEVELS) for room in rooms}

HEAVY = (
    "scipy",
    "h5py",
    "polars",
    "click",
    "threadpoolctl",
    "torch",
    "jax",
    "onnx",
    "casadi",
    "openmdao",
    "pyomo",
    "sklearn",
    "matplotlib",
    "dask",
    "sympy",
    "xlsxwriter",
)


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def shown(path: Path) -> str:
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


def test_imports_point_one_way() -> None:
    wrong = []
    for path in MODULES:
        here = room(module_name(path))
        if not here:
            continue  # the public names come from everywhere
        assert here in LEVEL, f"{shown(path)} is in no room of the house: give its room a level in LEVELS"
        known = {room(module) for module in imported(parsed(path)) if module.split(".")[0] == "matnet"}
        # the commands may use the public face
        allowed = {here, *(name for name in LEVEL if LEVEL[name] < LEVEL[here]), *([""] if here == "cli" else [])}
        wrong += [f"{shown(path)} imports {name or 'matnet'}" for name in sorted(known - allowed)]
    assert not wrong


def test_no_modules_import_each_other_in_a_circle() -> None:
    modules = {module_name(path): path for path in MODULES}
    needs = {name: {module for module in imported(parsed(path)) if module in modules} for name, path in modules.items()}
    del needs["matnet"]  # the public names come from everywhere
    users = {name: {user for user in needs if name in needs[user]} for name in needs}
    # a module that needs none of the others, or that none of them needs, is in no circle
    for sides in (needs, users):
        while free := [name for name in sides if not sides[name] & needs.keys() & users.keys() - {name}]:
            for name in free:
                del sides[name]
    circles = sorted(needs.keys() & users.keys())
    assert not [f"{name} imports {', '.join(sorted(needs[name] & set(circles) - {name}))}" for name in circles]


def test_only_the_commands_know_click() -> None:
    others = [path for path in MODULES if room(module_name(path)) != "cli"]
    assert not [shown(path) for path in others if "click" in {name.split(".")[0] for name in imported(parsed(path))}]


def test_polars_is_imported_in_one_place_where_addresses_are_checked_first() -> None:
    users = [path for path in MODULES if "polars" in {name.split(".")[0] for name in imported(parsed(path))}]
    # a caller's frame of polars is no table of ours, and has imported it
    assert list(map(shown, users)) == ["matnet/network/frames.py", "matnet/tables/polars.py"]


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


def test_nothing_in_a_file_is_ever_executed() -> None:
    wrong = []
    for path in MODULES:
        tree = parsed(path)
        names = {module.split(".")[0] for module in imported(tree)}
        wrong += [f"{shown(path)} imports {name}" for name in names & {"pickle", "marshal", "shelve", "dill", "joblib"}]
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                if node.func.id in {"eval", "exec", "compile", "__import__"}:
                    wrong.append(f"{shown(path)}:{node.lineno} calls {node.func.id}")
            elif isinstance(node, ast.keyword) and node.arg == "allow_pickle" and ast.unparse(node.value) != "False":
                wrong.append(f"{shown(path)}:{node.value.lineno} may unpickle")
    assert not wrong


def test_the_library_never_prints_or_exits() -> None:
    wrong = []
    for path in MODULES:
        if room(module_name(path)) == "cli":
            continue
        for node in ast.walk(parsed(path)):
            if isinstance(node, ast.Call):
                called = ast.unparse(node.func)
                if called in {"print", "input", "exit", "quit", "sys.exit", "os._exit"}:
                    wrong.append(f"{shown(path)}:{node.lineno} calls {called}")
            elif isinstance(node, ast.Attribute) and ast.unparse(node) in {"sys.stdout", "sys.stderr"}:
                wrong.append(f"{shown(path)}:{node.lineno} uses {ast.unparse(node)}")
    assert not wrong


def test_no_handler_catches_everything() -> None:
    wrong = []
    for path in MODULES:
        for node in ast.walk(parsed(path)):
            if not isinstance(node, ast.ExceptHandler):
                continue
            caught = {"everything"} if node.type is None else set(re.findall(r"\w+", ast.unparse(node.type)))
            # cleaning up and raising the same error again is allowed, suppressing it is not
            last = node.body[-1]
            raised = isinstance(last, ast.Raise) and last.exc is None
            if caught & {"everything", "Exception", "BaseException"} and not raised:
                wrong.append(f"{shown(path)}:{node.lineno}")
    assert not wrong


def test_modules_are_named_for_what_they_hold() -> None:
    meaningless = {"utils", "helpers", "common", "base", "misc", "manager", "handler"}
    assert not [shown(path) for path in CODE if path.stem in meaningless]


def test_every_module_says_what_it_holds() -> None:
    assert not [shown(path) for path in MODULES if not (ast.get_docstring(parsed(path)) or "").strip()]


def test_nothing_is_left_open() -> None:
    words = ("TO" + "DO", "FIX" + "ME", "XX" + "X", "HA" + "CK")
    pattern = re.compile(rf"\b(?:{'|'.join(words)})\b")
    assert not [shown(path) for path in CODE if pattern.search(path.read_text(encoding="utf-8"))]


@pytest.mark.parametrize(
    "path", [path for path in MODULES if path.name == "__init__.py"], ids=lambda path: module_name(path)
)
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


def test_what_a_dataclass_does_after_its_fields_is_done() -> None:
    """A subclass without the decorator inherits a constructor that does not know its __post_init__."""
    forgotten = [
        f"{path.relative_to(PROJECT)}: {node.name}"
        for path in MODULES
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.ClassDef)
        and any(isinstance(entry, ast.FunctionDef) and entry.name == "__post_init__" for entry in node.body)
        and not any("dataclass" in ast.unparse(decorator) for decorator in node.decorator_list)
    ]
    assert forgotten == []
