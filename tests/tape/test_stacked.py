"""Tapes of one form, computed together, against each of them alone."""

from __future__ import annotations

import numpy as np
import pytest

from exported_networks import disagreement, row_networks, samples
from matnet.derivatives.quantities import VALUE, VALUE_AND_JACOBIAN, Hessian, Quantity
from matnet.network import Ensemble, Network
from matnet.tape.simplify import simplified
from matnet.tape.stacked import Stack, stacked
from matnet.tape.symbols import record
from random_networks import Real

ROWS = sorted(row_networks())


def variants(net: Network) -> list[Network]:
    """Networks that differ from `net` in their weights and biases."""
    rng = np.random.default_rng(0)
    theta = net.parameters
    return [net.with_parameters(theta * (1.0 + 0.1 * rng.normal(size=theta.size))) for _ in range(3)]


def stack(networks: list[Network], quantity: Quantity) -> Stack | None:
    return stacked([simplified(record(net.evaluation.program, quantity, [net.input_size])) for net in networks])


def compare(networks: list[Network], quantity: Quantity, x: Real) -> None:
    together = stack(networks, quantity)
    assert together is not None
    for number, net in enumerate(networks):
        alone = net.evaluation.on_rows(quantity, x)
        for ours, theirs in zip(together(x), alone, strict=True):
            assert disagreement(ours[number], theirs) <= 1e-13


@pytest.mark.parametrize("name", ROWS)
def test_every_row(name: str) -> None:
    net = row_networks()[name]
    for quantity in (VALUE, VALUE_AND_JACOBIAN):
        compare(variants(net), quantity, samples(net))


def test_blocks_do_not_change_the_result(monkeypatch: pytest.MonkeyPatch) -> None:
    networks = variants(row_networks()["several"])
    x = samples(networks[0])
    together = stack(networks, VALUE_AND_JACOBIAN)
    assert together is not None
    whole = together(x)
    monkeypatch.setattr(together, "block_rows", 3)
    for parts, expected in zip(together(x), whole, strict=True):
        np.testing.assert_array_equal(parts, expected)


def test_a_single_network_is_a_stack_of_one() -> None:
    net = row_networks()["several"]
    compare([net], VALUE_AND_JACOBIAN, samples(net))


def test_other_forms_are_not_stacked() -> None:
    first, second = (row_networks()[name] for name in ("transfer_tansig", "transfer_logsig"))
    assert stack([first, first], VALUE) is not None
    assert stack([first, second], VALUE) is None
    x = samples(first)[:4]
    np.testing.assert_allclose(Ensemble([first, second])(x), (first(x) + second(x)) / 2.0, rtol=1e-15)


@pytest.mark.parametrize("lead", [(), (1,), (0,), (2, 3), (500,)])
def test_an_ensemble_gives_the_mean_of_its_members(lead: tuple[int, ...]) -> None:
    networks = variants(row_networks()["transfer_tansig"])
    x = np.random.default_rng(1).normal(size=(*lead, networks[0].input_size))
    both = Ensemble(networks)
    np.testing.assert_allclose(both(x), sum(net(x) for net in networks) / 3.0, rtol=1e-13)
    np.testing.assert_allclose(both.jacobian(x), sum(net.jacobian(x) for net in networks) / 3.0, rtol=1e-12)
    np.testing.assert_allclose(both.hessian(x), sum(net.hessian(x) for net in networks) / 3.0, rtol=1e-11, atol=1e-14)
    np.testing.assert_allclose(both.std(x), np.std([net(x) for net in networks], axis=0, ddof=1), rtol=1e-11)
    compare(networks, Hessian(), x.reshape(-1, x.shape[-1]))


@pytest.mark.parametrize(("size", "rows"), [(16, 1024), (1 << 14, 1), (1 << 15, 1)])
def test_blocks_hold_65536_numbers_or_one_row(size: int, rows: int) -> None:
    """Of two members with one result beside the input."""
    program = row_networks()["transfer_tansig"].program
    together = stacked([record(program, lambda _, x: x.__array_namespace__().exp(x), [size])] * 2)
    assert together is not None
    assert together.block_rows == rows
    x = np.random.default_rng(2).normal(size=(3, size))
    np.testing.assert_array_equal(together(x)[0], [np.exp(x)] * 2)


def test_all_of_several_tapes_must_have_the_form_of_the_first() -> None:
    """The one that differs may stand anywhere; so may positions that are taken."""
    program = row_networks()["transfer_tansig"].program
    forms = (
        lambda xp, x: xp.exp(x),
        lambda xp, x: xp.tanh(x),
        lambda xp, x: xp.take(x, xp.asarray(np.array([0, 2])), axis=-1),
        lambda xp, x: xp.take(x, xp.asarray(np.array([0, 1])), axis=-1),
    )
    exp, tanh, first, second = (
        record(program, lambda _, x, form=form: form(x.__array_namespace__(), x), [3]) for form in forms
    )
    assert stacked([exp, exp, exp]) is not None
    assert stacked([first, first]) is not None
    for tapes in ([exp, tanh, tanh], [exp, tanh, exp], [exp, exp, tanh], [first, second], [exp, first]):
        assert stacked(tapes) is None
