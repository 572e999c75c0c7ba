"""What must hold between values and derivatives of any network, on random networks of every row."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from matnet.derivatives import quantities
from matnet.derivatives.accumulate import cotangents, gathered, identity_seeds, tangents
from matnet.functions.net_input import NET_INPUT
from matnet.functions.transfer import TRANSFER
from matnet.functions.weight import WEIGHT
from matnet.model.structure import Structure
from matnet.network import Network
from random_networks import SMOOTH, regular, samples, structures
from trials import random_cases

Real = NDArray[np.float64]

few = random_cases(30)

ANALYTIC = {
    "transfers": sorted(name for name, row in TRANSFER.items() if row.analytic and not getattr(row, "poles", ())),
    "weights": sorted(name for name, row in WEIGHT.items() if row.analytic and row.denominator is None),
    "processes": ("none", "mapminmax", "mapstd", "removeconstantrows", "processpca"),
}
"""Rows that complex step may go through, without the two that are singular where a random network may come close."""

CURVED = {
    "transfers": SMOOTH,
    "weights": ("dotprod", "dist", "negdist", "mandist", "scalprod"),
    "processes": ("none", "mapminmax", "mapstd", "removeconstantrows", "processpca"),
}


def assert_close(found: Any, expected: Any, tolerance: float) -> None:
    """Relative to the largest finite number around, with NaN and infinities in the same places."""
    finite = np.abs(expected)[np.isfinite(expected)]
    scale = 1.0 + finite.max(initial=0.0)
    np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance * scale)


@few
@given(structures())
def test_products_agree_with_the_jacobian(structure: Structure) -> None:
    """J v and u J without forming J, and u·(J v) = (u J)·v."""
    net = Network(structure)
    x = regular(net, 5)
    rng = np.random.default_rng(2)
    v, u = rng.normal(size=x.shape), rng.normal(size=(len(x), net.output_size))
    J = net.jacobian(x)
    assert J.shape == (len(x), net.output_size, net.input_size)
    if not np.isfinite(J).all():
        return  # a removed output that is NaN: its own tests look at it
    along, back = net.jvp(x, v), net.vjp(x, u)
    assert_close(along, np.einsum("qij,qj->qi", J, v), 1e-11)
    assert_close(back, np.einsum("qij,qi->qj", J, u), 1e-11)
    assert_close((u * along).sum(-1), (back * v).sum(-1), 1e-11)


@few
@given(structures())
def test_forward_and_backward_accumulation_agree(structure: Structure) -> None:
    net = Network(structure)
    x = regular(net, 4)
    program = net.program
    of, wrt = program.outputs, tuple(leaf.signal for leaf in program.leaves)
    with np.errstate(all="ignore"):
        values = program.run(x)
        columns = tangents(program, values, identity_seeds(program, wrt, x))
        rows = cotangents(program, values, identity_seeds(program, of, x))
    forward = gathered([columns[s] for s in of], [program.sizes[s] for s in of], net.input_size, x)
    backward = gathered([rows[s] for s in wrt], [program.sizes[s] for s in wrt], net.output_size, x)
    # an output whose value is unknown (NaN) has no derivative to agree on
    known = ~np.isnan(net(x))
    assert_close(forward.swapaxes(-1, -2)[known], backward[known], 1e-11)


@few
@given(structures())
def test_the_tape_gives_what_the_plain_rows_give(structure: Structure) -> None:
    net = Network(structure)
    x = samples(net, 7)
    last = len(structure.layers) - 1
    with np.errstate(all="ignore"):
        pairs = [
            (net(x), quantities.VALUE(net.program, x)),
            (net.jacobian(x), quantities.Jacobian()(net.program, x)),
            (net.jacobian(x, scale="normalized"), quantities.Jacobian(scale="normalized")(net.program, x)),
            (net.jacobian(x, of=last + 1), quantities.Jacobian(last)(net.program, x)),
            (net.hessian(x), quantities.Hessian()(net.program, x)),
            (net.parameter_jacobian(x), quantities.ParameterJacobian()(net.program, x)),
            *zip(net.layer_outputs(x), quantities.LAYER_OUTPUTS(net.program, x), strict=True),
            *zip(net.value_and_jacobian(x), quantities.VALUE_AND_JACOBIAN(net.program, x), strict=True),
        ]
    for found, expected in pairs:
        assert found.shape == expected.shape
        assert_close(found, expected, 1e-12)


@few
@given(structures())
def test_hessians_are_symmetric_to_the_bit(structure: Structure) -> None:
    net = Network(structure)
    H = net.hessian(samples(net, 3))
    assert H.shape == (3, net.output_size, net.input_size, net.input_size)
    np.testing.assert_array_equal(H, H.swapaxes(-1, -2))


@few
@given(structures(**ANALYTIC))
def test_jacobians_by_complex_step(structure: Structure) -> None:
    """A second way to compute every Jacobian, independent of the rows' derivatives."""
    net = Network(structure)
    x, h = samples(net, 3), 1e-150
    stepped = np.stack([net(x + 1j * h * e).imag / h for e in np.eye(net.input_size)], axis=-1)
    assert_close(net.jacobian(x), stepped, 1e-11)


@few
@given(structures(**CURVED))
def test_hessians_are_differences_of_jacobians(structure: Structure) -> None:
    net = Network(structure)
    x, h = samples(net, 3), 2.0**-16
    H = net.hessian(x)

    def difference(h: float) -> Real:
        moved = [(net.jacobian(x + h * e) - net.jacobian(x - h * e)) / (2 * h) for e in np.eye(net.input_size)]
        found: Real = np.stack(moved, axis=-1)
        return found

    coarse, fine = difference(2 * h), difference(h)
    # where halving the step still changes the difference, that change bounds its accuracy
    doubt = 1e-6 * (1.0 + np.abs(H).max()) + 4.0 * np.abs(coarse - fine)
    near_kink = np.abs(coarse - fine) > 1e-4 * (1.0 + np.abs(H))
    assert (near_kink | (np.abs(H - fine) <= doubt)).all()
    assert near_kink.mean() < 0.5


@few
@given(structures(), st.integers(0, 2**32 - 1))
def test_parameter_jacobians_are_differences_of_values(structure: Structure, seed: int) -> None:
    """Along random directions in the space of all weights and biases."""
    net = Network(structure)
    x, theta = regular(net, 4), net.parameters
    D = net.parameter_jacobian(x)
    assert D.shape == (len(x), net.output_size, len(theta))
    np.testing.assert_array_equal(net.with_parameters(theta)(x), net(x))
    direction = np.random.default_rng(seed).normal(size=len(theta))

    def difference(h: float) -> Real:
        ahead, behind = (net.with_parameters(theta + sign * h * direction)(x) for sign in (1.0, -1.0))
        found: Real = (ahead - behind) / (2 * h)
        return found

    fine, coarse = difference(2.0**-20), difference(2.0**-19)
    known = np.isfinite(net(x)) & np.isfinite(fine)
    steady = np.abs(fine - coarse) < 1e-6 * (1.0 + np.abs(fine))  # else a kink or a pole lies within the step
    along, fine = (D @ direction)[known & steady], fine[known & steady]
    assert (np.abs(along - fine) <= 2e-6 * (1.0 + np.abs(fine).max(initial=0.0))).all()


@few
@given(structures())
def test_of_names_a_layer(structure: Structure) -> None:
    """Of the last layers that are outputs without processing this is the network's own."""
    net = Network(structure)
    x = regular(net, 4)
    for number, layer in enumerate(structure.layers, start=1):
        by_number, by_name = net.jacobian(x, of=number), net.jacobian(x, of=layer.name)
        np.testing.assert_array_equal(by_number, by_name)
        assert by_number.shape == (len(x), layer.size, net.input_size)
        assert net.hessian(x, of=number).shape == (len(x), layer.size, net.input_size, net.input_size)
        D = net.parameter_jacobian(x, of=number)
        behind = sum(size for (_, k, _), size in _sizes(net) if k < number)
        assert not D[..., behind:].any()
    if not any(output.processing for output in structure.outputs):
        rows = [net.jacobian(x, of=output.layer + 1) for output in structure.outputs]
        assert_close(net.jacobian(x), np.concatenate(rows, axis=-2), 1e-12)


def _sizes(net: Network) -> list[tuple[tuple[str, int, int], int]]:
    return list(zip(net.program.parameters, net.program.parameter_sizes, strict=True))


def test_the_random_networks_reach_every_row() -> None:
    """So that a new row cannot go untested here."""
    seen: set[str] = set()

    @settings(max_examples=300, derandomize=True, database=None, deadline=None)
    @given(structures())
    def look(structure: Structure) -> None:
        for layer in structure.layers:
            seen.update([layer.transfer, layer.net_input])
            seen.update(w.function for w in layer.weights)
        for steps in [end.processing for end in structure.inputs] + [end.processing for end in structure.outputs]:
            seen.update(step.function for step in steps)

    look()
    assert seen >= set(TRANSFER) | set(WEIGHT) | set(NET_INPUT)
    assert seen >= {"mapminmax", "mapstd", "removeconstantrows", "fixunknowns", "processpca", "lvqoutputs"}


@pytest.mark.parametrize("rows", [0, 1])
@few
@given(structures())
def test_no_sample_and_one_sample(rows: int, structure: Structure) -> None:
    net = Network(structure)
    R, S, P = net.input_size, net.output_size, len(net.parameters)
    x = samples(net, rows)
    assert net(x).shape == (rows, S)
    assert net.jacobian(x).shape == (rows, S, R)
    assert net.hessian(x).shape == (rows, S, R, R)
    assert net.parameter_jacobian(x).shape == (rows, S, P)
    assert [a.shape for a in net.layer_outputs(x)] == [(rows, layer.size) for layer in structure.layers]
    assert net.jvp(x, x).shape == (rows, S)
    assert net.vjp(x, np.zeros((rows, S))).shape == (rows, R)


def test_equal_settings_are_one_quantity() -> None:
    """However they are given; settings that are missing, unknown or given twice are refused."""
    jacobian: Any = quantities.Jacobian
    ways: list[tuple[Any, Any]] = [
        ((), {}),
        ((None,), {}),
        ((), {"scale": "real"}),
        ((None, "real"), {}),
        ((), {"scale": "real", "of": None}),
    ]
    assert all(jacobian(*arguments, **named) is quantities.JACOBIAN for arguments, named in ways)
    assert jacobian(1) is jacobian(of=1)
    assert vars(jacobian(1)) == {"of": 1, "scale": "real"}
    assert jacobian(1) is not jacobian(1, "normalized")
    assert jacobian(1) is not quantities.Hessian(1)
    message = r"Jacobian has the settings \('of', 'scale'\), got"
    wrong: list[tuple[Any, Any]] = [((1,), {"of": 1}), ((1, "real", 2), {}), ((), {"layer": 1})]
    for arguments, named in wrong:
        with pytest.raises(TypeError, match=message):
            jacobian(*arguments, **named)
    signals: Any = quantities.Signals
    with pytest.raises(TypeError, match=r"Signals has the settings \('signals',\), got \(\) and {}"):
        signals()
