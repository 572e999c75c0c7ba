"""The archive: to the bit and back, and every way in which a file may be wrong."""

from __future__ import annotations

import json
import re
import sys
import tracemalloc
from collections.abc import Callable
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import matnet
from image_networks import pair, window
from layered_networks import StoredLayer, image, layer, learnable, saved, series
from matnet.errors import FormatError, MatnetError, ModelError, UnsupportedError
from matnet.exporters.archive import archive_text
from matnet.functions.processing import PROCESSING
from matnet.functions.transfer import TRANSFER
from matnet.model.archive import VERSION, dumps, loads
from matnet.model.provenance import Provenance, Training
from matnet.model.strict_json import parsed_size
from matnet.model.structure import Input, Layer, Output, Performance, Process, Structure, Weight
from matnet.network import Network
from object_files import ObjectStore
from processing_settings import SETTINGS
from random_layers import image_layers, recurrent_layers
from random_networks import dynamic_structures, structures
from recurrent_networks import load as recurrent_network
from recurrent_networks import recurrent, sequences
from trials import random_cases

if TYPE_CHECKING:
    from conftest import ListedNetwork

PROJECT = Path(__file__).parent.parent.parent
FIXTURES = PROJECT / "fixtures"


def bits(value: Any) -> Any:
    """A value as something that is equal to another only where every number is, to the bit."""
    if isinstance(value, np.ndarray):
        return value.shape, value.dtype.str, [float(number).hex() for number in value.ravel()]
    if is_dataclass(value):
        return type(value).__name__, {field.name: bits(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, float):
        return value.hex()
    if isinstance(value, dict):
        return {key: bits(entry) for key, entry in value.items()}
    if isinstance(value, tuple | list):
        return [bits(entry) for entry in value]
    return value


def back(net: Network, folder: Path) -> Network:
    """The network through a file and back."""
    path = folder / "net.json"
    path.write_text(archive_text(net))
    return matnet.load(path, allow_nonfinite=True)


def test_every_network_of_the_corpus_comes_back_to_the_bit(
    listed_network: ListedNetwork, corpus: Path, tmp_path: Path
) -> None:
    net = matnet.load(corpus / listed_network.file, network=listed_network.path)
    found = back(net, tmp_path)
    assert bits(found.structure) == bits(net.structure)
    assert bits(found.provenance) == bits(net.provenance)
    assert found.name == net.name
    assert archive_text(found) == (tmp_path / "net.json").read_text() == archive_text(net)


def test_every_network_of_the_corpus_has_check_vectors(listed_network: ListedNetwork, corpus: Path) -> None:
    net = matnet.load(corpus / listed_network.file, network=listed_network.path)
    checks = loads(archive_text(net)).checks
    assert len(checks) >= 5
    if not net.dynamic:
        # one sample at a time, so in another order of sums
        y, J = zip(*(net.value_and_jacobian(x) for x in checks.inputs), strict=True)
        np.testing.assert_allclose(y, checks.outputs, rtol=0, atol=1e-13 * np.abs(checks.outputs).max())
        np.testing.assert_allclose(J, checks.jacobians, rtol=0, atol=1e-12 * np.abs(checks.jacobians).max())


HARD_SETTINGS: dict[str, dict[str, object]] = {
    "mapminmax": {"xmin": [0.1, -0.0], "xmax": [1 / 3, 1e-300], "ymin": -1.0, "ymax": 1.0},
    "mapstd": {"xmean": [0.1, 1e300], "xstd": [1 / 3, 0.0], "ymean": 0.0, "ystd": 1.0},
    "removeconstantrows": {"keep": [2.0], "remove": [1.0], "constants": [np.nan], "xrows": 2.0, "yrows": 1.0},
    "removerows": {"keep": [2.0], "remove": [1.0], "xrows": 2.0, "yrows": 1.0},
    "fixunknowns": {"unknown": [2.0], "known": [1.0], "xmeans": [np.nan, 0.1], "xrows": 2.0, "yrows": 3.0},
    "processpca": {"transform": [[0.1, 0.2]], "inverseTransform": [[3.0], [1 / 3]], "xrows": 2.0, "yrows": 1.0},
    "lvqoutputs": {"xrows": 2.0, "yrows": 2.0},
    "standardize": {"Mu": [0.1, 1e300], "Sigma": [1 / 3, 1e-300]},
    "zerocenter": {"Mean": [0.1, 1e300]},
    "rescale": {"Min": [0.1, -1e300], "Max": [1 / 3, 1e300], "TargetMin": [0.0, -0.5], "TargetMax": [1e-300, 3.0]},
}
"""Settings of numbers that texts get wrong, beside the plain ones of every function."""


@pytest.mark.parametrize("no_change", [False, True], ids=["", "no_change"])
@pytest.mark.parametrize("function", sorted(PROCESSING))
def test_settings_of_every_processing_function_come_back(function: str, no_change: bool, tmp_path: Path) -> None:
    assert function in SETTINGS, f"add settings of {function} to SETTINGS in tests/support/processing_settings.py"
    for raw in (*SETTINGS[function], HARD_SETTINGS.get(function)):
        if raw is not None:
            process = Process.from_matlab(function, {**raw, "no_change": float(no_change)})
            layer = Layer(1, "purelin", {0: Weight(np.ones((1, process.processed_size)))})
            net = Network(Structure((Input(process.raw_size, (process,)),), (layer,), (Output(0, 1),)))
            assert bits(back(net, tmp_path).structure) == bits(net.structure)


def hard_numbers() -> Network:
    """A network of the numbers that texts get wrong, with every optional part in it."""
    hard = [5e-324, 2.2250738585072014e-308, 1.7976931348623157e308, -0.0, 0.1, 1 / 3, 9007199254740993.0, 1e23, 1e22]
    layers = (
        Layer(9, "tansig", {0: Weight(np.array(hard)[:, None], delays=(0,))}, bias=hard[::-1], name='\u00e4\n"\\'),
        Layer(1, "purelin", layer_weights={0: Weight(np.array([hard]))}, name="\U0001f600"),
    )
    structure = Structure(
        (Input(1, range=np.array([[-np.inf, np.nan]]), feedback_output=0),),
        layers,
        (Output(1, 1, feedback_mode="open", feedback_input=0, feedback_delay=2),),
        Performance("mse", 0.1, "normalization"),
    )
    training = Training("trainlm", 3, None, (0.1, np.nan, None), "dividerand")
    provenance = Provenance("a.mat", "ff", "n", "MATLAB", "8", "network", training, ("odd",), {"ps": "mapminmax"})
    return Network(structure, provenance, "hard")


def test_hard_numbers_and_texts_come_back(tmp_path: Path) -> None:
    net = hard_numbers()
    for precision in ("", "single"):
        net = Network(net.structure, replace(net.provenance, precision=precision), net.name)
        found = back(net, tmp_path)
        assert bits(found.structure) == bits(net.structure)
        assert bits(found.provenance) == bits(net.provenance)


@pytest.mark.parametrize(
    "performance",
    [
        None,
        Performance("mse", 0.25),
        Performance("crossentropy", form="both"),
        Performance("crossentropy", form="targets"),
        Performance("sse", unsupported="normalization 'percent'"),
    ],
)
def test_the_performance_function_comes_back(performance: Performance | None, tmp_path: Path) -> None:
    layer = Layer(2, "softmax", {0: Weight([[1.0], [2.0]])})
    net = Network(Structure((Input(1),), (layer,), (Output(0, 2),), performance))
    assert back(net, tmp_path).structure.performance == performance


def test_shapes_and_parts_come_back(tmp_path: Path) -> None:
    """A side of 1 is a side, and the inner layer is a part of the first one of two."""
    inner = Layer(3, "tansig", {0: Weight(np.ones((3, 3)))}, part_of=0)
    whole = Layer(3, "purelin", {}, {2: Weight(np.eye(3))}, shape=(3, 1, 1))
    last = Layer(1, "purelin", {}, {0: Weight([[1.0, 2.0, 3.0]])})
    net = Network(Structure((Input(3, shape=(1, 3, 1)),), (whole, last, inner), (Output(1, 1),)))
    found = back(net, tmp_path).structure
    assert found.inputs[0].shape == (1, 3, 1)
    assert [layer.shape for layer in found.layers] == [(3, 1, 1), (), ()]
    assert [layer.part_of for layer in found.layers] == [None, None, 0]


def test_names_and_units_come_back(tmp_path: Path) -> None:
    structure = Structure(
        (Input(2, element_names=("flow", "speed"), units=("m3/h", "")),),
        (Layer(1, "tansig", {0: Weight(np.ones((1, 2)))}),),
        (Output(0, 1, element_names=("h\u00e4ad",), units=("m",)),),
    )
    assert bits(back(Network(structure), tmp_path).structure) == bits(structure)
    document = json.loads(archive_text(Network(structure)))
    del document["inputs"][0]["units"][1]
    assert str(refused(tmp_path / "net.json", json.dumps(document))).startswith(".inputs[0]: ")


@random_cases(60)
@given(st.one_of(structures(), dynamic_structures()), st.sampled_from([1.0, 1e8, 1e150, 1e300, 1e-300, 0.0]))
def test_what_is_saved_can_be_loaded(tmp_path: Path, structure: Structure, factor: float) -> None:
    net = Network(structure)
    with np.errstate(over="ignore"):
        theta = net.parameters * factor
    net = net.with_parameters(np.where(np.isfinite(theta), theta, 1.0))
    matnet.save(net, tmp_path / "net.json")
    found = matnet.load(tmp_path / "net.json")
    assert bits(found.structure) == bits(net.structure)
    assert archive_text(found) == (tmp_path / "net.json").read_text()


FACTORS = (1.0, 1e8, 1e150, 1e300, 1e-300, 0.0)
SEEDS = [*range(12), *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(12, 120))]


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("made", [recurrent_layers, image_layers])
def test_what_is_saved_of_the_later_classes_can_be_loaded(
    tmp_path: Path, made: Callable[[int], list[StoredLayer]], seed: int
) -> None:
    """LSTM, both directions, GRU in its three modes, initial states, last steps; convolutions, groups and pooling."""
    store = ObjectStore()
    net = matnet.load(saved(tmp_path / "net.mat", store, net=series(store, made(seed))))
    with np.errstate(over="ignore"):
        theta = net.parameters * FACTORS[seed % len(FACTORS)]
    net = net.with_parameters(np.where(np.isfinite(theta), theta, 1.0))
    matnet.save(net, tmp_path / "net.json")
    found = matnet.load(tmp_path / "net.json")
    assert bits(found.structure) == bits(net.structure)
    assert bits(found.provenance) == bits(net.provenance)
    assert archive_text(found) == (tmp_path / "net.json").read_text()
    x = np.random.default_rng(seed).normal(size=(5, net.input_size))
    with np.errstate(all="ignore"):
        answers = [each.run(x).outputs if net.dynamic else each(x) for each in (found, net)]
    assert bits(answers[0]) == bits(answers[1])


def test_an_image_without_check_points_comes_back(tmp_path: Path) -> None:
    """Two equal filters, whose difference is rounding alone; its sizes are larger than the text is long."""
    store = ObjectStore()

    def filters(name: str, *weights: float) -> StoredLayer:
        kept = np.reshape(weights, (1, 1, -1, 2) if name == "both" else (1, 1, -1, 1))
        bias = learnable(np.full((1, 1, kept.shape[3]), 0.3 if name == "both" else 0.0))
        sizes = {"FilterSize": pair(1, 1), "DilationFactor": pair(1, 1), **window((1, 1), (1, 1), (0, 0, 0, 0))}
        return layer("Convolution2DLayer", name, 8, Weights=learnable(kept), Bias=bias, **sizes)

    layers = [image(100, 100, 1), filters("both", 1.1, 1.1), filters("difference", 1e6, -1e6)]
    layers += [layer("TanhLayer", "tanh", 0), layer("GlobalMaxPooling2DLayer", "largest")]
    net = matnet.load(saved(tmp_path / "net.mat", store, net=series(store, layers)))
    text = archive_text(net)
    assert len(loads(text).checks) == 0
    assert len(text) < net.input_size
    assert bits(back(net, tmp_path).structure) == bits(net.structure)


def test_an_initial_state_that_is_not_finite_is_refused(tmp_path: Path) -> None:
    start = np.array([[np.nan], [1.0], [2.0], [3.0]])
    more: dict[str, Any] = {"InitialHiddenState": start, "HiddenState": {}}
    with pytest.raises(ModelError, match="layer 'rnn': the initial state has values that are NaN or Inf"):
        recurrent_network(tmp_path, [sequences(), recurrent("LSTM", "rnn", 1, **more)])
    more["InitialHiddenState"] = np.ones((4, 1))
    net = recurrent_network(tmp_path, [sequences(), recurrent("LSTM", "rnn", 1, **more)])
    document = json.loads(archive_text(net))
    document["layers"][1]["initial"][2] = "Infinity"
    assert str(refused(tmp_path / "net.json", json.dumps(document))) == (
        ".layers[1]: the initial state has values that are NaN or Inf"
    )


def test_a_dynamic_network_that_rounding_moves_from_the_first_step(tmp_path: Path) -> None:
    """Its second layer takes the difference of two equal numbers, a million times."""
    first = Layer(2, "tansig", {0: Weight([[3.0], [3.0]])}, {1: Weight([[0.1], [0.2]], delays=(1,))}, bias=[1.0, 1.0])
    last = Layer(1, "purelin", layer_weights={0: Weight([[1e6, -1e6]])}, bias=[0.0])
    net = Network(Structure((Input(1, range=np.array([[0.0, 1.0]])),), (first, last), (Output(1, 1),)))
    found = back(net, tmp_path)
    assert len(loads(archive_text(net)).checks) == 0
    assert bits(found.structure) == bits(net.structure)
    x = np.array([[0.25], [0.5]])
    np.testing.assert_array_equal(found.run(x).outputs, net.run(x).outputs)


def test_weights_that_are_not_finite_come_back_where_they_are_allowed(tmp_path: Path) -> None:
    layer = Layer(1, "purelin", {0: Weight(np.array([[np.nan, np.inf, -np.inf]]))}, bias=[1.0])
    net = Network(Structure((Input(3),), (layer,), (Output(0, 1),)))
    assert bits(back(net, tmp_path).structure) == bits(net.structure)
    with pytest.raises(ModelError) as caught:
        matnet.load(tmp_path / "net.json")
    assert str(caught.value) == (
        f"{tmp_path / 'net.json'}: .layers[0] has values that are NaN or Inf; "
        "allow_nonfinite=True loads them as they are"
    )


@pytest.fixture
def text() -> str:
    return archive_text(matnet.load(FIXTURES / "two_by_two.mat"))


def test_the_text_is_strict_json_in_ascii(text: str) -> None:
    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is no JSON")

    assert json.loads(text, parse_constant=refuse)["version"] == VERSION
    assert text.isascii()
    assert text.endswith("}\n")


def test_a_change_that_no_answer_shows_is_found_by_the_digest(tmp_path: Path) -> None:
    layer = Layer(1, "hardlim", {0: Weight(np.array([[1.0, 2.0]]))}, bias=[100.0])
    net = Network(Structure((Input(2, range=np.array([[0.0, 1.0]] * 2)),), (layer,), (Output(0, 1),)))
    document = json.loads(archive_text(net))
    document["layers"][0]["input_weights"][0]["value"][0][0] = 1.5
    assert str(refused(tmp_path / "net.json", json.dumps(document))) == CHANGED


def test_white_space_may_change(tmp_path: Path, text: str) -> None:
    (tmp_path / "net.json").write_text(json.dumps(json.loads(text), indent=7))
    assert archive_text(matnet.load(tmp_path / "net.json")) == text


def refused(path: Path, content: str | bytes) -> MatnetError:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(MatnetError) as caught:
        matnet.load(path)
    assert str(caught.value).startswith(f"{path}: ")
    return type(caught.value)(str(caught.value).removeprefix(f"{path}: "))


def entry(document: Any, path: str) -> tuple[Any, str | int]:
    """The container and key of a place as jq writes it."""
    steps = [int(step) if step.isdigit() else step for step in re.findall(r"\w+", path)]
    for step in steps[:-1]:
        document = document[step]
    return document, steps[-1]


PLANTED: dict[str, Callable[[float], float]] = {
    "a digit": lambda number: number * (1.0 + 1e-8),
    "a sign": lambda number: -number,
}


@pytest.mark.parametrize("change", sorted(PLANTED))
@pytest.mark.parametrize(
    "place",
    [
        ".checks.outputs[0][0]",
        ".checks.jacobians[1][0][0]",
        ".checks.inputs[0][0]",
        ".layers[0].bias[0]",
        ".layers[0].input_weights[0].value[0][0]",
        ".inputs[0].processing[1].settings.gain[0]",
    ],
)
def test_one_changed_number_is_noticed(text: str, tmp_path: Path, place: str, change: str) -> None:
    document = json.loads(text)
    holder, key = entry(document, place)
    holder[key] = PLANTED[change](holder[key])
    message = str(refused(tmp_path / "net.json", json.dumps(document)))
    assert re.fullmatch(
        r"\.checks\.(outputs|jacobians)\[\d\]: the network gives another answer than the one stored with it, by \S+ of "
        r"the range where 1e-12 is allowed; a number in the file was changed: take an unchanged copy, or archive the "
        r"network again from its source",
        message,
    )


def test_a_wrong_check_vector_is_refused(text: str, tmp_path: Path) -> None:
    document = json.loads(text)
    document["checks"]["outputs"][2][0] = "NaN"
    error = refused(tmp_path / "net.json", json.dumps(document))
    assert isinstance(error, FormatError)
    assert str(error) == (
        ".checks.outputs[2]: the network gives another answer than the one stored with it, by inf of the range where "
        "1e-12 is allowed; a number in the file was changed: take an unchanged copy, or archive the network again from "
        "its source"
    )


class Edit(NamedTuple):
    """A value put at a place, and how the file is then refused."""

    place: str
    value: Any
    kind: type[MatnetError]
    message: str


CHANGED = (
    ".digest: does not belong to what the file holds: something in it was changed: take an unchanged copy, or archive "
    "the network again from its source"
)

EDITS: list[Edit] = [
    Edit(
        ".version",
        2,
        UnsupportedError,
        "the archive has version 2, but this matnet reads versions up to 1; install a newer matnet",
    ),
    Edit(".version", "1", FormatError, '.version: found "1", expected an integer of at least 1'),
    Edit(".version", True, FormatError, ".version: found true, expected an integer of at least 1"),
    Edit(
        ".format",
        "other",
        FormatError,
        'not an archive of a network: the entry "format": "matnet network archive" is missing',
    ),
    Edit(".name", 3, FormatError, ".name: found 3, expected a string"),
    Edit(".name", "another", FormatError, CHANGED),
    Edit(".inputs[1].name", "another", FormatError, CHANGED),
    Edit(".digest", "", FormatError, CHANGED),
    Edit(
        ".author",
        "me",
        FormatError,
        ".: unknown key 'author'; known: format, version, digest, name, inputs, layers, outputs, "
        "performance, provenance, checks, parameter_order",
    ),
    Edit(".layers[0].size", 1e9, FormatError, ".layers[0].size: found 1000000000.0, expected an integer of at least 0"),
    Edit(
        ".layers[0].transfer",
        "mytf",
        UnsupportedError,
        ".layers[0]: transferFcn: unknown transfer function 'mytf'; known: " + ", ".join(sorted(TRANSFER)),
    ),
    Edit(".layers[0].bias", [], ModelError, ".layers[0]: the bias has shape (0,), expected (4,)"),
    Edit(
        ".layers[0].bias[0]",
        "1",
        FormatError,
        '.layers[0].bias[0]: found "1", expected a number, "NaN", "Infinity" or "-Infinity"',
    ),
    Edit(
        ".layers[0].bias[0]",
        None,
        FormatError,
        '.layers[0].bias[0]: found null, expected a number, "NaN", "Infinity" or "-Infinity"',
    ),
    Edit(
        ".layers[0].input_weights[0].value[1]",
        [1.0],
        FormatError,
        ".layers[0].input_weights[0].value[1]: a list of 1, expected one of 2",
    ),
    Edit(
        ".layers[0].input_weights[0].value",
        1.0,
        FormatError,
        ".layers[0].input_weights[0].value: found 1.0, expected a list",
    ),
    Edit(
        ".layers[0].input_weights[0].delays",
        [1, 0],
        ModelError,
        ".layers[0].input_weights[0]: delays must be non-negative integers in increasing order, got [1, 0]",
    ),
    Edit(".layers[0].input_weights[0].source", 9, ModelError, "layers{1}: takes input 9, expected 1 to 2"),
    Edit(
        ".layers[0].input_weights[0].source",
        0,
        FormatError,
        ".layers[0].input_weights[0].source: found 0, expected an integer of at least 1",
    ),
    Edit(".checks.inputs", [], FormatError, ".checks.outputs: a list of 5, expected one of 0"),
    Edit(".inputs[0].range", [[0.0]], FormatError, ".inputs[0].range[0]: a list of 1, expected one of 2"),
    Edit(
        ".inputs[0].processing",
        [{"function": "fixunknowns", "settings": {"xrows": 2, "unknown": [1.0]}}],
        FormatError,
        ".inputs[0].processing[0].settings: the key 'xmeans' is missing",
    ),
    Edit(
        ".inputs[0].processing",
        [{"function": "fixunknowns", "settings": {"xrows": 3, "unknown": [1.0], "xmeans": [0.0, 1.0]}}],
        FormatError,
        ".inputs[0].processing[0].settings.xrows: found 3, expected as many rows as xmeans has",
    ),
    Edit(
        ".inputs[0].processing[1].settings.ymin",
        [-1.0],
        FormatError,
        ".inputs[0].processing[1].settings.ymin: found a list of 1, expected a list of 2",
    ),
    Edit(
        ".inputs[0].processing",
        [{"function": "lvqoutputs", "settings": {"xrows": 2, "no_change": 2}}],
        FormatError,
        ".inputs[0].processing[0].settings.no_change: found 2, expected 0 or 1",
    ),
    Edit(".provenance", [], FormatError, ".provenance: found a list of 0, expected an object"),
    Edit(".performance", {}, FormatError, ".performance: the key 'function' is missing"),
]


@pytest.mark.parametrize("edit", EDITS, ids=[f"{edit.place} {edit.value}" for edit in EDITS])
def test_an_edited_archive_is_refused_with_the_whole_message(text: str, tmp_path: Path, edit: Edit) -> None:
    document = json.loads(text)
    holder, key = entry(document, edit.place)
    holder[key] = edit.value
    error = refused(tmp_path / "net.json", json.dumps(document))
    assert str(error) == edit.message
    assert isinstance(error, edit.kind)


def later() -> Structure:
    """Two parts, one of which runs backward from a state of its own, a last step, and an image."""
    forward = Layer(1, "tansig", {0: Weight([[1.0, 2.0]])}, {1: Weight([[0.5]]), 2: Weight([[0.5]])})
    part = Layer(1, "logsig", {0: Weight([[1.0, 2.0]])}, {1: Weight([[0.5]], delays=(1,))}, part_of=0, backward=True)
    ended = Layer(1, "leakyrelu", {}, {1: Weight([[0.5]], last=True)}, part_of=0, settings={"Scale": 0.1})
    layers = (forward, replace(part, initial=np.array([0.25])), ended)
    return Structure((Input(2, shape=(1, 2, 1)),), layers, (Output(0, 1),), parameter_order="layers")


INTEGER = "expected an integer of at least"
LATER_EDITS: dict[str, tuple[Any, str]] = {
    ".inputs[0].shape[0]": (0, f".inputs[0].shape[0]: found 0, {INTEGER} 1"),
    ".inputs[0].size": (-1, f".inputs[0].size: found -1, {INTEGER} 0"),
    ".inputs[0].feedback_output": (0, f".inputs[0].feedback_output: found 0, {INTEGER} 1"),
    ".outputs[0].layer": (0, f".outputs[0].layer: found 0, {INTEGER} 1"),
    ".outputs[0].feedback_input": (0, f".outputs[0].feedback_input: found 0, {INTEGER} 1"),
    ".outputs[0].feedback_delay": (-1, f".outputs[0].feedback_delay: found -1, {INTEGER} 0"),
    ".layers[1].part_of": (0, f".layers[1].part_of: found 0, {INTEGER} 1"),
    ".layers[1].backward": (False, ".layers[1].backward: found false, expected true"),
    ".layers[1].initial[0]": (
        [],
        '.layers[1].initial[0]: found a list of 0, expected a number, "NaN", "Infinity" or "-Infinity"',
    ),
    ".layers[1].initial": ([1.0, 2.0], ".layers[1]: the initial state has shape (2,), expected (1,)"),
    ".layers[1].layer_weights[0].delays[0]": (-1, f".layers[1].layer_weights[0].delays[0]: found -1, {INTEGER} 0"),
    ".layers[0].layer_weights[1].source": (
        2,
        ".layers[0].layer_weights[1].source: found 2, expected a source that has no weight yet",
    ),
    ".layers[2].layer_weights[0].last": (1, ".layers[2].layer_weights[0].last: found 1, expected true"),
    ".layers[2].settings.Scale": (
        "0.1",
        '.layers[2].settings.Scale: found "0.1", expected a number, "NaN", "Infinity" or "-Infinity"',
    ),
    ".parameter_order": ("getwb", ".parameter_order: found \"getwb\", expected 'layers'"),
    ".provenance.training": (
        {
            "function": "trainlm",
            "epochs": 3,
            "best_epoch": None,
            "best_performance": [0.5, None],
            "division": "dividerand",
        },
        ".provenance.training.best_performance: found a list of 2, expected a list of 3",
    ),
    ".performance": (
        {"function": "mse", "regularization": 0.0, "unsupported": "", "form": "all"},
        ".performance.form: found \"all\", expected 'targets' or 'both'",
    ),
}


@pytest.mark.parametrize("place", LATER_EDITS)
def test_what_later_classes_have_is_refused_by_its_place(place: str, tmp_path: Path) -> None:
    value, message = LATER_EDITS[place]
    net = Network(later())
    assert bits(back(net, tmp_path).structure) == bits(net.structure)
    document = json.loads(archive_text(net))
    holder, key = entry(document, place)
    holder[key] = value
    assert str(refused(tmp_path / "net.json", json.dumps(document))) == message


TEXTS = {
    "": "not JSON: Expecting value in line 1, column 1",
    "[1, 2": "not JSON: Expecting ',' delimiter in line 1, column 6",
    "{}": 'not an archive of a network: the entry "format": "matnet network archive" is missing',
    "[]": 'not an archive of a network: the entry "format": "matnet network archive" is missing',
    '{"format": "matnet network archive"}': 'not an archive of a network: the entry "version" is missing',
    '{"a": 1, "a": 2}': "the key 'a' occurs twice in one object",
    "[NaN]": 'NaN is not JSON; the archive writes the string "NaN"',
    "[1e999]": "the number 1e999 is beyond what float64 holds",
    "[1" + "0" * 400 + "]": "the number 1000000000000000000000000000000000000000 is beyond what float64 holds",
    "[" * 100_000 + "]" * 100_000: "nested more than 32 deep",
    "[" * 40 + "]" * 40: "nested more than 32 deep",
}


@pytest.mark.parametrize("content", TEXTS, ids=[content[:30] for content in TEXTS])
def test_a_text_that_is_no_archive_is_refused_with_the_whole_message(content: str, tmp_path: Path) -> None:
    error = refused(tmp_path / "net.json", content)
    assert str(error) == TEXTS[content]
    assert isinstance(error, FormatError)


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    assert str(refused(tmp_path / "net.json", b'{"\xff"')) == "not JSON: byte 2 is not UTF-8"


def test_an_archive_that_is_cut_off_is_refused_wherever_it_is_cut(text: str, tmp_path: Path) -> None:
    for length in range(0, len(text.rstrip()), 37):
        assert isinstance(refused(tmp_path / "net.json", text[:length]), FormatError)


def test_a_size_without_numbers_takes_no_memory(tmp_path: Path) -> None:
    net = Network(Structure((Input(1), Input(1)), (Layer(1, "purelin", {0: Weight([[1.0]])}),), (Output(0, 1),)))
    document = json.loads(archive_text(net))
    document["inputs"][1]["size"] = 10**12
    error = refused(tmp_path / "net.json", json.dumps(document))
    assert str(error) == "inputs, layers and outputs have 1000000000003 elements; at most 16777216 are supported"


def test_a_setting_too_many_is_refused(text: str, tmp_path: Path) -> None:
    document = json.loads(text)
    document["inputs"][0]["processing"][1]["settings"]["xmin"] = [0.0, 0.0]
    assert isinstance(refused(tmp_path / "net.json", json.dumps(document)), MatnetError)
    del document["inputs"][0]["processing"][1]["settings"]["xmin"]
    document["inputs"][0]["processing"][1]["settings"]["slope"] = [0.0, 0.0]
    assert str(refused(tmp_path / "net.json", json.dumps(document))) == (
        ".inputs[0].processing[1].settings: found an object, expected the settings xoffset, gain, ymin and no others"
    )


def test_an_array_of_another_library_is_refused() -> None:
    strict = pytest.importorskip("array_api_strict")
    layer = Layer(1, "purelin", {0: Weight(strict.asarray([[1.0]]))})
    archive = loads(archive_text(matnet.load(FIXTURES / "pump.mat")))
    foreign = Structure((Input(1),), (layer,), (Output(0, 1),))
    with pytest.raises(UnsupportedError) as caught:
        dumps(replace(archive, structure=foreign))
    assert str(caught.value) == (
        "a weight is an array of array_api_strict; convert the parameters to NumPy before archiving the network"
    )


def test_points_where_rounding_decides_are_no_check_vectors() -> None:
    # the middle of the range lies on hardlim's step, where the last digit of a sum decides
    bias = -(0.1 + 0.2) * 0.5 * 3.0
    layer = Layer(1, "hardlim", {0: Weight([[3.0]])}, bias=[bias])
    net = Network(Structure((Input(1, range=np.array([[0.1, 0.2]])),), (layer,), (Output(0, 1),)))
    middle = 0.5 * 0.1 + 0.5 * 0.2
    checks = loads(archive_text(net)).checks
    assert len(checks) == 5
    assert middle not in checks.inputs


def test_a_folder_of_other_json_files_is_passed_over(text: str, tmp_path: Path) -> None:
    (tmp_path / "net.json").write_text(text)
    (tmp_path / "package.json").write_text('{"name": "other"}')
    assert list(matnet.load_all(tmp_path)) == ["net.json"]


CROWDED = {
    "empty lists": "[" + "[]," * 300_000 + "[]]",
    "lists of one": "[" + "[0.5]," * 150_000 + "[]]",
    "empty objects": "[" + "{}," * 300_000 + "{}]",
    "objects of one": "[" + '{"a":0},' * 100_000 + "{}]",
    "keys": "{" + ",".join(f'"{number}":0.5' for number in range(80_000)) + "}",
    "strings": "[" + '"\u00e9",' * 200_000 + '""]',
    "nested": "[" + "[[[[[[]]]]]]," * 70_000 + "[]]",
}
"""A megabyte of JSON of what takes the most memory."""

FOREIGN = {
    "different strings": "[" + ",".join(f'"é{chr(192 + number % 60)}"' for number in range(200_000)) + "]",
    "lists of a string": "[" + ",".join(f'["{chr(0x1F600 + number % 70)}"]' for number in range(150_000)) + "]",
    "a long string": '["' + "一" * 1_000_000 + r'\ud83d\ude00", 0]',
    "a long string in ASCII": '["' + "a" * 1_000_000 + r'\ud83d\ude00", 0]',
}
"""Strings beyond ASCII, which take more memory, and still more while they are put together."""


@pytest.mark.parametrize("kind", [*CROWDED, *FOREIGN])
def test_the_limit_counts_what_parsing_takes(kind: str, tmp_path: Path) -> None:
    crowd = (CROWDED | FOREIGN)[kind]
    text = archive_text(hard_numbers()).replace('"inputs": [', '"outputs": [], "inputs": ' + crowd, 1)
    (tmp_path / "net.json").write_text(text, encoding="utf-8")
    limit = parsed_size(text) - 1
    with pytest.raises(FormatError) as caught:
        matnet.load(tmp_path / "net.json", limit=limit)
    assert str(caught.value) == (
        f"{tmp_path / 'net.json'}: the file needs more than {limit} bytes of memory; raise the limit if you trust it"
    )
    before = len(text.encode()) + sys.getsizeof(text)
    tracemalloc.start()
    try:
        with pytest.raises(FormatError):
            matnet.load(tmp_path / "net.json")
        assert tracemalloc.get_traced_memory()[1] < before + parsed_size(text)
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "kind", [pytest.param(kind, marks=[pytest.mark.slow] if kind == "strings" else []) for kind in CROWDED]
)
def test_a_text_of_tiny_values_alone_is_refused_before_it_is_parsed(kind: str, tmp_path: Path) -> None:
    """Up to 33 times their text, where ten times and 100 MB are promised."""
    text = "[" + ",".join([CROWDED[kind]] * 14) + "]"
    (tmp_path / "net.json").write_text(text, encoding="utf-8")
    tracemalloc.start()
    try:
        with pytest.raises(FormatError) as caught:
            matnet.load(tmp_path / "net.json")
        assert tracemalloc.get_traced_memory()[1] < 10 * len(text) + 100_000_000
    finally:
        tracemalloc.stop()
    assert str(tmp_path / "net.json") in str(caught.value)


def test_numbers_of_any_length_may_fill_a_large_text() -> None:
    """Ten digits are what a float32 has; three characters are the shortest number with a fraction."""
    assert parsed_size("[" + "0.12345678," * 5_000_000 + "0]") < 10 * 55_000_000
    assert parsed_size("[" + "0.5," * 10_000_000 + "0]") < 10 * 40_000_000 + 100_000_000
