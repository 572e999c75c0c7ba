"""Every option that a message, a hint or a help text names exists in the command that shows it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import click
import pytest

import matnet
from matnet.cli.entry import COMMANDS, option_names, program
from matnet.errors import Advice, Parameter, TableError

PACKAGE = Path(matnet.__file__).parent
CLI = PACKAGE / "cli"
OPTION = re.compile(r"(?<![\w-])--[a-z][a-z0-9-]*[a-z0-9]")
ELSEWHERE = {"--no-gui", "--install", "--help", "--version", "--list"}
"""Options of other programs, and those that click gives every command."""


@cache
def command(name: str) -> click.Command:
    found = program.get_command(click.Context(program), name)
    assert found is not None
    return found


def options(name: str) -> set[str]:
    return {
        text
        for parameter in command(name).params
        if isinstance(parameter, click.Option)
        for text in (*parameter.opts, *parameter.secondary_opts)
    }


@cache
def definitions(module: str) -> dict[str, ast.stmt]:
    """What a module of the commands defines at its top, by name."""
    found: dict[str, ast.stmt] = {}
    for node in ast.parse((CLI / f"{module}.py").read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found[node.name] = node
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
                if isinstance(target, ast.Name):
                    found[target.id] = node
    return found


@cache
def imported(module: str) -> dict[str, tuple[str, str]]:
    """What a module takes from others of the commands: where each name is defined."""
    tree = ast.parse((CLI / f"{module}.py").read_text(encoding="utf-8"))
    return {
        alias.asname or alias.name: (node.module.removeprefix("matnet.cli."), alias.name)
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module is not None and node.module.startswith("matnet.cli.")
        for alias in node.names
    }


def reached(module: str, name: str, seen: set[tuple[str, str]]) -> None:
    """All definitions that one uses, itself included."""
    if (module, name) in seen or name not in definitions(module):
        return
    seen.add((module, name))
    for node in ast.walk(definitions(module)[name]):
        if isinstance(node, ast.Name):
            reached(*imported(module).get(node.id, (module, node.id)), seen)


def texts(node: ast.AST, docstrings: bool = True) -> Iterator[str]:
    """The texts in a piece of code; the docstring of a command is its help."""
    hidden = {
        part.body[0].value
        for part in ast.walk(node)
        if isinstance(part, ast.FunctionDef | ast.ClassDef | ast.Module)
        and isinstance(part.body[0], ast.Expr)
        and not docstrings
    }
    for part in ast.walk(node):
        if isinstance(part, ast.Constant) and isinstance(part.value, str) and part not in hidden:
            yield part.value


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_names_options_that_it_has(name: str) -> None:
    used: set[tuple[str, str]] = set()
    reached(name, "command", used)
    assert len(used) > 3, "the search for what the command uses is broken"
    for module, definition in sorted(used):
        for text in texts(definitions(module)[definition], docstrings=definition == "command"):
            named = set(OPTION.findall(text)) - ELSEWHERE
            assert named <= options(name), f"{module}.{definition}: {text!r}"


def parameters() -> Iterator[tuple[str, str]]:
    """The parameters that errors of the library name, and where; no command calls the frameworks."""
    for path in sorted(set(PACKAGE.rglob("*.py")) - set((PACKAGE / "exporters" / "frameworks").rglob("*.py"))):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "Parameter":
                argument = node.args[0]
                if isinstance(argument, ast.Constant):
                    yield path.relative_to(PACKAGE).as_posix(), str(argument.value)


def test_a_parameter_that_an_error_names_is_an_option_of_some_command() -> None:
    names = {str(parameter.name) for name in COMMANDS for parameter in command(name).params}
    found = list(parameters())
    assert len(found) > 20
    assert [entry for entry in found if entry[1] not in names] == []


def test_the_library_of_tables_names_no_option() -> None:
    for path in sorted((PACKAGE / "tables").rglob("*.py")):
        for text in texts(ast.parse(path.read_text(encoding="utf-8"))):
            assert not OPTION.findall(text), f"{path.name}: {text!r}"


def test_a_hint_is_given_where_the_command_has_the_option() -> None:
    error = TableError(
        "t.csv: too many columns",
        Advice("; name some with ", Parameter("inputs")),
        Advice(", keep others with ", Parameter("keep")),
        Advice("; ", Parameter("delimiter", ";"), " or ", Parameter("header", False)),
    )
    assert str(error) == (
        "t.csv: too many columns; name some with inputs, keep others with keep; delimiter=';' or header=False"
    )
    assert error.reworded(option_names(["predict"])) == (
        't.csv: too many columns; name some with --inputs, keep others with --keep; --delimiter ";" or --no-header'
    )
    assert error.reworded(option_names(["verify"])) == (
        't.csv: too many columns; name some with --inputs; --delimiter ";" or --no-header'
    )
    assert error.reworded(option_names(["diff"])) == "t.csv: too many columns"
    moved = error.at("a.mat")
    assert moved.reworded(option_names(["diff"])) == "a.mat: t.csv: too many columns"


def test_no_message_of_a_command_speaks_python() -> None:
    """Names of the library's calls and keywords mean nothing to a user of the commands."""
    for path in sorted(CLI.glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in ("note", "warn", "complain", "TableError"):
                for text in texts(node):
                    assert not re.search(r"matnet\.\w+\(|\w=(True|False|None)\b", text), f"{path.name}: {text!r}"
