"""Networks over tables: the columns of the result, their names and numbers, and the rows outside the range."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Literal

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matnet.errors import ShapeError, TableError
from matnet.functions.namespace import FloatArray
from matnet.model.structure import Input, Layer, Output, Structure, Weight
from matnet.network import Ensemble, Network
from matnet.tables import chunks as rows_module
from matnet.tables.arrays import ArrayTable
from matnet.tables.chunks import chunk_rows, rechunked
from matnet.tables.columns import Columns
from matnet.tables.csv.dialect import Dialect, Style
from matnet.tables.csv.sink import CsvSink
from matnet.tables.csv.streams import Stream
from matnet.tables.csv.table import CsvTable
from matnet.tables.formats import delimiter_for, mat_address, sheet_address
from matnet.tables.interfaces import Rows, Source
from matnet.tables.run import BatchOptions, gradients, predict
from matnet.tables.summary import Summary
from matnet.tables.target import Target
from trials import trials

Command = Callable[..., Summary]


def network() -> Network:
    """Two inputs, two outputs, ranges known for the first input alone."""
    W = np.array([[0.5, -1.25], [2.0, 0.75], [-0.3, 0.1]])
    hidden = Layer(3, "tansig", {0: Weight(W)}, bias=np.array([0.1, -0.2, 0.3]))
    output = Layer(2, "purelin", {}, {0: Weight(np.array([[1.0, -2.0, 3.0], [0.5, 0.25, 4.0]]))}, np.array([1.0, 2.0]))
    limits = np.array([[-1.0, 1.0], [np.nan, np.nan]])
    return Network(Structure((Input(2, range=limits),), (hidden, output), (Output(1, 2),)))


NET = network()


def run(
    command: Command, text: str, columns: Columns | None = None, hessian: bool = False, tidy: bool = False
) -> tuple[list[list[str]], Summary]:
    """The result's lines as cells, header first."""
    columns = columns or Columns()
    stdout = io.BytesIO()
    table = CsvTable(Stream(io.BytesIO(text.encode()), "t.csv"), Dialect(missing="nan"), columns.keep)
    summary = command(NET, table, Target(stdout, "out"), BatchOptions(columns, hessian=hessian, tidy=tidy))
    return list(csv.reader(io.StringIO(stdout.getvalue().decode(), newline=""), strict=True)), summary


def refusal(command: Command, text: str, columns: Columns) -> str:
    with pytest.raises(TableError) as raised:
        run(command, text, columns)
    return str(raised.value)


def numbers(cells: list[list[str]]) -> FloatArray:
    return np.array([[float(cell) for cell in row] for row in cells[1:]])


TEXT = "x1,x2,id\n0.5,1,007\n-0.25,2,1.50\n"
X = np.array([[0.5, 1.0], [-0.25, 2.0]])


def test_predict_writes_outputs() -> None:
    cells, _ = run(predict, TEXT)
    assert cells[0] == ["y1", "y2"]
    np.testing.assert_array_equal(numbers(cells), NET(X))


def test_gradients_writes_outputs_and_their_derivatives() -> None:
    cells, _ = run(gradients, TEXT)
    assert cells[0] == ["y1", "y2", "dy1_dx1", "dy1_dx2", "dy2_dx1", "dy2_dx2"]
    y, jacobian = NET.value_and_jacobian(X)
    np.testing.assert_array_equal(numbers(cells), np.hstack([y, jacobian.reshape(2, 4)]))


def test_kept_columns_come_first_and_unchanged() -> None:
    cells, _ = run(predict, TEXT, Columns(keep=("id", "x1")))
    assert [row[:2] for row in cells] == [["id", "x1"], ["007", "0.5"], ["1.50", "-0.25"]]


def test_names_given_replace_x_and_y() -> None:
    text = "load,speed\n1,0.5\n2,-0.25\n"
    cells, _ = run(gradients, text, Columns(inputs=("speed", "load"), outputs=("power", "heat")))
    assert cells[0] == [
        "power", "heat", "dpower_dspeed", "dpower_dload", "dheat_dspeed", "dheat_dload",
    ]  # fmt: skip
    np.testing.assert_array_equal(numbers(cells)[:, 2:], NET.jacobian(X).reshape(2, 4))


def test_selected_derivatives() -> None:
    cells, _ = run(gradients, TEXT, Columns(of=("y2",), wrt=("x2", "x1")))
    assert cells[0] == ["y2", "dy2_dx2", "dy2_dx1"]
    np.testing.assert_array_equal(numbers(cells)[:, 1:], NET.jacobian(X)[:, 1, ::-1])


def test_selected_outputs() -> None:
    cells, _ = run(predict, TEXT, Columns(of=("y2",)))
    assert cells[0] == ["y2"]
    np.testing.assert_array_equal(numbers(cells), NET(X)[:, 1:])


def test_second_derivatives_come_last_each_pair_once() -> None:
    cells, _ = run(gradients, TEXT, Columns(of=("y2",)), hessian=True)
    assert cells[0] == ["y2", "dy2_dx1", "dy2_dx2", "d2y2_dx1_dx1", "d2y2_dx1_dx2", "d2y2_dx2_dx2"]
    H = NET.hessian(X)[:, 1]
    np.testing.assert_array_equal(numbers(cells)[:, 3:], H[:, [0, 0, 1], [0, 1, 1]])


def test_second_derivatives_of_all_outputs_in_the_order_asked_for() -> None:
    columns = Columns(inputs=("x1", "x2"), outputs=("p", "q"), wrt=("x2", "x1"))
    cells, _ = run(gradients, TEXT, columns, hessian=True)
    assert cells[0][6:] == [
        "d2p_dx2_dx2", "d2p_dx2_dx1", "d2p_dx1_dx1", "d2q_dx2_dx2", "d2q_dx2_dx1", "d2q_dx1_dx1",
    ]  # fmt: skip
    H = NET.hessian(X)[:, :, [1, 1, 0], [1, 0, 0]]
    np.testing.assert_array_equal(numbers(cells)[:, 6:], H.reshape(2, 6))


def test_the_tidy_form_has_a_row_for_every_derivative() -> None:
    cells, summary = run(gradients, TEXT, Columns(keep=("id",)), tidy=True)
    assert cells[0] == ["id", "sample", "output", "input", "y", "dy_dx"]
    y, J = NET.value_and_jacobian(X)
    expected = [
        [("007", "1.50")[q], str(q + 1), f"y{i + 1}", f"x{j + 1}", y[q, i], J[q, i, j]]
        for q in range(2)
        for i in range(2)
        for j in range(2)
    ]
    assert [[*row[:4], float(row[4]), float(row[5])] for row in cells[1:]] == expected
    assert summary.rows == 2


def test_the_tidy_form_with_names_and_second_derivatives() -> None:
    columns = Columns(inputs=("x2", "x1"), outputs=("=p", "q"), of=("=p",), wrt=("x1",))
    cells, _ = run(gradients, "x1,x2\n1,0.5\n", columns, hessian=True, tidy=True)
    assert cells[0] == ["sample", "output", "input", "y", "dy_dx", "d2y_dx_dx1"]
    assert cells[1][:3] == ["1", "'=p", "x1"]
    assert [float(cell) for cell in cells[1][4:]] == [
        NET.jacobian(X[:1])[0, 0, 1],
        NET.hessian(X[:1])[0, 0, 1, 1],
    ]


def test_samples_are_numbered_through_all_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows_module, "MOST_ROWS", 256)
    cells, _ = run(gradients, "x1,x2\n" + "1,2\n" * 600, Columns(of=("y1",), wrt=("x1",)), tidy=True)
    assert [int(row[0]) for row in cells[1:]] == list(range(1, 601))


def test_an_ensemble_gives_mean_and_spread() -> None:
    other = NET.with_parameters(NET.parameters * 1.25)
    mean = Ensemble([NET, other])
    stdout = io.BytesIO()
    table = CsvTable(Stream(io.BytesIO(TEXT.encode()), "t.csv"), Dialect())
    gradients(mean, table, Target(stdout, "out"), BatchOptions(Columns(of=("y2",))))
    cells = list(csv.reader(io.StringIO(stdout.getvalue().decode())))
    assert cells[0] == ["y2", "y2_std", "dy2_dx1", "dy2_dx2"]
    y = np.stack([NET(X), other(X)])[..., 1]
    J = np.stack([NET.jacobian(X), other.jacobian(X)])[:, :, 1]
    expected = np.column_stack([y.mean(axis=0), np.abs(y[0] - y[1]) / np.sqrt(2), J.mean(axis=0)])
    np.testing.assert_allclose(numbers(cells), expected, rtol=1e-14)


def test_the_tidy_form_of_an_ensemble_has_the_spread_beside_the_mean() -> None:
    members = [NET, NET.with_parameters(NET.parameters * 1.25), NET.with_parameters(NET.parameters * 0.5)]
    stdout = io.BytesIO()
    table = CsvTable(Stream(io.BytesIO(TEXT.encode()), "t.csv"), Dialect())
    columns = Columns(keep=("id",), of=("y2", "y1"), wrt=("x2", "x1"))
    gradients(Ensemble(members), table, Target(stdout, "out"), BatchOptions(columns, tidy=True, hessian=True))
    header, *rows = csv.reader(io.StringIO(stdout.getvalue().decode()))
    assert header == ["id", "sample", "output", "input", "y", "y_std", "dy_dx", "d2y_dx_dx2", "d2y_dx_dx1"]
    order = [(q, i, j) for q in range(2) for i in (1, 0) for j in (1, 0)]
    assert [row[:4] for row in rows] == [
        [("007", "1.50")[q], str(q + 1), f"y{i + 1}", f"x{j + 1}"] for q, i, j in order
    ]
    y = np.stack([net(X) for net in members])
    J = np.mean([net.jacobian(X) for net in members], axis=0)
    H = np.mean([net.hessian(X) for net in members], axis=0)
    mean, spread = y.mean(axis=0), np.sqrt(((y - y.mean(axis=0)) ** 2).sum(axis=0) / 2)
    expected = [[mean[q, i], spread[q, i], J[q, i, j], H[q, i, j, 1], H[q, i, j, 0]] for q, i, j in order]
    np.testing.assert_allclose([[float(cell) for cell in row[4:]] for row in rows], expected, rtol=1e-13, atol=1e-16)


def uncertain(model: Network | Ensemble, sd: tuple[float, ...], columns: Columns | None = None) -> list[list[str]]:
    stdout = io.BytesIO()
    table = CsvTable(Stream(io.BytesIO(TEXT.encode()), "t.csv"), Dialect())
    predict(model, table, Target(stdout, "out"), BatchOptions(columns or Columns(), input_sd=sd))
    return list(csv.reader(io.StringIO(stdout.getvalue().decode())))


def test_the_inputs_uncertainty_becomes_the_outputs() -> None:
    cells = uncertain(NET, (0.1, 0.02))
    assert cells[0] == ["y1", "y1_sd", "y2", "y2_sd"]
    J = NET.jacobian(X)
    sd = np.sqrt((J[..., 0] * 0.1) ** 2 + (J[..., 1] * 0.02) ** 2)
    np.testing.assert_allclose(numbers(cells)[:, 1::2], sd, rtol=1e-14)
    np.testing.assert_array_equal(numbers(cells)[:, ::2], NET(X))
    assert uncertain(NET, (0.1, 0.02), Columns(of=("y2",)))[1] == cells[1][2:]


@pytest.mark.parametrize(
    ("model", "sd", "message"),
    [
        (NET, (0.1,), "input_sd gives 1 number, the network has 2 inputs"),
        (NET, (0.1, -1.0), "input_sd: standard deviations are finite and not negative, got [0.1, -1.0]"),
        (NET, (np.inf, 0.1), "input_sd: standard deviations are finite and not negative, got [inf, 0.1]"),
        (NET, (0.1, np.nan), "input_sd: standard deviations are finite and not negative, got [0.1, nan]"),
        (Ensemble([NET]), (0.1, 0.1), "input_sd is for a single network, not for an ensemble"),
    ],
)
def test_uncertainties_that_do_not_fit(model: Network | Ensemble, sd: tuple[float, ...], message: str) -> None:
    with pytest.raises(TableError) as raised:
        uncertain(model, sd)
    assert str(raised.value) == message


def test_header_only_gives_header_only() -> None:
    cells, summary = run(gradients, "x1,x2\n", Columns(of=("y1",)))
    assert cells == [["y1", "dy1_dx1", "dy1_dx2"]]
    assert summary.rows == 0


def test_missing_inputs_are_nan_and_so_are_their_outputs() -> None:
    cells, _ = run(predict, "x1,x2\n,1\n0.5,1\n")
    assert cells[1] == ["NaN", "NaN"]
    np.testing.assert_array_equal(numbers(cells)[1], NET(X[0]))


def test_rows_outside_the_range_are_counted() -> None:
    _, summary = run(predict, "x1,x2\n1,1e9\n1.0000001,0\n-2,0\n,0\nInf,0\n")
    assert (summary.rows, summary.outside, summary.outside_by_input) == (5, 3, [3, 0])
    assert summary.input_names == ("x1", "x2")


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        (
            Columns(keep=("y1",)),
            "two columns of the result would be named 'y1'; "
            "use other names for the inputs or outputs (inputs, outputs), or leave a column out of keep",
        ),
        (
            Columns(outputs=("a", "da_dx1")),
            "two columns of the result would be named 'da_dx1'; "
            "use other names for the inputs or outputs (inputs, outputs), or leave a column out of keep",
        ),
        (Columns(outputs=("a",)), "outputs gives 1 name ('a'), the network has 2 outputs"),
        (Columns(outputs=("a", "a")), "outputs gives 'a' twice"),
        (Columns(of=("y3",)), "of: there is no 'y3'; there are 'y1', 'y2'"),
        (Columns(wrt=("speed",)), "wrt: there is no 'speed'; there are 'x1', 'x2'"),
        (Columns(wrt=("x1", "x1")), "wrt gives 'x1' twice"),
    ],
)
def test_names_that_do_not_fit(columns: Columns, message: str) -> None:
    assert refusal(gradients, "x1,x2,y1\n1,2,3\n", columns) == message


def test_an_ensemble_of_dynamic_networks_is_refused() -> None:
    layer = Layer(1, "purelin", {0: Weight(np.ones((1, 2)), delays=(0, 1))})
    net = Network(Structure((Input(1),), (layer,), (Output(0, 1),)))
    table = CsvTable(Stream(io.BytesIO(b"x1\n1\n"), "t.csv"), Dialect())
    with pytest.raises(ShapeError):
        predict(Ensemble([net, net]), table, Target(io.BytesIO(), "out"))


def test_the_result_does_not_depend_on_how_the_table_was_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows_module, "MOST_ROWS", 256)
    rng = np.random.default_rng(5)
    text = "x1,x2\n" + "".join(f"{a!r},{b!r}\n" for a, b in rng.normal(size=(1000, 2)).tolist())
    results = set()
    for block in (100, 1000, 12345, 1 << 20):
        stdout = io.BytesIO()
        table = CsvTable(Stream(io.BytesIO(text.encode()), "t.csv"), Dialect(), block_bytes=block)
        summary = gradients(NET, table, Target(stdout, "out"))
        assert summary.rows == 1000
        results.add(stdout.getvalue())
    assert len(results) == 1


def test_progress_is_told_after_every_chunk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows_module, "MOST_ROWS", 256)
    told: list[tuple[int, float | None]] = []
    text = ("x1,x2\n" + "1,2\n" * 600).encode()
    table = CsvTable(Stream(io.BytesIO(text), "t.csv", len(text)), Dialect())
    predict(NET, table, Target(io.BytesIO(), "out"), progress=lambda *how: told.append(how))
    assert told == [(256, 1.0), (512, 1.0), (600, 1.0)]


@settings(max_examples=trials(100))
@given(st.lists(st.integers(0, 9), max_size=12), st.integers(1, 7))
def test_rechunked_rows_are_the_same_rows(sizes: list[int], size: int) -> None:
    ends = np.cumsum([0, *sizes])
    parts = [
        Rows(np.arange(a, b)[:, None].astype(float), pl.DataFrame({"k": [str(n) for n in range(a, b)]}))
        for a, b in pairwise(ends)
        if b > a
    ]
    chunks = list(rechunked(parts, size))
    assert all(len(chunk) == size for chunk in chunks[:-1])
    assert [value for chunk in chunks for value in chunk.x[:, 0].tolist()] == list(range(ends[-1]))
    assert [text for chunk in chunks for text in chunk.texts["k"].to_list()] == [str(n) for n in range(ends[-1])]


@pytest.mark.parametrize(("width", "rows"), [(1, 16384), (64, 16384), (65, 8192), (1000, 1024), (10**6, 8), (10**7, 8)])
def test_chunks_have_a_size_by_the_width_of_the_result(width: int, rows: int) -> None:
    assert chunk_rows(width) == rows


def written(names: list[str], kept: pl.DataFrame, values: FloatArray, delimiter: str = ",") -> str:
    stdout = io.BytesIO()
    columns = [*kept.get_columns(), *(pl.Series(column) for column in values.T)]
    with CsvSink(Target(stdout, "out"), names, delimiter) as sink:
        sink.write(sink.formatted(columns))
    return stdout.getvalue().decode()


def test_floats_are_written_short_and_exact() -> None:
    values = [1e-5, 1e300, 5e-324, -0.0, np.nan, np.inf, -np.inf, 0.1, 1 / 3, 1e22]
    text = written(["y"], pl.DataFrame(), np.array(values)[:, None])
    cells = text.splitlines()[1:]
    assert cells == [
        "0.00001", "1e+300", "5e-324", "-0.0", "NaN", "inf", "-inf", "0.1", "0.3333333333333333", "1e+22",
    ]  # fmt: skip


@settings(max_examples=trials(200))
@given(st.lists(st.floats(), min_size=1, max_size=50))
def test_floats_read_back_to_the_bit_with_the_fewest_digits(values: list[float]) -> None:
    cells = written(["y"], pl.DataFrame(), np.array(values)[:, None]).splitlines()[1:]
    for cell, value in zip(cells, values, strict=True):
        np.testing.assert_array_equal(float(cell), value)
        assert np.isnan(value) or np.signbit(float(cell)) == np.signbit(value)
        assert len(digits(cell)) <= len(digits(repr(value)))


ODD = [1e300, 1.7976931348623157e308, 9.9999e307, 5e-324, 2.2250738585072014e-308, 1.2345678e-305, 123456.0, 0.0, -0.0]


@pytest.mark.parametrize("precision", [1, 2, 3, 6, 15, 16, 17])
def test_so_many_significant_digits_are_those_that_python_writes(precision: int) -> None:
    """Of doubles of every size, of single precision, and of what is no number; and never more digits than asked for."""
    rng = np.random.default_rng(1)
    several = [*ODD, *(rng.normal(size=2000) * 10.0 ** rng.integers(-12, 13, 2000)).tolist()]
    columns = [pl.Series(several), pl.Series(several, dtype=pl.Float32)]
    stdout = io.BytesIO()
    with CsvSink(Target(stdout, "out"), ["a", "b"], style=Style(precision)) as sink:
        sink.write(sink.formatted(columns))
        sink.write(sink.formatted([pl.Series([np.nan, np.inf, None]), pl.Series([-np.inf, None, 0.1])]))
    rows = [line.split(",") for line in stdout.getvalue().decode().splitlines()[1:]]
    for column, numbers in enumerate((several, columns[1].cast(pl.Float64).to_list())):
        for number, row in zip(numbers, rows, strict=False):
            rounded = float(f"{number:.{precision - 1}e}")
            if math.isinf(rounded):
                rounded = number  # finite, or beyond single precision
            else:
                assert len(digits(row[column])) <= precision
            assert float(row[column]) == rounded
            assert math.copysign(1.0, float(row[column])) == math.copysign(1.0, number)
    tenth = f"{0.1:.{precision - 1}e}"
    assert rows[-3:-1] == [["NaN", "-inf"], ["inf", ""]]
    assert (rows[-1][0], float(rows[-1][1])) == ("", float(tenth))


def digits(text: str) -> str:
    """The significant digits of a number's text."""
    return text.lstrip("-").split("e")[0].replace(".", "").strip("0")


@settings(max_examples=trials(200))
@given(
    st.lists(st.text(st.sampled_from("a,\"\n\r;\t =é'"), max_size=5), min_size=1, max_size=9), st.sampled_from(",\t")
)
def test_kept_text_reads_back_unchanged(texts: list[str], delimiter: str) -> None:
    text = written(["k", "y"], pl.DataFrame({"k": texts}), np.zeros((len(texts), 1)), delimiter)
    rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True))
    assert [row[0] for row in rows[1:]] == texts


def test_names_that_a_spreadsheet_would_run_are_disarmed() -> None:
    names = ["=1+1", "+a", "-b", "@c", "\td", "a=b", 'q"', "", "e,f"]
    text = written(names, pl.DataFrame(), np.zeros((1, len(names))))
    header = text.splitlines()[0]
    assert header == '\'=1+1,\'+a,\'-b,\'@c,"\'\td",a=b,"q""","","e,f"'


@pytest.mark.parametrize(("decimal", "delimiter"), [(",", ";"), (".", ",")])
def test_numbers_have_the_decimal_sign_that_is_asked_for_in_kept_text_too(
    decimal: Literal[".", ","], delimiter: str
) -> None:
    """What is no number stays as it is, and so do integers."""
    kept = pl.Series(["0.5", "-1.25e-3", "a.b", "1.2.3", "", None])
    counts, floats = pl.Series([1, 2, 3, 4, 5, 6]), pl.Series([0.5, -2.0, np.nan, np.inf, 1e-5, None])
    stdout = io.BytesIO()
    with CsvSink(Target(stdout, "out"), ["k", "n", "y"], delimiter, Style(decimal=decimal)) as sink:
        sink.write(sink.formatted([kept, counts, floats]))
    rows = list(csv.reader(io.StringIO(stdout.getvalue().decode()), delimiter=delimiter))[1:]
    texts = [f"0{decimal}5", f"-1{decimal}25e-3", "a.b", "1.2.3", "", ""]
    assert [row[0] for row in rows] == texts
    assert [row[1] for row in rows] == list("123456")
    assert [row[2] for row in rows] == [f"0{decimal}5", f"-2{decimal}0", "NaN", "inf", f"0{decimal}00001", ""]


@pytest.mark.parametrize(("name", "delimiter"), [("a.csv", ","), ("a.TXT", ","), ("a.tsv", "\t"), ("-", ",")])
def test_the_suffix_says_how_to_write(name: str, delimiter: str) -> None:
    assert delimiter_for(name) == delimiter


def test_devices_are_written_as_csv() -> None:
    assert delimiter_for("/dev/stderr") == ","


@pytest.mark.parametrize("name", ["a.parquet", "a.parquet.gz", "a", "net.mat"])
def test_other_suffixes_are_refused(name: str) -> None:
    with pytest.raises(TableError) as raised:
        delimiter_for(name)
    assert str(raised.value) == (
        f"{name}: results are not written in this format; known: .csv, .txt, .tsv, or - for standard output"
        "; or choose the format with form"
    )


@pytest.mark.parametrize(
    ("table", "address"),
    [
        ("a.mat:x", ("a.mat", "x")),
        ("C:\\data\\a.MAT:results.x{2}", ("C:\\data\\a.MAT", "results.x{2}")),
        ("a.csv", None),
        ("a.mat", None),
        ("a.mat:", None),
        ("a.mat:dir/b.csv", None),
    ],
)
def test_addresses_in_mat_files(table: str, address: tuple[str, str] | None) -> None:
    assert mat_address(table) == address


@pytest.mark.parametrize(
    ("table", "address"),
    [
        ("a.xlsx:Sheet 2", ("a.xlsx", "Sheet 2")),
        ("C:\\data\\a.XLSX:b.xlsx", ("C:\\data\\a.XLSX", "b.xlsx")),
        (f"a.xlsx:{'n' * 31}", ("a.xlsx", "n" * 31)),
        (f"a.xlsx:{'n' * 32}", None),
        ("a.xlsx:", None),
        ("a.xlsx:dir/b", None),
        ("a.xlsx", None),
        ("a.csv:b", None),
    ],
)
def test_addresses_in_workbooks(table: str, address: tuple[str, str] | None) -> None:
    assert sheet_address(table) == address


def array_table(x: FloatArray, across: bool) -> ArrayTable:
    return ArrayTable(x, "a.mat:x", Source("a.mat:x"), across=across)


def test_samples_of_an_array() -> None:
    stdout = io.BytesIO()
    table = array_table(X, across=True)
    predict(NET, table, Target(stdout, "out"), BatchOptions(Columns(inputs=("a", "b"))))
    cells = list(csv.reader(io.StringIO(stdout.getvalue().decode())))
    np.testing.assert_array_equal(numbers(cells), NET(X))
    assert table.fraction == 1.0


def test_an_array_of_another_size() -> None:
    with pytest.raises(TableError) as raised:
        array_table(np.zeros((2, 5)), across=True).choose(Columns(), 2)
    assert str(raised.value) == (
        "a.mat:x: the array is 5 by 2, expected 2 by any: samples in columns; samples='rows' if it has them so"
    )
    with pytest.raises(TableError) as raised:
        array_table(np.zeros((5, 3)), across=False).choose(Columns(), 2)
    assert str(raised.value) == "a.mat:x: the array is 5 by 3, expected any by 2: samples in rows"


def test_an_array_has_no_columns_to_keep() -> None:
    with pytest.raises(TableError) as raised:
        array_table(np.zeros((2, 5)), across=False).choose(Columns(keep=("id",)), 2)
    assert str(raised.value) == "a.mat:x: keep needs a table with named columns; this is an array of numbers"


def test_no_such_table(tmp_path: Path) -> None:
    from matnet.tables.csv.streams import open_stream

    path = tmp_path / "none.csv"
    with pytest.raises(TableError) as raised, open_stream(str(path), None):
        pass
    assert str(raised.value) == f"{path}: cannot be read: No such file or directory"
