"""A simplified tape gives the numbers of the tape it was made of, but for rounding, NaN and infinities included."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from numpy.typing import NDArray

from interpreted_tapes import QUANTITIES, arguments, assert_close, interpreted, magnification
from matnet.model.structure import Input, Layer, Output, Structure, Weight
from matnet.network import Network
from matnet.simulate import lay_out
from matnet.tape.evaluate import Evaluator
from matnet.tape.simplify import simplified
from matnet.tape.symbols import Symbol, record
from random_networks import minmax, network, process, standard, structures
from trials import random_cases

Real = NDArray[np.float64]

few = random_cases(25)


@few
@given(structures())
def test_random_networks_keep_their_numbers(structure: Structure) -> None:
    program, rng = lay_out(structure), np.random.default_rng(1)
    for name, quantity in QUANTITIES.items():
        sizes = arguments(structure, name)
        tape = record(program, quantity, sizes)
        short = simplified(tape)
        assert [short.nodes[k].shape for k in short.outputs] == [tape.nodes[k].shape for k in tape.outputs]
        inputs = [rng.normal(size=(3, size)) for size in sizes]
        slack = magnification(program, inputs[0])
        for found, expected in zip(Evaluator(short)(*inputs), interpreted(tape, inputs), strict=True):
            assert_close(found, expected, slack)


def fitnet(sizes: Sequence[int], transfer: str = "tansig", scale: float = 1.0) -> Network:
    """A chain with scaling on both sides, where everything that can be folded is there to fold."""
    rng = np.random.default_rng(3)
    layers = []
    for k, (elements, neurons) in enumerate(itertools.pairwise(sizes)):
        w = Weight(scale * rng.normal(size=(neurons, elements)))
        sources = ({0: w}, {}) if k == 0 else ({}, {k - 1: w})
        layers.append(Layer(neurons, transfer if k < len(sizes) - 2 else "purelin", *sources, rng.normal(size=neurons)))
    inputs, outputs = (
        Input(sizes[0], (minmax(sizes[0], rng), standard(sizes[0], rng))),
        Output(len(layers) - 1, sizes[-1], (minmax(sizes[-1], rng), standard(sizes[-1], rng))),
    )
    return Network(Structure((inputs,), tuple(layers), (outputs,)))


@pytest.mark.parametrize(
    "sizes", [(1, 1), (2, 1), (1, 3, 1), (2, 10, 1), (1, 4, 3), (5, 4, 3, 2), (8, 20, 5), (3, 1, 3)]
)
@pytest.mark.parametrize("transfer", ["tansig", "logsig", "purelin", "poslin", "softmax"])
def test_chains_of_every_width(sizes: tuple[int, ...], transfer: str) -> None:
    net, rng = fitnet(sizes, transfer), np.random.default_rng(2)
    for name, quantity in QUANTITIES.items():
        counts = arguments(net.structure, name)
        tape = record(net.program, quantity, counts)
        inputs = [rng.normal(size=(5, count)) for count in counts]
        for found, expected in zip(Evaluator(simplified(tape))(*inputs), interpreted(tape, inputs), strict=True):
            assert_close(found, expected)


def test_a_small_range_far_from_zero_keeps_its_digits() -> None:
    """The offset is taken off before anything is multiplied: x·gain·w − offset·gain·w would keep 7 digits of 16."""
    far = process("mapminmax", xmin=[1e9], xmax=[1e9 + 3.0], ymin=-1.0, ymax=1.0)
    net = Network(
        Structure((Input(1, (far,)),), (Layer(1, "tansig", {0: Weight([[0.7]])}, bias=[0.2]),), (Output(0, 1),))
    )
    for x in (0.0, 0.75, 2.5):
        n = 0.7 * (x * 2.0 / 3.0 - 1.0) + 0.2
        assert net([1e9 + x]).item() == pytest.approx(np.tanh(n), rel=1e-15, abs=1e-16)


def test_gains_of_any_size() -> None:
    """Units that differ by many powers of ten, on both sides."""
    tiny = process("mapminmax", xmin=[1e-12, -4e-12], xmax=[3e-12, 5e-12], ymin=-1.0, ymax=1.0)
    huge = process("mapminmax", xmin=[-2e14], xmax=[7e14], ymin=-1.0, ymax=1.0)
    hidden = Layer(3, "tansig", {0: Weight(np.arange(6.0).reshape(3, 2) - 2.5)}, bias=[0.1, 0.2, 0.3])
    outer = Layer(1, "purelin", {}, {0: Weight([[0.5, -1.0, 2.0]])}, [0.25])
    net = Network(Structure((Input(2, (tiny,)),), (hidden, outer), (Output(1, 1, (huge,)),)))
    x = np.array([[1.5e-12, 2e-12], [2.5e-12, -3e-12]])
    for name in ("value", "jacobian", "hessian", "parameter_jacobian"):
        tape = record(net.program, QUANTITIES[name], [2])
        (found,), (expected,) = Evaluator(simplified(tape))(x), interpreted(tape, [x])
        np.testing.assert_allclose(found, expected, rtol=1e-13)


def test_a_centre_beyond_the_largest_number_is_not_folded() -> None:
    """x − offset is 0, but offset − ymin/gain overflows."""
    far = process("mapminmax", xoffset=[1e308], gain=[1e-308], ymin=-1.0)
    net = Network(Structure((Input(1, (far,)),), (Layer(1, "purelin", {0: Weight([[3.0]])}),), (Output(0, 1),)))
    np.testing.assert_array_equal(net(np.full((3, 1), 1e308)), np.full((3, 1), -3.0))
    np.testing.assert_array_equal(net(np.array([1e308])), [-3.0])


@pytest.mark.parametrize("transfer", ["tansig", "logsig", "poslin", "radbas", "hardlim", "satlins", "elliotsig"])
def test_nan_and_infinities_come_out_where_they_did(transfer: str) -> None:
    net = fitnet((2, 4, 2), transfer)
    x = np.array([[np.nan, 0.5], [np.inf, 0.5], [-np.inf, 0.5], [np.inf, np.inf], [1e308, -1e308], [0.0, 0.0]])
    for name in ("value", "jacobian", "hessian", "parameter_jacobian"):
        tape = record(net.program, QUANTITIES[name], [2])
        (found,), (expected,) = Evaluator(simplified(tape))(x), interpreted(tape, [x])
        np.testing.assert_array_equal(np.isnan(found), np.isnan(expected))
        np.testing.assert_array_equal(np.isinf(found), np.isinf(expected))
        assert_close(np.nan_to_num(found), np.nan_to_num(expected))


def test_there_is_something_to_simplify() -> None:
    net = fitnet((2, 10, 1))
    for name in ("value", "jacobian"):
        tape = record(net.program, QUANTITIES[name], [2])
        operations = [node for node in tape.nodes if node.operation != "constant"]
        short = [node for node in simplified(tape).nodes if node.operation != "constant"]
        assert len(short) < len(operations)


@pytest.mark.parametrize(
    ("rank", "shape"),
    [(2, ()), (2, (1,)), (2, (3,)), (2, (1, 3)), (2, (1, 1))]
    + [(3, shape) for shape in ((), (1,), (3,), (1, 3), (3, 1), (3, 3), (1, 1), (1, 1, 3), (1, 3, 1))],
)
def test_constants_of_every_shape_are_folded_along_the_right_axis(rank: int, shape: tuple[int, ...]) -> None:
    """Before and after a product with a matrix, twice, and after a change of shape."""
    rng = np.random.default_rng(len(shape) + 10 * rank)
    c, d, weights = rng.normal(size=shape), rng.normal(size=shape), rng.normal(size=(3, 3))

    def quantity(_: Any, x: Any) -> Any:
        xp = x.__array_namespace__()
        one, other, matrix = (xp.asarray(value) for value in (c, d, weights))
        a = x if rank == 2 else x[:, :, None] * x[:, None, :]
        product = xp.matmul(a, matrix)
        flat = xp.reshape(product, (None, 3 ** (rank - 1)))
        results = [
            (a + one) + other,
            (a - one) - other,
            (a + one) * other,
            (product + one) * other,
            product / one,
            xp.matmul(a * one, matrix),
            xp.matmul((a - other) * one + other, matrix),
            xp.matmul(one * a + other, matrix),
        ]
        if c.size in (1, 3 ** (rank - 1)):
            results.append((flat + xp.asarray(d.reshape(-1))) * xp.asarray(c.reshape(-1)))
        return tuple(results)

    tape = record(fitnet((3, 1)).program, quantity, [3])
    x = rng.normal(size=(3, 3))
    short = simplified(tape)
    for found, expected in zip(Evaluator(short)(x), interpreted(tape, [x]), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)


ELLIOT = "abs less sign multiply where abs add divide"  # a large n is treated apart
BENT = "add multiply divide"


@pytest.mark.parametrize(
    ("sizes", "quantity", "expected"),
    [
        ((2, 10, 1), "value", f"subtract matmul add {ELLIOT} matmul add"),
        # the slopes times one matrix of all products of two weights
        ((2, 10, 1), "jacobian", f"subtract matmul add abs {BENT} matmul reshape"),
        # |n| of the first layer is known from its value
        (
            (2, 4, 3, 2),
            "jacobian",
            f"subtract matmul add {ELLIOT} matmul add abs {BENT} matmul reshape {BENT} index multiply matmul",
        ),
    ],
)
def test_no_more_passes_over_the_rows_than_by_hand(sizes: tuple[int, ...], quantity: str, expected: str) -> None:
    """With mapminmax at both ends and n / (1 + |n|): one subtraction before, all gains within the weights."""
    rng, net = np.random.default_rng(4), fitnet(sizes, "elliotsig")
    inputs = tuple(replace(entry, processing=(minmax(entry.size, rng),)) for entry in net.structure.inputs)
    outputs = tuple(replace(entry, processing=(minmax(entry.size, rng),)) for entry in net.structure.outputs)
    program = lay_out(replace(net.structure, inputs=inputs, outputs=outputs))
    short = simplified(record(program, QUANTITIES[quantity], [2]))
    found = [node.operation for node in short.nodes if node.operation not in ("input", "constant")]
    assert found == expected.split()


def test_one_layer_without_anything_to_fold_stays_as_it_is() -> None:
    net = network(Layer(2, "tansig", {0: Weight([[1.0], [2.0]])}, bias=[0.5, -0.5]))
    tape = record(net.program, QUANTITIES["value"], [1])
    assert [node.operation for node in simplified(tape).nodes] == [node.operation for node in tape.nodes]


def test_offsets_whose_sum_overflows_stay_apart() -> None:
    """x + 10³⁰⁸ + 10³⁰⁸ is finite where x is −10³⁰⁸; what is infinite from the start does not hinder the rest."""
    net = fitnet((1, 1))
    x = np.array([[-1e308], [0.0]])
    for first, second in ((1e308, 1e308), (np.inf, 1.0)):
        tape = record(net.program, lambda _, x, a=first, b=second: (x + np.array([a])) + np.array([b]), [1])
        with np.errstate(over="ignore"):
            expected = x + first + second
        np.testing.assert_array_equal(Evaluator(simplified(tape))(x)[0], expected)
    assert len(simplified(tape).nodes) < len(tape.nodes)


@pytest.mark.parametrize("shape", [(2, 1), (2, 2), (1, 2), (2,)])
def test_two_columns_are_scaled_one_by_one(shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(1)
    c, weights = rng.normal(size=shape), rng.normal(size=(2, 2))

    def quantity(_: Any, x: Any) -> Any:
        xp = x.__array_namespace__()
        product = xp.matmul(x[:, :, None] * x[:, None, :], xp.asarray(weights))
        return product * xp.asarray(c), product / xp.asarray(c) + xp.asarray(c)

    tape = record(fitnet((2, 1)).program, quantity, [2])
    x = rng.normal(size=(3, 2))
    for found, expected in zip(Evaluator(simplified(tape))(x), interpreted(tape, [x]), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-13)


def test_the_largest_combined_constant() -> None:
    """The Jacobian of 128 outputs, 2 hidden neurons and 256 inputs is s times 2 by 32,768 numbers, and no larger."""
    for inputs, combined in ((256, True), (257, False)):
        net = fitnet((inputs, 2, 128))
        short = simplified(record(net.program, QUANTITIES["jacobian"], [inputs]))
        assert (max(node.value.size for node in short.nodes if node.value is not None) > 1 << 15) == combined


def test_a_product_of_constants_near_the_smallest_numbers_is_not_folded() -> None:
    """10⁻²⁰⁰ · 10⁻¹²⁰ as a float has 4 digits left; for an x of 10³⁰⁰ the result is far from there."""
    gain, weight = np.array([1e-200]), np.array([[1e-120]])

    def quantity(_: Any, x: Symbol) -> Any:
        xp = x.__array_namespace__()
        return xp.matmul(x * gain, xp.asarray(weight)), xp.matmul(x, xp.asarray(weight)) * gain

    short = simplified(record(fitnet((1, 1)).program, quantity, [1]))
    for found in Evaluator(short)(np.full((3, 1), 3e300)):
        np.testing.assert_allclose(found, np.full((3, 1), 3e-20), rtol=1e-15)


W, ONE, HALF, ROW = np.arange(1.0, 10.0).reshape(3, 3), np.array([3.0]), np.array([0.5]), np.array([2.0, 3.0, 5.0])
SHORTER: list[tuple[str, Callable[[Any, Any], Any], str]] = [
    ("two offsets", lambda xp, x: (x + ROW) + ONE, "add"),
    ("an offset taken away", lambda xp, x: (ROW + x) - ONE, "add"),
    ("one factor for all", lambda xp, x: xp.matmul(x * ONE, W), "matmul"),
    ("a factor for each", lambda xp, x: xp.matmul(ROW * x, W), "matmul"),
    ("a factor and an offset", lambda xp, x: xp.matmul((x - ROW) * HALF + ROW, W), "subtract matmul"),
    ("a factor after", lambda xp, x: xp.matmul(x, W) * ROW, "matmul"),
    ("a divisor after an offset", lambda xp, x: (xp.matmul(x, W) + ROW) / ROW, "matmul add"),
    (
        "a factor after a change of shape",
        lambda xp, x: xp.reshape(xp.matmul(x, W), (None, 1, 3)) * ROW,
        "matmul reshape",
    ),
    (
        "the factor of a slope",
        lambda xp, x: xp.matmul((xp.tanh(x) * 2.0)[:, None, :] * xp.exp(x[:, :, None] * ROW), W),
        "tanh index index multiply exp multiply matmul",
    ),
    (
        "the factor above a divisor",
        lambda xp, x: xp.matmul(((xp.tanh(x) * 2.0) / xp.exp(x))[:, None, :] * xp.exp(x[:, :, None] * ROW), W),
        "tanh exp divide index index multiply exp multiply matmul",
    ),
    ("constants on the left", lambda xp, x: ROW + (ONE + x), "add"),
    (
        "a factor after a matrix of one row became a row",
        lambda xp, x: xp.reshape(xp.matmul(xp.exp(x)[:, None, :], W), (None, 3)) * ROW,
        "exp index matmul reshape",
    ),
    (
        "offsets of which one is 0",
        lambda xp, x: xp.matmul((x - ROW) * HALF + np.array([0.0, 1.0, 2.0]), W),
        "subtract matmul",
    ),
    (
        "a factor of one row",
        lambda xp, x: xp.matmul(x[:, :, None] * x[:, None, :], W) * ROW[None, :],
        "index index multiply matmul",
    ),
    (
        "a factor and an offset of a difference that varies",
        lambda xp, x: xp.matmul((xp.exp(x) - x) * HALF + ROW, W),
        "exp subtract add matmul",
    ),
    ("a factor after two products", lambda xp, x: xp.matmul(xp.matmul(x, W), W.T) * ROW, "matmul matmul"),
    # nothing to fold
    ("a factor that is infinite", lambda xp, x: xp.matmul(xp.exp(x), W) * np.array([np.inf]), "exp matmul multiply"),
    (
        "an infinite factor after zeros",
        lambda xp, x: xp.matmul(xp.exp(x), np.eye(3)) * np.array([np.inf]),
        "exp matmul multiply",
    ),
    (
        "an offset for each of several rows",
        lambda xp, x: xp.matmul((x[:, :, None] * x[:, None, :] - ROW) * HALF + W, W),
        "index index multiply subtract multiply add matmul",
    ),
    ("a difference from a constant", lambda xp, x: ROW - (x + ONE), "add subtract"),
    ("a constant divided", lambda xp, x: ONE / xp.matmul(x, W), "matmul divide"),
    (
        "a factor after a matrix of one column became a row",
        lambda xp, x: xp.reshape(xp.matmul(x[:, :, None] * x[:, None, :], W[:, :1]), (None, 3)) * ROW,
        "index index multiply matmul reshape multiply",
    ),
    (
        "a slope without a factor",
        lambda xp, x: xp.matmul(x[:, None, :] * xp.exp(x)[:, :, None], W),
        "index exp index multiply matmul",
    ),
    (
        "a factor of rows",
        lambda xp, x: xp.matmul(x[:, :, None] * x[:, None, :], W) * ROW[:, None],
        "index index multiply matmul multiply",
    ),
    (
        "a factor that makes a change of shape wider",
        lambda xp, x: xp.reshape(xp.matmul(x, W), (None, 3, 1)) * ROW,
        "matmul reshape multiply",
    ),
    (
        "the factor of a slope that is a part of the rows",
        lambda xp, x: xp.matmul((xp.tanh(x) * 2.0)[:, None, :2] * xp.exp(x[:, :, None] * ROW[:2]), W[:2]),
        "tanh multiply index index multiply exp multiply matmul",
    ),
    (
        "the factor of a slope of matrices",
        lambda xp, x: xp.matmul((xp.tanh(m := x[:, :, None] * ROW) * 2.0)[:, None, 0, :] * xp.exp(m), W),
        "index multiply tanh multiply index exp multiply matmul",
    ),
]


@pytest.mark.parametrize(("quantity", "expected"), [case[1:] for case in SHORTER], ids=[case[0] for case in SHORTER])
def test_what_is_left_of_each_form(quantity: Callable[[Any, Any], Any], expected: str) -> None:
    tape = record(fitnet((3, 1)).program, lambda _, x: quantity(x.__array_namespace__(), x), [3])
    short = simplified(tape)
    found = [node.operation for node in short.nodes if node.operation not in ("input", "constant")]
    assert sorted(found) == sorted(expected.split())
    x = np.random.default_rng(5).normal(size=(4, 3))
    np.testing.assert_allclose(Evaluator(short)(x)[0], interpreted(tape, [x])[0], rtol=1e-13)


def test_an_offset_that_would_vanish_before_the_gain_stays_after_it() -> None:
    """10⁻³⁰⁰ / 10³⁰⁰ is 0, and 10³⁰⁰ / 10⁻³⁰⁰ infinite."""
    for base, gain in ((1e-300, 1e300), (1e300, 1e-300)):
        offset, factor = np.array([base]), np.array([gain])
        tape = record(
            fitnet((1, 1)).program,
            lambda _, x, b=offset, g=factor: x.__array_namespace__().matmul(x * g + b, np.array([[0.5]])),
            [1],
        )
        np.testing.assert_array_equal(Evaluator(simplified(tape))(np.zeros((2, 1)))[0], np.full((2, 1), 0.5 * base))


@pytest.mark.parametrize(("halves", "kept"), [(0.75, False), (1.0, False), (1.5, True)])
def test_a_rest_of_more_than_half_a_unit_is_added_to_the_bias(halves: float, kept: bool) -> None:
    """Of an offset of 1.5 so little cannot be taken; half a unit in the last place of 1 is 2⁻⁵⁴."""
    rest = halves * 2.0**-54

    def quantity(_: Any, x: Symbol) -> Any:
        xp = x.__array_namespace__()
        return xp.matmul((x - np.array([1.5])) * np.array([2.0]) + np.array([rest]), xp.asarray(np.array([[2.0**60]])))

    short = simplified(record(fitnet((1, 1)).program, quantity, [1]))
    found = {node.operation for node in short.nodes if node.operation not in ("input", "constant")}
    assert found == ({"subtract", "matmul", "add"} if kept else {"subtract", "matmul"})
    np.testing.assert_array_equal(Evaluator(short)(np.array([[1.5]]))[0], [[rest * 2.0**60 if kept else 0.0]])
