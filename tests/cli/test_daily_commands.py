"""Commands as users type them: tables in the form users have, options where users expect them."""

from __future__ import annotations

import gzip
import io
import json
import os
import re
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from scipy.io import loadmat, savemat

import matnet
from matnet.cli.entry import run
from matnet.functions.namespace import FloatArray
from matnet.importers.arrays import read_array
from matnet.model.structure import Input, Layer, Output, Structure, Weight
from matnet.network import Network
from object_files import ObjectStore, write_objects

FIXTURES = Path(__file__).parent.parent.parent / "fixtures"
PUMP = str(FIXTURES / "pump.mat")
NET = matnet.load(PUMP)
X = np.array([[20.0, 1500.0], [60.5, 2800.0]])
TEXT = "x1,x2\n20,1500\n60.5,2800\n"

Said = Callable[..., tuple[int, str, str]]


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Said:
    """Run a command in an empty folder: exit status, standard output and standard error."""
    monkeypatch.chdir(tmp_path)

    def command(*arguments: str, stdin: str = "") -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin.encode())))
        status = run(list(arguments))
        out, err = capsys.readouterr()
        return status, out, err

    return command


def cells(text: str, delimiter: str = ",") -> FloatArray:
    return np.array([[float(cell) for cell in line.split(delimiter)] for line in text.splitlines()[1:]])


def test_names_in_the_header_name_the_derivatives(said: Said) -> None:
    text = TEXT.replace("x1,x2", "flow,speed")
    status, out, err = said("gradients", PUMP, "-", stdin=text)
    assert (status, out.splitlines()[0]) == (0, "y1,dy1_dflow,dy1_dspeed")
    assert err == "matnet: note: standard input: the inputs are taken by position: flow, speed\n"
    status, out, _ = said("gradients", PUMP, "-", "--wrt", "speed", stdin=text)
    assert (status, out.splitlines()[0]) == (0, "y1,dy1_dspeed")
    np.testing.assert_array_equal(cells(out)[:, 1], NET.jacobian(X)[:, 0, 1])


def test_a_header_of_which_some_names_match_is_refused(said: Said) -> None:
    assert said("predict", PUMP, "-", stdin="point,x1\n1,20\n") == (
        2,
        "",
        "matnet: standard input: the header names 1 input of 2 (x1) but not x2; rename the columns, or name those of "
        "the inputs in order with --inputs\n",
    )


def test_names_that_the_network_has_itself(said: Said, tmp_path: Path) -> None:
    matnet.save(NET.with_names(inputs=("flow", "speed"), outputs=("head",)), tmp_path / "net.json")
    text = "speed,flow\n1500,20\n2800,60.5\n"
    status, out, err = said("gradients", "net.json", "-", stdin=text)
    assert (status, err, out.splitlines()[0]) == (0, "", "head,dhead_dflow,dhead_dspeed")
    np.testing.assert_array_equal(cells(out)[:, 0], NET(X)[:, 0])
    assert said("gradients", "net.json", "-", stdin=TEXT)[1].splitlines()[0] == "head,dhead_dx1,dhead_dx2"
    assert said("gradients", "net.json", "--at", "1,1500")[1].splitlines()[0] == "head,dhead_dflow,dhead_dspeed"
    assert said("predict", "net.json", "-", stdin="flow,x\n1,2\n")[2] == (
        "matnet: standard input: the header names 1 input of 2 (flow) but not speed; rename the columns, or name those "
        "of the inputs in order with --inputs\n"
    )


def test_names_from_a_file_and_ranges_of_names(said: Said, tmp_path: Path) -> None:
    (tmp_path / "n.json").write_text('{"inputs": ["flow", "speed"], "outputs": ["head"], "units": {"flow": "m3/h"}}')
    text = "id,flow,speed\n7,20,1500\n"
    for arguments in (("--names", "n.json"), ("--inputs", "flow:speed", "--outputs", "head")):
        status, out, err = said("gradients", PUMP, "-", *arguments, "--keep", "id:flow", stdin=text)
        assert (status, err) == (0, "")
        assert out.splitlines()[0] == "id,flow,head,dhead_dflow,dhead_dspeed"
    for content, message in (
        ("[", "is not JSON: Expecting value: line 1 column 2 (char 1)"),
        ('{"inputs": 5}', "inputs: expected a list of names"),
        ('{"input": []}', "expected an object with inputs, outputs, units"),
    ):
        (tmp_path / "n.json").write_text(content)
        assert said("predict", PUMP, "-", "--names", "n.json", stdin=TEXT) == (2, "", f"matnet: n.json: {message}\n")
    assert said("predict", PUMP, "-", "--names", "no.json", stdin=TEXT)[2] == (
        "matnet: no.json: cannot be read: No such file or directory\n"
    )


def test_one_sample_in_place_of_a_table(said: Said) -> None:
    status, out, err = said("predict", PUMP, "--at", "20,1500", "--at", "60.5,2800")
    assert (status, err) == (0, "")
    np.testing.assert_array_equal(cells(out), NET(X))
    status, out, _ = said("gradients", PUMP, "--at", "20,1500", "--inputs", "flow,speed")
    assert out.splitlines()[0] == "y1,dy1_dflow,dy1_dspeed"
    assert said("predict", PUMP, "--at", "1") == (2, "", "matnet: --at gives 1 number, the network has 2 inputs\n")
    assert said("predict", PUMP, "t.csv", "--at", "1,2") == (
        2,
        "",
        "matnet: TABLE and --at are alternatives; give one of them. See matnet predict --help\n",
    )


def test_all_columns_are_kept(said: Said) -> None:
    status, out, _ = said("predict", PUMP, "-", "--keep", "all", stdin="x2,id,x1\n1500,007,20\n")
    header, row = out.splitlines()
    assert (status, header) == (0, "x2,id,x1,y1")
    assert row.startswith("1500,007,20,")


def test_the_result_never_replaces_an_input(said: Said, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(TEXT)
    os.link(tmp_path / "t.csv", tmp_path / "same.csv")
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "a.csv").write_text(TEXT)
    (tmp_path / "net.mat").write_bytes(Path(PUMP).read_bytes())
    for table, out in (("t.csv", "t.csv"), ("t.csv", "same.csv"), ("parts", "parts/a.csv"), ("net.mat:x", "net.mat")):
        status = said("gradients", "net.mat", table, "-o", out)
        assert status == (
            2, "", f"matnet: {out}: this file is an input of the command; write the result to another file\n"
        )  # fmt: skip
    assert said("sensitivity", PUMP, "t.csv", "-o", "t.csv")[0] == 2
    assert said("predict", PUMP, "t.csv", "--summary", "t.csv", "-o", "y.csv")[0] == 2
    assert (tmp_path / "t.csv").read_text() == TEXT
    assert (tmp_path / "net.mat").read_bytes() == Path(PUMP).read_bytes()


def test_the_result_never_replaces_what_an_option_names(said: Said, tmp_path: Path) -> None:
    (tmp_path / "nets").mkdir()
    (tmp_path / "nets" / "a.mat").write_bytes(Path(PUMP).read_bytes())
    savemat(tmp_path / "ps.mat", {"low": [[0.0], [0.0]], "high": [[1.0], [1.0]], "Xi": np.zeros((2, 0))})
    (tmp_path / "names.json").write_text('{"inputs": ["flow", "speed"]}')
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    scaling = "ps.mat:mapminmax:low,high"
    for arguments, out in (
        ((PUMP, "-", "--input-scaling", scaling), "ps.mat"),
        ((PUMP, "-", "--input-scaling", scaling, "--output-scaling", "other.mat:ts"), "ps.mat"),
        ((PUMP, "-", "--states", "ps.mat:Xi"), "ps.mat"),
        ((PUMP, "-", "--names", "names.json", "--to", "csv"), "names.json"),
        (("nets", "-"), "nets/a.mat"),
        (("nets/*.mat", "-"), "nets/a.mat"),
    ):
        assert said("predict", *arguments, "-o", out, stdin=TEXT) == (
            2, "", f"matnet: {out}: this file is an input of the command; write the result to another file\n"
        )  # fmt: skip
    assert said("predict", PUMP, "-", "--summary", "./y.csv", "-o", "y.csv", stdin=TEXT) == (
        2, "", "matnet: y.csv: --summary and -o name the same file; name two\n"
    )  # fmt: skip
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_a_file_that_is_there_can_be_protected(said: Said, tmp_path: Path) -> None:
    (tmp_path / "y.csv").write_text("mine\n")
    assert said("predict", PUMP, "-", "-o", "y.csv", "--no-clobber", stdin=TEXT) == (
        2,
        "",
        "matnet: y.csv: the file exists; leave out --no-clobber to replace it\n",
    )
    assert (tmp_path / "y.csv").read_text() == "mine\n"
    assert said("predict", PUMP, "-", "-o", "y.csv", stdin=TEXT)[0] == 0


def test_strict_writes_and_then_says_no(said: Said) -> None:
    assert said("predict", PUMP, "-", "--strict", stdin=TEXT)[::2] == (0, "")
    status, out, err = said("predict", PUMP, "-", "--strict", "--quiet", stdin="x1,x2\n1e6,1500\n")
    assert (status, len(out.splitlines()), err) == (1, 2, "")
    assert said("predict", PUMP, "-", "--strict", stdin="x1,x2\nNaN,1500\n")[0] == 1


def test_quiet_leaves_errors(said: Said) -> None:
    assert said("predict", PUMP, "-", "--quiet", stdin="20,1500\n1e6,1\n")[2] == ""
    assert said("predict", PUMP, "-", "--quiet", stdin="x1,x2\n1,a\n")[2] != ""


def test_the_summary_on_standard_output(said: Said) -> None:
    status, out, _ = said("predict", PUMP, "-", "--summary", "-", "-o", "y.csv", stdin=TEXT)
    assert (status, json.loads(out)["rows"]) == (0, 2)
    assert said("predict", PUMP, "-", "--summary", "-", stdin=TEXT) == (
        2,
        "",
        "matnet: --summary -: standard output already takes the result; name a file for one of them, with -o\n",
    )


def unknown_range(tmp_path: Path, known: bool) -> str:
    """A network of two inputs: the range of the first known or not, never that of the second."""
    limits = np.array([[0.0, 1.0] if known else [np.nan, np.nan], [np.nan, np.nan]])
    layer = Layer(1, "purelin", {0: Weight(np.array([[1.0, 2.0]]))}, bias=np.zeros(1))
    file = tmp_path / "net.json"
    matnet.save(Network(Structure((Input(2, range=limits),), (layer,), (Output(0, 1),))), file)
    return str(file)


def test_a_range_that_is_not_known_is_not_zero(said: Said, tmp_path: Path) -> None:
    file = unknown_range(tmp_path, known=False)
    status, out, err = said("predict", file, "-", "--flag-range", "--summary", "s.json", stdin="x1,x2\n1e6,1\n")
    assert (status, out) == (0, "y1,inputs_outside_range\n1000002.0,\n")
    assert err == "matnet: note: standard input: the range of x1, x2 is not known, so no row is counted as outside it\n"
    record = json.loads((tmp_path / "s.json").read_text())
    assert (record["rows_outside_range"], record["outside_range"]) == (None, {"x1": None, "x2": None})
    assert record["range_known_from"] == {"x1": "unknown", "x2": "unknown"}


def test_a_range_that_is_known_in_part(said: Said, tmp_path: Path) -> None:
    file = unknown_range(tmp_path, known=True)
    status, out, err = said("predict", file, "-", "--flag-range", stdin="x1,x2\n5,1\n0.5,1\n")
    assert (status, [line.split(",")[1] for line in out.splitlines()]) == (0, ["inputs_outside_range", "1", ""])
    assert err == (
        "matnet: warning: standard input: 1 of 2 rows lies outside the range seen in training (x1: 1)\n"
        "matnet: note: standard input: the range of x2 is not known, so no row is counted as outside it\n"
    )


def test_workbooks(said: Said, tmp_path: Path) -> None:
    pytest.importorskip("fastexcel")
    xlsxwriter = pytest.importorskip("xlsxwriter")
    with xlsxwriter.Workbook(tmp_path / "data.xlsx") as book:
        first, second = book.add_worksheet("Info"), book.add_worksheet("Sheet2")
        first.write_string(0, 0, "nothing here")
        for place, row in enumerate([["speed", "flow"], ["rpm", "m3/h"], [1500, 20], [2800, "60.5"]]):
            second.write_row(place, 0, row)
    arguments = ("--inputs", "flow,speed", "--skip-rows", "1")
    status, out, err = said("gradients", PUMP, "data.xlsx:Sheet2", *arguments, "-o", "y.xlsx", "--keep", "speed")
    assert (status, out, err) == (0, "", "")
    assert pl.read_excel(tmp_path / "y.xlsx").columns == ["speed", "y1", "dy1_dflow", "dy1_dspeed"]
    status, out, _ = said("predict", PUMP, "data.xlsx:Sheet2", *arguments)
    np.testing.assert_array_equal(cells(out), NET(X))
    assert said("predict", PUMP, "data.xlsx:Sheet2", "--inputs", "flow,speed")[2] == (
        "matnet: data.xlsx:Sheet2: row 1, column flow: 'm3/h' is not a number\n"
    )
    assert said("predict", PUMP, "data.xlsx:None")[2] == (
        "matnet: data.xlsx: there is no sheet 'None'; there are 'Info', 'Sheet2'\n"
    )


def test_results_that_are_not_finite_in_a_workbook(said: Said, tmp_path: Path) -> None:
    pytest.importorskip("fastexcel")
    pytest.importorskip("xlsxwriter")
    text = "x1,x2,=id\nNaN,1500,=1+1\n20,1500,a\n"
    assert said("predict", PUMP, "-", "-o", "y.xlsx", "--keep", "=id", "--quiet", stdin=text)[0] == 0
    rows = pl.read_excel(tmp_path / "y.xlsx", schema_overrides={"y1": pl.String}).rows()
    assert [row[0] for row in rows] == ["=1+1", "a"]
    assert rows[0][1] == "NaN"
    assert float(rows[1][1]) == pytest.approx(float(NET(X[:1])[0, 0]), rel=1e-8)


def test_a_result_as_a_mat_file(said: Said, tmp_path: Path) -> None:
    assert (
        said("gradients", PUMP, "-", "-o", "y.mat", "--keep", "id", stdin="id,x1,x2\na,20,1500\nb,60.5,2800\n")[0] == 0
    )
    found = loadmat(tmp_path / "y.mat")
    y, jacobian = NET.value_and_jacobian(X)
    np.testing.assert_array_equal(found["y1"], y)
    np.testing.assert_array_equal(found["dy1_dx2"], jacobian[:, :, 1])
    assert [str(text[0]) for text in found["id"][:, 0]] == ["a", "b"]
    assert said("predict", PUMP, "-", "-o", "z.mat", "--outputs", "a b", stdin=TEXT)[2] == (
        "matnet: z.mat: 'a b' cannot be the name of a variable in a MAT-file; rename the column\n"
    )


def test_a_struct_as_a_table(said: Said, tmp_path: Path) -> None:
    savemat(tmp_path / "s.mat", {"S": {"speed": X[:, 1], "flow": X[:, :1], "id": np.array(["a", "b"], dtype=object)}})
    status, out, err = said("predict", PUMP, "s.mat:S", "--inputs", "flow,speed", "--keep", "id")
    assert (status, err, out.splitlines()[0]) == (0, "", "id,y1")
    np.testing.assert_array_equal(cells("\n".join(line.split(",")[1] for line in out.splitlines())), NET(X))
    savemat(tmp_path / "s.mat", {"S": {"speed": X[:, 1], "flow": np.zeros(3)}})
    assert said("predict", PUMP, "s.mat:S")[2] == (
        "matnet: s.mat:S: a struct is a table where its fields are columns of one length; their lengths are speed: 2, "
        "flow: 3; name a field\n"
    )


def test_results_in_excel_have_every_digit(said: Said, tmp_path: Path) -> None:
    pytest.importorskip("xlsxwriter")
    pytest.importorskip("fastexcel")
    x = np.random.default_rng(0).uniform([1.0, 1450.0], [100.0, 2900.0], (200, 2))
    np.savetxt(tmp_path / "x.csv", x, delimiter=",", header="x1,x2", comments="", fmt="%.17g")
    assert said("gradients", PUMP, "x.csv", "-o", "y.xlsx")[0] == 0
    y, jacobian = NET.value_and_jacobian(x)
    np.testing.assert_array_equal(pl.read_excel(tmp_path / "y.xlsx").to_numpy(), np.hstack([y, jacobian[:, 0]]))


def matlab_table(path: Path, rows: float = 2.0, **variables: object) -> None:
    """A MAT-file with the table T, its variables of any class."""
    store = ObjectStore()
    made = {key: value(store) if callable(value) else value for key, value in variables.items()}
    table = store.new("table", {"data": list(made.values()), "varnames": list(made), "nrows": np.array([[rows]])})
    write_objects(path, store, {"T": table})


def labels(store: ObjectStore) -> object:
    codes = np.array([[2], [1]], dtype="u1")
    return replace(store.new("categorical", {"categoryNames": ["low", "high"], "codes": codes}), plain=True)


def moment(store: ObjectStore) -> object:
    return replace(store.new("datetime", {"data": np.zeros((2, 1))}), plain=True)


def test_a_matlab_table(said: Said, tmp_path: Path) -> None:
    matlab_table(tmp_path / "t.mat", speed=X[:, 1:], id=["a", "b"], level=labels, flow=X[:, :1])
    status, out, err = said("gradients", PUMP, "t.mat:T", "--inputs", "flow,speed", "--keep", "id,level")
    assert (status, err) == (0, "")
    header, *rows = out.splitlines()
    assert header == "id,level,y1,dy1_dflow,dy1_dspeed"
    assert [row.split(",")[:2] for row in rows] == [["a", "high"], ["b", "low"]]
    y, jacobian = NET.value_and_jacobian(X)
    found = np.array([[float(cell) for cell in row.split(",")[2:]] for row in rows])
    np.testing.assert_array_equal(found, np.hstack([y, jacobian[:, 0]]))


def test_a_matlab_table_of_a_matrix_and_of_dates(said: Said, tmp_path: Path) -> None:
    matlab_table(tmp_path / "t.mat", time=moment, x=X)
    status, out, err = said("predict", PUMP, "t.mat:T")
    assert (status, err) == (
        0,
        "matnet: note: t.mat:T: left out, neither numbers nor text: time (datetime)\n"
        "matnet: note: t.mat:T: the inputs are taken by position: x_1, x_2\n",
    )
    np.testing.assert_array_equal(cells(out), NET(X))
    for variables, message in (
        ({"time": moment}, "the table has no column of numbers or text"),
        ({"x": X, "x_1": X[:, :1]}, "two columns are named 'x_1'; rename one"),
        ({"x": X[:, :1], "rows": 3.0}, "column 'x' has 2 elements in a table of 3 rows"),
    ):
        matlab_table(tmp_path / "t.mat", **variables)
        assert said("predict", PUMP, "t.mat:T") == (2, "", f"matnet: t.mat:T: {message}\n")


def test_a_real_matlab_table_gives_the_scores_that_matlab_stored(said: Said, successors: Path) -> None:
    """The table that a session kept of its test data, and the scores of the same rows."""
    file, entry = successors / "fitcnet_session.mat", "SessionData.ModelList{2}"
    model = f"{entry}.TrainedModel.DecoratedTrainedModel.DecoratedTrainedModel.NeuralNetwork"
    table = f"{file}:{entry}.RawTestResult.TrueDataset.DecoratedDataset.Table"
    names = ",".join(matnet.load(file, model).input_names)
    status, out, err = said("predict", str(file), table, "--network", model, "--inputs", names, "--quiet")
    assert (status, err) == (0, "")
    stored = read_array(file, f"{entry}.RawTestResult.Prediction.Scores")
    np.testing.assert_allclose(cells(out), stored, rtol=1e-10, atol=1e-200)


def test_the_commands_on_a_real_recurrent_network(said: Said, successors: Path) -> None:
    file = str(successors / "series_lstm_2022.mat")
    net = matnet.load(file)
    x = read_array(file, "dataTrainStandardized").reshape(-1, 1)
    Path("x.csv").write_text("x1\n" + "\n".join(map(repr, x[:, 0].tolist())))
    status, out, err = said("predict", file, "x.csv")
    assert (status, err) == (0, "")
    np.testing.assert_array_equal(cells(out), net.run(x).outputs)
    status, out, err = said("gradients", file, "x.csv", "--quiet")
    assert (status, err) == (0, "")
    np.testing.assert_array_equal(cells(out)[:, 1:], net.run_jacobian(x)[:, 0, 0])
    status, out, _ = said("verify", file)
    assert status == 0
    assert "dataTrainStandardized, from zeros -> Ytrainres'" in out
    status, out, _ = said("check", file)
    assert status == 0
    assert "2 of 2 derivatives agree" in out
    status, out, _ = said("inspect", file)
    assert "2 lstm: LSTM, 60, from sequenceinput" in out


@pytest.mark.parametrize("suffix", [".gz", ".zst"])
def test_compressed_results(said: Said, tmp_path: Path, suffix: str) -> None:
    plain = said("predict", PUMP, "-", stdin=TEXT)[1]
    assert said("predict", PUMP, "-", "-o", f"y.csv{suffix}", stdin=TEXT) == (0, "", "")
    if suffix == ".gz":
        assert gzip.decompress((tmp_path / "y.csv.gz").read_bytes()).decode() == plain
    assert pl.read_csv(tmp_path / f"y.csv{suffix}").height == 2
    assert said("predict", PUMP, "-", "-o", f"y.parquet{suffix}", stdin=TEXT)[0] == 2


def test_numbers_for_people(said: Said) -> None:
    text = "x1;x2;t\n20;1500;1.25\n60,5;2800;a.b\n"
    arguments = ("--decimal", ",", "--precision", "4", "--output-decimal", ",", "--keep", "t")
    status, out, _ = said("predict", PUMP, "-", *arguments, stdin=text)
    y = NET(X)[:, 0]
    told = [f"{value:.4g}".replace(".", ",") for value in y]
    assert (status, out) == (0, f"t;y1\n1,25;{told[0]}\na.b;{told[1]}\n")


def test_a_table_that_lies_across(said: Said, tmp_path: Path) -> None:
    np.savetxt(tmp_path / "a.csv", np.vstack([X.T] * 1), delimiter=",")
    (tmp_path / "b.csv").write_text("flow,20,60.5,1\nspeed,1500,2800,1500\n")
    expected = NET(X)
    np.testing.assert_array_equal(cells(said("predict", PUMP, "a.csv", "--samples", "columns")[1]), expected)
    status, out, _ = said("gradients", PUMP, "b.csv", "--samples", "columns", "--no-header")
    assert (status, out.splitlines()[0]) == (0, "y1,dy1_dflow,dy1_dspeed")
    np.testing.assert_array_equal(cells(out)[:2, :1], expected)
    for ending in ("\n", ""):  # with a newline after the last row, and without
        (tmp_path / "c.csv").write_text("1,20,60.5\n1500,1500,2800" + ending)
        assert said("predict", PUMP, "c.csv")[2].endswith(
            "matnet: c.csv: the network takes 2 inputs, but the table has 3 columns; the samples seem to be in columns"
            ": --samples columns\n"
        )
    (tmp_path / "c.csv").write_text("1,20,60.5\n1500,1500,2800\n1,2,3")
    assert "seem to be in columns" not in said("predict", PUMP, "c.csv")[2]


def test_rows_are_answered_as_they_come(said: Said) -> None:
    plain = said("gradients", PUMP, "-", stdin=TEXT)
    assert said("gradients", PUMP, "-", "--flush", stdin=TEXT) == plain
    assert said("predict", PUMP, "-", "--flush", "--engine", "dask", "-o", "x")[2] == (
        "matnet: --flush is for a stream of rows; leave out --engine dask\n"
    )


def test_scaling_kept_in_another_file(said: Said, tmp_path: Path) -> None:
    layer = Layer(1, "purelin", {0: Weight(np.array([[1.0, 2.0]]))}, bias=np.zeros(1))
    matnet.save(Network(Structure((Input(2),), (layer,), (Output(0, 1),))), tmp_path / "net.json")
    low, high = np.array([[0.0], [1450.0]]), np.array([[100.0], [2900.0]])
    fields = {"name": "mapminmax", "xrows": 2.0, "xmin": low, "xmax": high, "xrange": high - low}
    savemat(tmp_path / "ps.mat", {"ps": {**fields, "yrows": 2.0, "ymin": -1.0, "ymax": 1.0, "yrange": 2.0}})
    (tmp_path / "t.csv").write_text(TEXT)
    scaled = 2 * (X - low.T) / (high - low).T - 1
    arguments = ("net.json", "t.csv", "--input-scaling", "ps.mat:ps")
    status, out, _ = said("predict", *arguments)
    assert status == 0
    np.testing.assert_allclose(cells(out)[:, 0], scaled @ [1.0, 2.0], rtol=1e-12)
    assert said("check", *arguments)[0] == 0
    status, out, _ = said("sensitivity", *arguments)
    assert status == 0
    np.testing.assert_allclose(float(out.splitlines()[1].split(",")[3]), 4 / 1450, rtol=1e-12)


@pytest.mark.parametrize(
    "arguments",
    [("plot", "response", PUMP, "t.csv", "-o", "p.svg"), ("sensitivity", PUMP, "t.csv"), ("check", PUMP, "t.csv")],
)
def test_an_id_column_is_kept_out_where_the_hint_says_so(
    said: Said, tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    pytest.importorskip("matplotlib")
    (tmp_path / "t.csv").write_text("id,flow,speed\n7,20,1500\n8,60,2800\n")
    status, _, err = said(*arguments)
    assert status == 2
    assert err.endswith("name the columns of the inputs with --inputs, or columns to keep with --keep\n")
    assert said(*arguments, "--keep", "id")[0] == 0
    assert said(*arguments, "--inputs", "flow:speed", "--quiet")[2] == ""


def test_several_networks_where_one_is_meant(said: Said, tmp_path: Path) -> None:
    (tmp_path / "nets").mkdir()
    for name in ("a", "b"):
        matnet.save(NET, tmp_path / "nets" / f"{name}.json")
    for command, more in (("weights", ()), ("explore", ("-o", "page.html"))):
        assert said(command, "nets", *more) == (
            2,
            "",
            "matnet: nets: these are several networks, and this command is for one; name one with --network. predict, "
            "gradients, sensitivity and plot take the mean of several; check, trace, formula, convert and report each "
            "of them\n",
        )


def test_the_mean_of_several_networks(said: Said, tmp_path: Path) -> None:
    nets = {f"n{k}": NET.with_parameters(NET.parameters * (1 + k / 100)) for k in (1, 2)}
    (tmp_path / "nets").mkdir()
    for name, net in nets.items():
        matnet.save(net, tmp_path / "nets" / f"{name}.json")
    (tmp_path / "t.csv").write_text(TEXT)
    mean = matnet.Ensemble(nets.values())
    status, out, _ = said("sensitivity", "nets", "t.csv")
    assert status == 0
    slopes = {line.split(",")[1]: float(line.split(",")[3]) for line in out.splitlines()[1:]}
    np.testing.assert_allclose([slopes["x1"], slopes["x2"]], mean.jacobian(X).mean(axis=0)[0], rtol=1e-12)


def test_states_of_which_matlab_made_an_empty_cell(said: Said, tmp_path: Path) -> None:
    layer = Layer(1, "purelin", {0: Weight(np.ones((1, 2)), delays=(0, 1))}, bias=np.zeros(1))
    matnet.save(Network(Structure((Input(1),), (layer,), (Output(0, 1),))), tmp_path / "net.json")
    xi = np.empty((1, 1), dtype=object)
    xi[0, 0] = np.array([[5.0]])
    savemat(tmp_path / "s.mat", {"Xi": xi, "Ai": np.empty((2, 0), dtype=object)})
    assert said("predict", "net.json", "-", "--states", "s.mat:Xi,Ai", stdin="x1\n1\n2\n") == (
        0,
        "y1\n6.0\n3.0\n",
        "",
    )


def test_a_mistyped_command(said: Said) -> None:
    assert said("inspct", PUMP) == (
        2,
        "",
        "matnet: No such command 'inspct'. Did you mean inspect? See matnet --help\n",
    )


def test_a_compiler_that_is_not_there(said: Said, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CC", "no-such-compiler")
    status, out, err = said("predict", PUMP, "-", "--engine", "c", stdin=TEXT)
    assert (status, out) == (2, "")
    assert err.startswith("matnet: --engine c needs a C compiler, and ")
    assert err.endswith("; leave out --engine c to compute without a compiler\n")
    assert "matnet.compile" not in err


def test_the_compiled_engine_and_a_dynamic_network(said: Said, tmp_path: Path) -> None:
    layer = Layer(1, "tansig", {0: Weight([[0.5, 0.25]], delays=(0, 1))})
    matnet.save(Network(Structure((Input(1),), (layer,), (Output(0, 1),))), tmp_path / "late.json")
    assert said("gradients", "late.json", "-", "--engine", "c", stdin="x1\n1\n") == (
        2,
        "",
        "matnet: --engine c is for static networks, and this one is dynamic; "
        "leave out --engine c to compute without a compiler\n",
    )


def test_a_figure_of_the_training_of_a_file_without_a_record(said: Said, tmp_path: Path) -> None:
    matnet.save(matnet.load(PUMP), tmp_path / "net.json")
    assert said("plot", "training", "net.json", "-o", "a.png") == (
        2,
        "",
        "matnet: net.json: holds no training record; "
        "give the MAT-file that MATLAB saved the network and its record to\n",
    )


def test_targets_that_are_not_there_are_named_by_their_option(said: Said) -> None:
    assert said("plot", "parity", PUMP, "-", "-o", "p.svg", "--targets", "head", stdin=TEXT)[2] == (
        "matnet: standard input: --targets: no column 'head' in the table; it has 'x1', 'x2'\n"
    )


def test_a_name_with_a_line_break(said: Said) -> None:
    assert said("predict", PUMP, "-", "--keep", "a\nb", stdin=TEXT)[2] == (
        "matnet: Invalid value for '--keep': 'a\\nb' has a line break or an odd quote in it; put such a name in double "
        "quotes. See matnet predict --help\n"
    )


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("tls://127.0.0.1:1", "no certificates are configured; set distributed.comm.tls in Dask's configuration, as in "
                              "DASK_DISTRIBUTED__COMM__TLS__CA_FILE=ca.pem"),
        ("ucx://127.0.0.1:1", "the protocol ucx is not supported; use tcp:// or tls://"),
    ],
)  # fmt: skip
def test_schedulers_that_cannot_be_reached(said: Said, tmp_path: Path, address: str, message: str) -> None:
    pytest.importorskip("distributed")
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "a.csv").write_text(TEXT)
    arguments = ("--engine", "dask", "--scheduler", address, "-o", "out")
    assert said("predict", PUMP, "parts", *arguments) == (2, "", f"matnet: --scheduler {address}: {message}\n")


def test_integers_that_float64_has_not_are_refused(said: Said, tmp_path: Path) -> None:
    pl.DataFrame({"x1": [1, 2**53, 2**53 + 1], "x2": [1500, 1500, 1500]}).write_parquet(tmp_path / "t.parquet")
    assert said("predict", PUMP, "t.parquet") == (
        2,
        "",
        "matnet: t.parquet: row 3, column x1: 9007199254740993 lies beyond 2^53, where float64 does not have every "
        "integer; store it as float64 if that is meant\n",
    )


def test_no_memory_is_one_line(said: Said, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for error in (
        MemoryError(),
        RuntimeError("can't start new thread"),
        ImportError("libopenblas.so: failed to map segment from shared object"),
        ImportError("libopenblas.so: cannot open shared object file: Cannot allocate memory"),
    ):

        def full(*arguments: object, error: Exception = error) -> None:
            raise error

        monkeypatch.setattr("matnet.tables.run.predict", full)
        assert said("predict", PUMP, "-", "-o", "y.csv", stdin=TEXT) == (
            2,
            "",
            "matnet: not enough memory; give the process more, or compute less at once\n",
        )
        assert list(tmp_path.iterdir()) == []


LONG = "a" * 300


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("inspect", LONG), "cannot be read"),
        (("inspect", f"{LONG}.mat"), "cannot be read"),
        (("check", f"{LONG}.m"), "cannot be read"),
        (("diff", PUMP, f"{LONG}.json"), "cannot be read"),
        (("predict", PUMP, f"{LONG}.csv"), "cannot be read"),
        (("predict", PUMP, f"{LONG}.parquet"), "cannot be read"),
        (("predict", PUMP, f"{LONG}.mat:x"), "cannot be read"),
        (("predict", PUMP, "in.csv", "-o", f"{LONG}.csv"), "cannot be written"),
        (("predict", PUMP, "in.csv", "-o", "out.csv", "--summary", LONG), "cannot be written"),
        (("convert", PUMP, f"{LONG}.json"), "cannot be written"),
        (("weights", PUMP, "-o", LONG), "cannot be made"),
        (("weights", PUMP, "-o", f"{LONG}.tsv"), "cannot be written"),
        (("formula", PUMP, "-o", f"{LONG}.tex"), "cannot be written"),
    ],
    ids=lambda value: "" if isinstance(value, str) else f"{value[0]} {value[-1][-8:]}",
)
@pytest.mark.skipif(sys.platform == "win32", reason="names that POSIX has not")
def test_names_that_are_too_long_are_one_line(
    said: Said, arguments: tuple[str, ...], words: str, tmp_path: Path
) -> None:
    (tmp_path / "in.csv").write_text(TEXT)
    status, _, err = said(*arguments)
    assert status == 2
    assert re.fullmatch(rf"matnet: \S*{LONG}\S*: {words}: File name too long\n", err), err
    assert [entry.name for entry in tmp_path.iterdir() if LONG[:50] in entry.name] == []


def test_any_other_library_that_cannot_be_imported_is_a_bug(said: Said, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*arguments: object) -> None:
        raise ImportError("libopenblas.so: cannot allocate memory in static TLS block")

    monkeypatch.setattr("matnet.tables.run.predict", broken)
    with pytest.raises(SystemExit) as ended:
        said("predict", PUMP, "-", stdin=TEXT)
    assert ended.value.code == 70
