"""Numbers of the user's own computation: which cells are read, and to which digit they count."""

from __future__ import annotations

from pathlib import Path

import pytest

from matnet.errors import TableError
from matnet.network.mistakes import UserNumber
from matnet.proof.given import read_given


def read(folder: Path, text: str) -> dict[str, UserNumber]:
    file = folder / "mine.csv"
    file.write_text(text, encoding="utf-8")
    return read_given(str(file))


@pytest.mark.parametrize(
    "text",
    [
        "y1,0.25\n",
        "\n \ny1, 0.25\n\n",
        "\n , \nQuantity , VALUE\ny1 , 0.25 \n",
        "step,value,note,quantity\n1,0.25,seen,y1\n",
        "note,quantity,unit,value,more\nseen,y1,m,0.25,2.5\n",
        "quantity,note,value\ny1,0.25\n",
        "quantity;note;value\ny1;0,25\n",
        "quantity,value\n\ny1,0.25\n",
        "\n \nquantity;value\ny1;0,25\n",
        "y1\t0.25\n",
    ],
)
def test_cells_of_one_number(text: str, tmp_path: Path) -> None:
    """Under a header in any order, which may follow empty lines; in a row that is too short the first and the last."""
    assert read(tmp_path, text) == {"y1": UserNumber(0.25, 0.01)}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("quantity,value\nquantity,value\n", "line 2: 'value' is not a number; each row is a quantity and a value"),
        ("y1,1\nquantity,value\n", "line 2: 'value' is not a number; each row is a quantity and a value"),
        ("quantity,amount\ny1,1\n", "line 1: 'amount' is not a number; each row is a quantity and a value"),
        ("\n\ny1,1\n\ny1,1\n", "line 5: y1 occurs a second time"),
        ("y1\t0,25\n", "line 1: '0,25' is not a number; each row is a quantity and a value"),
        ("\n , \n", "has no numbers; each row is a quantity and a value"),
        ("quantity,value\n", "has no numbers; each row is a quantity and a value"),
        ("", "has no numbers; each row is a quantity and a value"),
        (f"y1,0.25\n{'1' * 200_000}\n", "cannot be read: field larger than field limit (131072)"),
    ],
)
def test_what_is_no_list_of_numbers_is_refused(text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(TableError) as error:
        read(tmp_path, text)
    assert str(error.value) == f"{tmp_path / 'mine.csv'}: {message}"


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    file = tmp_path / "none.csv"
    with pytest.raises(TableError) as error:
        read_given(str(file))
    assert str(error.value) == f"{file}: cannot be read: No such file or directory"
    file.write_bytes(b"y1,\xff\n")
    with pytest.raises(TableError) as error:
        read_given(str(file))
    assert str(error.value) == f"{file}: is not text in UTF-8"


@pytest.mark.parametrize(
    ("text", "value", "unit"),
    [
        ("0.5", 0.5, 0.1),
        ("-.125", -0.125, 1e-3),
        ("+12.50", 12.5, 0.01),
        ("1.25e2", 125.0, 1.0),
        ("1.25E+04", 12500.0, 100.0),
        ("1.5e-3", 0.0015, 1e-4),
        ("3", 3.0, 0.0),
        ("5.", 5.0, 0.0),
        ("2e-3", 0.002, 0.0),
    ],
)
def test_a_number_counts_to_its_last_decimal(text: str, value: float, unit: float, tmp_path: Path) -> None:
    """One that is written without decimals counts as it is."""
    found = read(tmp_path, f"y1,{text}\n")["y1"]
    assert found.value == value
    assert found.unit == pytest.approx(unit, rel=1e-15)


def test_a_name_may_have_commas_of_its_own(tmp_path: Path) -> None:
    """Or semicolons, where those divide the cells."""
    assert read(tmp_path, "IW{1,1}(2,3),0.25\n") == {"IW{1,1}(2,3)": UserNumber(0.25, 0.01)}
    assert read(tmp_path, "a;b;0,25\n") == {"a;b": UserNumber(0.25, 0.01)}
