"""Matrices and scaling that lie beside a network, by MATLAB's paths."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pytest
import scipy.sparse
from scipy.io.matlab import MatlabObject

import matnet
from matnet.files import DEFAULT_LIMIT
from matnet.importers.arrays import as_samples, as_states, holds_images, read_array
from matnet.importers.mat.matfile import open_mat
from matnet.importers.mat.values import Cell, Numeric
from matnet.importers.scaling import load_scaling, read_scaling
from matnet.importers.stored import StoredValues

Save: TypeAlias = Callable[..., Path]


def cell(shape: tuple[int, int], *entries: object) -> Any:
    """A cell array, its entries column by column."""
    made = np.empty(shape, dtype=object)
    for number, entry in enumerate(entries):
        made[np.unravel_index(number, shape, order="F")] = entry
    return made


def column(*numbers: float) -> Any:
    return np.array(numbers)[:, None]


def test_matrices_are_float64_in_matlabs_orientation(save: Save) -> None:
    file = save(
        x=np.arange(6.0).reshape(2, 3),
        small=np.array([[1, 255]], dtype=np.uint8),
        flags=np.array([[True], [False]]),
        sparse=scipy.sparse.csc_matrix([[0.0, 2.0], [3.0, 0.0]]),
        s={"nested": np.eye(2)},
    )
    for path, expected in {
        "x": [[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]],
        "small": [[1.0, 255.0]],
        "flags": [[1.0], [0.0]],
        "sparse": [[0.0, 2.0], [3.0, 0.0]],
        "s.nested": [[1.0, 0.0], [0.0, 1.0]],
    }.items():
        array = read_array(file, path)
        assert array.dtype == np.float64
        assert array.tolist() == expected


def test_a_cell_of_columns_is_a_series(save: Save) -> None:
    file = save(
        series=cell((1, 3), column(1, 2), column(3, 4), column(5, 6)),
        signals=cell((2, 2), column(1), column(2, 3), column(4), column(5, 6)),
        batch=cell((2, 1), np.ones((1, 4)), np.zeros((2, 4))),
        only=cell((1, 1), np.arange(6.0).reshape(2, 3)),
    )
    assert read_array(file, "series").tolist() == [[1.0, 3.0, 5.0], [2.0, 4.0, 6.0]]
    assert read_array(file, "signals").tolist() == [[1.0, 4.0], [2.0, 5.0], [3.0, 6.0]]
    assert read_array(file, "batch").tolist() == [[1.0] * 4, [0.0] * 4, [0.0] * 4]
    assert (
        read_array(file, "only").tolist() == read_array(file, "only{1}").tolist() == [[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]]
    )
    assert read_array(file, "signals{2,1}").tolist() == [[2.0], [3.0]]
    assert read_array(file, "signals{3}").tolist() == [[4.0]]


AMBIGUOUS = "joining them is ambiguous; expected one column per cell, or name one cell as in"

NO_MATRIX = {
    "text": "text is a char 1x3, expected a matrix of numbers",
    "cube": "cube has 3 dimensions, expected a matrix",
    "wave": "wave: complex numbers, expected real ones",
    "long": "long: int64 numbers beyond 2^53, which float64 does not hold exactly",
    "wide": f"wide is a cell 1x2 of matrices 2x3: {AMBIGUOUS} wide{{1}}",
    "mixed": f"mixed is a cell 2x1 of matrices 1x1, 1x2: {AMBIGUOUS} mixed{{1}}",
    "many": f"many is a cell 1x5 of matrices 2x2, 2x3, 2x4, 2x5: {AMBIGUOUS} many{{1}}",
    "changing": "changing: the signals change their number of elements from one time step to another",
    "none": "none is a cell 0x0, expected a matrix or a cell of columns",
    "s": "s is a struct 1x1, expected a matrix of numbers",
    "r.a": "r: a struct 1x2: say which element, as in r(1).a",
}


@pytest.mark.parametrize("path", NO_MATRIX)
def test_what_is_no_matrix_is_refused(save: Save, path: str) -> None:
    records = np.zeros((1, 2), dtype=[("a", object)])
    records[0, 0], records[0, 1] = (1.0,), (2.0,)
    file = save(
        text="abc",
        cube=np.zeros((2, 2, 2)),
        wave=np.array([[1j]]),
        long=np.array([[2**53 + 2**10]], dtype=np.int64),
        wide=cell((1, 2), np.ones((2, 3)), np.ones((2, 3))),
        mixed=cell((2, 1), np.ones((1, 1)), np.ones((1, 2))),
        many=cell((1, 5), *(np.ones((2, width)) for width in range(6, 1, -1))),
        changing=cell((1, 2), column(1), column(1, 2)),
        none=np.empty((0, 0), dtype=object),
        s={"a": 1.0},
        r=records,
    )
    assert read_array(file, "r(2).a").tolist() == [[2.0]]
    with pytest.raises((matnet.FormatError, matnet.UnsupportedError)) as refused:
        read_array(file, path)
    assert str(refused.value) == f"{file}: {NO_MATRIX[path]}"


def test_all_matrices_are_listed_but_not_those_of_networks(small: MatlabObject, save: Save) -> None:
    file = save(
        net=small,
        x=np.ones((2, 3)),
        text="abc",
        s={"y": np.zeros((1, 3)), "name": "n"},
        series=cell((1, 3), column(1, 2), column(3, 4), column(5, 6)),
        mixed=cell((1, 2), np.ones((2, 2)), "text"),
        tr={"trainFcn": "trainlm", "best_epoch": 1.0, "best_perf": 2.0},
    )
    listed = {entry.path: entry for entry in StoredValues(file).arrays}
    assert {path: entry.shape for path, entry in listed.items()} == {
        "x": (2, 3),
        "s.y": (1, 3),
        "series": (2, 3),
        "mixed{1}": (2, 2),
    }
    for path, entry in listed.items():
        assert entry.read().tolist() == read_array(file, path).tolist()
        assert entry.read().shape == entry.shape


def test_what_is_listed_of_cells(save: Save) -> None:
    """A series, with a column for each signal and step, is one matrix; of all other cells each matrix is one."""
    file = save(
        signals=cell((2, 2), column(1), column(2, 3), column(4), column(5, 6)),
        column=cell((2, 1), column(1, 2), column(3)),
        changing=cell((1, 2), column(1), column(1, 2)),
        wide=cell((1, 2), np.ones((2, 2)), np.ones((2, 2))),
        thick=cell((1, 2), np.ones((2, 1, 3)), np.ones((2, 1, 3))),
        sparse=cell((1, 2), scipy.sparse.csc_matrix(np.eye(2)), "text"),
        none=np.empty((0, 2), dtype=object),
    )
    assert {entry.path: entry.shape for entry in StoredValues(file).arrays} == {
        "signals": (3, 2),
        "column{1}": (2, 1),
        "column{2}": (1, 1),
        "changing{1}": (1, 1),
        "changing{2}": (2, 1),
        "wide{1}": (2, 2),
        "wide{2}": (2, 2),
        "thick{1}": (2, 1, 3),
        "thick{2}": (2, 1, 3),
        "sparse{1}": (2, 2),
    }


def test_real_series_and_tool_sessions(corpus: Path) -> None:
    assert read_array(corpus / "dynamic_nar_open_closed.mat", "Aic").shape == (21, 5)
    assert read_array(corpus / "static_turning_nntool_session.mat", "STATE.input.values{1}{1}").shape == (3, 18)
    listed = {entry.path for entry in StoredValues(corpus / "static_turning_nntool_session.mat").arrays}
    assert {"STATE.input.values{1}{1}", "STATE.output.values{1}{1}"} <= listed


MINMAX = {
    "name": "mapminmax", "xrows": 2.0, "xmin": column(0, -1), "xmax": column(4, 1), "xrange": column(4, 2),
    "yrows": 2.0, "ymin": -1.0, "ymax": 1.0, "yrange": 2.0,
}  # fmt: skip
STD = {"name": "mapstd", "xmean": column(1, 2), "xstd": column(2, 4), "ymean": 0.0, "ystd": 1.0}


def test_scaling_beside_the_network_is_pointed_out(small: MatlabObject, save: Save) -> None:
    file = save(
        net=small,
        ps=MINMAX,
        s={"output_ps": STD, "other": {"xmin": 1.0}, "uneven": {**MINMAX, "xmax": column(1, 2, 3)}},
        minp=column(0, 1, 2), maxp=column(1, 2, 3),
        meant=column(0), stdt=column(1),
        meanp=column(1), stdp=column(1, 2),
    )  # fmt: skip
    assert matnet.load(file).provenance.scaling_candidates == {
        "ps": "settings of mapminmax for 2 rows",
        "s.output_ps": "settings of mapstd for 2 rows",
        "s.uneven": "settings of mapminmax for 2 rows",
        "minp,maxp": "what premnmx returned for the inputs, 3 rows",
        "meant,stdt": "what prestd returned for the targets, 1 row",
    }


def test_pairs_are_two_arrays_of_one_size(small: MatlabObject, save: Save) -> None:
    file = save(
        net=small,
        minp=column(0, 1), maxp=cell((1, 1), column(1, 2)),
        mint=column(0), maxt=column(1, 2),
        meanp=column(0),
    )  # fmt: skip
    assert matnet.load(file).provenance.scaling_candidates == {}


def test_at_most_a_hundred_structs_that_look_like_scaling_are_listed(small: MatlabObject, save: Save) -> None:
    """More are data."""
    file = save(net=small, s={f"p{number}": STD for number in range(101)})
    assert list(matnet.load(file).provenance.scaling_candidates) == [f"s.p{number}" for number in range(100)]


def test_a_struct_array_is_no_scaling(small: MatlabObject, save: Save) -> None:
    both = np.empty((1, 2), dtype=[(name, object) for name in STD])
    for name, value in STD.items():
        both[name][0, 0] = both[name][0, 1] = value
    assert matnet.load(save(net=small, ps=both)).provenance.scaling_candidates == {}


def test_scaling_is_read_as_the_processing_it_is(save: Save) -> None:
    file = open_mat(
        save(
            ps=MINMAX,
            ts=STD,
            mapstd=STD,
            minp=column(0, -1),
            maxp=column(4, 1),
            meant=column(1, 2),
            stdt=column(2, 4),
        ),
        DEFAULT_LIMIT,
    )
    x = np.array([[3.0, 0.5], [0.0, -1.0]])
    between = (x - [0.0, -1.0]) * [0.5, 1.0] - 1.0
    for name, expected in (
        ("ps", between),
        ("minp,maxp", between),
        ("ts", (x - [1.0, 2.0]) / [2.0, 4.0]),
        ("mapstd", (x - [1.0, 2.0]) / [2.0, 4.0]),
        ("meant, stdt", (x - [1.0, 2.0]) / [2.0, 4.0]),
    ):
        process = read_scaling(file, name)
        np.testing.assert_allclose(process.apply.value(x), expected, rtol=0, atol=1e-15)
        np.testing.assert_allclose(process.reverse.value(process.apply.value(x)), x, rtol=0, atol=1e-15)


NO_SCALING = {
    "x": (
        "x is a double 1x1, expected the settings struct that mapminmax or mapstd returned, or one of minp,maxp, "
        "mint,maxt, meanp,stdp, meant,stdt; arrays of other names are given as mapminmax:lowest,highest or "
        "mapstd:mean,deviation"
    ),
    "bad.other": (
        "bad.other is a struct 1x1, expected the settings struct that mapminmax or mapstd returned, or one of "
        "minp,maxp, mint,maxt, meanp,stdp, meant,stdt; arrays of other names are given as mapminmax:lowest,highest or "
        "mapstd:mean,deviation"
    ),
    "minp,maxp": "minp is 2x2, expected one number per row",
    "mint,maxt": "there is no variable mint; found: x (double 1x1), minp (double 2x2), bad (struct 1x1), cube (double "
    "1x1x2)",
    "mapminmax:x": "expected two arrays, and perhaps two numbers that they become, got x",
    "mapminmax:x,minp,1": "expected two arrays, and perhaps two numbers that they become, got x,minp,1",
    "mapstd:cube,x": "cube is 1x1x2, expected one number per row",
    "mapstd:bad,x": "bad is a struct 1x1, expected numbers",
    "mapminmax:x,minp,a,b": "expected two arrays, and perhaps two numbers that they become, got x,minp,a,b",
    "mapstd:x,bad.xmax": "x,bad.xmax: the setting xstd has 3 numbers for 1 row",
    "bad": "bad: the setting xmax has 3 numbers for 2 rows",
}


def test_what_is_no_scaling_is_refused(save: Save) -> None:
    bad = {key: MINMAX[key] for key in ("xmin", "ymin", "ymax")} | {"xmax": column(1, 2, 3), "other": {"a": 1.0}}
    file = open_mat(save(x=1.0, minp=np.eye(2), bad=bad, cube=np.ones((1, 1, 2))), DEFAULT_LIMIT)
    for name, message in NO_SCALING.items():
        with pytest.raises(matnet.MatnetError) as refused:
            read_scaling(file, name)
        assert str(refused.value) == message


def test_a_function_of_scaling_that_is_not_known_is_not_passed_over(save: Save) -> None:
    """The names alone would say which function they belong to."""
    file = open_mat(save(minp=column(1, 2), maxp=column(3, 4), mapstd=MINMAX), DEFAULT_LIMIT)
    assert read_scaling(file, "minp,maxp").function == "mapminmax"
    with pytest.raises(matnet.FormatError, match=r"^there is no variable mapminmx; found: "):
        read_scaling(file, "mapminmx:minp,maxp")
    # a variable may have the name of a function
    assert read_scaling(file, "mapstd").function == "mapminmax"


def test_scaling_in_a_file_of_its_own_is_named_with_the_file(save: Save) -> None:
    lowest, highest = column(10, -3), column(20, 5)
    file = save("scaling.mat", ps=MINMAX, s={"mu": lowest, "cells": cell((1, 2), lowest, highest)}, hi=highest.T)
    for name, function, ends in (
        ("mapminmax: s.mu, hi", "mapminmax", [[-1.0, -1.0], [1.0, 1.0]]),
        ("mapminmax:s.cells{1,1},s.cells{1,2},0,1", "mapminmax", [[0.0, 0.0], [1.0, 1.0]]),
        ("mapstd:s.mu,hi", "mapstd", [[0.0, 0.0], [0.5, 1.6]]),
    ):
        process = load_scaling(f"{file}:{name}")
        assert process.function == function
        assert process.apply.value(np.array([[10.0, -3.0], [20.0, 5.0]])).tolist() == ends
    assert load_scaling("ps", file).raw_size == load_scaling(f"{file}:ps").raw_size == 2


def test_scaling_without_a_file_is_refused(save: Save) -> None:
    file = save("scaling.mat", ps=MINMAX)
    for address, message in (
        ("ps", "'ps' does not name a file; expected FILE.mat:NAME"),
        (f"{file}:qs", f"{file}: there is no variable qs; found: ps (struct 1x1)"),
    ):
        with pytest.raises(matnet.FormatError) as refused:
            load_scaling(address)
        assert str(refused.value) == message


@pytest.mark.parametrize(
    ("shape", "image", "expected"),
    [
        ((4, 3, 2), (4, 3, 2), True),
        ((4, 3, 2, 7), (4, 3, 2), True),
        ((4, 3, 2, 7, 1), (4, 3, 2), False),
        ((4, 3), (4, 3, 1), True),
        ((4, 3), (4, 3, 2), False),
        ((4, 3, 1, 7), (4, 3, 1), True),
        ((4, 1), (4, 1, 1), True),
        ((4, 3, 7), (4, 3, 1), False),
        ((3, 4, 2), (4, 3, 2), False),
        ((24, 7), (4, 3, 2), False),
        ((24, 7), (), False),
    ],
)
def test_arrays_that_are_images(shape: tuple[int, ...], image: tuple[int, ...], expected: bool) -> None:
    assert holds_images(shape, image) == expected


def test_images_become_samples_column_by_column() -> None:
    numbers = np.arange(24.0).reshape(2, 3, 2, 2)
    samples = as_samples(Numeric(numbers), "x", (2, 3, 2))
    assert samples.shape == (12, 2)
    for sample in range(2):
        assert samples[:, sample].tolist() == [
            numbers[h, w, c, sample] for c in range(2) for w in range(3) for h in range(2)
        ]
    assert as_samples(Numeric(numbers[..., 0]), "x", (2, 3, 2)).tolist() == samples[:, :1].tolist()
    matrix = numbers.reshape(4, 6)
    assert as_samples(Numeric(matrix), "x", (2, 3, 2)).tolist() == matrix.tolist()
    assert as_samples(Numeric(matrix), "x").tolist() == matrix.tolist()
    with pytest.raises(matnet.UnsupportedError) as refused:
        as_samples(Numeric(numbers), "x", (3, 2, 2))
    assert str(refused.value) == "x is 2x3x2x2, expected images 3x2x2 or 3x2x2xN, or a matrix"
    with pytest.raises(matnet.UnsupportedError, match=r"^x: complex numbers, expected real ones$"):
        as_samples(Numeric(1j * numbers), "x", (2, 3, 2))


def test_states_may_be_an_empty_cell() -> None:
    assert as_states(Cell((0, 0), ()), "x").shape == (0, 0)
    assert as_states(Cell((1, 1), (Numeric(np.ones((2, 1))),)), "x").tolist() == [[1.0], [1.0]]


def test_cells_of_several_matrices_are_listed(save: Save) -> None:
    file = save(
        two=cell((2, 1), np.eye(2), np.ones((2, 3))),
        row=cell((1, 2), np.eye(2), np.ones((2, 3))),
        sparse=cell((1, 2), scipy.sparse.csc_matrix(np.eye(2)), np.eye(2)),
        columns=cell((2, 1), column(1.0, 2.0), column(3.0)),
        series=cell((1, 2), column(1.0, 2.0), column(3.0, 4.0)),
        one=cell((1, 1), np.eye(2)),
        square=cell((2, 2), *[np.eye(2)] * 4),
        text=cell((1, 2), np.eye(2), "a"),
        empty=cell((1, 2), np.eye(2), np.zeros((0, 2))),
        thick=cell((1, 2), np.eye(2), np.ones((2, 2, 2))),
    )
    stored = StoredValues(file)
    found = {entry.path: entry.shapes for entry in stored.cells}
    assert found == {
        "two": ((2, 2), (2, 3)),
        "row": ((2, 2), (2, 3)),
        "sparse": ((2, 2), (2, 2)),
        "columns": ((2, 1), (1, 1)),
    }
    assert repr(stored.cells[0]) == "StoredCell(path='two', shapes=((2, 2), (2, 3)))"
    read = stored.cell("two")
    assert read is not None
    assert [matrix.tolist() for matrix in read] == [[[1.0, 0.0], [0.0, 1.0]], [[1.0] * 3] * 2]
    with pytest.raises(matnet.UnsupportedError) as refused:
        StoredValues(save("complex.mat", c=cell((1, 2), np.eye(2), 1j * np.eye(2)))).cell("c")
    assert str(refused.value).endswith("complex.mat: c{2}: complex numbers, expected real ones")
    assert all(stored.cell(name) is None for name in ("series", "one", "square", "text", "empty", "thick"))
