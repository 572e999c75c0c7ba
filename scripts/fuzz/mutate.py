"""Whether the tests notice a wrong program: `python scripts/fuzz/mutate.py matnet/tape tests/tape --sample 200`.

Each trial changes one operator or constant of the modules, in a copy of the project, and runs the tests that reach the
changed line, the quickest first. A mutant that they do not notice survives: either it computes the same, or a test is
missing. The last line has the figures. `--most-tests` limits the tests of one mutant, so that more can be tried; some
then survive that the other tests would notice.
"""

from __future__ import annotations

import argparse
import ast
import copy
import gc
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

PROJECT = Path(__file__).parents[2]
COPIED = ("matnet", "tests", "fixtures", "scripts", "docs", "pyproject.toml", "README.md", "CHANGELOG.md", "mkdocs.yml")
MODULES_OF_ALL = ("numpy", "scipy.io", "scipy.sparse", "h5py", "polars", "pandas", "hypothesis", "mpmath")
"""Imported once, before a process is forked for each mutant."""

_COMPARED: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
}
_COMPUTED: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
    ast.BitAnd: ast.BitOr,
}


@dataclass(frozen=True)
class Mutant:
    """A change of one expression: where it is, what it is and what it becomes."""

    file: Path
    line: int
    start: int
    end: int
    old: str
    new: str

    def source(self, data: bytes) -> bytes:
        """The module with the change."""
        return data[: self.start] + f"({self.new})".encode() + data[self.end :]

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {_shortened(self.old)}  ->  {_shortened(self.new)}"


@dataclass(frozen=True)
class Reached:
    """What one run of all tests tells: the tests by line of a module, and how long each takes."""

    by_line: dict[str, dict[int, list[str]]]
    seconds: dict[str, float]

    def tests(self, mutant: Mutant) -> list[str]:
        """The tests that reach the line, or any of the module if it runs when imported; the quickest first."""
        lines = self.by_line[str(mutant.file)]
        found = set(lines.get(mutant.line, []))
        if found == {""}:
            found = set().union(*lines.values())
        return sorted(found - {""}, key=lambda name: self.seconds[name])


def main() -> int:
    """The exit status: 0, whatever survives."""
    arguments = _arguments()
    files = sorted(file for place in arguments.modules for file in _modules(place))
    every = [mutant for file in files for mutant in mutants(file)]
    source = random.Random(arguments.random_seed)
    chosen = source.sample(every, min(arguments.sample, len(every)))
    for name in MODULES_OF_ALL:
        __import__(name)
    gc.freeze()
    counted = {"killed": 0, "endless": 0, "survived": 0, "not reached": 0}
    with tempfile.TemporaryDirectory(prefix="matnet-mutants-") as folder:
        place = _copy(Path(folder))
        reached = _reached(place, arguments.tests, files)
        start = time.monotonic()
        for mutant in chosen:
            if time.monotonic() - start > arguments.seconds:
                break
            verdict = _verdict(place, mutant, reached.tests(mutant)[: arguments.most_tests], reached)
            counted[verdict] += 1
            if verdict in ("survived", "not reached"):
                sys.stdout.write(f"{verdict}: {mutant}\n")
                sys.stdout.flush()
    tried = sum(counted.values())
    noticed = counted["killed"] + counted["endless"]
    figures = {"mutants": len(every), "tried": tried, **counted, "score": round(noticed / max(tried, 1), 3)}
    sys.stdout.write(f"{json.dumps(figures)}\n")
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("modules", type=lambda text: text.split(","), help="modules or folders, separated by commas")
    parser.add_argument("tests", type=lambda text: text.split(","), help="tests or folders, separated by commas")
    parser.add_argument("--sample", type=int, default=sys.maxsize, help="how many mutants, chosen at random")
    parser.add_argument("--random-seed", type=int, default=0)
    parser.add_argument("--most-tests", type=int, default=sys.maxsize, help="for each mutant, the quickest")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="at most")
    return parser.parse_args()


def _modules(place: str) -> Iterator[Path]:
    """The modules in a folder, relative to the project."""
    path = PROJECT / place
    for file in path.rglob("*.py") if path.is_dir() else [path]:
        yield file.relative_to(PROJECT)


def mutants(file: Path) -> Iterator[Mutant]:
    """Every change of a module that is tried; annotations, decorators and texts are left as they are."""
    data = (PROJECT / file).read_bytes()
    starts = [0]
    for line in data.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    for node in _expressions(ast.parse(data)):
        start = starts[node.lineno - 1] + node.col_offset
        end = starts[(node.end_lineno or node.lineno) - 1] + (node.end_col_offset or 0)
        for new in _changes(node):
            yield Mutant(file, node.lineno, start, end, data[start:end].decode(), ast.unparse(new))


def _expressions(node: ast.AST) -> Iterator[ast.expr]:
    """The expressions of a module that are computed, each before its parts."""
    if isinstance(node, ast.JoinedStr):
        return
    if isinstance(node, ast.expr):
        yield node
    for name, value in ast.iter_fields(node):
        if name in ("annotation", "returns", "decorator_list") or (name == "bases" and isinstance(node, ast.ClassDef)):
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST):
                yield from _expressions(child)


def _changes(node: ast.expr) -> Iterator[ast.expr]:
    if isinstance(node, ast.Compare):
        for place, operator in enumerate(node.ops):
            for other in _COMPARED[type(operator)]:
                changed = copy.deepcopy(node)
                changed.ops[place] = other()
                yield changed
    elif isinstance(node, ast.BinOp) and type(node.op) in _COMPUTED:
        yield ast.BinOp(node.left, _COMPUTED[type(node.op)](), node.right)
    elif isinstance(node, ast.BoolOp):
        yield ast.BoolOp(ast.Or() if isinstance(node.op, ast.And) else ast.And(), node.values)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not | ast.USub):
        yield node.operand
    elif isinstance(node, ast.IfExp):
        yield ast.IfExp(node.test, node.orelse, node.body)
    elif isinstance(node, ast.Constant):
        if isinstance(node.value, bool):
            yield ast.Constant(not node.value)
        elif isinstance(node.value, int | float):
            yield ast.Constant(node.value + 1)
            yield ast.Constant(node.value - 1)


def _shortened(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 80 else f"{line[:38]} .. {line[-38:]}"


def _copy(folder: Path) -> Path:
    """The project beside which the corpus is still found."""
    place = folder / "project"
    place.mkdir()
    for name in COPIED:
        source = PROJECT / name
        if source.is_dir():
            shutil.copytree(source, place / name, ignore=shutil.ignore_patterns("__pycache__"))
        elif source.exists():
            shutil.copy(source, place / name)
    shared = PROJECT.parent / "shared"
    if shared.is_dir():
        (folder / "shared").symlink_to(shared.resolve())
    return place


class _Recorder:
    """A pytest plugin that records which tests reach which lines, and how long they take."""

    def __init__(self, coverage: Any) -> None:
        self.coverage = coverage
        self.seconds: dict[str, float] = {}

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        """A context for each test."""
        self.coverage.switch_context(item.nodeid)
        start = time.process_time()
        result = yield
        self.seconds[item.nodeid] = time.process_time() - start
        self.coverage.switch_context("")
        return result


def _reached(place: Path, tests: Sequence[str], files: Sequence[Path]) -> Reached:
    """Which tests reach which lines of the unchanged modules."""
    answer = place.parent / "reached.json"
    if _run(place, tests, 3600.0, record=(answer, files)) != 0:
        sys.exit(f"{' '.join(tests)}: the tests fail without any change")
    by_line, seconds = json.loads(answer.read_text())
    lines = {file: {int(line): names for line, names in found.items()} for file, found in by_line.items()}
    return Reached(lines, seconds)


def _verdict(place: Path, mutant: Mutant, tests: Sequence[str], reached: Reached) -> str:
    if not tests:
        return "not reached"
    changed = place / mutant.file
    original = changed.read_bytes()
    # a module compiled within the same second, of the same length, would be taken for the new one
    shutil.rmtree(changed.parent / "__pycache__", ignore_errors=True)
    changed.write_bytes(mutant.source(original))
    try:
        status = _run(place, tests, 30.0 + 30.0 * sum(reached.seconds[name] for name in tests))
        return "survived" if status == 0 else "endless" if status < 0 else "killed"
    finally:
        changed.write_bytes(original)
        shutil.rmtree(changed.parent / "__pycache__", ignore_errors=True)


def _run(place: Path, tests: Sequence[str], seconds: float, record: tuple[Path, Sequence[Path]] | None = None) -> int:
    """The status of the tests in a process of their own: 0 passed, 1 failed, −1 stopped after so many seconds."""
    child = os.fork()
    if not child:
        os.setsid()
        nothing = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nothing, 1)
        os.dup2(nothing, 2)
        os._exit(_tested(place, tests, record))
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return 1 if status else 0
        time.sleep(0.02)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return -1


def _tested(place: Path, tests: Sequence[str], record: tuple[Path, Sequence[Path]] | None) -> int:
    os.chdir(place)
    os.environ["PYTHONPATH"] = str(place)
    sys.path[:] = [str(place), *(entry for entry in sys.path if Path(entry) != PROJECT)]
    options = ["-q", "-x", "-p", "no:cacheprovider", "-p", "no:randomly", *tests]
    if record is None:
        return int(pytest.main(options))
    import coverage

    answer, files = record
    watched = coverage.Coverage(data_file=None, include=[str(place / file) for file in files], config_file=False)
    recorder = _Recorder(watched)
    watched.start()
    status = int(pytest.main(options, plugins=[recorder]))
    watched.stop()
    data = watched.get_data()
    by_line = {str(file): data.contexts_by_lineno(str(place / file)) for file in files}
    answer.write_text(json.dumps([by_line, recorder.seconds]))
    return status


if __name__ == "__main__":
    sys.exit(main())
