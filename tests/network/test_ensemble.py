"""The mean of several networks, and its spread."""

from __future__ import annotations

import copy
import pickle
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import matnet
from matnet import Ensemble, Network
from matnet.errors import MatnetError, ModelError
from matnet.model.structure import Input, Layer, Output, Structure, Weight


def member(seed: int, inputs: int = 2, outputs: int = 1) -> Network:
    rng = np.random.default_rng(seed)
    limits = np.sort(rng.normal(size=(inputs, 2)), axis=1)
    hidden = Layer(3, "tansig", {0: Weight(rng.normal(size=(3, inputs)))}, bias=rng.normal(size=3))
    last = Layer(outputs, "purelin", {}, {0: Weight(rng.normal(size=(outputs, 3)))}, rng.normal(size=outputs))
    return Network(Structure((Input(inputs, range=limits),), (hidden, last), (Output(1, outputs),)))


ADVICE = "load networks with matnet.load or matnet.load_all first"


def test_mean_spread_and_derivatives() -> None:
    members = [member(seed) for seed in range(4)]
    both = Ensemble(members)
    x = np.random.default_rng(9).normal(size=(5, 2))
    values = np.stack([net(x) for net in members])
    np.testing.assert_allclose(both(x), values.mean(axis=0), rtol=1e-15)
    np.testing.assert_allclose(both.std(x), values.std(axis=0, ddof=1), rtol=1e-15)
    np.testing.assert_allclose(both.jacobian(x), np.mean([net.jacobian(x) for net in members], axis=0), rtol=1e-14)
    np.testing.assert_allclose(both.hessian(x), np.mean([net.hessian(x) for net in members], axis=0), rtol=1e-14)
    y, jacobian = both.value_and_jacobian(x)
    assert np.array_equal(y, both(x))
    np.testing.assert_allclose(jacobian, both.jacobian(x), rtol=1e-14)
    assert (both.input_size, both.output_size) == (2, 1)


def test_its_range_is_what_all_members_were_trained_on() -> None:
    members = [member(seed) for seed in range(3)]
    limits = np.stack([net.input_range for net in members])
    found = Ensemble(members).input_range
    assert np.array_equal(found[:, 0], limits[:, :, 0].max(axis=0))
    assert np.array_equal(found[:, 1], limits[:, :, 1].min(axis=0))


def test_one_member_has_no_spread() -> None:
    assert Ensemble([member(0)]).std(np.zeros((3, 2))).tolist() == [[0.0], [0.0], [0.0]]


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ([], "an ensemble needs at least one network"),
        (["a.mat"], f"member 1 is not a network, got str: {ADVICE}"),
        ([member(0), [member(1)]], f"member 2 is not a network, got list: {ADVICE}"),
        ("a.mat", f"an ensemble consists of several networks, got str: {ADVICE}"),
        (5, f"an ensemble consists of several networks, got int: {ADVICE}"),
        (member(0), f"an ensemble consists of several networks, got Network: {ADVICE}"),
        ([member(0), member(1, inputs=3)], "member 2 has 3 inputs, the first has 2"),
        ([member(0), member(1), member(1, outputs=2)], "member 3 has 2 outputs, the first has 1"),
    ],
)
def test_members_that_do_not_fit_are_refused(members: Any, message: str) -> None:
    with pytest.raises(ModelError, match=f"^{re.escape(message)}$"):
        Ensemble(members)


def test_a_mapping_gives_its_values() -> None:
    members = {"nets{1}": member(0), "nets{2}": member(1)}
    assert Ensemble(members).networks == tuple(members.values())
    assert Ensemble(net for net in members.values()).networks == tuple(members.values())


def test_copies() -> None:
    both, x = Ensemble([member(0), member(1)]), np.ones((2, 2))
    for again in (copy.copy(both), copy.deepcopy(both), pickle.loads(pickle.dumps(both))):  # noqa: S301 - our own
        np.testing.assert_array_equal(again(x), both(x))
    assert not hasattr(both, "run")
    with pytest.raises(AttributeError, match=r"^'Ensemble' object has no attribute 'nothing'$"):
        both.nothing  # noqa: B018


X = np.ones((3, 2))
NETWORKS_ONLY: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "run": ("", lambda both: both.run(X)),
    "parameters": ("", lambda both: both.parameters),
    "plots.network": ("matplotlib", lambda both: matnet.plots.network(both)),
    "plots.series": ("matplotlib", lambda both: matnet.plots.series(both, X)),
}


@pytest.mark.parametrize(("package", "act"), NETWORKS_ONLY.values(), ids=list(NETWORKS_ONLY))
def test_what_takes_a_single_network_says_so(package: str, act: Callable[[Any], Any]) -> None:
    if package:
        pytest.importorskip(package)
    with pytest.raises(MatnetError) as caught:
        act(Ensemble([member(0), member(1)]))
    assert re.fullmatch(
        r"an Ensemble has no '\w+': it is the mean of 2 networks; take one of them, as ensemble\.networks\[0\]",
        str(caught.value),
    )
