"""Workbooks, computed by a second reader of their formulas: numbers, the first sample, ranges and headings."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from exported_networks import disagreement, only_chooses, row_networks, samples
from matnet.exporters import excel_workbook
from matnet.exporters.recording import Options, Recording
from matnet.exporters.target import Job, targets
from matnet.model.structure import Input, Layer, Output, Process, Structure, Weight
from matnet.network import Network
from random_networks import Real, minmax
from spreadsheet import Workbook, letters

pytest.importorskip("xlsxwriter")
CHOSEN = {
    name: net
    for name, net in row_networks().items()
    if name.startswith(("transfer_", "input_", "output_", "connection_", "weight_"))
    or name in ("several", "nothing_left", "constant", "identity", "number", "zero_beside", "zero_hidden", "regression")
    if (not name.startswith("weight_") or name.endswith("netprod")) and name != "output_removerows_0"  # NaN
}


def written(net: Network, **options: object) -> Workbook:
    jacobian = not only_chooses(net)
    chosen = Options(**{"jacobian": jacobian} | options)  # type: ignore[arg-type]
    return Workbook(targets()[".xlsx"].render(Recording(net, "net", chosen)))


def results(book: Workbook, x: Real, count: int) -> Real:
    """The results (N, count) in the columns after the inputs, for samples (N, R)."""
    rows = []
    for row in x:
        found = book.with_inputs({f"{letters(2 + k)}7": value for k, value in enumerate(row)})
        rows.append([found[f"{letters(2 + len(row) + k)}7"] for k in range(count)])
    return np.array(rows)


@pytest.mark.parametrize("name", CHOSEN)
def test_every_row(name: str) -> None:
    net = CHOSEN[name]
    x = samples(net)[[0, 1, 2, 12]]
    parts = net.value_and_jacobian(x) if not only_chooses(net) else (net(x),)
    expected = np.concatenate([part.reshape(len(x), -1) for part in parts], axis=1)
    finite = np.isfinite(expected).all(axis=1)
    book = written(net)
    assert disagreement(results(book, x[finite], expected.shape[1]), expected[finite]) <= 1e-12
    # what stands in the cells before anything is computed
    found = book.with_inputs(
        {f"{letters(2 + k)}7": float(book.written[f"{letters(2 + k)}7"]) for k in range(x.shape[1])}
    )
    for place, value in found.items():
        np.testing.assert_allclose(np.float64(book.written[place]), value, rtol=1e-12, atol=1e-300, err_msg=place)


def test_what_stands_above_the_numbers() -> None:
    layer = Layer(2, "tansig", {0: Weight([[0.25, -1.5, 0.1], [3.0, 0.3, -0.7]])}, bias=[0.5, 0.125])
    first, second = minmax(3, np.random.default_rng(1)), minmax(2, np.random.default_rng(2))
    structure = Structure((Input(3, (first,)),), (layer,), (Output(0, 2, (second,)),))
    net = Network(structure).with_names(
        ["flow", "speed", "level"], ["head", "power"], units={"speed": "1/min", "power": "kW"}
    )
    book = written(net, jacobian=False)
    limits = np.concatenate([net.input_range, net.output_range])
    rows = {row: [book.written.get(f"{column}{row}") for column in "ABCDEF"] for row in (3, 4, 5, 6)}
    assert rows[3] == ["unit", None, "1/min", None, None, "kW"]
    assert rows[4] == ["lowest in the range", *limits[:, 0]]
    assert rows[5] == ["highest in the range", *limits[:, 1]]
    assert rows[6] == ["sample", "flow", "speed", "level", "head", "power"]
    assert book.written["A7"] == 1.0
    # the rows of the weights say what they are of; an activation is a sum of processed inputs with the layer's bias
    assert [book.weights.get(f"{column}5") for column in "ABCDE"] == ["", "constant", "u1", "u2", "u3"]
    assert [book.weights[f"A{row}"] for row in (2, 3, 4, 6, 7, 9, 11)] == [
        "u1",
        "u2",
        "u3",
        "a1_1",
        "a1_2",
        "head",
        "power",
    ]


def test_the_samples_of_several_jobs_are_filled_down(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What LibreOffice is given for a check, and where the results are taken from what it gives back."""

    def computed_rows(books: Sequence[Path], folder: Path, first: int) -> list[Real]:
        return [np.array(Workbook(book.read_bytes()).rows(first)) for book in books]

    monkeypatch.setattr(excel_workbook, "computed_rows", computed_rows)
    target, jobs, expected = targets()[".xlsx"], [], []
    rng = np.random.default_rng(0)
    for name in ("several", "transfer_softmax"):
        net, path = CHOSEN[name], tmp_path / f"{name}.xlsx"
        path.write_bytes(target.render(Recording(net, name, Options())))
        for count in (3, 0, 2):
            x = rng.normal(size=(count, net.input_size))
            y, jacobian = net.value_and_jacobian(x)
            jobs.append(Job(path, name, "value_and_jacobian", (x,), (y.shape[1:], jacobian.shape[1:])))
            expected.append((y, jacobian))
    # jobs of one file need not stand together
    order = [0, 3, 1, 4, 2, 5]
    answers = target.run([jobs[k] for k in order], tmp_path)
    for k, answer in zip(order, answers, strict=True):
        for got, right in zip(answer, expected[k], strict=True):
            assert disagreement(got, right) <= 1e-13


def test_a_sample_that_is_not_known_is_written_as_an_error(tmp_path: Path) -> None:
    path = tmp_path / "net.xlsx"
    path.write_bytes(targets()[".xlsx"].render(Recording(CHOSEN["transfer_purelin"], "net", Options(jacobian=False))))
    x = np.array([[1.0, np.nan, 2.0], [1.0, 2.0, 3.0]])
    excel_workbook._filled_down(path, x, tmp_path / "filled.xlsx")
    found = np.array(Workbook((tmp_path / "filled.xlsx").read_bytes()).rows(7))
    assert found[:, 0].tolist() == [1.0, 2.0]
    np.testing.assert_array_equal(found[:, 1:4], x)
    assert np.isnan(found[:, 4:8]).tolist() == [[True] * 4, [False] * 4]
    np.testing.assert_allclose(found[1, 4:8], CHOSEN["transfer_purelin"](x)[1], rtol=1e-14)


def test_inputs_that_are_not_adjacent() -> None:
    """Excel counts at most 255 ranges in one call."""
    size = 522
    keep = np.arange(1, size + 1, 2)
    removed = Process.from_matlab(
        "removeconstantrows",
        {"keep": keep, "remove": keep + 1, "constants": np.zeros(size // 2), "xrows": size, "yrows": size // 2},
    )
    weights = np.random.default_rng(0).normal(size=(1, size // 2))
    net = Network(Structure((Input(size, (removed,)),), (Layer(1, "tansig", {0: Weight(weights)}),), (Output(0, 1),)))
    book, x = written(net, jacobian=False), np.random.default_rng(1).normal(size=(2, size)) / 20.0
    np.testing.assert_allclose(results(book, x, 1), net(x), rtol=1e-13)
    x[0, 1], x[1, 520] = np.nan, np.nan
    assert np.isnan(results(book, x, 1)).ravel().tolist() == [False, True]
