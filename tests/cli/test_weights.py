"""The command `weights`: a network from what it wrote is the same network."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

import matnet
from matnet.cli.entry import run
from matnet.functions.namespace import FloatArray
from matnet.tables.binary.excel import workbook
from matnet.tables.formats import TEXT_SUFFIXES

FIXTURES = Path(__file__).parent.parent.parent / "fixtures"
PUMP = str(FIXTURES / "pump.mat")
NET = matnet.load(PUMP)


def matrix(path: Path) -> tuple[list[str], list[str], FloatArray]:
    """Headings of columns and rows, and the numbers."""
    header, *rows = list(csv.reader(path.read_text(encoding="utf-8").splitlines()))
    return header, [row[0] for row in rows], np.array([[float(cell) for cell in row[1:]] for row in rows])


def test_a_folder_has_a_file_for_each_matrix(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "new" / "weights"
    assert run(["weights", PUMP, "-o", str(folder), "--inputs", "flow,speed"]) == 0
    assert capsys.readouterr() == ("", "")
    found = {path.stem: matrix(path) for path in folder.iterdir()}
    names = ["IW1_1", "LW2_1", "b1", "b2", "input1_1_mapminmax", "output1_1_mapminmax"]
    assert sorted(found) == names
    assert found["IW1_1"][:2] == (["neuron", "flow", "speed"], [str(k) for k in range(1, 11)])
    assert found["input1_1_mapminmax"][:2] == (["element", "xoffset", "gain", "ymin"], ["flow", "speed"])
    scalings = []
    for side in ("input", "output"):
        offset, gain, ymin = found[f"{side}1_1_mapminmax"][2].T
        scalings.append({"xmin": offset, "xmax": offset + 2.0 / gain, "ymin": ymin, "ymax": -ymin})
    net = matnet.from_weights(
        [found["IW1_1"][2], found["LW2_1"][2]], [found["b1"][2], found["b2"][2]], ["tansig", "purelin"], *scalings
    )
    x = np.array([[20.0, 1500.0], [60.5, 2800.0]])
    np.testing.assert_allclose(net(x), NET(x), rtol=1e-13)


def test_every_number_is_exact_in_every_format(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    expected = NET.structure.layers[0].input_weights[0].value / 3.0
    net = NET.with_parameters(NET.parameters / 3.0)
    matnet.save(net, tmp_path / "net.json")
    assert run(["weights", str(tmp_path / "net.json")]) == 0
    rows = list(csv.DictReader(capsys.readouterr().out.splitlines()))
    own = [float(row["value"]) for row in rows if row["matrix"] == "IW1_1"]
    np.testing.assert_array_equal(np.reshape(own, (10, 2)), expected)
    assert run(["weights", str(tmp_path / "net.json"), "-o", str(tmp_path / "w.csv")]) == 0
    assert list(csv.DictReader((tmp_path / "w.csv").read_text(encoding="utf-8").splitlines())) == rows
    assert run(["weights", str(tmp_path / "net.json"), "-o", str(tmp_path / "w.tsv")]) == 0
    tabs = (tmp_path / "w.tsv").read_text(encoding="utf-8").splitlines()
    assert list(csv.DictReader(tabs, delimiter="\t")) == rows
    fastexcel = pytest.importorskip("fastexcel")
    pytest.importorskip("xlsxwriter")
    assert run(["weights", str(tmp_path / "net.json"), "-o", str(tmp_path / "w.xlsx")]) == 0
    book = fastexcel.read_excel(tmp_path / "w.xlsx")
    assert book.sheet_names == ["input1_1_mapminmax", "b1", "IW1_1", "b2", "LW2_1", "output1_1_mapminmax"]
    sheet = book.load_sheet("IW1_1").to_polars()
    assert sheet.columns == ["neuron", "x1", "x2"]
    np.testing.assert_array_equal(sheet[["x1", "x2"]].to_numpy(), expected)


def test_long_names_of_sheets_are_cut(tmp_path: Path) -> None:
    fastexcel = pytest.importorskip("fastexcel")
    pytest.importorskip("xlsxwriter")
    assert run(["weights", str(FIXTURES / "genfunction" / "removed_rows.m"), "-o", str(tmp_path / "w.xlsx")]) == 0
    names = fastexcel.read_excel(tmp_path / "w.xlsx").sheet_names
    assert names[:4] == [
        "input1_1_removeconstantrows_row",
        "input1_1_removeconstantrows_kee",
        "input1_1_removeconstantrows_rem",
        "input1_1_removeconstantrows_con",
    ]
    assert workbook([("a" * 40, [["x"]]), ("A" * 33, [["x"]]), ("a" * 31, [["x"]])], "w.xlsx")


def test_the_columns_of_delays_and_removed_rows(capsys: pytest.CaptureFixture[str]) -> None:
    def columns(file: str, name: str) -> list[str]:
        assert run(["weights", str(FIXTURES / "genfunction" / file)]) == 0
        rows = list(csv.DictReader(capsys.readouterr().out.splitlines()))
        return list(dict.fromkeys(row["column"] for row in rows if row["matrix"] == name))

    assert columns("narx_closed.m", "IW1_1") == ["x1(t-1)", "x2(t-1)", "x1(t-2)", "x2(t-2)"]
    assert columns("narx_closed.m", "LW1_2") == ["a2_1(t-1)", "a2_1(t-2)"]
    assert columns("removed_rows.m", "IW1_1") == ["x1", "x3", "x4"]


@pytest.mark.parametrize("path", sorted((FIXTURES / "genfunction").glob("*.m")), ids=lambda path: path.stem)
def test_every_weight_and_bias_is_there(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    net = matnet.load(path)
    assert run(["weights", str(path)]) == 0
    found: dict[str, list[list[float]]] = {}
    for row in csv.DictReader(capsys.readouterr().out.splitlines()):
        rows = found.setdefault(row["matrix"], [])
        if len(rows) < int(row["row"] if row["row"].isdigit() else 1):
            rows.append([])
        rows[-1].append(float(row["value"]))
    vector: list[float] = []
    for number, layer in enumerate(net.structure.layers, start=1):
        own = [f"b{number}"] if layer.bias is not None else []
        own += [f"IW{number}_{source + 1}" for source in layer.input_weights]
        own += [f"LW{number}_{source + 1}" for source in layer.layer_weights]
        for name in own:
            vector += np.array(found[name]).ravel(order="F").tolist()
    np.testing.assert_array_equal(vector, net.parameters)


def test_what_is_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def said(*arguments: str) -> tuple[int, str]:
        return run(["weights", PUMP, *arguments]), capsys.readouterr().err

    name = str(tmp_path / "w.ods")
    assert said("-o", name) == (
        2,
        f"matnet: {name}: the format is not known; name a folder, or a file that ends in "
        f"{', '.join(TEXT_SUFFIXES)} or .xlsx\n",
    )
    folder = tmp_path / "w"
    assert said("-o", str(folder)) == (0, "")
    before = {path: path.read_text() for path in folder.iterdir()}
    status, message = said("-o", str(folder), "--no-clobber", "--outputs", "head")
    assert (status, message) == (
        2,
        f"matnet: {folder / 'input1_1_mapminmax.csv'}: the file exists; leave out --no-clobber to replace it\n",
    )
    assert {path: path.read_text() for path in folder.iterdir()} == before
    (tmp_path / "file").write_text("")
    assert said("-o", str(tmp_path / "file" / "w"))[0] == 2
    assert json.dumps(sorted(path.name for path in tmp_path.iterdir())) == '["file", "w"]'
