"""A network from bare arrays."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import matnet
from matnet.errors import MatnetError, ModelError, UnsupportedError
from matnet.functions.transfer import TRANSFER

PUMP = matnet.load(Path(__file__).parent.parent.parent / "fixtures" / "pump.mat")
RNG = np.random.default_rng(3)
W1, W2 = RNG.normal(size=(3, 2)), RNG.normal(size=(2, 3))
B1, B2 = RNG.normal(size=3), RNG.normal(size=2)


def test_it_is_the_chain_of_its_matrices() -> None:
    net = matnet.from_weights([W1, W2], [B1, B2], ["tanh", "linear"], input_names=["flow", "speed"])
    x = RNG.normal(size=(5, 2))
    a = np.tanh(x @ W1.T + B1)
    np.testing.assert_allclose(net(x), a @ W2.T + B2, rtol=1e-14)
    jacobian = np.einsum("ij,qj,jk->qik", W2, 1.0 - a * a, W1)
    np.testing.assert_allclose(net.jacobian(x), jacobian, rtol=1e-12)
    np.testing.assert_array_equal(net.jacobian(x, wrt="speed")[..., 0], net.jacobian(x)[..., 1])
    assert net.layer_names == ("Layer 1", "Layer 2")


def test_a_loaded_network_is_made_again_from_its_arrays() -> None:
    hidden, last = PUMP.structure.layers
    scalings = [
        {"xmin": low, "xmax": high, "ymin": -1.0, "ymax": 1.0}
        for low, high in (PUMP.input_range.T, PUMP.output_range.T)
    ]
    net = matnet.from_weights(
        [hidden.input_weights[0].value, last.layer_weights[0].value],
        [hidden.bias, last.bias],
        ["tansig", "purelin"],
        *scalings,
    )
    low, high = PUMP.input_range.T
    x = np.random.default_rng(0).uniform(low, high, (20, 2))
    np.testing.assert_allclose(net(x), PUMP(x), rtol=1e-13)
    np.testing.assert_allclose(net.jacobian(x), PUMP.jacobian(x), rtol=1e-11, atol=1e-14)
    np.testing.assert_allclose(net.input_range, PUMP.input_range)


@pytest.mark.parametrize("transfer", sorted(TRANSFER))
def test_every_transfer_function_of_the_table(transfer: str) -> None:
    net = matnet.from_weights(W1, B1[:, None].T, transfer)
    x = RNG.normal(size=(4, 2))
    np.testing.assert_allclose(net(x), TRANSFER[transfer].value(x @ W1.T + B1), rtol=1e-13)


def test_a_radial_network() -> None:
    net = matnet.from_weights(
        [W1, W2], [np.full((3, 1), 0.8), None], ["radbas", "purelin"], weight_functions=["dist", "dotprod"],
        net_inputs=["netprod", "netsum"],
    )  # fmt: skip
    x = RNG.normal(size=(4, 2))
    distance = np.sqrt(((x[:, None, :] - W1) ** 2).sum(axis=-1))
    np.testing.assert_allclose(net(x), np.exp(-((0.8 * distance) ** 2)) @ W2.T, rtol=1e-13)


def test_it_is_saved_and_loaded_again(tmp_path: Path) -> None:
    net = matnet.from_weights([W1, W2], [B1, B2], "tansig", output_names=["head", "power"], name="mine")
    matnet.save(net, tmp_path / "net.json")
    again = matnet.load(tmp_path / "net.json")
    assert (again.output_names, again.name) == (("head", "power"), "mine")
    np.testing.assert_array_equal(again([0.5, 1.0]), net([0.5, 1.0]))


@pytest.mark.parametrize(
    ("arguments", "kind", "message"),
    [
        (([W1, W2.T], [B1, B2], "tansig"), ModelError, "W[1] has shape (3, 2), but layer 1 has 3 neurons: expected (3, "
        "3); its transpose fits: W[1].T"),
        (([W1, np.ones((1, 2))], [B1, None], "tansig"), ModelError, "W[1] has shape (1, 2), but layer 1 has 3 neurons: "
        "expected (1, 3)"),
        (([W1, W2], [B1], "tansig"), ModelError, "b has 1 array for the 2 layers of W; None stands for no bias"),
        (([W1, W2], [B1, B1], "tansig"), ModelError, "b[1] has shape (3,), expected (2,): one for each neuron"),
        (([W1, W2], [B1, B2], ["tansig"]), ModelError, "activations has 1 name for 2 layers"),
        (([B1], [B1], "tansig"), ModelError, "W[0] has shape (3,), expected a matrix with a row for each neuron and a "
        "column for each element that it sees"),
        (([[[np.nan]]], [None], "tansig"), ModelError, "W[0] has NaN or Inf in it"),
        (([[["a"]]], [None], "tansig"), ModelError, "W[0] is not an array of real numbers"),
        (([], [], "tansig"), ModelError, "W is empty, expected an array for each layer"),
        ((3, [], "tansig"), ModelError, "W is of type int, expected a list with an array for each layer"),
        (([W1], [B1], "tan"), UnsupportedError, "activations: unknown function 'tan'; known: "
        f"{', '.join(sorted(TRANSFER))}"),
    ],
)  # fmt: skip
def test_what_is_wrong(arguments: tuple[Any, ...], kind: type[MatnetError], message: str) -> None:
    with pytest.raises(kind, match=f"^{re.escape(message)}$"):
        matnet.from_weights(*arguments)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"input_names": ["a"]}, "input_names: inputs: expected a name for each of 2, got 1: a"),
        ({"output_scaling": {"xmin": [0.0], "xmax": [1.0], "ymin": 0.0, "ymax": 1.0}}, "output_scaling: the scaling is "
         "for 1 row, but there are 2"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_names_and_scaling(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ModelError, match=f"^{re.escape(message)}$"):
        matnet.from_weights([W1, W2], [B1, B2], "tansig", **options)
