"""The examples in the docstrings run, and give the numbers that they show."""

from __future__ import annotations

import doctest
import importlib
from collections.abc import Iterator
from pathlib import Path

import pytest

PROJECT = Path(__file__).parent.parent


def examples() -> Iterator[doctest.DocTest]:
    """Every docstring of the package that has an example in it."""
    finder = doctest.DocTestFinder(exclude_empty=True)
    for path in sorted((PROJECT / "matnet").rglob("*.py")):
        if ">>> " in path.read_text(encoding="utf-8"):
            parts = path.relative_to(PROJECT).with_suffix("").parts
            module = importlib.import_module(".".join(parts).removesuffix(".__init__"))
            yield from (test for test in finder.find(module) if test.examples)


EXAMPLES = list(examples())


def test_there_are_examples() -> None:
    assert EXAMPLES


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.name)
def test_the_example_gives_what_it_shows(example: doctest.DocTest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(PROJECT)
    complaints: list[str] = []
    result = doctest.DocTestRunner().run(example, out=complaints.append)
    assert result.failed == 0, "".join(complaints)
    assert result.attempted > 0
