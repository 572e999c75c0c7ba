"""The public interface: accepted arguments, refusals with their messages, and what is preserved."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl
import pytest

from matnet.errors import ShapeError, UnsupportedError
from matnet.model.provenance import Provenance
from matnet.model.structure import Input, Layer, Output, Structure, Weight
from matnet.network import Network
from random_networks import minmax, network, process


def wide() -> Network:
    """Three inputs, two outputs."""
    rng = np.random.default_rng(0)
    hidden = Layer(4, "tansig", {0: Weight(rng.normal(size=(4, 3)))}, bias=rng.normal(size=4), name="Hidden")
    outer = Layer(2, "purelin", {}, {0: Weight(rng.normal(size=(2, 4)))}, rng.normal(size=2), name="Output")
    return network(hidden, outer, inputs=3, outputs={1: (minmax(2, rng),)})


def single() -> Network:
    """One input, one output."""
    return network(Layer(1, "tansig", {0: Weight([[2.0]])}, bias=[0.5]))


def kinked() -> Network:
    return network(Layer(1, "poslin", {0: Weight([[2.0]])}, bias=[0.5]))


def delayed() -> Network:
    layer = Layer(1, "purelin", {0: Weight([[1.0, 2.0]], delays=(0, 1))})
    return Network(Structure((Input(1),), (layer,), (Output(0, 1),)))


X = np.array([[0.5, -1.0, 0.25], [1.5, 0.125, -0.75]])


def test_shapes() -> None:
    """The last axis is the network's, what is before it is batch; a derivative is (output, input)."""
    net = wide()
    for lead in [(), (2,), (0,), (2, 3), (1, 0, 4), (2, 1, 3)]:
        x = np.zeros((*lead, 3))
        assert net(x).shape == (*lead, 2)
        assert net.jacobian(x).shape == (*lead, 2, 3)
        assert [part.shape for part in net.value_and_jacobian(x)] == [(*lead, 2), (*lead, 2, 3)]
        assert net.hessian(x).shape == (*lead, 2, 3, 3)
        assert net.jvp(x, x).shape == (*lead, 2)
        assert net.vjp(x, np.zeros((*lead, 2))).shape == (*lead, 3)
        assert [part.shape for part in net.layer_outputs(x)] == [(*lead, 4), (*lead, 2)]
        assert net.parameter_jacobian(x).shape == (*lead, 2, 26)
        assert net.jacobian(x, of=1).shape == (*lead, 4, 3)


def test_batches_of_any_shape_hold_the_same_samples() -> None:
    net, x = wide(), np.random.default_rng(1).normal(size=(2, 3, 3))
    flat = x.reshape(6, 3)
    np.testing.assert_array_equal(net.hessian(x), net.hessian(flat).reshape(2, 3, 2, 3, 3))
    for q, sample in enumerate(flat):
        np.testing.assert_allclose(net.jacobian(sample), net.jacobian(flat)[q], rtol=1e-14, atol=1e-15)


INPUTS: dict[str, Any] = {
    "a list": X.tolist(),
    "a tuple of arrays": tuple(X),
    "columns in memory": np.asfortranarray(X),
    "every other row": np.repeat(X, 2, axis=0)[::2],
    "backwards": X[::-1][::-1],
    "read-only": np.broadcast_to(X, X.shape),
    "big-endian": X.astype(">f8"),
    "a data frame in another order": pl.DataFrame({"x3": X[:, 2], "time": [0, 1], "x1": X[:, 0], "x2": X[:, 1]}),
}


@pytest.mark.parametrize("given", INPUTS.values(), ids=list(INPUTS))
def test_what_holds_the_same_numbers_gives_the_same_answer(given: Any) -> None:
    np.testing.assert_array_equal(wide().jacobian(given), wide().jacobian(X))


@pytest.mark.parametrize("kind", ["int8", "uint8", "int32", "int64", "bool", "float16", "float32"])
def test_integers_and_short_floats_compute_in_float64(kind: str) -> None:
    x = np.array([[1, 0, 1], [0, 1, 1]]).astype(kind)
    y, J = wide().value_and_jacobian(x)
    assert y.dtype == J.dtype == np.float64
    np.testing.assert_array_equal(y, wide()(x.astype(np.float64)))


def test_a_missing_value_is_nan() -> None:
    """A null of a data frame and a masked element make their sample NaN, not a number that was never measured."""
    frame = pl.DataFrame({"x1": [0.5, None], "x2": X[:, 1], "x3": X[:, 2]})
    masked = np.ma.masked_array(X, [[False] * 3, [True, False, False]])
    for given in (frame, masked):
        y = wide()(given)
        np.testing.assert_array_equal(y[0], wide()(X)[0])
        assert np.isnan(y[1]).all()
        assert type(y) is np.ndarray


def test_the_argument_is_left_alone() -> None:
    x = X.copy()
    wide().jacobian(x)
    np.testing.assert_array_equal(x, X)


def test_complex_step_is_allowed_through_values() -> None:
    net, h = wide(), 1e-200
    columns = [net(X + 1j * h * e).imag / h for e in np.eye(3)]
    np.testing.assert_allclose(np.stack(columns, axis=-1), net.jacobian(X), rtol=1e-13)
    layers = [net.layer_outputs(X + 1j * h * e)[0].imag / h for e in np.eye(3)]
    np.testing.assert_allclose(np.stack(layers, axis=-1), net.jacobian(X, of=1), rtol=1e-13)


COMPLEX = (
    "complex numbers are for complex-step differentiation only: for the outputs of a network, or its layers, whose "
    "functions are all analytic"
)
ONE_SAMPLE = (
    "this network is dynamic, so a single sample does not determine its outputs: use net.run(x) with a "
    "series x (..., T, R), or net.run_jacobian for derivatives"
)

REFUSED: list[tuple[str, Callable[[], Any], type[Exception], str]] = [
    ("too many", lambda: wide()(np.zeros((5, 4))), ShapeError, "x has shape (5, 4), expected (..., 3)"),
    (
        "columns as in MATLAB",
        lambda: wide().jacobian(np.zeros((3, 5))),
        ShapeError,
        "x has shape (3, 5), expected (..., 3); samples are rows here, write x.T if they are columns as in MATLAB",
    ),
    (
        "a batch of one input",
        lambda: single()(np.zeros(7)),
        ShapeError,
        "x has shape (7,), expected (..., 1); a 1-D array is one sample, write x[:, None] for a batch of 7 samples",
    ),
    ("a number", lambda: single()(0.5), ShapeError, "x has shape (), expected (..., 1)"),
    ("nothing", lambda: wide()([]), ShapeError, "x has shape (0,), expected (..., 3)"),
    ("text", lambda: wide()(["a", "b", "c"]), ShapeError, "x is not an array of numbers (its type is <U1)"),
    ("None", lambda: wide()(None), ShapeError, "x is not an array of numbers (its type is object)"),
    (
        "rows of different lengths",
        lambda: wide()([[1.0, 2.0, 3.0], [4.0]]),
        ShapeError,
        "x is not an array of numbers: its rows differ in length",
    ),
    (
        "dates",
        lambda: single()(np.array(["2020-01-01"], dtype="M8[D]")),
        ShapeError,
        "x is not an array of numbers (its type is datetime64[D])",
    ),
    (
        "a frame without a column",
        lambda: wide()(pl.DataFrame({"x1": [1.0], "flow": [2.0], "x3": [3.0]})),
        ShapeError,
        "x has the columns x1, flow, x3: x1, x3 would be taken by name, but x2 is missing; expected x1, x2, x3",
    ),
    (
        "a frame with text",
        lambda: wide()(pl.DataFrame({"x1": [1.0], "x2": ["high"], "x3": [3.0]})),
        ShapeError,
        "the column x2 of x holds String, expected real numbers",
    ),
    ("v too short", lambda: wide().jvp(X, np.zeros((2, 2))), ShapeError, "v has shape (2, 2), expected (..., 3)"),
    ("u too long", lambda: wide().vjp(X[0], X[0]), ShapeError, "u has shape (3,), expected (..., 2)"),
    ("another batch", lambda: wide().jvp(X, X[0]), ShapeError, "v has the batch (), but x has (2,)"),
    ("layer 0", lambda: wide().jacobian(X, of=0), ShapeError, "of=0: the layers are numbered from 1 to 2"),
    ("layer 3", lambda: wide().hessian(X, of=3), ShapeError, "of=3: the layers are numbered from 1 to 2"),
    (
        "half a layer",
        lambda: wide().jacobian(X, of=1.5),  # type: ignore[arg-type]
        ShapeError,
        "of=1.5 is neither a layer's number nor a name",
    ),
    (
        "an unknown layer",
        lambda: wide().parameter_jacobian(X, of="Middle"),
        ShapeError,
        "of='Middle' is neither a layer (Hidden, Output) nor an output (y1, y2) of the network",
    ),
    (
        "a scale",
        lambda: wide().jacobian(X, scale="raw"),  # type: ignore[arg-type]
        ShapeError,
        "scale is 'raw', expected 'real' or 'normalized'",
    ),
    ("theta", lambda: wide().with_parameters(np.zeros(25)), ShapeError, "theta has shape (25,), expected (26,)"),
    (
        "theta of text",
        lambda: wide().with_parameters(["1"] * 26),
        ShapeError,
        "theta is not an array of numbers (its type is <U1)",
    ),
    (
        "complex theta",
        lambda: wide().with_parameters(np.zeros(26) + 1j),
        ShapeError,
        "theta is complex, expected real numbers",
    ),
    ("a complex Jacobian", lambda: wide().jacobian(X + 0j), UnsupportedError, COMPLEX),
    ("a complex direction", lambda: wide().jvp(X, X + 0j), UnsupportedError, COMPLEX),
    ("complex through a kink", lambda: kinked()([0.5 + 1j]), UnsupportedError, COMPLEX),
    ("one sample of a series", lambda: delayed()([1.0]), ShapeError, ONE_SAMPLE),
    ("its Jacobian", lambda: delayed().jacobian([1.0]), ShapeError, ONE_SAMPLE),
    ("its layers", lambda: delayed().layer_outputs([1.0]), ShapeError, ONE_SAMPLE),
]


@pytest.mark.parametrize(("act", "kind", "message"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED])
def test_what_is_refused(act: Callable[[], Any], kind: type[Exception], message: str) -> None:
    with pytest.raises(kind) as caught:
        act()
    assert str(caught.value) == message


def test_two_layers_of_one_name_are_told_apart_by_number() -> None:
    first = Layer(2, "tansig", {0: Weight([[1.0], [2.0]])})
    net = network(first, Layer(1, "purelin", {}, {0: Weight([[1.0, 1.0]])}))
    with pytest.raises(ShapeError) as caught:
        net.jacobian([0.5], of="Layer")
    assert str(caught.value) == "2 layers are named 'Layer'; give the layer's number, from 1 to 2"
    assert net.jacobian([0.5], of=np.int64(1)).shape == (2, 1)  # type: ignore[arg-type]


def test_what_it_knows_of_itself() -> None:
    net = wide()
    assert (net.input_size, net.output_size, net.dynamic) == (3, 2, False)
    assert delayed().dynamic
    assert np.isnan(net.input_range).all()
    assert net.input_range.shape == (3, 2)
    assert net.output_range.shape == (2, 2)
    ranged = Structure(
        (Input(1, range=np.array([[0.0, 4.0]])), Input(2)),
        (Layer(1, "tansig", {1: Weight([[1.0, 2.0]])}),),
        (Output(0, 1),),
    )
    np.testing.assert_array_equal(Network(ranged).input_range, [[0.0, 4.0], [np.nan, np.nan], [np.nan, np.nan]])


def test_repr() -> None:
    assert repr(wide()) == "<Network 3-4-2, tansig, purelin>"
    assert repr(Network(wide().structure, name="pump")) == "<Network pump: 3-4-2, tansig, purelin>"


def _pickled(net: Network) -> Network:
    found = pickle.loads(pickle.dumps(net))  # noqa: S301 - of our own making
    assert isinstance(found, Network)
    return found


@pytest.mark.parametrize("again", [_pickled, copy.copy, copy.deepcopy], ids=["pickle", "copy", "deepcopy"])
def test_a_copy_is_the_same_network(again: Callable[[Network], Network]) -> None:
    net = Network(wide().structure, Provenance(file="net.mat"), "pump")
    net.jacobian(X)  # so that there are recorded tapes, which are not copied
    other = again(net)
    assert (other.name, other.provenance.file, repr(other)) == ("pump", "net.mat", repr(net))
    np.testing.assert_array_equal(other.jacobian(X), net.jacobian(X))
    np.testing.assert_array_equal(other.parameters, net.parameters)


def test_parameters_are_in_the_order_of_getwb() -> None:
    """Layer by layer: b, then IW by input, then LW by layer, each column-major."""
    first = Layer(2, "tansig", {0: Weight([[3.0, 5.0], [4.0, 6.0]]), 1: Weight([[7.0], [8.0]])}, bias=[1.0, 2.0])
    second = Layer(1, "purelin", {1: Weight([[9.0]])}, {0: Weight([[10.0, 11.0]])})
    net = Network(Structure((Input(2), Input(1)), (first, second), (Output(1, 1),)))
    assert net.parameters.tolist() == [float(k) for k in range(1, 12)]
    theta = np.arange(11.0) * 0.1
    changed = net.with_parameters(theta)
    np.testing.assert_array_equal(changed.parameters, theta)
    assert changed.structure.layers[0].input_weights[0].value.tolist() == [[theta[2], theta[4]], [theta[3], theta[5]]]
    assert net.parameters.tolist() == [float(k) for k in range(1, 12)]
    theta[0] = 99.0
    assert changed.parameters[0] == 0.0


def test_a_nan_sample_leaves_the_others_alone() -> None:
    x = np.vstack([X, [np.nan, 0.0, 0.0], X])
    y, J = wide().value_and_jacobian(x)
    assert np.isnan(y[2]).all()
    assert np.isnan(J[2]).all()
    np.testing.assert_array_equal(y[[0, 1, 3, 4]], wide()(x[[0, 1, 3, 4]]))
    assert np.isfinite(J[[0, 1, 3, 4]]).all()


def test_an_unknown_input_is_replaced_by_its_mean_and_has_no_derivative() -> None:
    """fixunknowns: value and flag go in, so the answer is finite; the derivative with respect to the unknown is 0."""
    unknowns = process("fixunknowns", known=[2], unknown=[1], shift=[0, 1], xmeans=[0.5, 0.0], xrows=2, yrows=3)
    layer = Layer(1, "tansig", {0: Weight([[1.0, -0.25, 0.5]])})
    net = Network(Structure((Input(2, (unknowns,)),), (layer,), (Output(0, 1),)))
    x = np.array([[0.3, 1.0], [np.nan, 1.0]])
    n = np.array([0.3 - 0.25 + 0.5, 0.5 + 0.0 + 0.5])
    np.testing.assert_allclose(net(x)[:, 0], np.tanh(n), rtol=1e-15)
    slope = 1.0 - np.tanh(n) ** 2
    np.testing.assert_allclose(net.jacobian(x)[:, 0], [[slope[0], 0.5 * slope[0]], [0.0, 0.5 * slope[1]]], rtol=1e-14)
    assert np.isfinite(net.hessian(x)).all()
    assert not net.hessian(x)[1, 0, 0].any()


def test_a_removed_input_has_no_derivative_and_a_removed_output_is_constant() -> None:
    removed = process("removeconstantrows", keep=[2], remove=[1], constants=[7.0], xrows=2, yrows=1)
    layer = Layer(1, "tansig", {0: Weight([[2.0]])})
    net = Network(Structure((Input(2, (removed,)),), (layer,), (Output(0, 2, (removed,)),)))
    y, J = net.value_and_jacobian(np.array([np.nan, 0.25]))
    np.testing.assert_allclose(y, [7.0, np.tanh(0.5)], rtol=1e-15)
    np.testing.assert_allclose(J, [[0.0, 0.0], [0.0, 2.0 * (1.0 - np.tanh(0.5) ** 2)]], rtol=1e-15)


def test_layers_that_depend_on_nothing() -> None:
    """A layer without weights is its bias passed on; a network of it alone is constant, in a batch too."""
    constant = Layer(2, "tansig", bias=[0.5, -0.5])
    net = network(constant)
    x = np.zeros((5, 1))
    np.testing.assert_array_equal(net(x), np.broadcast_to(np.tanh([0.5, -0.5]), (5, 2)))
    assert net.jacobian(x).shape == (5, 2, 1)
    assert not net.jacobian(x).any()
    assert not net.hessian(x).any()
    np.testing.assert_allclose(net.parameter_jacobian(x)[3], np.diag(1.0 - np.tanh([0.5, -0.5]) ** 2), rtol=1e-15)
