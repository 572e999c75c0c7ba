"""A structure laid out as a program: the order of its steps, its leaves, and what it computes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from mpmath import mp, mpf

import matnet
from matnet.model.structure import Input, Layer, Output, Process, Structure, Weight
from matnet.simulate import Leaf, lay_out
from matnet.simulate.program import batched
from matnet.simulate.steps import SquareStep

rng = np.random.default_rng(4)


def recurrent() -> Structure:
    """Layer 1 sees the input now and two steps ago, and layer 2 of the step before."""
    first = Layer(
        3,
        "tansig",
        {0: Weight(rng.normal(size=(3, 4)), delays=(0, 2))},
        {1: Weight(rng.normal(size=(3, 1)), delays=(1,))},
    )
    second = Layer(1, "purelin", {}, {0: Weight(rng.normal(size=(1, 3)))}, np.array([0.5]))
    return Structure((Input(2),), (first, second), (Output(1, 1),))


def test_every_step_follows_those_that_it_reads() -> None:
    for net in (*matnet.load_all("fixtures/*.mat").values(), matnet.Network(recurrent())):
        program = lay_out(net.structure)
        known = {leaf.signal for leaf in program.leaves}
        for step in program.steps:
            assert known.issuperset(step.sources)
            assert step.target not in known
            known.add(step.target)
        assert known.issuperset(program.outputs)


def test_the_leaves_are_the_signals_of_each_delay() -> None:
    leaves = {(leaf.kind, leaf.index, leaf.delay): leaf.size for leaf in lay_out(recurrent()).leaves}
    assert leaves == {("input", 0, 0): 2, ("input", 0, 2): 2, ("layer", 1, 1): 1}


def test_leaves_of_last_steps_and_of_nothing() -> None:
    weight = Weight(np.ones((1, 2)))
    first, last = (
        Layer(2, "tansig", {0: Weight(np.ones((2, 3)))}),
        Layer(1, "tansig", {}, {0: replace(weight, last=True)}),
    )
    ended = lay_out(Structure((Input(3),), (first, last), (Output(1, 1),)))
    assert ended.leaves == (Leaf("input", 0, 0, 3, 0), Leaf("layer", 0, 0, 2, 1, last=True))
    constant = lay_out(Structure((), (Layer(1, "tansig", bias=[0.5]),), (Output(0, 1),)))
    assert constant.leaves == (Leaf("input", 0, 0, 0, 0),)
    assert constant.sizes[0] == 0


def test_values_have_the_batch_of_the_inputs() -> None:
    value = np.array([1.0, 2.0])
    for shape in ((), (4,), (4, 5)):
        found = batched(value, np.zeros((*shape, 3)))
        assert np.array_equal(found, np.broadcast_to(value, (*shape, 2)))
        assert np.array_equal(batched(found, np.zeros((*shape, 3))), found)
    assert np.array_equal(batched(value[None], np.zeros((4, 3))), [[1.0, 2.0]] * 4)


def curved(*layers: Layer, processing: tuple[Process, ...] = (), squared: bool = True) -> list[str]:
    """The curved steps of a network of an input of two elements."""
    program = lay_out(Structure((Input(2, processing),), layers, (Output(len(layers) - 1, 1),)), squared)
    return [type(step).__name__ for step in program.steps if step.curved]


def test_which_steps_are_curved() -> None:
    weight, centre = Weight(np.ones((1, 2))), Weight(np.ones((1, 2)), "dist")
    scaled = Process.from_matlab("mapminmax", {"xmin": [0, 0], "xmax": [1, 1], "ymin": -1.0, "ymax": 1.0})
    assert curved(Layer(1, "purelin", {0: weight}, bias=[1.0]), processing=(scaled,)) == []
    assert curved(Layer(1, "tansig", {0: weight}, bias=[1.0])) == ["TransferStep"]
    taps = Layer(1, "purelin", {0: Weight(np.ones((1, 4)), "dist", (0, 1))}, bias=[1.0])
    assert curved(taps) == ["WeightStep"]
    start, one = Layer(1, "purelin", {0: weight}), Weight([[1.0]])
    product = Layer(1, "purelin", {0: weight}, {0: one}, net_input="netprod")
    assert curved(start, product) == ["NetInputStep"]
    assert curved(Layer(1, "purelin", {0: weight}, bias=[2.0], net_input="netprod")) == []
    radial = Layer(1, "radbas", {0: centre}, {0: one}, net_input="netprod")
    assert curved(start, radial) == ["WeightStep", "SquareStep", "NetInputStep", "TransferStep"]
    assert curved(start, radial, squared=False) == ["WeightStep", "NetInputStep", "TransferStep"]


def test_the_curvature_of_a_square() -> None:
    """2 u_i v_ji w_ki, summed over i, as a product of matrices and as the factor of one."""
    p, u = np.array([[1.0, -2.0]]), np.array([[[0.5, 3.0]]])
    v, w = np.array([[[1.0, 2.0], [0.0, -1.0]]]), np.array([[[4.0, 1.0]]])
    step = SquareStep(1, (0,))
    assert step.curvature([p], p * p, u, [v], [w]).tolist() == [[[[16.0], [-6.0]]]]  # type: ignore[union-attr]
    assert step.curvature_weights([p], p * p, u).tolist() == [[[1.0, 6.0]]]  # type: ignore[union-attr]
    assert step.tangent([p], p * p, [v]).tolist() == [[[2.0, -8.0], [0.0, 4.0]]]  # type: ignore[union-attr]
    assert step.cotangent([p], p * p, u)[0].tolist() == [[[1.0, -12.0]]]  # type: ignore[union-attr]


def test_a_program_computes_what_the_formula_says() -> None:
    structure = recurrent()
    program = lay_out(structure, squared=False)
    columns = {("input", 0, 0): [0.3, -0.2], ("input", 0, 2): [1.5, 0.25], ("layer", 1, 1): [-0.75]}
    given = np.concatenate([columns[leaf.kind, leaf.index, leaf.delay] for leaf in program.leaves])
    reached = program.run(given)
    first, second = structure.layers
    n = first.input_weights[0].value @ [0.3, -0.2, 1.5, 0.25] + first.layer_weights[1].value @ [-0.75]
    y = second.layer_weights[0].value @ np.tanh(n) + 0.5
    np.testing.assert_allclose(reached[program.outputs[0]], y, rtol=1e-14)


def test_what_a_signal_reaches_is_what_changes_with_it() -> None:
    first = Layer(2, "tansig", {0: Weight(rng.normal(size=(2, 1)))}, bias=rng.normal(size=2))
    second = Layer(1, "logsig", {1: Weight(rng.normal(size=(1, 2)))}, bias=rng.normal(size=1))
    joined = Layer(1, "tansig", {}, {0: Weight(rng.normal(size=(1, 2))), 1: Weight([[0.5]])}, bias=[0.1])
    program = lay_out(Structure((Input(1), Input(2)), (first, second, joined), (Output(0, 2), Output(2, 1))))
    x = np.array([0.3, -0.2, 0.7])
    start = 0
    before = program.run(x)
    for leaf in program.leaves:
        moved = x.copy()
        moved[start : start + leaf.size] += 0.5
        start += leaf.size
        after = program.run(moved)
        changed = {
            number
            for number, (old, new) in enumerate(zip(before, after, strict=True))
            if old is not None and not np.array_equal(old, new)
        }
        assert program.reached(leaf.signal) == changed


CENTRES = np.array([[0.3, -0.2], [1.1, 0.4]])
SAMPLE = np.array([0.7, 0.25])


def distance(x: Any, k: int) -> Any:
    return mp.sqrt(sum((x[j] - mpf(float(CENTRES[k, j]))) ** 2 for j in range(2)))


def taxi(x: Any, k: int) -> Any:
    return sum(abs(x[j] - mpf(float(CENTRES[k, j]))) for j in range(2))


def product(x: Any, k: int) -> Any:
    return sum(x[j] * mpf(float(CENTRES[k, j])) for j in range(2))


def combination(net_input: str, b: Any, parts: list[Any]) -> Any:
    terms = parts if b is None else [*parts, b]
    return mp.fprod(terms) if net_input == "netprod" else mp.fsum(terms)


ORDINARY = (None, [0.8, -1.5], [0.0, 1.25], [0.5, 1e-150])
TOGETHER = (("dist",), ("dist", "dotprod"), ("dotprod", "dist"), ("dist", "dist", "mandist"))
LAYERS = [
    *(
        (net_input, weights, bias, 1.0)
        for net_input in ("netprod", "netsum")
        for weights in TOGETHER
        for bias in ORDINARY
    ),
    *(
        ("netprod", ("dist",), bias, scale)
        for bias, scale in (
            ([2e150, -1e150], 1e-150),
            ([2e-150, -1e-150], 1e150),
            ([3e100, 2e100], 1e-100),
            ([1e-101, 2e-101], 1e101),
        )
    ),
]


@pytest.mark.parametrize(("net_input", "weights", "bias", "scale"), LAYERS)
def test_layers_of_distances(net_input: str, weights: tuple[str, ...], bias: list[float] | None, scale: float) -> None:
    """exp(-n²) and its derivatives with respect to x and b, also where the square of the bias has no double."""
    functions: dict[str, Callable[[Any, int], Any]] = {"dist": distance, "mandist": taxi, "dotprod": product}
    inputs = {number: Weight(scale * CENTRES, function) for number, function in enumerate(weights)}
    layer = Layer(2, "radbas", inputs, bias=bias, net_input=net_input)
    net = matnet.Network(Structure(tuple(Input(2) for _ in weights), (layer,), (Output(0, 2),)))
    base = np.concatenate([SAMPLE + 0.125 * k for k in range(len(weights))])
    x = scale * base

    def answer(t: Any, c: Any, k: int) -> Any:
        """a_k of the inputs scale·t and the bias b_k (1 + c); a distance has the factor scale."""
        parts = [functions[name](t[2 * j : 2 * j + 2], k) for j, name in enumerate(weights)]
        b = None if bias is None else mpf(bias[k]) * (1 + c) * (mpf(scale) if net_input == "netprod" else 1)
        return mp.exp(-(combination(net_input, b, parts) ** 2))

    y, jacobian, hessian = net(x), net.jacobian(x), net.hessian(x)
    by_parameters = net.parameter_jacobian(x)
    by_bias = np.zeros((2, 2)) if bias is None else by_parameters[:, :2]
    if weights == ("dist",):
        # moving a centre is moving the sample the other way; column by column, each neuron on its own
        by_centres = by_parameters[:, -4:].reshape(2, 2, 2).transpose(0, 2, 1)
        np.testing.assert_allclose(by_centres, -np.eye(2)[..., None] * jacobian[:, None], rtol=1e-12, atol=0.0)
    start = [mpf(float(value)) for value in base]
    for k in range(2):

        def along(s: Any, t: Any, i: int, j: int, k: int = k) -> Any:
            moved = list(start)
            moved[i] += s
            moved[j] += t
            return answer(moved, 0, k)

        assert y[k] == pytest.approx(float(answer(start, 0, k)), rel=1e-13)
        if bias is not None:
            slope = float(mp.diff(lambda c, k=k: answer(start, c, k), 0))
            assert by_bias[k, k] * bias[k] == pytest.approx(slope, rel=1e-12, abs=1e-15)
            assert by_bias[k, 1 - k] == 0.0
        for i in range(len(base)):
            slope = float(mp.diff(lambda s, i=i, along=along: along(s, 0, i, i), 0))
            assert jacobian[k, i] * scale == pytest.approx(slope, rel=1e-12, abs=1e-15)
            for j in range(len(base)):
                bend = float(mp.diff(lambda s, t, i=i, j=j, along=along: along(s, t, i, j), (0, 0), (1, 1)))
                assert hessian[k, i, j] * scale * scale == pytest.approx(bend, rel=1e-11, abs=1e-14)


@pytest.mark.parametrize(("bias", "distance"), [(1.5e308, 0.5e-308), (-3e-308, 0.25e308), (2e-320, 1e307)])
def test_a_bias_at_the_limits_of_doubles(bias: float, distance: float) -> None:
    """Neither the square of the bias nor that of the distance is a double, but their product is an ordinary number."""
    layer = Layer(1, "radbas", {0: Weight([[0.0]], "dist")}, bias=[bias], net_input="netprod")
    net = matnet.Network(Structure((Input(1),), (layer,), (Output(0, 1),)))
    n = mpf(bias) * mpf(distance)
    assert net([distance])[0] == pytest.approx(float(mp.exp(-n * n)), rel=1e-13)


def test_parameters_stand_in_the_order_of_matlab() -> None:
    """getwb: bias, input weights, layer weights; the later classes: weights before the bias, parts in their layer."""
    one, three = Weight([[1.0]]), Weight(np.ones((1, 3)))
    first = Layer(1, "tansig", {0: three, 1: one}, {}, [0.0])
    second = Layer(1, "tansig", {1: one}, {0: one}, [0.0])
    third = Layer(1, "purelin", {}, {1: one, 0: one}, [0.0])
    inputs, taken = (Input(3), Input(1)), (Output(2, 1),)
    classic = lay_out(Structure(inputs, (first, second, third), taken))
    assert classic.parameters == (
        *(("b", 0, -1), ("IW", 0, 0), ("IW", 0, 1)),
        *(("b", 1, -1), ("IW", 1, 1), ("LW", 1, 0)),
        *(("b", 2, -1), ("LW", 2, 0), ("LW", 2, 1)),
    )
    assert classic.parameter_sizes == (1, 3, 1, 1, 1, 1, 1, 1, 1)
    part = Layer(1, "logsig", {0: three}, {0: Weight([[1.0]], delays=(1,)), 1: one}, [0.0], part_of=0)
    later = lay_out(Structure(inputs, (first, second, part), (Output(1, 1),), parameter_order="layers"))
    assert later.parameters == (
        *(("IW", 0, 0), ("IW", 0, 1), ("IW", 2, 0), ("LW", 2, 1), ("LW", 2, 0)),
        *(("b", 0, -1), ("b", 2, -1)),
        *(("IW", 1, 1), ("LW", 1, 0), ("b", 1, -1)),
    )
