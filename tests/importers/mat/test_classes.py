"""Objects within values, function handles, and the classes string, categorical and table, in versions 7 and 7.3."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import matnet
from make_hdf5_fixtures import write_hdf5
from mat5_bytes import file_of, matrix
from matnet.files import DEFAULT_LIMIT, Budget
from matnet.importers.mat.classes import Categorical, Strings, Table, decoded, texts
from matnet.importers.mat.mat5 import read_mat5
from matnet.importers.mat.matfile import open_mat
from matnet.importers.mat.paths import find, walk
from matnet.importers.mat.values import Cell, Char, Function, MatFile, Numeric, Opaque, Struct, Value
from object_files import ObjectStore, Reference, string, write_objects


def categorical(store: ObjectStore, codes: list[int], *names: str) -> Reference:
    return store.new("categorical", {"categoryNames": list(names), "codes": np.array([codes], dtype="u1").T})


def made(path: Path) -> Path:
    """A file with all of it, references within structs and cells of a property as plain numbers."""
    store = ObjectStore()
    plain: Callable[[Reference], Reference] = lambda found: replace(found, plain=True)  # noqa: E731 - read as a word
    first = store.add("nnet.First", {"Name": "one", "Size": np.array([[3.0]])})
    second = store.add("nnet.Second", {"Name": "two"})
    layers = replace(store.reference("nnet.Layer", first, second, plain=True), shape=(2, 1))
    labels = string(store, (1, 3), "añ", None, "")
    handle = [
        np.array([[0xDD000000]], dtype="u4"),
        {
            "matlabroot": "/home/somebody/R2024a",
            "separator": "/",
            "sentinel": "@",
            "function_handle": {"function": "identity", "type": "simple", "file": "/home/somebody/x.m"},
        },
    ]
    handle_cell = np.empty((2, 1), dtype=object)
    handle_cell[:, 0] = handle
    table = store.new(
        "table",
        {"data": [["a", "b"], plain(labels)], "varnames": ["Source", "Labels"], "nrows": np.array([[2.0]])},
    )
    outer = store.new(
        "nnet.Network",
        {
            "any": {
                "Layers": layers,
                "deep": [{"classes": plain(categorical(store, [2, 0, 1], "no", "yes"))}, plain(table)],
                "f": handle_cell,
                "labels": plain(labels),
                "numbers": np.array([[1, 2, 3, 4, 5]], dtype="u4"),
            }
        },
        saved=True,
    )
    return write_objects(path, store, {"net": outer, "x": np.eye(2)})


def opened(tmp_path: Path, version: str) -> MatFile:
    file = open_mat(made(tmp_path / "objects.mat"), DEFAULT_LIMIT)
    if version == "7":
        return file
    write_hdf5(tmp_path / "objects_v73.mat", {name: variable.value for name, variable in file.variables.items()})
    return open_mat(tmp_path / "objects_v73.mat", DEFAULT_LIMIT, isolation=version == "7.3 isolated")


@pytest.mark.parametrize("version", ["7", "7.3", "7.3 isolated"])
def test_what_a_property_refers_to_at_any_depth_is_found(tmp_path: Path, version: str) -> None:
    file = opened(tmp_path, version)
    layers = find(file, "net.any.Layers")
    assert isinstance(layers, Opaque)
    # the reference names the base class, each object has its own
    assert (layers.class_name, layers.shape) == ("nnet.Layer", (2, 1))
    assert [layer.class_name for layer in layers.objects()] == ["nnet.First", "nnet.Second"]
    assert texts(find(file, "net.any.Layers(2).Name")) == ("two",)
    assert decoded(find(file, "net.any.deep{1}.classes")) == Categorical((3, 1), ("no", "yes"), (2, 0, 1))
    assert texts(find(file, "net.any.deep{1}.classes")) == ("yes", None, "no")
    assert decoded(find(file, "net.any.labels")) == Strings((1, 3), ("añ", None, ""))
    table = decoded(find(file, "net.any.deep{2}"))
    assert isinstance(table, Table)
    assert (table.names, table.rows) == (("Source", "Labels"), 2)
    assert [texts(column) for column in table.columns] == [("a", "b"), ("añ", None, "")]
    handle = find(file, "net.any.f")
    assert isinstance(handle, Function)
    assert (handle.name, handle.release) == ("identity", "R2024a")
    numbers = find(file, "net.any.numbers")
    assert isinstance(numbers, Numeric)
    assert numbers.array.tolist() == [[1, 2, 3, 4, 5]]
    assert "somebody" not in repr([value for _, value in walk(file, lambda value: False, leaves=True)])


def test_other_values_are_given_back(tmp_path: Path) -> None:
    file = opened(tmp_path, "7")
    for path in ("x", "net", "net.any", "net.any.Layers"):
        value = find(file, path)
        assert decoded(value) is value
    with pytest.raises(matnet.FormatError) as refused:
        texts(find(file, "x"))
    assert str(refused.value) == "a double where texts are expected"


def packed_string(*numbers: int) -> dict[str, object]:
    return {"any": np.array([numbers], dtype="u8")}


BROKEN: dict[str, tuple[str, dict[str, Any], str]] = {
    "no characters": ("string", {}, "a string array without its characters"),
    "characters that are doubles": ("string", {"any": np.ones((1, 6))}, "a string array without its characters"),
    "another version": (
        "string",
        packed_string(2, 2, 1, 1, 0),
        "a string array that is stored in the unknown version [2]",
    ),
    "nothing but a version": ("string", packed_string(1), "a string array that is stored in the unknown version [1]"),
    "33 dimensions": (
        "string",
        packed_string(1, 33, *[1] * 33, 0),
        "a string array that is stored in the unknown version [1]",
    ),
    "a single dimension": (
        "string",
        packed_string(1, 1, 1, 0),
        "a string array that is stored in the unknown version [1]",
    ),
    "nothing but dimensions": ("string", packed_string(1, 2), "a string array that is cut off"),
    "fewer dimensions than it says": ("string", packed_string(1, 3, 1, 1), "a string array that is cut off"),
    "fewer lengths than elements": ("string", packed_string(1, 2, 2**40, 1, 0), "a string array that is cut off"),
    "fewer characters than it says": ("string", packed_string(1, 2, 1, 1, 5, 0), "a string array that is cut off"),
    "no categories": (
        "categorical",
        {"codes": np.ones((1, 1), "u1")},
        "a categorical array without its categories or codes",
    ),
    "a code of no category": (
        "categorical",
        {"categoryNames": ["a", "b"], "codes": np.full((1, 1), 3, "u1")},
        "a categorical array with the code 3 of 2 categories",
    ),
    "no rows": (
        "table",
        {"data": [1.0], "varnames": ["a"]},
        "a table without its variables, their names or its number of rows",
    ),
    "endless rows": (
        "table",
        {"data": [1.0], "varnames": ["a"], "nrows": np.inf},
        "a table with inf rows",
    ),
    "less than no rows": ("table", {"data": [1.0], "varnames": ["a"], "nrows": -1.0}, "a table with -1 rows"),
    "half a row": ("table", {"data": [1.0], "varnames": ["a"], "nrows": 0.5}, "a table with 0.5 rows"),
    "two variables of one name": (
        "table",
        {"data": [1.0, 2.0], "varnames": ["a", "a"], "nrows": 1.0},
        "a table with 2 variables and 1 name",
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_an_object_that_is_broken_is_refused(tmp_path: Path, case: str) -> None:
    class_name, properties, message = BROKEN[case]
    store = ObjectStore()
    path = write_objects(tmp_path / "x.mat", store, {"x": store.new(class_name, properties)})
    with pytest.raises(matnet.FormatError) as refused:
        decoded(open_mat(path, DEFAULT_LIMIT).variables["x"].value)
    assert str(refused.value) == message


def test_a_text_of_as_many_dimensions_as_matlab_has(tmp_path: Path) -> None:
    store = ObjectStore()
    packed = packed_string(1, 32, *[1] * 32, 2, int.from_bytes("añ".encode("utf-16-le").ljust(8, b"\0"), "little"))
    path = write_objects(tmp_path / "x.mat", store, {"x": store.new("string", packed)})
    assert decoded(open_mat(path, DEFAULT_LIMIT).variables["x"].value) == Strings((1,) * 32, ("añ",))


def unfinished(content: bytes, keep: int) -> bytes:
    """A compressed variable whose stream stops after a flush, `keep` bytes of its content before."""
    stream = zlib.compressobj()
    data = stream.compress(content[:keep]) + stream.flush(zlib.Z_SYNC_FLUSH)
    return struct.pack("<II", 15, len(data)) + data


def test_a_compressed_variable_may_lack_its_end_but_no_byte() -> None:
    whole = matrix([1.5, 2.5], (1, 2))
    read = read_mat5(file_of(unfinished(whole, len(whole))), Budget(DEFAULT_LIMIT)).variables["x"].value
    assert isinstance(read, Numeric)
    assert read.array.tolist() == [[1.5, 2.5]]
    short = read_mat5(file_of(unfinished(whole, len(whole) - 4)), Budget(DEFAULT_LIMIT)).variables["x"]
    with pytest.raises(matnet.FormatError) as refused:
        short.value  # noqa: B018 - values are read when they are asked for
    assert str(refused.value) == (
        f"x (byte 128): the file is cut off or broken: {len(whole) - 8} bytes are announced, {len(whole) - 12} came out"
    )


def layers_of(path: Path, place: str) -> list[str]:
    found = find(open_mat(path, DEFAULT_LIMIT), place)
    assert isinstance(found, Opaque)
    return [layer.class_name.rpartition(".")[2] for layer in found.objects()]


REAL_LAYERS = {
    "series_lstm_v73.mat": ("net.any.Layers", "LSTMLayer"),
    "series_lstm_unfinished_deflate.mat": ("net.any.Layers", "LSTMLayer"),
    "series_conv_seed.mat": ("net.any.Layers", "Convolution2DLayer"),
    "dlnetwork_batchnorm.mat": ("net.any.LayerGraph.any.Layers", "BatchNormalizationLayer"),
}


@pytest.mark.parametrize("name", REAL_LAYERS)
def test_real_networks_of_layers(successors: Path, name: str) -> None:
    place, expected = REAL_LAYERS[name]
    assert expected in layers_of(successors / name, place)


def test_real_strings_categories_and_tables(successors: Path) -> None:
    file = open_mat(successors / "dag_2020.mat", DEFAULT_LIMIT)
    assert texts(find(file, "policy.any.Layers(10).Classes")) == ("1", "2", "3", "4")
    connections = decoded(find(file, "policy.any.Connections"))
    assert isinstance(connections, Table)
    assert (connections.names, connections.rows) == (("Source", "Destination"), 9)
    assert [texts(column)[:2] for column in connections.columns] == [("state", "H1"), ("H1", "LayerName")]
    algorithm = find(
        open_mat(successors / "dlnetwork_agent.mat", DEFAULT_LIMIT),
        "agent.any.AgentOptions.ActorOptimizerOptions.Algorithm_",
    )
    assert texts(algorithm) == ("adam",)


def test_real_function_handles_tell_the_release(successors: Path) -> None:
    file = open_mat(successors / "fitcnet_app_export.mat", DEFAULT_LIMIT)
    handles = [value for _, value in walk(file, lambda value: False, leaves=True) if isinstance(value, Function)]
    named = [handle for handle in handles if handle.name]
    assert named
    assert {handle.release for handle in named} <= {"R2022a", "R2022b", "R2023a", "R2023b", "R2024a", "R2024b"}


def test_every_real_file_of_the_successors_is_read_through(successors: Path) -> None:
    for path in sorted(successors.glob("*.mat")):
        kinds: list[Value] = [value for _, value in walk(open_mat(path, DEFAULT_LIMIT), lambda value: False)]
        assert kinds
        assert not any(value.class_name.startswith("unreadable") for value in kinds), path
        assert any(isinstance(value, Struct | Cell | Opaque | Char) for value in kinds)
