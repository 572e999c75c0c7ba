"""A minute of what scripts/fuzz/fuzz.py does for hours: a changed file is refused, or means what it says."""

from __future__ import annotations

import random
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import fuzz
from fuzz_mutations import MUTATORS
from fuzz_trial import Tally, trial

pytestmark = pytest.mark.slow

EXAMPLES: Mapping[str, int] = {
    "bytes": 300,
    "mat5": 500,
    "linking": 200,
    "hdf5": 60,
    "function": 400,
    "archive": 400,
    "table": 400,
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fuzz")


def test_every_kind_of_change_is_tried() -> None:
    assert EXAMPLES.keys() == MUTATORS.keys()


@pytest.mark.parametrize("kind", EXAMPLES)
def test_a_changed_file_is_refused_or_means_what_it_says(kind: str, folder: Path) -> None:
    suffix, mutator = MUTATORS[kind]
    seeds, tally = fuzz.seeds(kind), Tally()
    if not seeds:
        pytest.skip("only real files hold objects of newer classes")

    @settings(max_examples=EXAMPLES[kind], derandomize=True, deadline=None, database=None)
    @given(st.integers(0, 2**32 - 1), st.sampled_from(seeds))
    def try_one(number: int, seed: fuzz.Seed) -> None:
        trial(kind, folder / f"changed{suffix}", mutator(seed.data, random.Random(number)), seed.known, tally)

    try_one()
    # neither everything nor nothing may be refused, or the changes would test little; but an archive's digest refuses
    # whatever changes its content
    assert tally.verdicts["refused"] > EXAMPLES[kind] // 10
    if kind != "archive":
        assert tally.executions - tally.verdicts["refused"] > EXAMPLES[kind] // 50


def test_an_unchanged_file_is_no_finding(folder: Path) -> None:
    for kind in EXAMPLES:
        for seed in fuzz.seeds(kind):
            verdict = trial(kind, folder / f"same{MUTATORS[kind][0]}", seed.data, seed.known, Tally())
            sound = "the numbers that the csv module reads" if kind == "table" else "the same networks"
            assert verdict == (sound if seed.known or kind == "table" else "refused"), seed.name
