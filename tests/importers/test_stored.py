"""Values beside a network in a file: matrices and training records."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import scipy.io

from matnet.errors import FormatError
from matnet.importers.stored import StoredValues

PUMP = Path(__file__).parent.parent.parent / "fixtures" / "pump.mat"

SHAPES = {"x": (2, 165), "t": (1, 165), "y": (1, 165), "performance": (1, 1)}


def test_matrices_records_and_networks_are_listed() -> None:
    stored = StoredValues(PUMP)
    assert {entry.path: entry.shape for entry in stored.arrays} == SHAPES
    assert [record.path for record in stored.records] == ["tr"]
    assert stored.networks == ["net"]
    # the cells of a network are its own
    assert stored.cells == []
    assert repr(stored.arrays[0]) == f"StoredArray(place='{stored.arrays[0].path}', shape={stored.arrays[0].shape})"


def test_a_record_has_its_performances_and_masks() -> None:
    record = StoredValues(PUMP).record("tr")
    assert [entry.field for entry in record.best] == ["best_perf", "best_vperf", "best_tperf"]
    assert [int((entry.mask == 1.0).sum()) for entry in record.best] == [115, 25, 25]
    assert all(entry.mask.shape == (1, 165) for entry in record.best)
    assert all(entry.value > 0.0 for entry in record.best)


def test_an_old_record_without_masks_is_one(tmp_path: Path) -> None:
    fields = {"trainFcn": "trainlm", "best_epoch": 3.0, "best_perf": 0.5}
    scipy.io.savemat(tmp_path / "old.mat", {"tr": fields, "x": np.eye(3)})
    (record,) = StoredValues(tmp_path / "old.mat").records
    assert (record.path, record.best_epoch, record.best, record.members) == ("tr", 3, (), {})


def test_a_set_without_samples_has_no_performance(tmp_path: Path) -> None:
    masks = {"trainMask": np.ones((2, 3)), "valMask": np.full((2, 3), np.nan), "testMask": np.ones((2, 3))}
    best = {"best_perf": 0.5, "best_vperf": 0.25, "best_tperf": np.nan}
    scipy.io.savemat(tmp_path / "w.mat", {"tr": {"trainFcn": "trainlm", "best_epoch": 3.0, **best, **masks}})
    (record,) = StoredValues(tmp_path / "w.mat").records
    assert [(entry.field, entry.value) for entry in record.best] == [("best_perf", 0.5)]
    assert {name: flags.tolist() for name, flags in record.members.items()} == {
        "training": [True] * 3,
        "validation": [False] * 3,
        "test": [True] * 3,
    }


def test_what_is_no_record_is_refused_with_the_whole_message() -> None:
    with pytest.raises(FormatError) as caught:
        StoredValues(PUMP).record("x")
    assert str(caught.value) == (f"{PUMP}: x is a double 2x165, expected the training record that train returned")


def test_a_file_that_is_not_there_is_refused_with_the_whole_message(tmp_path: Path) -> None:
    with pytest.raises(FormatError) as caught:
        StoredValues(tmp_path / "none.mat")
    assert str(caught.value) == f"{tmp_path / 'none.mat'}: cannot be read: No such file or directory"
