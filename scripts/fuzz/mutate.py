"""Whether the tests notice a wrong program: `python scripts/fuzz/mutate.py matnet/tape tests --sample 100`.

Each trial changes one operator or constant of the modules, in a copy of the project, and runs every test that reaches
the changed statement, the quickest first, until one fails. A mutant that none notices survives: either it computes the
same, and belongs in equivalent_mutants.txt beside this script with the reason, or a test is missing. The survivors are
printed in the form of that file. The last line has the figures; the score leaves the equivalent ones out.

Which tests reach which statement is recorded once, each test in a process of its own so that nothing is left in caches,
and kept in the file that `--record` names; tests that are new or changed, or that reached a module that has changed
since, are recorded again. Set MATNET_CORPUS, MATNET_SUCCESSORS and MATNET_FIELD: their tests kill too.

Do not run it as root with tests that write to devices: one mutant of matnet/tables/target.py
replaces /dev/full by a file.
"""

from __future__ import annotations

import argparse
import gc
import hashlib
import importlib
import importlib.machinery
import json
import os
import random
import resource
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any

import pytest

from mutants import PROJECT, Mutant, mutants

COPIED = ("matnet", "tests", "fixtures", "scripts", "docs", "pyproject.toml", "README.md", "CHANGELOG.md", "mkdocs.yml")
MODULES_OF_ALL = ("numpy", "scipy.io", "scipy.sparse", "h5py", "polars", "pandas", "hypothesis", "mpmath")
"""Imported once, before processes are forked."""

EQUIVALENT = Path(__file__).with_name("equivalent_mutants.txt")
_ERRORS = os.dup(2)
_MEMORY = 8 * 2**30
_PATIENCE = 300.0
"""Seconds for a test that waits for what never comes; computing without end is limited by processor time."""


@dataclass
class Record:
    """What the tests did to the unchanged modules: digests of modules and tests, seconds, and statements reached.

    `reached` has for each module the tests by the bits of the lines that they ran, in hexadecimal digits.
    """

    digests: dict[str, str]
    seconds: dict[str, float]
    failed: list[str]
    reached: dict[str, dict[str, list[str]]]

    @classmethod
    def read(cls, path: Path | None) -> Record:
        """What is still true of the record in a file."""
        if path is None or not path.exists():
            return cls({}, {}, [], {})
        record = cls(**json.loads(path.read_text()))
        changed = {name for name, digest in record.digests.items() if _digest(PROJECT / name) != digest}
        old = {test for test in record.seconds if _file_of(test) in changed}
        for name in changed & set(record.reached):
            old.update(test for tests in record.reached[name].values() for test in tests)
        record.forget(old)
        return record

    def forget(self, tests: set[str]) -> None:
        """Without these tests."""
        self.seconds = {test: seconds for test, seconds in self.seconds.items() if test not in tests}
        self.failed = [test for test in self.failed if test not in tests]
        for found in self.reached.values():
            for bits, names in found.items():
                found[bits] = [name for name in names if name not in tests]

    def write(self, path: Path | None) -> None:
        """Kept with the digests of now."""
        files = {*self.reached, *map(_file_of, self.seconds)}
        self.digests = {name: _digest(PROJECT / name) for name in sorted(files)}
        if path is not None:
            path.write_text(json.dumps(vars(self)))

    def tests(self, mutant: Mutant) -> list[str]:
        """The tests that reach the statement, the quickest first; those near it count as quicker.

        What runs on import may be seen by a test that runs nothing of the module: all tests of the files that reach it.
        """
        on_import = self.on_import(mutant)
        wanted = -1 if on_import else _bits(mutant.lines)
        found = self.reached.get(str(mutant.file), {})
        names = {name for bits, names in found.items() if int(bits, 16) & wanted for name in names} - {"import"}
        if on_import:
            files = {_file_of(name) for name in names}
            names = {name for name in self.seconds if _file_of(name) in files}
        room = _room_of(mutant)

        def expense(name: str) -> tuple[float, str]:
            nearness = (
                64.0 if name.startswith(f"{room}test_{mutant.file.stem}") else 8.0 if name.startswith(room) else 1.0
            )
            return self.seconds[name] / nearness, name

        return sorted(names - {*self.failed}, key=expense)

    def on_import(self, mutant: Mutant) -> bool:
        """Whether a fresh import is needed: the function was called, or made others, before any test."""
        return mutant.function is None or bool(int(self.imported(mutant.file), 16) & _bits(mutant.body))

    def imported(self, file: Path) -> str:
        """The lines that collecting the tests runs."""
        return next((bits for bits, names in self.reached.get(str(file), {}).items() if "import" in names), "0")


def main() -> int:
    """The exit status: 0, whatever survives."""
    arguments = _arguments()
    every = [mutant for place in arguments.modules for mutant in _mutants_of(place)]
    chosen = random.Random(arguments.random_seed).sample(every, min(arguments.sample, len(every)))
    for name in MODULES_OF_ALL:
        importlib.import_module(name)
    if arguments.again is not None:
        listed = set(arguments.again.read_text().split("\n\n"))
        survivors = {block.partition("\n")[2] for block in listed if block.startswith(("survived", "not reached"))}
        chosen = [mutant for mutant in chosen if str(mutant) in survivors]
    known = _known()
    equivalent = [mutant for mutant in chosen if str(mutant) in known]
    chosen = [mutant for mutant in chosen if str(mutant) not in known]
    record = Record.read(arguments.record)
    with tempfile.TemporaryDirectory(prefix="matnet-mutants-") as folder:
        place = _copy(Path(folder))
        judge = _Judge(place, Path(folder), record, chosen, arguments)
        # a process that has collected every test changes code in place; what runs on import needs a fresh one for each
        if _alone(lambda: judge.collected(arguments.tests)) != 0:
            sys.exit(f"{' '.join(arguments.tests)}: the tests cannot be collected")
        judge.imported()
        verdicts = judge.verdicts()
    for mutant, verdict in verdicts.items():
        if arguments.all or verdict in ("survived", "not reached"):
            sys.stdout.write(f"{verdict}: {mutant.file}:{mutant.line}\n{mutant}\n\n")
    counted = Counter(verdict.split(" by ")[0] for verdict in verdicts.values())
    score = (counted["killed"] + counted["endless"]) / max(len(verdicts), 1)
    figures = {"mutants": len(every), "tried": len(verdicts), **counted, "equivalent": len(equivalent)}
    sys.stdout.write(f"{json.dumps({**figures, 'score': round(score, 3)})}\n")
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "modules", type=lambda text: text.split(","), help="modules, folders or module.py:LINE, separated by commas"
    )
    parser.add_argument("tests", type=lambda text: text.split(","), help="tests or folders, separated by commas")
    parser.add_argument("--sample", type=int, default=sys.maxsize, help="how many mutants, chosen at random")
    parser.add_argument("--random-seed", type=int, default=0)
    parser.add_argument("--record", type=Path, help="where it is kept which tests reach which statements")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="mutants at a time")
    parser.add_argument(
        "--most-seconds", type=float, default=float("inf"), help="of tests for a mutant, and of each test"
    )
    parser.add_argument("--again", type=Path, help="of those that are chosen, only what survived in this output")
    parser.add_argument("--all", action="store_true", help="print the killed ones too, with the test that did it")
    return parser.parse_args()


def _mutants_of(place: str) -> Iterator[Mutant]:
    """The mutants of a folder, a module, or a line of it."""
    name, _, line = place.partition(":")
    path = PROJECT / name
    for file in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
        for mutant in mutants(file.relative_to(PROJECT)):
            if not line or mutant.line == int(line):
                yield mutant


def _known() -> set[str]:
    """The mutants that compute the same."""
    text = EQUIVALENT.read_text() if EQUIVALENT.exists() else ""
    return {"\n".join(block.split("\n")[:3]) for block in text.split("\n\n")}


def _say(text: str) -> None:
    """A line on standard error, whatever pytest has done to it."""
    os.write(_ERRORS, f"{text}\n".encode())


def _room_of(mutant: Mutant) -> str:
    """The folder of the tests that mirrors the module's."""
    return f"tests/{mutant.file.parts[1]}/"


def _bits(lines: tuple[int, int]) -> int:
    return sum(1 << line for line in range(lines[0], lines[1] + 1))


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.exists() else ""


def _file_of(test: str) -> str:
    return test.partition("::")[0]


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


def _fork(action: Callable[[], int]) -> int:
    """A process that does this, in a group of its own so that all of it can be ended."""
    child = os.fork()
    if not child:
        os.setpgid(0, 0)
        status = 1
        try:
            status = action()
        finally:
            os._exit(status)
    return child


def _status(child: int, end: float) -> int | None:
    """How a process ended: 0, 1, or -1 by a signal; None while it runs, but at the time `end` it is killed."""
    late = time.monotonic() > end
    if late:
        os.killpg(child, signal.SIGKILL)
    done, status = os.waitpid(child, 0 if late else os.WNOHANG)
    if not done:
        return None
    return -1 if os.WIFSIGNALED(status) else os.waitstatus_to_exitcode(status)


def _side_by_side(actions: Iterable[Callable[[], int]], jobs: int, patience: float) -> Iterator[tuple[int, int]]:
    """Processes, so many at a time: the number of each and its status, as they end."""
    running: dict[int, tuple[int, float]] = {}
    waiting = enumerate(actions)
    while True:
        while len(running) < jobs and (following := next(waiting, None)):
            number, action = following
            running[_fork(action)] = (number, time.monotonic() + patience)
        if not running:
            return
        for child, (number, end) in list(running.items()):
            status = _status(child, end)
            if status is not None:
                del running[child]
                yield number, status
        time.sleep(0.01)


def _alone(action: Callable[[], int]) -> int:
    """The status of one process that may take as long as it likes."""
    return next(_side_by_side([action], 1, float("inf")))[1]


class _FirstFailure:
    """A pytest plugin that ends the process at the first failure, and says which test it was."""

    def __init__(self, answer: Path) -> None:
        self.answer = answer

    @pytest.hookimpl(trylast=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """One is enough."""
        if report.failed:
            self.failed(report.nodeid)

    @pytest.hookimpl(trylast=True)
    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """A module that cannot be imported is noticed."""
        if report.failed:
            self.failed(report.nodeid)

    def failed(self, name: str) -> None:
        self.answer.write_text(name)
        os._exit(1)


class _Chosen:
    """A pytest plugin that runs these tests, in this order."""

    def __init__(self, tests: Sequence[str]) -> None:
        self.places = {name: place for place, name in enumerate(tests)}

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """The quickest first."""
        items[:] = sorted(
            (item for item in items if item.nodeid in self.places), key=lambda item: self.places[item.nodeid]
        )


class _Judge:
    """Tries mutants; each answer is a file, so that processes need not talk."""

    def __init__(
        self, place: Path, folder: Path, record: Record, chosen: Sequence[Mutant], arguments: argparse.Namespace
    ) -> None:
        self.place = place
        self.answers = folder / "answers"
        self.answers.mkdir()
        self.record = record
        self.kept = arguments.record or folder / "record.json"
        self.chosen = chosen
        self.jobs = arguments.jobs
        self.most_seconds = arguments.most_seconds

    def verdicts(self) -> dict[Mutant, str]:
        """What became of each mutant that was tried."""
        paths = {mutant: self.answers / f"{place}.verdict" for place, mutant in enumerate(self.chosen)}
        return {mutant: path.read_text() for mutant, path in paths.items() if path.exists()}

    def collected(self, tests: Sequence[str]) -> int:
        """Collects the tests, records what is not known of them and tries what can be changed in place."""
        self._enter()
        watched = _watched(self.place)
        watched.start()
        return int(pytest.main([*_OPTIONS, *tests], plugins=[_Loop(self, watched)]))

    def imported(self) -> None:
        """Tries what runs on import, and what is called then."""
        self.record = Record.read(self.kept)
        gc.freeze()
        places = [place for place, mutant in enumerate(self.chosen) if self.record.on_import(mutant)]
        actions = [(lambda place=place: self._afresh(place)) for place in places]
        for number, status in _side_by_side(actions, self.jobs, _PATIENCE):
            self.judge(places[number], status)

    def judge(self, place: int, status: int) -> None:
        """Writes the verdict on a mutant whose process ended so."""
        shutil.rmtree(self.folder(f"{place}"), ignore_errors=True)
        killer = self.answers / f"{place}.killer"
        verdict = "not reached"
        if self.record.tests(self.chosen[place]):
            verdict = "survived" if status == 0 else "endless" if status < 0 else "killed"
        if killer.exists():
            verdict = f"killed by {killer.read_text()}"
        (self.answers / f"{place}.verdict").write_text(verdict)
        _say(f"{verdict[:150]}: {self.chosen[place].file}:{self.chosen[place].line}")

    def tests(self, mutant: Mutant) -> list[str]:
        """As many of the quickest as the limit allows."""
        found: list[str] = []
        seconds = 0.0
        for test in self.record.tests(mutant):
            seconds += self.record.seconds[test]
            if seconds > self.most_seconds and found:
                break
            found.append(test)
        return found

    def limit(self, tests: Sequence[str]) -> None:
        """No more memory and processor time than what the tests take, and much more."""
        seconds = int(60 + 20 * sum(self.record.seconds[test] for test in tests))
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
        resource.setrlimit(resource.RLIMIT_DATA, (_MEMORY, _MEMORY))

    def folder(self, name: str) -> Path:
        """Where the tests of one process make their temporary files; pytest asks the environment for it."""
        return self.answers / f"{name}.files"

    def enter_folder(self, name: str) -> None:
        folder = self.folder(name)
        folder.mkdir()
        os.environ["PYTEST_DEBUG_TEMPROOT"] = str(folder)

    def plugin(self, place: int) -> _FirstFailure:
        return _FirstFailure(self.answers / f"{place}.killer")

    def _afresh(self, place: int) -> int:
        """The tests of a mutant in a process that imports it; first those of the file that has most of them."""
        mutant = self.chosen[place]
        tests = self.tests(mutant)
        if not tests:
            return 0
        self._enter()
        self.limit(tests)
        self.enter_folder(f"{place}")
        changed = self.place / mutant.file
        code = compile(mutant.source(changed.read_bytes()), str(changed), "exec")
        unchanged = importlib.machinery.SourceFileLoader.get_code

        def get_code(loader: Any, name: str) -> CodeType | None:
            return code if loader.path == str(changed) else unchanged(loader, name)

        importlib.machinery.SourceFileLoader.get_code = get_code  # type: ignore[assignment, method-assign]
        room = _room_of(mutant)
        order = [file for file, _ in Counter(map(_file_of, tests)).most_common()]
        order.sort(key=lambda file: not file.startswith(room))
        for files in (order[:1], order[1:4], order[4:]):
            part = [test for test in tests if _file_of(test) in files]
            if part and _alone(lambda part=part, files=files: self._run(place, part, files)) != 0:  # type: ignore[misc]
                return 1
        return 0

    def _run(self, place: int, tests: Sequence[str], files: Sequence[str]) -> int:
        return int(pytest.main([*_OPTIONS, *files], plugins=[_Chosen(tests), self.plugin(place)]))

    def _enter(self) -> None:
        os.chdir(self.place)
        os.environ["PYTHONPATH"] = str(self.place)
        sys.path[:] = [str(self.place), *(entry for entry in sys.path if Path(entry) != PROJECT)]
        import hypothesis

        # the same examples every time, and no smaller one looked for
        phases = (hypothesis.Phase.explicit, hypothesis.Phase.generate)
        hypothesis.settings.register_profile("mutants", deadline=None, derandomize=True, database=None, phases=phases)
        hypothesis.settings.load_profile("mutants")
        nothing = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nothing, 1)


_OPTIONS = ("-q", "--numprocesses=0", "-p", "no:cacheprovider", "-p", "no:randomly", "-p", "no:terminalreporter")


class _Loop:
    """A pytest plugin that records the tests and tries mutants instead of running the tests."""

    def __init__(self, judge: _Judge, watched: Any) -> None:
        self.judge = judge
        self.watched = watched

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """After the collection."""
        self.watched.stop()
        record, judge = self.judge.record, self.judge
        _note(record, "import", _lines(self.watched, judge.place))
        items = {item.nodeid: item for item in session.items if not item.get_closest_marker("skip")}
        for file in sorted({str(mutant.file) for mutant in judge.chosen}):
            importlib.import_module(file.removesuffix(".py").replace("/", ".").removesuffix(".__init__"))
        functions: dict[tuple[str, str, int], list[FunctionType]] = defaultdict(list)
        for entry in gc.get_objects():
            if isinstance(entry, FunctionType):
                code = entry.__code__
                functions[code.co_filename, code.co_qualname, code.co_firstlineno].append(entry)
        gc.freeze()
        self._record(items)
        record.write(judge.kept)
        places = [place for place, mutant in enumerate(judge.chosen) if not record.on_import(mutant)]
        actions = [(lambda place=place: self._in_place(place, items, functions)) for place in places]
        for number, status in _side_by_side(actions, judge.jobs, _PATIENCE):
            judge.judge(places[number], status)
        return True

    def _record(self, items: Mapping[str, pytest.Item]) -> None:
        """What is not known of the tests yet."""
        record, judge = self.judge.record, self.judge
        new = [item for name, item in items.items() if name not in record.seconds]
        paths = [judge.answers / f"recorded-{place}.record" for place in range(len(new))]
        actions = [
            (lambda item=item, path=path: self._recorded(item, path)) for item, path in zip(new, paths, strict=True)
        ]
        for number, status in _side_by_side(actions, judge.jobs, _PATIENCE):
            item, path = new[number], paths[number]
            shutil.rmtree(judge.folder(path.stem), ignore_errors=True)
            record.seconds[item.nodeid] = 0.0
            if status != 0 or not path.exists():
                record.failed.append(item.nodeid)
                _say(f"{'takes too long' if status < 0 else 'fails without any change'}: {item.nodeid}")
                continue
            if len(record.seconds) % 100 == 0:
                _say(f"{len(record.seconds)} tests recorded")
            record.seconds[item.nodeid], lines = json.loads(path.read_text())
            path.unlink()
            _note(record, item.nodeid, lines)

    def _recorded(self, item: pytest.Item, path: Path) -> int:
        if self.judge.most_seconds < float("inf"):
            resource.setrlimit(resource.RLIMIT_CPU, (int(self.judge.most_seconds), int(self.judge.most_seconds)))
        self.judge.enter_folder(path.stem)
        watched = _watched(self.judge.place)
        start = time.process_time()
        watched.start()
        status = _run_items(item.session, [item], _FirstFailure(path.with_suffix(".failed")))
        watched.stop()
        seconds = time.process_time() - start
        path.write_text(json.dumps([seconds, _lines(watched, self.judge.place)]))
        return status

    def _in_place(self, place: int, items: Mapping[str, pytest.Item], functions: Mapping[Any, list[Any]]) -> int:
        mutant = self.judge.chosen[place]
        tests = [name for name in self.judge.tests(mutant) if name in items]
        if not tests:
            return 0
        self.judge.limit(tests)
        self.judge.enter_folder(f"{place}")
        assert mutant.function is not None
        changed = self.judge.place / mutant.file
        wanted = (str(changed), *mutant.function)
        code = next(
            code
            for code in _codes(compile(mutant.source(changed.read_bytes()), str(changed), "exec"))
            if (code.co_filename, code.co_qualname, code.co_firstlineno) == wanted
        )
        assert functions[wanted], f"{wanted}: no function has this code"
        for function in functions[wanted]:
            function.__code__ = code
        chosen = [items[name] for name in tests]
        return _run_items(chosen[0].session, chosen, self.judge.plugin(place))


def _run_items(session: pytest.Session, items: Sequence[pytest.Item], plugin: _FirstFailure) -> int:
    session.config.pluginmanager.register(plugin)
    for item, following in zip(items, [*items[1:], None], strict=True):
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
    return 0


def _codes(code: CodeType) -> Iterator[CodeType]:
    yield code
    for entry in code.co_consts:
        if isinstance(entry, CodeType):
            yield from _codes(entry)


def _watched(place: Path) -> Any:
    import coverage

    watched = coverage.Coverage(data_file=None, include=[str(place / "matnet" / "*")], config_file=False)
    watched.set_option("run:disable_warnings", ["no-data-collected"])
    return watched


def _lines(watched: Any, place: Path) -> dict[str, str]:
    """The lines of each module that ran, as bits."""
    data = watched.get_data()
    return {
        str(Path(file).relative_to(place)): hex(sum(1 << line for line in set(data.lines(file) or ())))
        for file in data.measured_files()
    }


def _note(record: Record, name: str, lines: Mapping[str, str]) -> None:
    for found in record.reached.values():
        for names in found.values() if name == "import" else ():
            if name in names:
                names.remove(name)
    for file, bits in lines.items():
        record.reached.setdefault(file, {}).setdefault(bits, []).append(name)


if __name__ == "__main__":
    sys.exit(main())
