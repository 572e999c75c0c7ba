"""Networks for the exporters' tests: every row of the tables in a small network, the corpus, and random ones."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from _pytest.mark import ParameterSet
from hypothesis import HealthCheck, given, settings

import matnet
from matnet.derivatives import quantities
from matnet.errors import UnsupportedError
from matnet.exporters import save
from matnet.exporters.recording import Options, Recording
from matnet.exporters.target import Target
from matnet.functions.connections import CONNECTIONS
from matnet.functions.net_input import NET_INPUT
from matnet.functions.processing import PROCESSING
from matnet.functions.transfer import TRANSFER
from matnet.functions.weight import WEIGHT
from matnet.model.structure import Input, Layer, Output, Process, Structure, Weight
from matnet.network import Network
from processing_settings import SETTINGS
from random_networks import Real, minmax, network, structures

PROCESSING_SETTINGS = "tests/support/processing_settings.py"


@cache
def row_networks() -> dict[str, Network]:
    """A network for every row, by names that are identifiers."""
    return dict(
        [*_transfers(), *_weights(), *_connections(), *_processings(), _several(), *_odd(), *_zeros(), *_radial()]
    )


def _transfers() -> Iterator[tuple[str, Network]]:
    for name, row in TRANSFER.items():
        rng = np.random.default_rng(1)
        layer = Layer(4, name, {0: Weight(rng.normal(size=(4, 3)))}, bias=rng.normal(size=4))
        # a way around the layer, as a derivative of a coupled step function alone is refused
        around = Layer(2, "purelin", {0: Weight(rng.normal(size=(2, 3)))}, {0: Weight(rng.normal(size=(2, 4)))})
        layers = (layer, around) if row.coupled and row.stepwise else (layer,)
        yield f"transfer_{name}", network(*layers, inputs=3)
        radial = Layer(
            4, name, {0: Weight(rng.normal(size=(4, 3)), "dist")}, bias=rng.normal(size=4), net_input="netprod"
        )
        yield f"radial_{name}", network(radial, around, inputs=3)


def _weights() -> Iterator[tuple[str, Network]]:
    for name, row in WEIGHT.items():
        for net_input in NET_INPUT:
            rng = np.random.default_rng(2)
            shape = row.weight_shape(4, 3) or row.weight_shape(3, 3)
            assert shape is not None
            size = 4 if shape[0] == 4 else 3
            first = Weight(rng.normal(size=shape), name)
            second = Weight(rng.normal(size=(size, 3)))
            layer = Layer(size, "tansig", {0: first, 1: second}, bias=rng.normal(size=size), net_input=net_input)
            yield (
                f"weight_{name}_{net_input}",
                Network(Structure((Input(3), Input(3)), (layer,), (Output(0, size),))),
            )


def connection_weight(name: str, value: object, **settings: object) -> Weight:
    """A connection between layers with its settings."""
    arrays = {key: np.asarray(entry, dtype=np.float64) for key, entry in settings.items()}
    return Weight(np.asarray(value, dtype=np.float64), name, settings=arrays)


def _connections() -> Iterator[tuple[str, Network]]:
    """Every connection between two layers, with parameters around it."""
    rng = np.random.default_rng(9)
    none = np.zeros((0, 0))
    statistics = {"TrainedMean": [0.3, -1.0], "TrainedVariance": [0.5, 2.0], "Epsilon": [1e-5]}
    examples: dict[str, tuple[Weight, int, tuple[int, ...]]] = {
        "unweighted": (connection_weight("unweighted", none), 6, ()),
        "gather": (connection_weight("gather", none, index=[3, 0, 1, 3], elements=[6]), 4, ()),
        "scaling": (connection_weight("scaling", none, Scale=rng.normal(size=6), Bias=[0.5]), 6, ()),
        "batchnorm": (connection_weight("batchnorm", rng.normal(size=(2, 1)), **statistics), 6, (3, 1, 2)),
        "layernorm": (
            connection_weight("layernorm", rng.normal(size=(3, 1)), channels=[3], Epsilon=[1e-3]),
            6,
            (1, 2, 3),
        ),
    }
    image = {"image": [3, 2, 1], "window": [2, 2], "stride": [1, 1], "padding": [0, 1, 1, 0]}
    convolution = {**image, "dilation": [1, 1], "filters": [2], "groups": [1]}
    examples |= {
        "convolution": (connection_weight("convolution", rng.normal(size=(4, 2)), **convolution), 12, (3, 2, 2)),
        "maxpool": (connection_weight("maxpool", none, **image), 6, ()),
        "avgpool": (connection_weight("avgpool", none, **image, padding_counts=[1]), 6, ()),
    }
    missing, gone = sorted(set(CONNECTIONS) - set(examples)), sorted(set(examples) - set(CONNECTIONS))
    assert not missing, f"add an example of {missing} to _connections in tests/support/exported_networks.py"
    assert not gone, f"remove {gone} from _connections in tests/support/exported_networks.py"
    for name, (weight, size, shape) in examples.items():
        first = Layer(6, "tansig", {0: Weight(rng.normal(size=(6, 3)))}, bias=rng.normal(size=6))
        bias = rng.normal(size=shape[-1]) if shape else None
        joined = Layer(size, "logsig", {}, {0: weight}, bias, shape=shape)
        last = Layer(2, "purelin", {}, {1: Weight(rng.normal(size=(2, size)))})
        structure = Structure((Input(3),), (first, joined, last), (Output(2, 2),), parameter_order="layers")
        yield f"connection_{name}", Network(structure)


def _processings() -> Iterator[tuple[str, Network]]:
    missing, gone = sorted(set(PROCESSING) - set(SETTINGS)), sorted(set(SETTINGS) - set(PROCESSING))
    assert not missing, f"add settings for three raw rows of {missing} to SETTINGS in {PROCESSING_SETTINGS}"
    assert not gone, f"remove {gone} from SETTINGS in {PROCESSING_SETTINGS}"
    for name, variants in SETTINGS.items():
        for number, raw in enumerate(variants):
            process, rng = Process.from_matlab(name, raw), np.random.default_rng(3)
            size = process.processed_size
            before = Layer(2, "logsig", {0: Weight(rng.normal(size=(2, size)))}, bias=rng.normal(size=2))
            yield f"input_{name}_{number}", Network(Structure((Input(3, (process,)),), (before,), (Output(0, 2),)))
            behind = Layer(size, "purelin", {0: Weight(rng.normal(size=(size, 2)))}, bias=rng.normal(size=size))
            yield f"output_{name}_{number}", Network(Structure((Input(2),), (behind,), (Output(0, 3, (process,)),)))


def _several() -> tuple[str, Network]:
    """Two inputs, two outputs, a layer without weights, a skip."""
    rng = np.random.default_rng(4)
    layers = (
        Layer(3, "tansig", {0: Weight(rng.normal(size=(3, 2)))}, bias=rng.normal(size=3)),
        Layer(2, "logsig", bias=rng.normal(size=2)),
        Layer(
            2,
            "purelin",
            {1: Weight(rng.normal(size=(2, 1)))},
            {0: Weight(rng.normal(size=(2, 3))), 1: Weight(rng.normal(size=(2, 2)))},
        ),
    )
    return "several", Network(Structure((Input(2), Input(1)), layers, (Output(0, 3), Output(2, 2))))


def _odd() -> Iterator[tuple[str, Network]]:
    """An input of which nothing is left, outputs that depend on nothing, the identity, a single number."""
    nothing = Process.from_matlab(
        "removeconstantrows", {"keep": [], "remove": [1, 2], "constants": [1.0, 2.0], "xrows": 2, "yrows": 0}
    )
    seen = {0: Weight(np.zeros((2, 0))), 1: Weight([[1.5], [-0.5]])}
    layer = Layer(2, "tansig", seen, bias=[1.0, 2.0])
    yield "nothing_left", Network(Structure((Input(2, (nothing,)), Input(1)), (layer,), (Output(0, 2),)))
    yield "constant", network(Layer(2, "softmax", bias=[1.0, 2.0]), inputs=2)
    yield "identity", network(Layer(2, "purelin", {0: Weight(np.eye(2))}), inputs=2)
    yield "number", network(Layer(1, "purelin", {0: Weight([[1.0]], "scalprod")}))


def _zeros() -> Iterator[tuple[str, Network]]:
    """Weights that are exactly 0, which a NaN must come through: alone, in a column, a row, in all elements.

    And two outputs of which a NaN in one input reaches only one.
    """
    rng = np.random.default_rng(7)
    alone = Layer(1, "tansig", {0: Weight([[0.0]])}, bias=[0.5])
    yield "zero_alone", network(alone)
    yield (
        "zero_scaled",
        Network(Structure((Input(1, (minmax(1, rng),)),), (alone,), (Output(0, 1, (minmax(1, rng),)),))),
    )
    yield (
        "zero_beside",
        network(Layer(1, "tansig", {0: Weight([[1.5]]), 1: Weight([[0.0]])}, bias=[0.1]), inputs=(1, 1)),
    )
    yield "zero_column", network(Layer(3, "logsig", {0: Weight(np.zeros((3, 1)))}, bias=rng.normal(size=3)))
    yield "zero_row", network(Layer(1, "tansig", {0: Weight(np.zeros((1, 3)))}, bias=[0.5]), inputs=3)
    hidden = Layer(3, "tansig", {0: Weight(rng.normal(size=(3, 2)) * [[1.0, 0.0]])}, bias=rng.normal(size=3))
    yield "zero_hidden", network(hidden, Layer(1, "purelin", {}, {0: Weight([[0.0, 1.0, 0.0]])}), inputs=2)
    single = Layer(1, "tansig", {0: Weight([[1.5]])}, bias=[0.1])
    layers = (
        single,
        Layer(2, "tansig", {1: Weight([[0.7], [0.2]])}, bias=[0.2, 0.1]),
        Layer(1, "purelin", {}, {1: Weight([[1.0, 2.0]])}, bias=[0.0]),
    )
    yield "separate_outputs", Network(Structure((Input(1), Input(1)), layers, (Output(0, 1), Output(2, 1))))


def _radial() -> Iterator[tuple[str, Network]]:
    """A product of a distance and another weighted input, biases whose squares underflow, a regression network."""
    rng = np.random.default_rng(8)
    first = Layer(1, "purelin", {0: Weight([[1.0, 1.0]])}, bias=[0.5])
    factors = {0: Weight([[0.3, -0.2]], "dist")}, {0: Weight([[1.3]])}
    yield (
        "product_of_a_distance",
        network(first, Layer(1, "radbas", *factors, bias=[0.7], net_input="netprod"), inputs=2),
    )
    centres = Weight(rng.normal(size=(3, 2)), "dist")
    small = Layer(3, "radbas", {0: centres}, bias=[1e-160, 0.5, 1e-3], net_input="netprod")
    yield "small_bias", network(small, inputs=2)
    kernel = Layer(3, "radbas", {0: centres}, bias=np.full(3, 1.5), net_input="netprod")
    yield (
        "regression",
        network(kernel, Layer(1, "purelin", {}, {0: Weight([[1.0, 2.0, 3.0]], "normprod")}), inputs=2),
    )


@cache
def random_networks(count: int) -> dict[str, Network]:
    """The same `count` random networks every time."""
    found: list[Structure] = []

    @settings(
        max_examples=count, derandomize=True, database=None, deadline=None, suppress_health_check=list(HealthCheck)
    )
    @given(structures())
    def collect(structure: Structure) -> None:
        found.append(structure)

    collect()
    return {f"random_{number}": Network(structure) for number, structure in enumerate(found[:count])}


@cache
def corpus_networks(corpus: Path) -> dict[str, Network]:
    """Every static network of the corpus."""
    found = {}
    for file, entry in json.loads((corpus / "networks.json").read_text()).items():
        if file.startswith("refuse_"):
            continue
        for number, listed in enumerate(entry["networks"]):
            net = matnet.load(corpus / file, network=listed["path"])
            if not net.dynamic:
                found[f"corpus_{Path(file).stem}_{number}"] = net
    return found


def only_chooses(net: Network) -> bool:
    """Whether all ways to the outputs go through compet, so that dy/dx is refused."""
    try:
        return not Recording(net, "net", Options()).functions
    except UnsupportedError as error:
        return "passes through compet" in str(error)


def samples(net: Network) -> Real:
    """Ordinary inputs, 0, the centres of radial layers, and NaN, ±Inf and huge numbers in all elements and in one."""
    size, rng = net.input_size, np.random.default_rng(5)
    single = rng.normal(size=(6, size))
    for number in range(6):
        single[number, number % size] = (np.nan, np.inf, -np.inf)[number // 2]
    whole = [np.full((1, size), number) for number in (0.0, np.nan, np.inf, -np.inf)]
    weights = [weight.value for weight in net.structure.layers[0].input_weights.values()]
    centres = [weight for weight in weights if weight.shape[1] == size]
    return np.concatenate(
        [rng.normal(size=(8, size)), *whole, 1e3 * rng.normal(size=(2, size)), single, *(c[:4] for c in centres)]
    )


def zero_weights() -> dict[str, Network]:
    """Networks with weights that are exactly 0, alone and beside others."""
    found = {}
    for name in ("purelin", "tansig", "radbas", "softmax", "satlins"):
        found[f"one_{name}"] = network(Layer(1, name, {0: Weight([[0.0]])}, bias=[1.0]))
        found[f"two_{name}"] = network(Layer(2, name, {0: Weight([[0.0, 0.0], [1.0, 0.0]])}, bias=[1.0, 0.5]), inputs=2)
        found[f"product_{name}"] = network(Layer(1, name, {0: Weight([[0.0]])}, bias=[0.0], net_input="netprod"))
        last = Layer(1, "purelin", layer_weights={0: Weight([[0.0]])}, bias=[2.0])
        found[f"last_{name}"] = network(Layer(1, name, {0: Weight([[1.0]])}, bias=[1.0]), last)
    return found


def special_samples(net: Network) -> tuple[Real, Real]:
    """Samples with NaN and ±Inf, and the outputs of each alone by NumPy's plain operations."""
    special = [0.0, 1.0, np.nan, np.inf, -np.inf]
    x = np.array([[a] * net.input_size for a in special] + [[a, 1.0][: net.input_size] for a in special])
    with np.errstate(invalid="ignore"):
        return x, np.array([quantities.VALUE(net.program, row) for row in x])


def disagreement(got: Real, expected: Real) -> float:
    """The largest difference, relative to the size of what is compared; infinite where NaN or Inf stand elsewhere."""
    if got.shape != expected.shape:
        return np.inf
    finite = np.isfinite(expected)
    same = (got == expected) | (np.isnan(got) & np.isnan(expected))
    if not same[~finite].all() or not np.isfinite(got[finite]).all():
        return np.inf
    scale = np.maximum(1.0, np.abs(expected[finite]))
    return float(np.max(np.abs(got[finite] - expected[finite]) / scale, initial=0.0))


def each(found: Sequence[Target]) -> list[ParameterSet]:
    """Targets as parameters of a test; FMUs, each compiled by itself, and workbooks, for LibreOffice, are slow."""
    return [
        pytest.param(target, id=target.name, marks=[pytest.mark.slow] if target.suffix in (".fmu", ".xlsx") else [])
        for target in found
    ]


def write(net: Network, path: Path, options: Options) -> None:
    """Writes the file of an export."""
    save.write(save.rendered(net, path, options), path)
