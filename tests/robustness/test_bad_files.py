"""Small files in fixtures/bad/ with one change each, which fuzzers found or the format invites: all are refused.

Some would else be other networks than those that were saved, some would take more memory than there is.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

import matnet
from make_bad_fixtures import FILES, main

FOLDER = Path(__file__).parent.parent.parent / "fixtures" / "bad"

MESSAGES: Mapping[str, tuple[type[matnet.MatnetError], str]] = {
    "weights_called_logical.mat": (
        matnet.FormatError,
        "net (byte 128): broken: numbers of class logical that are stored as float64",
    ),
    "weights_called_single.mat": (
        matnet.FormatError,
        "net (byte 128): broken: numbers of class single that are stored as float64",
    ),
    "weights_called_int64.mat": (
        matnet.FormatError,
        "net (byte 128): broken: numbers of class double that are stored as int64",
    ),
    "weights_turned.mat": (
        matnet.ModelError,
        "net: IW{1,1}: 2 by 3, expected 3 by 2 (3 neurons, 2 elements, 1 delay)",
    ),
    "processing_functions_called_empty.mat": (
        matnet.FormatError,
        "net (byte 128): broken: 152 bytes are left over after a cell",
    ),
    "processing_functions_lost.mat": (
        matnet.ModelError,
        "net.inputs{1}.processSettings: 2 entries for 0 processing functions; "
        "a network is saved with them once it is configured",
    ),
    "processing_lost.mat": (
        matnet.ModelError,
        "net.inputs{1}.processParams: 2 entries for 0 processing functions",
    ),
    "delay_of_a_billion.mat": (
        matnet.UnsupportedError,
        "net.inputWeights{1,1}: a delay of 1000000000 steps is not supported; the maximum is 1000000",
    ),
    "rows_removed_by_a_count.mat": (
        matnet.ModelError,
        "net.inputs{1}.processSettings{1}: the setting xrows is 2147483647, but keep and remove list 2 rows",
    ),
    "input_that_nothing_takes.mat": (
        matnet.UnsupportedError,
        "net: inputs, layers and outputs have 2147483654 elements; at most 16777216 are supported",
    ),
    "weight_that_no_answer_shows.json": (
        matnet.FormatError,
        ".digest: does not belong to what the file holds: something in it was changed: take an unchanged copy, or "
        "archive the network again from its source",
    ),
    "text_longer_than_it_says.mat": (
        matnet.FormatError,
        "net (byte 128): byte 40: broken: 6 characters for 1 row of 4",
    ),
    "name_of_other_bytes_v73.mat": (matnet.FormatError, "broken: a name that is not UTF-8"),
    "sparse_columns_in_one_number_v73.mat": (
        matnet.FormatError,
        "net: broken: jc of a sparse matrix is uint64 of shape ()",
    ),
}


def test_every_file_is_listed() -> None:
    assert sorted(path.name for path in FOLDER.iterdir()) == sorted(MESSAGES) == sorted(FILES)


@pytest.mark.parametrize("name", MESSAGES)
def test_a_bad_file_is_refused(name: str) -> None:
    kind, message = MESSAGES[name]
    with pytest.raises(matnet.MatnetError) as refused:
        matnet.load(FOLDER / name)
    assert (type(refused.value), str(refused.value)) == (kind, f"{FOLDER / name}: {message}")


def test_the_script_makes_them(tmp_path: Path) -> None:
    main(tmp_path)
    for name, (kind, message) in MESSAGES.items():
        with pytest.raises(kind) as refused:
            matnet.load(tmp_path / name)
        assert str(refused.value) == f"{tmp_path / name}: {message}"
