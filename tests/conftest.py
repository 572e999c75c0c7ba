"""The real networks that MATLAB saved, in a folder beside the project (a test for each), and the C compiler.

The folder is the one that MATNET_CORPUS names, else ../shared/corpus. Where it is missing its tests are skipped.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from trials import take_all

# no test is on the clock
settings.register_profile("matnet", deadline=None)
settings.load_profile("matnet")

CORPUS = Path(os.environ.get("MATNET_CORPUS", Path(__file__).parent.parent.parent / "shared" / "corpus"))


@dataclass(frozen=True)
class ListedNetwork:
    """A network of the corpus, with facts about it from an independent reader."""

    file: str
    path: str
    facts: dict[str, Any]


@dataclass(frozen=True)
class Case:
    """Numbers that MATLAB stored beside a network: see cases.json."""

    kind: str
    file: str
    network: str
    fields: dict[str, Any]


def listed_networks() -> Iterator[ListedNetwork]:
    """The networks that can be loaded."""
    listed = json.loads((CORPUS / "networks.json").read_text())
    for file, entry in listed.items():
        if file.startswith("refuse_"):
            continue
        yield from (ListedNetwork(file, facts["path"], facts) for facts in entry["networks"])


def cases(kind: str) -> list[Case]:
    listed = json.loads((CORPUS / "cases.json").read_text())
    return [Case(kind, entry["file"], entry["network"], entry) for entry in listed if entry["kind"] == kind]


def named(entries: list[Any]) -> list[Any]:
    """The entries as parameters with distinct names."""
    names = [f"{entry.file}:{entry.path if isinstance(entry, ListedNetwork) else entry.network}" for entry in entries]
    repeated = [names[: k + 1].count(name) for k, name in enumerate(names)]
    return [
        pytest.param(entry, id=name if count == 1 else f"{name} #{count}")
        for entry, name, count in zip(entries, names, repeated, strict=True)
    ]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--slow", action="store_true", help="run the tests marked slow too")


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int | None:
    """Folders are tested by a process for each core; a named file, and whatever is debugged, by this process."""
    named = any(argument.split("::")[0].endswith(".py") for argument in config.args)
    return 0 if named or config.getoption("trace") else None


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--slow"):
        take_all()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--slow"):
        return
    for item in items:
        if item.get_closest_marker("slow"):
            item.add_marker(pytest.mark.skip(reason="slow: run with --slow"))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    kinds = {"outputs_case": "outputs", "series_case": "series", "record_case": "training_record"}
    for fixture in {"listed_network", "corpus_file", *kinds} & set(metafunc.fixturenames):
        if not CORPUS.is_dir():
            entries = [pytest.param(None, marks=pytest.mark.skip(reason=f"there is no folder {CORPUS}"), id="corpus")]
        elif fixture == "listed_network":
            entries = named(list(listed_networks()))
        elif fixture == "corpus_file":
            entries = [pytest.param(path, id=path.name) for path in sorted(CORPUS.glob("*.mat"))]
        else:
            entries = named(cases(kinds[fixture]))
        metafunc.parametrize(fixture, entries)


@pytest.fixture(scope="session")
def corpus() -> Path:
    if not CORPUS.is_dir():
        pytest.skip(f"there is no folder {CORPUS}")
    return CORPUS


def _shared(variable: str, *folder: str) -> Path:
    """A folder of files that are not part of the project; its tests are skipped where it is missing."""
    path = Path(os.environ.get(variable, Path(__file__).parent.parent.parent.joinpath("shared", *folder)))
    if not path.is_dir():
        pytest.skip(f"there is no folder {path}")
    return path


@pytest.fixture(scope="session")
def field_inputs() -> Path:
    """Files from the field, in the folder that MATNET_FIELD names."""
    return _shared("MATNET_FIELD", "field", "inputs")


@pytest.fixture(scope="session")
def successors() -> Path:
    """Models of the classes that followed `network`, in the folder that MATNET_SUCCESSORS names."""
    return _shared("MATNET_SUCCESSORS", "successors")


@pytest.fixture(scope="session")
def c_compiler() -> Iterator[str]:
    """Where the system's is, which is used unless a test says otherwise."""
    found = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if found is None:
        pytest.skip("there is no C compiler: no cc, gcc or clang")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CC", found)
        yield found
