"""Small files that ask for much: memory and work stay in proportion to the file, measured in a process of its own.

The promise is ten times the inflated file and 100 MB. Work is counted in calls of functions, never in seconds.
"""

from __future__ import annotations

import cProfile
import json
import pstats
import struct
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.io
import scipy.sparse

import matnet
from image_networks import pair, window
from layered_networks import image, saved, series
from layered_networks import layer as stored_layer
from make_bad_fixtures import network, version_73
from mat5_bytes import INT8, MATRIX, element, file_of, head, matrix, packed
from matnet.files import DEFAULT_LIMIT
from matnet.importers.stored import StoredValues
from matnet.model.checks import checking_bytes
from matnet.model.structure import Input, Layer, Output, Structure, Weight
from network_object import LayerPlan, NetworkPlan, network_object, signal, write
from object_files import ObjectStore, value_bytes, write_objects

ALLOWED = 100 * 2**20
LONGEST_NAME = 2048

PROGRAM = """
import sys
import numpy, h5py
import matnet
from matnet.importers.contents import contents

def kilobytes(what):
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith(what))

before = kilobytes("VmRSS")
try:
    matnet.load_all(sys.argv[1], limit=int(sys.argv[2]))
    print("loaded", end=" ")
except matnet.MatnetError as error:
    print(type(error).__name__, end=" ")
print(1024 * (kilobytes("VmHWM") - before))
"""
measured = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="only Linux tells the peak of a process")


def memory_of(path: Path, limit: int = DEFAULT_LIMIT) -> tuple[str, int]:
    """What comes of a file, and by how many bytes the process that opens it grows."""
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(path), str(limit)], capture_output=True, text=True, check=True
    )
    verdict, grown = ran.stdout.split()
    return verdict, int(grown)


def calls(work: Callable[[], object]) -> int:
    """How many functions are called."""
    profile = cProfile.Profile()
    profile.runcall(work)
    return int(pstats.Stats(profile).total_calls)  # type: ignore[attr-defined]


def refused(path: Path, limit: int = DEFAULT_LIMIT) -> Callable[[], None]:
    def work() -> None:
        with pytest.raises(matnet.MatnetError):
            matnet.load(path, limit=limit, isolation=False)

    return work


def nested(name: str, levels: int, leaves: int) -> bytes:
    """A struct within a struct, all of one long name, and cells within the last."""
    inner = element(
        MATRIX, head(1, (1, leaves), b"") + element(MATRIX, head(1, (1, 1), b"") + matrix([1.0], (1, 1), b"")) * leaves
    )
    for level in range(levels):
        names = element(5, struct.pack("<I", len(name) + 1)) + element(INT8, name.encode() + b"\0")
        inner = element(MATRIX, head(2, (1, 1), b"s" if level == levels - 1 else b"") + names + inner)
    return inner


@measured
def test_long_names_nested_in_each_other_are_written_out_for_none(tmp_path: Path) -> None:
    file = tmp_path / "names.mat"
    content = nested("n" * LONGEST_NAME, 50, 5000)
    file.write_bytes(file_of(packed(content)))
    assert file.stat().st_size < len(content) // 50
    verdict, grown = memory_of(file)
    assert verdict == "NoNetworkError"
    assert grown < 10 * len(content) + ALLOWED
    file.write_bytes(file_of(packed(nested("n" * (LONGEST_NAME + 1), 2, 1))))
    with pytest.raises(matnet.FormatError) as error:
        matnet.load(file)
    assert str(error.value) == f"{file}: s (byte 128): broken: field names of 2050 bytes; MATLAB's have at most 2048"


def shared_property(count: int, path: Path) -> Path:
    """As many objects as values in the one property that all of them have."""
    store = ObjectStore()
    values = [[float(number)] for number in range(count)]
    first = store.add("mine", {"value": values})
    for _ in range(count - 1):
        store.objects.append((1, {"value": values}, False))
    numbers = tuple(range(first, first + count))
    return write_objects(path, store, {"x": store.reference("mine", *numbers)})


def test_a_property_that_objects_share_is_walked_once(tmp_path: Path) -> None:
    few, many = (calls(refused(shared_property(count, tmp_path / f"{count}.mat"))) for count in (100, 400))
    assert many < 6 * few


def test_an_object_that_is_referred_to_often_is_walked_once(tmp_path: Path) -> None:
    def repeated(count: int) -> Path:
        store = ObjectStore()
        number = store.add("mine", {"value": [[1.0], [2.0]]})
        return write_objects(tmp_path / f"{count}.mat", store, {"x": store.reference("mine", *[number] * count)})

    once, often = calls(refused(repeated(1))), calls(refused(repeated(20_000)))
    assert often < once + 25_000


def linked(count: int, folder: Path) -> Path:
    def fill(file: Any) -> None:
        value = file.create_dataset("a", data=np.zeros((1, 1)))
        value.attrs["MATLAB_class"] = np.bytes_("double")
        for number in range(count):
            file[f"v{number}"] = value

    version_73(fill)(folder / f"{count}_names.mat")
    return folder / f"{count}_names.mat"


def test_one_value_under_many_names_costs_a_name_each(tmp_path: Path) -> None:
    few, many = (calls(refused(linked(count, tmp_path))) for count in (100, 400))
    assert many < 6 * few
    names = linked(401, tmp_path)
    with pytest.raises(matnet.FormatError) as error:
        _ = [array.read() for array in StoredValues(names, isolation=False).arrays]
    assert str(error.value) == "v0: broken: a value is referred to from two places"


def chain(count: int) -> matnet.Network:
    one = np.ones((1, 1))
    layers = [Layer(1, "tansig", {0: Weight(one)})]
    layers += [Layer(1, "tansig", {}, {number: Weight(one)}) for number in range(count - 1)]
    # the last layer first, so that no order is given away
    flipped = []
    for layer in reversed(layers):
        sources = {count - 1 - source: weight for source, weight in layer.layer_weights.items()}
        flipped.append(Layer(layer.size, layer.transfer, layer.input_weights, sources))
    return matnet.Network(Structure((Input(1),), tuple(flipped), (Output(0, 1),)))


def test_layers_are_put_in_order_in_one_pass() -> None:
    def work(count: int) -> int:
        structure = chain(count).structure
        del structure.__dict__["order"]
        return calls(lambda: structure.order)

    assert work(2000) < 5 * work(500)
    assert chain(30).structure.order == tuple(range(29, -1, -1))


def many_structs(count: int, path: Path) -> Path:
    one = value_bytes({"a": np.zeros((0, 0))})
    content = element(MATRIX, head(1, (1, count), b"c") + one * count)
    path.write_bytes(file_of(packed(content)))
    return path


def test_structs_cost_a_few_calls_each(tmp_path: Path) -> None:
    few, many = (calls(refused(many_structs(count, tmp_path / f"{count}.mat"))) for count in (4000, 20_000))
    assert many < 5.5 * few
    assert many < 80 * 20_000
    assert (tmp_path / "20000.mat").stat().st_size < 20_000


@measured
def test_a_sparse_weight_does_not_outgrow_its_file(tmp_path: Path) -> None:
    size = 4000
    bare, _ = signal(np.zeros((size, 1)))
    layer = LayerPlan(size, "purelin", None)
    plan = NetworkPlan("sparse", (bare,), (layer,), {0: bare}, {(0, 0): np.zeros((1, 1))})
    net: Any = network_object(plan)
    net["IW"][0, 0][0, 0] = scipy.sparse.csc_matrix((size, size))
    net["inputWeights"][0, 0][0, 0]["size"] = np.array([[size, size]], dtype=float)
    file = tmp_path / "sparse.mat"
    scipy.io.savemat(file, {"net": net}, long_field_names=True, do_compression=True)
    assert file.stat().st_size < 10_000
    verdict, grown = memory_of(file)
    assert verdict == "FormatError"
    assert grown < ALLOWED
    with pytest.raises(matnet.FormatError) as error:
        matnet.load(file)
    message = str(error.value)
    assert message.startswith(f"{file}: net.IW{{1,1}}: a sparse matrix takes 128000000 bytes when it is full, but all ")


@measured
@pytest.mark.parametrize("compressed", [False, True])
def test_the_limit_counts_what_is_held_at_once(tmp_path: Path, compressed: bool) -> None:
    rows, columns = 500, 4000
    weights = np.random.default_rng(0).normal(size=(rows, columns))
    bare, _ = signal(np.zeros((columns, 1)))
    out, _ = signal(np.zeros((rows, 1)))
    net = network_object(
        NetworkPlan("large", (bare,), (LayerPlan(rows, "purelin", None),), {0: out}, {(0, 0): weights})
    )
    file = tmp_path / "large.mat"
    scipy.io.savemat(file, {"net": net}, long_field_names=True, do_compression=compressed)
    verdict, grown = memory_of(file)
    assert verdict == "loaded"
    assert grown > 2 * weights.nbytes
    # a limit that is smaller than what was held is not enough
    assert memory_of(file, int(0.85 * grown))[0] == "FormatError"
    # the file holds the weights twice, and so do its values; the network once
    assert memory_of(file, 8 * weights.nbytes)[0] == "loaded"


def connection_of(function: str, **settings: Any) -> dict[str, Any]:
    value = [[1.0]] if function == "convolution" else []
    return {"source": 1, "function": function, "delays": [0], "value": value, "settings": settings}


NONE = [0.0, 0.0, 0.0, 0.0]
SIZES_ALONE = {
    "an index of few among many": connection_of("gather", index=[1.0], elements=[2.0**31 - 1]),
    "an index of one element": connection_of("gather", index=[1.0] * 1000, elements=[2.0**31 - 1]),
    "a large image": connection_of(
        "maxpool", image=[2.0**30, 2.0**30, 1.0], window=[1.0, 1.0], stride=[2.0**30, 2.0**30], padding=NONE
    ),
    "an image of 128 MB": connection_of(
        "maxpool", image=[4096.0, 4096.0, 1.0], window=[1.0, 1.0], stride=[4096.0, 4096.0], padding=NONE
    ),
    "much padding": connection_of(
        "avgpool",
        **{"image": [1.0, 1.0, 1.0], "window": [1.0, 1.0], "stride": [1.0, 1.0], "padding": [2.0**23, 0.0, 0.0, 0.0]},
        padding_counts=[1.0],
    ),
    "many groups": connection_of(
        "convolution",
        **{"image": [1.0, 1.0, 2.0**20], "window": [1.0, 1.0], "stride": [1.0, 1.0], "dilation": [1.0, 1.0]},
        **{"padding": NONE, "filters": [2.0**20], "groups": [2.0**20]},
    ),
}
"""Connections whose sizes stand for gigabytes, or for a million tables."""


@measured
@pytest.mark.parametrize("case", SIZES_ALONE)
def test_sizes_of_a_connection_take_nothing(tmp_path: Path, case: str) -> None:
    file = tmp_path / "net.json"
    matnet.save(spread(2), file)
    content = json.loads(file.read_text())
    content["layers"][0]["input_weights"] = [SIZES_ALONE[case]]
    file.write_text(json.dumps(content))
    verdict, grown = memory_of(file)
    assert verdict in ("ModelError", "UnsupportedError")
    assert grown < 10 * 2**20
    assert calls(refused(file)) < 50_000


@measured
def test_the_windows_over_a_large_image_take_nothing_until_it_is_run(tmp_path: Path) -> None:
    """Their table would take 32 MB, and so would that of the windows that see each element."""
    store = ObjectStore()
    pool = stored_layer("MaxPooling2DLayer", "pool", 3, PoolSize=pair(2, 2), **window((2, 2), (2, 2), (0, 0, 0, 0)))
    layers = [image(2000, 2000, 1), pool, stored_layer("GlobalMaxPooling2DLayer", "all")]
    file = saved(tmp_path / "net.mat", store, net=series(store, layers))
    verdict, grown = memory_of(file)
    assert verdict == "loaded"
    assert grown < 30 * 2**20


def spread(size: int) -> matnet.Network:
    """One number filtered into an image of size×size, nearly all of it padding: only its sizes are large."""
    one, whole = {"image": np.ones(3), "window": np.ones(2)}, np.array([size, size])
    filters = {**one, "stride": np.ones(2), "dilation": np.ones(2), "padding": np.array([0, size - 1, 0, size - 1])}
    filtered = Weight([[2.0]], "convolution", settings={**filters, "filters": np.ones(1), "groups": np.ones(1)})
    picture = {"image": np.array([*whole, 1.0]), "window": whole, "stride": np.ones(2), "padding": np.zeros(4)}
    largest = Weight(np.zeros((0, 0)), "maxpool", settings=picture)
    layers = (
        Layer(size * size, "purelin", {0: filtered}, shape=(size, size, 1)),
        Layer(1, "purelin", {}, {0: largest}, shape=(1, 1, 1)),
    )
    return matnet.Network(Structure((Input(1, shape=(1, 1, 1)),), layers, (Output(1, 1),)))


@measured
def test_check_points_that_need_much_memory_count(tmp_path: Path) -> None:
    file = tmp_path / "net.json"
    net = spread(1000)
    matnet.save(net, file)
    assert len(json.loads(file.read_text())["checks"]["inputs"]) == 5
    assert matnet.load(file)(np.array([3.0])) == 6.0
    needed = checking_bytes(net.structure)
    verdict, grown = memory_of(file)
    assert verdict == "loaded"
    assert 0.2 * needed < grown < needed
    assert memory_of(file, needed)[0] == "FormatError"
    # what would need more than the default limit is saved without them
    matnet.save(spread(3000), file)
    assert json.loads(file.read_text())["checks"]["inputs"] == []
    verdict, grown = memory_of(file)
    assert verdict == "loaded"
    assert grown < 10 * 2**20


@measured
def test_check_points_of_an_image_that_is_remembered_count(tmp_path: Path) -> None:
    """One digit, a delay of 1 for 0, makes 10,000 states of which every layer has derivatives: they took 24 GB."""
    file = tmp_path / "net.json"
    filtered, largest = spread(100).structure.layers
    again = Layer(filtered.size, "relu", {}, {0: Weight(np.zeros((0, 0)), "unweighted")}, shape=filtered.shape)
    last = replace(largest, layer_weights={1: largest.layer_weights[0]})
    ends = (Input(1, shape=(1, 1, 1)),), (Output(2, 1),)
    matnet.save(matnet.Network(Structure(ends[0], (filtered, again, last), ends[1])), file)
    assert memory_of(file)[0] == "loaded"
    archive = json.loads(file.read_text())
    assert len(archive["checks"]["inputs"]) == 5
    archive["layers"][1]["layer_weights"][0]["delays"] = [1]
    file.write_text(json.dumps(archive))
    verdict, grown = memory_of(file)
    assert verdict == "FormatError"
    assert grown < 30 * 2**20


@measured
def test_a_network_of_the_project_takes_little(tmp_path: Path) -> None:
    write(tmp_path / "net.mat", {"net": network()})
    verdict, grown = memory_of(tmp_path / "net.mat")
    assert verdict == "loaded"
    assert grown < 20 * 2**20
