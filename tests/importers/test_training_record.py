"""Training records as histories: curves, sets and what is wrong with them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import Case
from numpy.typing import NDArray
from scipy.io import savemat

from matnet.errors import FormatError
from matnet.importers.training_record import read_training_record, training_record_paths

NAN = float("nan")


def cell(*items: NDArray[np.float64]) -> NDArray[np.object_]:
    held = np.empty((1, len(items)), dtype=object)
    held[0, :] = items
    return held


def record(**changes: Any) -> dict[str, Any]:
    return {
        "trainFcn": "trainlm",
        "performFcn": "mse",
        "epoch": np.array([[0.0, 1.0, 2.0]]),
        "perf": np.array([[3.0, 2.0, 1.0]]),
        "vperf": np.array([[4.0, 2.0, 2.5]]),
        "tperf": np.array([[NAN, NAN, NAN]]),
        "best_epoch": 1.0,
        "best_perf": 2.0,
        "trainMask": cell(np.array([[1.0, NAN, 1.0], [1.0, NAN, NAN]])),
        "valMask": cell(np.array([[NAN, 1.0, NAN], [NAN, 1.0, NAN]])),
        **changes,
    }


def test_curves_sets_and_the_best_epoch(tmp_path: Path) -> None:
    savemat(tmp_path / "tr.mat", {"tr": record()})
    found = read_training_record(tmp_path / "tr.mat")
    assert (found.path, found.best_epoch, found.performance) == ("tr", 1, "mse")
    np.testing.assert_array_equal(found.epochs, [0.0, 1.0, 2.0])
    assert {name: values.tolist() for name, values in found.curves.items()} == {
        "training": [3.0, 2.0, 1.0],
        "validation": [4.0, 2.0, 2.5],
    }
    assert {name: flags.tolist() for name, flags in found.members.items()} == {
        "training": [True, False, True],
        "validation": [False, True, False],
    }


def test_masks_by_time_step(tmp_path: Path) -> None:
    masks = cell(np.array([[1.0]]), np.array([[NAN]]), np.array([[1.0]]))
    fields = record(trainMask=masks)
    del fields["valMask"]
    savemat(tmp_path / "tr.mat", {"results": {"tr": fields}})
    found = read_training_record(tmp_path / "tr.mat", "results.tr")
    assert found.members["training"].tolist() == [True, False, True]


def test_curves_and_states_have_a_number_for_each_epoch(tmp_path: Path) -> None:
    """What has another length, or nothing finite, is left out; what was not known at first is kept."""
    row = np.array([[NAN, 5.0, 6.0]])
    fields = record(vperf=row, tperf=np.array([[1.0, 2.0]]), gradient=row, mu=row[:, 1:], lr=row * NAN, resets="none")
    savemat(tmp_path / "tr.mat", {"tr": fields})
    found = read_training_record(tmp_path / "tr.mat")
    assert list(found.curves) == ["training", "validation"]
    np.testing.assert_array_equal(found.curves["validation"], row[0])
    assert list(found.states) == ["gradient"]
    np.testing.assert_array_equal(found.states["gradient"], row[0])


def test_a_set_has_a_performance_where_it_has_samples_and_one_real_number(tmp_path: Path) -> None:
    none, other = cell(np.full((1, 3), NAN)), cell(np.array([[1.0, NAN, NAN]]))
    for fields, best in (
        ({"best_vperf": 0.5}, {"best_perf": 2.0, "best_vperf": 0.5}),
        ({"best_vperf": 0.5, "valMask": none}, {"best_perf": 2.0}),
        ({"best_vperf": NAN}, {"best_perf": 2.0}),
        ({"best_perf": 1j}, {}),
        ({"best_perf": np.array([[1.0, 2.0]])}, {}),
        ({"best_perf": "low"}, {}),
        ({"trainMask": "all", "best_vperf": 0.5}, {"best_vperf": 0.5}),
        ({"trainMask": np.ones((1, 1, 3))}, {}),
        ({"testMask": other, "best_tperf": 0.25}, {"best_perf": 2.0, "best_tperf": 0.25}),
    ):
        savemat(tmp_path / "tr.mat", {"tr": record(**{"valMask": cell(np.ones((1, 3))), **fields})})
        found = read_training_record(tmp_path / "tr.mat")
        assert {entry.field: entry.value for entry in found.best} == best


def test_an_element_belongs_to_a_set_by_a_mask_of_1_alone(tmp_path: Path) -> None:
    masks = {"trainMask": np.array([[0.0, 1.0, 2.0, NAN]]), "valMask": np.array([[0.0, 0.0, 0.0, 1.0]])}
    savemat(tmp_path / "tr.mat", {"tr": record(**masks)})
    found = read_training_record(tmp_path / "tr.mat")
    assert {name: flags.tolist() for name, flags in found.members.items()} == {
        "training": [False, True, False, False],
        "validation": [False, False, False, True],
    }


def test_a_best_epoch_is_a_whole_number(tmp_path: Path) -> None:
    for stored, expected in ((0.0, 0), (1.5, None), (NAN, None), (np.array([[1.0, 2.0]]), None), ("last", None)):
        savemat(tmp_path / "tr.mat", {"tr": record(best_epoch=stored, performFcn=1.0)})
        found = read_training_record(tmp_path / "tr.mat")
        assert (found.best_epoch, found.performance) == (expected, "")


def test_a_curve_that_is_no_numbers_is_none_in_a_record_of_one_epoch_too(tmp_path: Path) -> None:
    savemat(tmp_path / "tr.mat", {"tr": record(epoch=np.zeros((1, 1)), perf="none", gradient="none")})
    found = read_training_record(tmp_path / "tr.mat")
    assert (found.curves, found.states) == ({}, {})


def test_the_file_of_an_error_is_named(tmp_path: Path) -> None:
    file = tmp_path / "w.mat"
    file.write_bytes(b"no MAT-file")
    for read in (training_record_paths, read_training_record):
        with pytest.raises(FormatError, match=f"^{re.escape(str(file))}: "):
            read(file)


def test_what_is_within_a_record_is_part_of_it(tmp_path: Path) -> None:
    savemat(tmp_path / "w.mat", {"tr": record(before=record()), "results": {"tr": record()}})
    assert training_record_paths(tmp_path / "w.mat") == ("tr", "results.tr")


def test_two_records_in_a_struct_array_are_two(tmp_path: Path) -> None:
    fields = {"trainFcn": "trainlm", "best_epoch": 3.0, "best_perf": 0.5, "trainMask": cell(np.ones((1, 3)))}
    both = np.empty((1, 2), dtype=[(name, object) for name in fields])
    for name, value in fields.items():
        both[name][0, 0] = both[name][0, 1] = value
    savemat(tmp_path / "w.mat", {"tr": both, "other": {"best_epoch": 3.0, "best_perf": 0.5}})
    assert training_record_paths(tmp_path / "w.mat") == ("tr(1)", "tr(2)")


@pytest.mark.parametrize(
    ("variables", "path", "message"),
    [
        ({"x": 1.0}, None, "there is no training record in it, the second output of MATLAB's train"),
        ({"a": record(), "b": record()}, None, "2 training records in it: a, b; name one, as in a"),
        ({"x": 1.0}, "x", "x is a double 1x1, expected the training record that train returned"),
        ({"s": {"a": 1.0}}, "s", "s is a struct 1x1, expected the training record that train returned"),
        (
            {"tr": record(valMask=cell(np.array([[1.0]])))},
            None,
            "tr: the masks of its sets have different lengths",
        ),
    ],
    ids=["none", "two", "no record", "another struct", "masks"],
)
def test_what_is_refused(tmp_path: Path, variables: dict[str, Any], path: str | None, message: str) -> None:
    file = tmp_path / "w.mat"
    savemat(file, variables)
    with pytest.raises(FormatError, match=f"^{re.escape(f'{file}: {message}')}$"):
        read_training_record(file, path)


def test_records_that_matlab_saved(record_case: Case, corpus: Path) -> None:
    fields = record_case.fields["record"]
    found = read_training_record(corpus / record_case.file, fields["path"])
    assert found.best_epoch is not None
    # MATLAB's own rule: the weights kept are those with the smallest validation performance
    validation = found.curves["validation"]
    assert validation[found.best_epoch] == validation.min()
    members = np.stack(list(found.members.values()))
    assert members.sum(axis=0).max() == 1
