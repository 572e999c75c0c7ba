"""Workbooks, computed by a second reader of their formulas: numbers, the first sample, ranges and headings."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

import matnet
from exported_networks import disagreement, only_chooses, row_networks, samples
from matnet.exporters import excel_workbook
from matnet.exporters.recording import Options, Recording
from matnet.exporters.target import Job, targets
from matnet.model.provenance import Provenance
from matnet.model.structure import Input, Layer, Output, Process, Structure, Weight
from matnet.network import Network
from random_networks import Real, minmax, network
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
    with zipfile.ZipFile(tmp_path / "filled.xlsx") as archive:
        text = archive.read("xl/worksheets/sheet1.xml").decode()
    kinds = dict(re.findall(r'<c r="([BCD][78])"(?: t="(\w+)")?>', text))
    assert kinds == dict.fromkeys(["B7", "D7", "B8", "C8", "D8"], "") | {"C7": "e"}


def test_what_is_checked_of_a_workbook(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One computation, which gives everything."""

    def computed_rows(books: Sequence[Path], folder: Path, first: int) -> list[Real]:
        return [np.array(Workbook(book.read_bytes()).rows(first)) for book in books]

    monkeypatch.setattr(excel_workbook, "computed_rows", computed_rows)
    target, net, path = targets()[".xlsx"], CHOSEN["several"], tmp_path / "net.xlsx"
    for jacobian, name in ((True, "value_and_jacobian"), (False, "value")):
        recording = Recording(net, "net", Options(jacobian=jacobian))
        assert [function.name for function in target.checked(recording)] == [name]
    path.write_bytes(target.render(recording))
    x = np.random.default_rng(3).normal(size=(2, net.input_size))
    ((y,),) = target.run([Job(path, "net", "value", (x,), ((net.output_size,),))], tmp_path)
    assert disagreement(y, net(x)) <= 1e-13


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
    groups = re.findall(r"COUNT\(([^)]*)\)", formulas_of(net)[f"{letters(2 + size)}7"])
    assert [len(group.split(",")) for group in groups] == [255, 6]
    x[0, 1], x[1, 520] = np.nan, np.nan
    assert np.isnan(results(book, x, 1)).ravel().tolist() == [False, True]


THREE = Network(
    Structure(
        (Input(3, range=np.array([[-1.0, 3.0], [2.0, 2.0], [0.0, np.inf]])),),
        (Layer(2, "tansig", {0: Weight([[2.0, 1.0, 3.0], [0.0, 1.5, 0.0]])}, bias=[3.0, -5.0]),),
        (Output(0, 2),),
    ),
    Provenance(file="plant.mat"),
)
"""Inputs with a range, with a single value, and with one limit; no weight but one for the second output."""


def sheet_of(net: Network, number: int = 1, **options: Any) -> ElementTree.Element:
    """The XML of a sheet, its names without their namespace."""
    content = targets()[".xlsx"].render(Recording(net, "net", Options(**options)))
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        text = archive.read(f"xl/worksheets/sheet{number}.xml").decode()
    return ElementTree.fromstring(re.sub(r' xmlns(:r)?="[^"]*"', "", text))


def formulas_of(net: Network) -> dict[str, str]:
    """The formulas of the cells after the number of the sample, without the condition that every input is a number."""
    found = {}
    for cell in sheet_of(net, jacobian=False).iter("c"):
        formula = cell.findtext("f")
        if formula and cell.get("r") != "A7":
            found[str(cell.get("r"))] = re.sub(r"^IF\(COUNT\([B-Z7:,]+\)=\d,(.*),NA\(\)\)$", r"\1", formula)
    return found


@pytest.mark.parametrize(
    ("weights", "bias", "formulas"),
    [
        # whole numbers up to 4 stand in a formula with one or two of them, all others on the other sheet
        ([[4.0, -4.0]], None, {"D7": "4*B7-4*C7"}),
        ([[5.0, 1.0]], None, {"D7": "SUMPRODUCT(weights!$C$2:$D$2,B7:C7)"}),
        ([[1.0, -1.0, 2.0]], None, {"E7": "SUMPRODUCT(weights!$C$2:$E$2,B7:D7)"}),
        ([[0.5, 0.0, 2.0]], None, {"E7": "weights!$C$2*B7+weights!$D$2*D7"}),
        (
            [[0.5, 3.0, 0.0, 2.0, 7.0, 0.0, 0.25]],
            [1.0],
            {
                "I7": "weights!$B$2+SUMPRODUCT(weights!$C$2:$D$2,B7:C7)+SUMPRODUCT(weights!$E$2:$F$2,E7:F7)+"
                "weights!$G$2*H7"
            },
        ),
        # the same inputs have one heading, others a heading of their own
        (
            [[0.5, 0.25], [1.5, 2.5], [0.0, 6.0]],
            [0.0, 3.0, 0.0],
            {
                "D7": "SUMPRODUCT(weights!$C$2:$D$2,B7:C7)",
                "E7": "weights!$B$3+SUMPRODUCT(weights!$C$3:$D$3,B7:C7)",
                "F7": "weights!$C$5*C7",
            },
        ),
    ],
)
def test_formulas(weights: list[list[float]], bias: list[float] | None, formulas: dict[str, str]) -> None:
    assert (
        formulas_of(network(Layer(len(weights), "purelin", {0: Weight(weights)}, bias=bias), inputs=len(weights[0])))
        == formulas
    )


@pytest.mark.parametrize(
    ("function", "formulas"),
    [
        # the numbers of a function itself stand in its formula, as far as Excel keeps all of their digits
        ("logsig", {"E7": "1/(EXP(MIN(-(SUMPRODUCT(weights!$C$3:$D$3,B7:C7)),709))+1)"}),
        ("poslin", {"D7": "MAX(SUMPRODUCT(weights!$C$2:$D$2,B7:C7),0)"}),
        ("softmax", {"D7": "I7/K7", "H7": "MAX(F7,G7)", "I7": "EXP(F7-H7)", "K7": "I7+J7"}),
        ("elliotsig", {"H7": "IF(weights!$B$7<ABS(F7),weights!$C$5*SIGN(F7),F7)", "E7": "I7/(ABS(I7)+1)"}),
    ],
)
def test_formulas_of_functions(function: str, formulas: dict[str, str]) -> None:
    found = formulas_of(network(Layer(2, function, {0: Weight([[0.5, 0.25], [1.5, 2.5]])}), inputs=2))
    assert {cell: found[cell] for cell in formulas} == formulas


def test_results_alone_say_when_an_input_is_missing() -> None:
    """As #N/A, where an input that they use is empty."""
    for function, formula in (
        (
            "purelin",
            "SUMPRODUCT(weights!$C$2:$E$2,B7:D7)+SUMPRODUCT(weights!$F$2:$G$2,F7:G7)+weights!$H$2*I7",
        ),
        ("elliotsig", "L7/(ABS(L7)+1)"),
    ):
        net = network(Layer(1, function, {0: Weight([[0.5, 0.25, 1.5, 0.0, 2.0, 3.5, 0.0, 4.5]])}), inputs=8)
        texts = {str(cell.get("r")): cell.findtext("f") for cell in sheet_of(net, jacobian=False).iter("c")}
        assert texts["J7"] == f"IF(COUNT(B7:D7,F7:G7,I7)=6,{formula},NA())"
        assert not any(str(text).startswith("IF(COUNT") for place, text in texts.items() if place != "J7")


def test_the_rows_of_the_weights() -> None:
    """A row for each step, under a heading for the same cells; numbers of other kinds are below one another."""
    weights = excel_workbook._Weights()
    assert weights.constant("a", 0.3) == "weights!$B$2"
    assert weights.constant("b", 0.7) == "weights!$B$3"
    assert weights.row("c", 1.5, ["x1", "x2"], [2.5, 3.5]) == 5
    assert weights.row("d", 4.5, ["x1", "x2"], [5.5, 6.5]) == 6
    assert weights.constant("e", 0.3) == "weights!$B$2"
    assert weights.constant("e", 0.9) == "weights!$B$8"
    assert weights.row("f", 7.5, ["x1", "x2"], [8.5, 9.5]) == 10
    assert weights.rows == [
        ["", "constant"],
        ["a", 0.3],
        ["b", 0.7],
        ["", "constant", "x1", "x2"],
        ["c", 1.5, 2.5, 3.5],
        ["d", 4.5, 5.5, 6.5],
        ["", "constant"],
        ["e", 0.9],
        ["", "constant", "x1", "x2"],
        ["f", 7.5, 8.5, 9.5],
    ]


def test_the_columns_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Excel has 16,384: the sample, the inputs, the results and the steps; a name, a constant and the weights."""
    counts: list[int] = []
    monkeypatch.setattr(excel_workbook, "check_columns", counts.append)
    net = network(Layer(3, "softmax", {0: Weight(np.arange(12.0).reshape(3, 4) + 0.5)}), inputs=4)
    book = written(net, jacobian=False)
    last = max((re.sub(r"\d", "", cell) for cell in book.formulas), key=lambda column: (len(column), column))
    # 4 inputs, 3 results, 3 net inputs, the largest, 3 exponentials and their sum
    assert letters(16) == last
    assert counts[0] == 16
    assert set(counts[1:]) == {2 + 4, 2 + 3}


def test_names_that_are_given_for_the_file() -> None:
    book = written(THREE, inputs=("a", "b", "c"), outputs=("d", "e"), jacobian=False)
    assert [book.written[f"{column}6"] for column in "BCDEF"] == ["a", "b", "c", "d", "e"]


@pytest.mark.parametrize("number", [np.inf, -np.inf, 1e-310])
def test_numbers_that_excel_does_not_have(number: float) -> None:
    with pytest.raises(matnet.UnsupportedError) as raised:
        written(network(Layer(1, "purelin", {0: Weight([[number, 1.0]])}), inputs=2), jacobian=False)
    assert str(raised.value) == f"the constant {number!r} is beyond the numbers of Excel, 2.2e-308 to 1e+308"


def test_what_is_summed_or_compared_is_in_cells_side_by_side() -> None:
    found = formulas_of(network(Layer(3, "softmax", {0: Weight(0.5 * np.eye(3))}), inputs=3))
    assert {cell: found[cell] for cell in ("E7", "H7", "K7", "O7")} == {
        "E7": "L7/O7",
        "H7": "weights!$C$2*B7",
        "K7": "MAX(H7:J7)",
        "O7": "SUMPRODUCT(weights!$C$14:$E$14,L7:N7)",
    }


def test_functions_take_at_most_255_arguments() -> None:
    cells = [f"A{number}" for number in range(1, 255 * 255 + 2)]
    grouped = excel_workbook._grouped
    assert grouped("MAX", cells[:2]) == "MAX(A1,A2)"
    assert grouped("MAX", cells[:255]) == f"MAX({','.join(cells[:255])})"
    assert grouped("MAX", cells[:256]) == f"MAX(MAX({','.join(cells[:255])}),MAX(A256))"
    text = grouped("OR", cells)
    # 256 groups of cells, in a group of 255 and one of 1
    assert text.startswith("OR(OR(OR(A1,A2,")
    assert text.endswith(",A65025)),OR(OR(A65026)))")
    assert max(part.count(",") for part in re.findall(r"\(([A-Z0-9,]+)\)", text)) == 254
    assert re.findall(r"A\d+", text) == cells


def test_the_columns_of_the_steps_alone_are_hidden() -> None:
    sheet = sheet_of(THREE)
    shown = [
        (int(str(entry.get("min"))), int(str(entry.get("max"))), entry.get("hidden"), entry.get("outlineLevel"))
        for entry in sheet.iter("col")
    ]
    # the number of the sample; 3 inputs, 2 outputs and 6 derivatives; 5 steps; the place of the sign that opens them
    assert shown == [(1, 1, None, None), (2, 12, None, None), (13, 17, "1", "1"), (18, 18, None, None)]
    assert [entry.get("collapsed") for entry in sheet.iter("col")] == [None, None, None, "1"]
    (pane,) = sheet.iter("pane")
    assert (pane.get("xSplit"), pane.get("ySplit"), pane.get("state")) == ("1", "6", "frozen")
    # without steps nothing is hidden
    plain_sheet = sheet_of(network(Layer(1, "purelin", {0: Weight([[2.0]])})), jacobian=False)
    assert [(entry.get("min"), entry.get("max"), entry.get("hidden")) for entry in plain_sheet.iter("col")] == [
        ("1", "1", None),
        ("2", "3", None),
    ]


def test_an_input_outside_its_range_turns_orange_in_every_row() -> None:
    sheet = sheet_of(THREE)
    (colored,) = sheet.iter("conditionalFormatting")
    assert colored.get("sqref") == "B7:D1048576"
    assert colored.findtext("cfRule/formula") == "AND(ISNUMBER(B7),ISNUMBER(B$4),OR(B7<B$4,B7>B$5))"
    # the range of the third input is not known, so that it has no limits to be outside of
    book = written(THREE)
    assert [[book.written.get(f"{column}{row}") for column in "BCDEF"] for row in (4, 5)] == [
        [-1.0, 2.0, None, None, None],
        [3.0, 2.0, None, None, None],
    ]
    # the first sample is in the middle of the ranges
    assert [book.written[f"{column}7"] for column in "BCD"] == [1.0, 2.0, 0.0]
    # in three digits, and its results are those of these digits
    ranges = np.array([[0.0, 2.0 / 3.0], [0.0, 2e5 / 3.0]])
    product = Layer(1, "purelin", {0: Weight([[3.0, 0.5]])})
    book = written(Network(Structure((Input(2, range=ranges),), (product,), (Output(0, 1),))), jacobian=False)
    assert [book.written[f"{column}7"] for column in "BCD"] == [0.333, 33300.0, 16650.999]


def test_what_stands_at_the_top() -> None:
    book = written(THREE.with_names(["=1+1", "http://a.b", "c"]))
    assert book.written["A1"] == "net: written by matnet; file: plant.mat"
    assert str(book.written["A2"]).startswith("Enter inputs in row 7; for more samples fill the whole row down.")
    # names are texts, whatever they look like
    assert [book.written[f"{column}6"] for column in "BCD"] == ["=1+1", "http://a.b", "c"]
    assert "B6" not in book.formulas


def test_headings_are_bold_and_inputs_colored() -> None:
    content = targets()[".xlsx"].render(Recording(THREE, "net", Options()))
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        styles, sheet, weights = (
            ElementTree.fromstring(re.sub(r' xmlns(:r)?="[^"]*"', "", archive.read(f"xl/{name}.xml").decode()))
            for name in ("styles", "worksheets/sheet1", "worksheets/sheet2")
        )
    fonts, fills = list(styles.iterfind("fonts/font")), list(styles.iterfind("fills/fill"))
    looks = [
        (
            fonts[int(str(entry.get("fontId")))].find("b") is not None,
            fonts[int(str(entry.get("fontId")))].find("color[@rgb='FF707070']") is not None,
            fills[int(str(entry.get("fillId")))].find(".//fgColor[@rgb='FFFFF8DC']") is not None,
        )
        for entry in styles.iterfind("cellXfs/xf")
    ]
    bold, gray, yellow, plain_look = (True, False, False), (False, True, False), (False, False, True), (False,) * 3
    found = {str(cell.get("r")): looks[int(cell.get("s", "0"))] for cell in sheet.iter("c")}
    wanted = dict.fromkeys(found, plain_look)
    wanted |= {f"{letters(k)}6": bold for k in range(1, 18)}
    wanted |= dict.fromkeys(["A3", "A4", "A5", "A7", "B4", "B5", "C4", "C5"], gray)
    wanted |= {f"{column}7": yellow for column in "BCD"} | {f"{column}7": gray for column in "MNOPQ"}
    assert found == wanted
    for cell in weights.iter("c"):
        assert looks[int(cell.get("s", "0"))] == (bold if cell.get("t") == "s" else plain_look)
