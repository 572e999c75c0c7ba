"""Real networks of layers that MATLAB saved: MATLAB's own numbers, derivatives, and refusals by the layer's name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.io

import matnet

AGENT = "agent.any.{}.Model_.any.Net"

DENSE = {
    ("series_dense.mat", "Fuel_Consumption_net"): (4, 1, 601),
    ("series_dense_zerocenter.mat", "net"): (5, 1, 449),
    ("dag_2020.mat", "policy"): (45, 4, 5054),
    ("dlnetwork_batchnorm.mat", "net"): (6, 4, 11254),
    ("dlnetwork_elu.mat", "trainedFuelnet"): (3, 1, 5501),
    ("dlnetwork_agent.mat", AGENT.format("Critic")): (5, 1, 6721),
    ("dlnetwork_agent.mat", AGENT.format("Actor")): (4, 1, 4545),
}
"""The networks of dense layers: inputs, outputs, and parameters."""


def real(successors: Path, name: tuple[str, str]) -> matnet.Network:
    return matnet.load(successors / name[0], network=name[1])


@pytest.mark.parametrize("name", DENSE, ids=lambda name: f"{name[0]}:{name[1]}")
def test_every_dense_network_opens(successors: Path, name: tuple[str, str]) -> None:
    net = real(successors, name)
    assert (net.input_size, net.output_size, len(net.parameters)) == DENSE[name]
    assert net.provenance.precision == "single"
    assert len(net.layer_outputs(np.zeros(net.input_size))) == len(net.layer_names)
    np.testing.assert_array_equal(net.with_parameters(net.parameters).parameters, net.parameters)


@pytest.mark.parametrize("name", DENSE, ids=lambda name: f"{name[0]}:{name[1]}")
def test_derivatives_of_every_dense_network(successors: Path, name: tuple[str, str]) -> None:
    """Against central differences of the network's own values, away from kinks."""
    net = real(successors, name)
    x = np.random.default_rng(1).normal(size=(4, net.input_size))
    h = 1e-6
    jacobian, hessian = net.jacobian(x), net.hessian(x)
    size = np.abs(jacobian).max()
    for j, step in enumerate(np.eye(net.input_size) * h):
        np.testing.assert_allclose(jacobian[..., j], (net(x + step) - net(x - step)) / (2 * h), atol=1e-7 * size)
        bent = (net.jacobian(x + step) - net.jacobian(x - step)) / (2 * h)
        np.testing.assert_allclose(hessian[..., j], bent, atol=1e-5 * size)
    by_parameter, theta = net.parameter_jacobian(x), net.parameters
    for k in np.random.default_rng(2).choice(len(theta), size=20, replace=False):
        moved = [net.with_parameters(theta + sign * h * (np.arange(len(theta)) == k))(x) for sign in (1, -1)]
        found = (moved[0] - moved[1]) / (2 * h)
        np.testing.assert_allclose(by_parameter[..., k], found, atol=1e-7 * (1 + np.abs(found).max()))


def plain_pass(net: matnet.Network, x: Any) -> Any:
    """A second copy of a chain of fully connected layers and activations, by the layers' kinds."""
    a = x
    for layer in net.structure.layers:
        (weight,) = layer.weights
        if layer.kind == "fully connected":
            a = a @ weight.value.T + layer.bias
        elif layer.kind in ("ReLU", "leaky ReLU"):
            a = np.where(a < 0.0, layer.settings.get("Scale", 0.0) * a, a)
        elif layer.kind == "ELU":
            a = np.where(a > 0.0, a, layer.settings["Alpha"] * np.expm1(np.minimum(a, 0.0)))
        elif layer.kind == "softmax":
            e = np.exp(a - a.max(axis=-1, keepdims=True))
            a = e / e.sum(axis=-1, keepdims=True)
        elif layer.kind == "batch normalization":
            settings = weight.settings
            deviation = np.sqrt(settings["TrainedVariance"] + settings["Epsilon"])
            a = weight.value[:, 0] * (a - settings["TrainedMean"]) / deviation + layer.bias
    return a


@pytest.mark.parametrize("file", ["dag_2020.mat", "dlnetwork_elu.mat", "dlnetwork_batchnorm.mat", "series_dense.mat"])
def test_outputs_against_a_second_copy(successors: Path, file: str) -> None:
    net = matnet.load(successors / file)
    x = np.random.default_rng(1).normal(size=(20, net.input_size))
    np.testing.assert_allclose(net(x), plain_pass(net, x), rtol=1e-10, atol=1e-12)


def test_the_costs_that_a_script_made_of_the_outputs(successors: Path) -> None:
    """The case `relative_error`: |y − target| / target of three outputs, the scaling kept beside the network."""
    cases = json.loads((successors / "cases.json").read_text())
    (case,) = [entry for entry in cases if entry["kind"] == "relative_error"]
    beside = scipy.io.loadmat(successors / case["file"], simplify_cells=True, variable_names=["ps_input", "ps_output"])
    solutions = scipy.io.loadmat(successors / case["x"]["file"], simplify_cells=True)["best_solutions"]
    settings = [
        {key: beside[name][key] for key in ("xmin", "xmax", "ymin", "ymax")} for name in ("ps_input", "ps_output")
    ]
    net = matnet.load(successors / case["file"]).with_scaling(inputs=settings[0], outputs=settings[1])
    x = np.array([solution["position"] for solution in solutions])
    stored = np.array([solution["cost"] for solution in solutions])
    target = np.array(case["target"])
    cost = np.abs(net(x)[:, :3] - target) / target
    assert stored.shape == (10, 3)
    assert np.abs(cost - stored).max() < 2e-6


REFUSED = {
    "refuse_dag_attention.mat": "net: layer 'pos-emb': layer type not supported: PositionEmbeddingLayer",
    "refuse_dlnetwork_conv1d.mat": "TrainedNetwork: layer 'conv1': layer type not supported: Convolution1DLayer",
}


@pytest.mark.parametrize("file", REFUSED)
def test_layers_that_are_not_built_are_refused_by_name(successors: Path, file: str) -> None:
    with pytest.raises(matnet.UnsupportedError) as refused:
        matnet.load(successors / file)
    assert str(refused.value) == f"{successors / file}: {REFUSED[file]}"
