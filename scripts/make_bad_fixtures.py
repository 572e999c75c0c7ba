"""Make the files in fixtures/bad/: run `python scripts/make_bad_fixtures.py [FOLDER]`, matnet installed.

Each is a small sound file with the one change that a fuzzer found, or that the format invites; tests/robustness says
what is wrong with it. The network has two inputs, three neurons and one output.
"""

from __future__ import annotations

import json
import struct
import sys
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np

import matnet
from make_hdf5_fixtures import HEADER, USER_BLOCK
from matnet.exporters.archive import archive_text
from network_object import LayerPlan, NetworkPlan, mapminmax, network_object, removeconstantrows, signal, write

WEIGHTS = np.array([[0.5, -0.5], [1.5, 0.25], [-1.0, 2.0]])
FLAGS, CLASS, DIMENSIONS, DATA_TYPE = -39, -40, -24, -8
"""Where a matrix says what it is, counted from its first number."""


def main(folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    for name, make in FILES.items():
        make(folder / name)


def network() -> Any:
    """The sound network."""
    x = np.array([[0.0, 1.0, 4.0], [-2.0, 0.5, 1.0]])
    inputs, _ = signal(x, removeconstantrows, mapminmax)
    outputs, _ = signal(np.array([[10.0, 20.0, 15.0]]), mapminmax)
    layers = LayerPlan(3, "tansig", np.array([[0.1], [0.2], [0.3]])), LayerPlan(1, "hardlim", np.array([[40.0]]))
    weights = {(0, 0): WEIGHTS}, {(1, 0): np.array([[0.75, -0.125, 0.0625]])}
    return network_object(NetworkPlan("small", (inputs,), layers, {1: outputs}, *weights))


def edited(edit: Callable[[Any], object]) -> Callable[[Path], None]:
    """A file whose network has a field that is not sound."""

    def make(path: Path) -> None:
        net = network()
        edit(net)
        write(path, {"net": net})
        path.write_bytes(packed(path.read_bytes()))

    return make


def patched(*edits: tuple[int, bytes]) -> Callable[[Path], None]:
    """A file with bytes exchanged beside the numbers of IW{1,1}."""

    def make(path: Path) -> None:
        write(path, {"net": network()})
        data = bytearray(path.read_bytes())
        at = data.index(struct.pack("<6d", *WEIGHTS.ravel(order="F")))
        for place, value in edits:
            data[at + place : at + place + len(value)] = value
        path.write_bytes(packed(bytes(data)))

    return make


def called_empty(path: Path) -> None:
    """A file in which the cell with the names of the processing functions says that it has none."""
    write(path, {"net": network()})
    data = bytearray(path.read_bytes())
    # before the first name: its own head of 56 bytes, the empty name of the cell and the cell's dimensions
    at = data.index(b"removeconstantrows") - 56 - 8 - 8
    data[at : at + 4] = bytes(4)
    path.write_bytes(packed(bytes(data)))


def longer_text(path: Path) -> None:
    """A file in which a layer's function, a text of six characters, says that it has four."""
    write(path, {"net": network()})
    data = bytearray(path.read_bytes())
    columns = data.index(b"tansig") + DIMENSIONS + 4
    data[columns : columns + 4] = struct.pack("<I", 4)
    path.write_bytes(packed(bytes(data)))


def packed(data: bytes) -> bytes:
    """The file with its only variable compressed."""
    content = zlib.compress(data[128:], 9)
    return data[:128] + struct.pack("<II", 15, len(content)) + content


def part(net: Any, field: str) -> Any:
    """The first subobject of a field."""
    return net[field][0, 0][0, 0]


def lost_processing(net: Any) -> None:
    part(net, "inputs").update(processFcns=np.zeros((0, 0)), processSettings=np.zeros((0, 0)))


def lost_names(net: Any) -> None:
    part(net, "inputs")["processFcns"] = np.zeros((0, 0))


def many_delays(net: Any) -> None:
    part(net, "inputWeights")["delays"] = 1e9


def many_rows(net: Any) -> None:
    settings = part(net, "inputs")["processSettings"][0, 0]
    settings["xrows"] = 2.0**31 - 1
    part(net, "inputs")["size"] = 2.0**31 - 1


def many_inputs(net: Any) -> None:
    """An input that nothing is connected to, so that no weight contradicts its size."""
    first = part(net, "inputs")
    unused = dict(first, size=2.0**31 - 1, processFcns=np.zeros((0, 0)), processSettings=np.zeros((0, 0)))
    unused |= {"range": np.zeros((0, 0)), "processedSize": 2.0**31 - 1}
    inputs, weights, values = (np.empty(shape, dtype=object) for shape in ((2, 1), (2, 2), (2, 2)))
    inputs[:, 0] = [first, unused]
    for field, slots in (("inputWeights", weights), ("IW", values)):
        slots[:] = [[net[field][0, 0][0, 0], np.zeros((0, 0))], [np.zeros((0, 0)), np.zeros((0, 0))]]
    connect = np.array([[1.0, 0.0], [0.0, 0.0]])
    for field, value in {"inputs": inputs, "inputWeights": weights, "IW": values, "inputConnect": connect}.items():
        net[field][0, 0] = value
    net["numInputs"][0, 0] = 2.0


def archive(path: Path) -> None:
    """The weight behind a saturated neuron: no answer of the network shows it."""
    write(path, {"net": network()})
    document = json.loads(archive_text(matnet.load(path)))
    path.unlink()
    document["layers"][1]["layer_weights"][0]["value"][0][0] = 0.875
    path.with_suffix(".json").write_text(json.dumps(document))


def level_73(fill: Callable[[Any], object]) -> Callable[[Path], None]:
    """A file of level 7.3."""

    def make(path: Path) -> None:
        with h5py.File(path, "w", userblock_size=USER_BLOCK) as file:
            fill(file)
        data = bytearray(path.read_bytes())
        data[: len(HEADER)] = HEADER
        path.write_bytes(data)

    return make


def name_of_other_bytes(file: Any) -> None:
    """A variable whose name is no UTF-8."""
    file.create_dataset(b"\xff\xfe", data=np.zeros((1, 1))).attrs["MATLAB_class"] = np.bytes_("double")


def one_number_for_columns(file: Any) -> None:
    """A sparse matrix whose columns begin in a single number instead of a row of them."""
    matrix = file.create_group("net")
    matrix.attrs["MATLAB_class"], matrix.attrs["MATLAB_sparse"] = np.bytes_("double"), np.uint64(3)
    matrix.create_dataset("jc", data=np.uint64(0))


FILES: Mapping[str, Callable[[Path], None]] = {
    "weights_called_logical.mat": patched((FLAGS, b"\2")),
    "weights_called_single.mat": patched((CLASS, b"\7"), (0, struct.pack("<d", 0.1))),
    "weights_called_int64.mat": patched((DATA_TYPE, b"\14")),
    "weights_turned.mat": patched((DIMENSIONS, struct.pack("<II", 2, 3))),
    "processing_functions_called_empty.mat": called_empty,
    "processing_functions_lost.mat": edited(lost_names),
    "processing_lost.mat": edited(lost_processing),
    "delay_of_a_billion.mat": edited(many_delays),
    "rows_removed_by_a_count.mat": edited(many_rows),
    "input_that_nothing_takes.mat": edited(many_inputs),
    "weight_that_no_answer_shows.json": lambda path: archive(path.with_suffix(".mat")),
    "text_longer_than_it_says.mat": longer_text,
    "name_of_other_bytes_v73.mat": level_73(name_of_other_bytes),
    "sparse_columns_in_one_number_v73.mat": level_73(one_number_for_columns),
}

if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent.parent / "fixtures" / "bad")
