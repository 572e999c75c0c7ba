"""A minute of what scripts/fuzz/fuzz.py does for hours: a changed file is refused, or means what it says."""

from __future__ import annotations

import gc
import json
import random
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import fuzz
import fuzz_trial
from fuzz_findings import FindingError
from fuzz_mutations import MUTATORS
from fuzz_trial import Tally, trial
from matnet import MatnetError, load_all
from matnet.model.archive import digest_of, loads

pytestmark = pytest.mark.slow

EXAMPLES: Mapping[str, int] = {
    "bytes": 150,
    "mat5": 250,
    "bit": 150,
    "linking": 100,
    "hdf5": 150,
    "objects": 150,
    "function": 200,
    "archive": 200,
    "digest": 150,
    "table": 200,
    "parquet": 150,
    "arrow": 150,
    "excel": 100,
}
SOUND_TABLES: Mapping[str, str] = {
    "table": "the numbers that the csv module reads",
    "parquet": "numbers, in a format without a checksum",
    "arrow": "numbers, in a format without a checksum",
    "excel": "numbers, in a format without a checksum",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fuzz")


@pytest.fixture(scope="module", autouse=True)
def others_left_alone() -> Iterator[None]:
    """What other tests left in memory is not collected during a trial: it would count as its time and its warnings."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


def test_every_kind_of_change_is_tried() -> None:
    assert EXAMPLES.keys() == MUTATORS.keys()


@pytest.mark.parametrize("kind", EXAMPLES)
def test_a_changed_file_is_refused_or_means_what_it_says(kind: str, folder: Path) -> None:
    suffix, mutator = MUTATORS[kind]
    seeds, tally = fuzz.seeds(kind), Tally()
    if not seeds:
        pytest.skip("only real files hold objects of newer classes, and workbooks need fastexcel and xlsxwriter")

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
            sound = SOUND_TABLES.get(kind, "the same networks" if seed.known else "refused")
            assert verdict == sound, seed.name


def test_an_archive_with_another_digest_is_judged_by_its_content() -> None:
    """Most changed archives get the digest that belongs to them, so that more than the digest is tried."""
    seed, told = fuzz.seeds("digest")[0], 0
    for number in range(40):
        changed = MUTATORS["digest"][1](seed.data, random.Random(number))
        try:
            found = loads(changed.decode("ascii"))
        except (MatnetError, UnicodeDecodeError):
            continue
        told += changed != seed.data and found.digest == digest_of(found)
    assert told > 5


def test_archives_of_image_and_recurrent_networks_are_changed_in_more_than_numbers(folder: Path) -> None:
    """Some of them open with another window, stride, padding, shape, index, delay or direction."""
    seeds = [seed for seed in fuzz.seeds("digest") if "_layers " in seed.name]
    assert {"image_layers", "recurrent_layers"} == {seed.name.split()[0] for seed in seeds}
    assert max(len(seed.data) for seed in seeds) < 30_000
    wanted = {"transfer", "source", "delays", "index", "stride", "padding", "shape", "value"}
    generator, opened, number = random.Random(0), set[str](), 0
    while not opened >= wanted and number < 1500:
        seed = seeds[number % len(seeds)]
        changed = MUTATORS["digest"][1](seed.data, generator)
        verdict = trial("digest", folder / "changed.json", changed, seed.known, Tally())
        if verdict.startswith("other networks"):
            opened |= set(differing_entries(json.loads(seed.data)["layers"], json.loads(changed)["layers"]))
        number += 1
    assert opened >= wanted


def differing_entries(one: Any, other: Any, key: str = "") -> Iterator[str]:
    """The keys of the numbers and texts that are not the same in two values."""
    if isinstance(one, dict) and isinstance(other, dict):
        for name in one.keys() & other.keys():
            yield from differing_entries(one[name], other[name], name)
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        for part, counterpart in zip(one, other, strict=True):
            yield from differing_entries(part, counterpart, key)
    elif one != other:
        yield key


def test_a_network_that_is_not_what_its_archive_says_would_be_found(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seed, other = fuzz.seeds("digest", ["pump.mat", "cascade.mat"])
    (folder / "other.json").write_bytes(other.data)
    networks = load_all(folder / "other.json")
    monkeypatch.setattr(fuzz_trial, "load_all", lambda file, isolation: networks)
    with pytest.raises(FindingError, match=r"the network, written again, differs from what the archive says$"):
        trial("digest", folder / "same.json", seed.data, seed.known, Tally())


def test_one_bit_that_changed_more_than_numbers_would_be_found(folder: Path) -> None:
    seed = next(seed for seed in fuzz.seeds("bit") if seed.name == "pump.mat")
    other = {"net": seed.known["net"].replace('"tansig"', '"logsig"')}
    with pytest.raises(FindingError, match=r"^net: one bit changed more than the numbers of a network$"):
        trial("bit", folder / "same.mat", seed.data, other, Tally())
    moved = {"net": seed.known["net"].replace("1450.0", "1451.0")}
    assert trial("bit", folder / "same.mat", seed.data, moved, Tally()).startswith("other networks")
