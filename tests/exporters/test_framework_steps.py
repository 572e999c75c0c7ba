"""Dynamic networks in PyTorch, JAX and CasADi: a step and a scan, and their derivatives through time."""

from __future__ import annotations

import copy
import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import matnet
from exported_networks import disagreement
from matnet.derivatives.time import flat_states
from matnet.exporters.frameworks.parameters import parameter_name
from matnet.model.structure import Input, Layer, Output, Structure, Weight
from matnet.network import Network
from random_networks import Real
from series_networks import constant, only_feedback, open_network, recurrent

pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit.script:DeprecationWarning")

STEPS = 6


def delayed() -> Network:
    """Delays of the input alone."""
    layer = Layer(2, "tansig", {0: Weight([[0.5, -0.25], [1.0, 0.75]], delays=(0, 2))}, bias=[0.1, -0.2])
    return Network(Structure((Input(1),), (layer,), (Output(0, 2),)))


NETWORKS = {
    "recurrent": recurrent(),
    "only feedback": only_feedback(),
    "constant": constant(),
    "delayed": delayed(),
    "open": open_network(),
    "closed": open_network(inner=True).close_loop(),
}
EVERY = pytest.mark.parametrize("name", NETWORKS)


class Known:
    """A series of a network with the network's own results."""

    def __init__(self, net: Network) -> None:
        structure, rng = net.structure, np.random.default_rng(4)
        self.net = net
        self.x = rng.normal(size=(STEPS, net.input_size))
        self.given: dict[str, Any] = {
            "input_states": rng.normal(size=(structure.input_delay, net.input_size)),
            "layer_states": rng.normal(size=(structure.layer_delay, structure.layer_elements)),
        }
        self.states = flat_states(*self.given.values())
        self.run = net.run(self.x, **self.given)
        self.after = net.run(self.x[:1], **self.given)

    def by_x(self) -> Real:
        """dy(t)/dx(s), (T, S, T, R)."""
        net = self.net
        found = np.zeros((STEPS, net.output_size, STEPS, net.input_size))
        if net.input_size:
            by_lag = net.run_jacobian(self.x, lags=STEPS - 1, **self.given)
            for time in range(STEPS):
                for source in range(time + 1):
                    found[time, :, source] = by_lag[time, time - source]
        return found

    def by_states(self) -> Real:
        """dy(t)/d states, (T, S, n)."""
        parts = [self.net.run_jacobian(self.x, wrt=kind, **self.given) for kind in self.given]
        return np.concatenate([part.reshape(STEPS, self.net.output_size, -1) for part in parts], axis=-1)


def test_states_as_one_vector() -> None:
    net = open_network().close_loop()
    data = net.prepare(np.ones((8, 2)), np.ones((8, 2)))
    np.testing.assert_array_equal(data.states, flat_states(data.input_states, data.layer_states))
    run = net.run(*data[:3])
    np.testing.assert_array_equal(run.states, np.concatenate([run.input_states.ravel(), run.layer_states.ravel()]))


@EVERY
def test_torch(name: str) -> None:
    torch: Any = pytest.importorskip("torch")
    known = Known(NETWORKS[name])
    net = known.net
    module: Any = matnet.to_torch(net)
    assert module.state_size == known.states.size
    x, states = (torch.tensor(part, requires_grad=True) for part in (known.x, known.states))
    y, following = module(x[0], states)
    assert disagreement(y.detach().numpy(), known.run.outputs[0]) < 1e-14
    assert disagreement(following.detach().numpy(), known.after.states) < 1e-14
    y, last = module.scan(x, states)
    assert disagreement(y.detach().numpy(), known.run.outputs) < 1e-13
    assert disagreement(last.detach().numpy(), known.run.states) < 1e-13
    by_x, by_states = torch.func.jacrev(lambda *both: module.scan(*both)[0], argnums=(0, 1))(x, states)
    assert disagreement(by_x.detach().numpy(), known.by_x()) < 1e-12
    assert disagreement(by_states.detach().numpy(), known.by_states()) < 1e-12
    module.scan(x, states)[0].square().sum().backward()
    expected = net.performance_gradient(
        known.x, np.zeros_like(known.run.outputs), name="sse", wrt="parameters", **known.given
    )
    gradients = {
        key: np.zeros(tuple(part.shape)) if part.grad is None else part.grad.numpy()
        for key, part in module.named_parameters()
    }
    found = [gradients[parameter_name(key)].T.reshape(-1) for key in net.program.parameters]
    assert disagreement(np.concatenate(found), expected) < 1e-12
    batch = torch.stack([x, 2.0 * x])
    assert torch.allclose(module.scan(batch, states)[0][0], module.scan(x, states)[0], rtol=1e-13)
    saved = io.BytesIO()
    torch.save(module, saved)
    saved.seek(0)
    for other in (copy.deepcopy(module), torch.load(saved, weights_only=False)):
        assert torch.equal(other.scan(x, states)[0], module.scan(x, states)[0])


@EVERY
def test_jax(name: str) -> None:
    jax = pytest.importorskip("jax")
    jax.config.update("jax_enable_x64", True)
    known = Known(NETWORKS[name])
    net = known.net
    step, parameters = matnet.to_jax(net)
    assert step.state_size == known.states.size
    y, following = jax.jit(step)(parameters, known.x[0], known.states)
    assert disagreement(np.asarray(y), known.run.outputs[0]) < 1e-14
    assert disagreement(np.asarray(following), known.after.states) < 1e-14
    y, last = jax.jit(step.scan)(parameters, known.x, known.states)
    assert disagreement(np.asarray(y), known.run.outputs) < 1e-13
    assert disagreement(np.asarray(last), known.run.states) < 1e-13

    def outputs(parameters: Any, x: Any, states: Any) -> Any:
        return step.scan(parameters, x, states)[0]

    for differentiate in (jax.jacrev, jax.jacfwd):
        by_x, by_states = differentiate(outputs, argnums=(1, 2))(parameters, known.x, known.states)
        assert disagreement(np.asarray(by_x), known.by_x()) < 1e-12
        assert disagreement(np.asarray(by_states), known.by_states()) < 1e-12
    gradients = jax.grad(lambda p: (outputs(p, known.x, known.states) ** 2).sum())(parameters)
    expected = net.performance_gradient(
        known.x, np.zeros_like(known.run.outputs), name="sse", wrt="parameters", **known.given
    )
    found = [np.asarray(gradients[parameter_name(key)]).T.reshape(-1) for key in net.program.parameters]
    assert disagreement(np.concatenate(found), expected) < 1e-12
    batch = np.stack([known.x, 2.0 * known.x])
    several = np.asarray(outputs(parameters, batch, known.states))
    assert disagreement(several[0], known.run.outputs) < 1e-13
    each = jax.vmap(outputs, in_axes=(None, 0, None))(parameters, batch, known.states)
    assert disagreement(several, np.asarray(each)) < 1e-14


@EVERY
def test_casadi(name: str) -> None:
    casadi = pytest.importorskip("casadi")
    known = Known(NETWORKS[name])
    net = known.net
    size, S, R = known.states.size, net.output_size, net.input_size
    step = matnet.to_casadi(net, "plant")
    y, following = (np.array(part)[:, 0] for part in step(known.x[0], known.states))
    assert disagreement(y, known.run.outputs[0]) < 1e-14
    assert disagreement(following, known.after.states) < 1e-14
    series = matnet.to_casadi(net, "plant", steps=STEPS)
    y, last = series(known.x.T, known.states)
    assert disagreement(np.array(y).T, known.run.outputs) < 1e-13
    assert disagreement(np.array(last)[:, 0], known.run.states) < 1e-13
    x, states = casadi.MX.sym("x", R, STEPS), casadi.MX.sym("states", size)
    flat = casadi.vec(series(x, states)[0])
    slopes = casadi.Function(
        "slopes", [x, states], [casadi.jacobian(flat, casadi.vec(x)), casadi.jacobian(flat, states)]
    )
    by_x, by_states = (np.array(casadi.densify(part)) for part in slopes(known.x.T, known.states))
    assert disagreement(by_x.reshape(STEPS, S, STEPS, R), known.by_x()) < 1e-12
    assert disagreement(by_states.reshape(STEPS, S, size), known.by_states()) < 1e-12
    gradient = casadi.Function("gradient", [x, states], [casadi.gradient(casadi.sumsqr(flat), states)])
    expected = 2.0 * np.einsum("ts,tsn->n", known.run.outputs, known.by_states())
    assert disagreement(np.array(casadi.densify(gradient(known.x.T, known.states)))[:, 0], expected) < 1e-12


def test_the_slope_of_a_saturated_step_is_the_networks_own() -> None:
    """1.7e-17 where the libraries by themselves find 0."""
    layer = Layer(1, "tansig", {0: Weight([[1.0]], delays=(1,))}, bias=[0.0])
    net = Network(Structure((Input(1),), (layer,), (Output(0, 1),)))
    slope = net.run_jacobian(np.array([[0.0]]), wrt="input_states", input_states=np.array([[20.0]]))[0, 0, 0, 0]
    assert slope > 0.0
    casadi = pytest.importorskip("casadi")
    step, states = matnet.to_casadi(net), casadi.MX.sym("states")
    found = casadi.Function("slope", [states], [casadi.jacobian(step(0.0, states)[0], states)])(20.0)
    assert float(found) == pytest.approx(slope, rel=1e-12)
    torch: Any = pytest.importorskip("torch")
    at = torch.tensor([20.0], dtype=torch.float64, requires_grad=True)
    module: Any = matnet.to_torch(net)
    module(torch.zeros(1, dtype=torch.float64), at)[0].backward()
    assert float(at.grad) == pytest.approx(slope, rel=1e-12)


@pytest.mark.parametrize("library", ["torch", "jax"])
def test_series_and_states_of_several_runs(library: str) -> None:
    """A batch of one with a single other, and a series of no steps."""
    module: Any = pytest.importorskip(library)
    net = recurrent()
    rng = np.random.default_rng(5)
    depths = (net.structure.input_delay, net.input_size), (net.structure.layer_delay, net.structure.layer_elements)
    before = [rng.normal(size=(2, *depth)) for depth in depths]
    x, states = rng.normal(size=(2, 4, net.input_size)), flat_states(*before)
    if library == "torch":
        made: Any = matnet.to_torch(net)
        call, scan, make = made, made.scan, module.tensor
    else:
        module.config.update("jax_enable_x64", True)
        step, parameters = matnet.to_jax(net)
        call, scan, make = (
            (lambda *a: step(parameters, *a)),
            (lambda *a: step.scan(parameters, *a)),
            module.numpy.asarray,
        )
    for xs, rows, known in (
        (x[0], states, [net.run(x[0], *(part[k] for part in before)) for k in range(2)]),
        (x, states[1], [net.run(row, *(part[1] for part in before)) for row in x]),
    ):
        y, last = scan(make(xs), make(rows))
        assert disagreement(np.asarray(y.tolist()), np.stack([run.outputs for run in known])) < 1e-13
        assert disagreement(np.asarray(last.tolist()), np.stack([run.states for run in known])) < 1e-13
        y, _ = call(make(xs[..., 0, :]), make(rows))
        assert disagreement(np.asarray(y.tolist()), np.stack([run.outputs[0] for run in known])) < 1e-13
    y, last = scan(make(x[:, :0]), make(states))
    assert (tuple(y.shape), last.tolist()) == ((2, 0, net.output_size), states.tolist())


def test_what_is_refused() -> None:
    net = recurrent()
    torch: Any = pytest.importorskip("torch")
    module: Any = matnet.to_torch(net)
    size = module.state_size
    x, states = torch.zeros(3).double(), torch.zeros(size).double()
    cases: list[tuple[Callable[[], Any], str]] = [
        (lambda: module(x, [0.0]), "states is list, expected a tensor; make one with torch.as_tensor(states)"),
        (lambda: module(x, states.int()), "states holds torch.int32, expected floating-point numbers; convert it with "
        "states.double()"),
        (lambda: module.scan(x, torch.zeros(size).double()), "x has shape (3,), expected a series (..., T, 3)"),
    ]  # fmt: skip
    for act, message in cases:
        with pytest.raises(matnet.ShapeError) as raised:
            act()
        assert str(raised.value) == message
    with pytest.raises(matnet.ShapeError, match=r"^states has .*"):
        module(x, torch.zeros(size + 1).double())


def test_what_jax_and_casadi_refuse() -> None:
    net = recurrent()
    pytest.importorskip("jax")
    step, parameters = matnet.to_jax(net)
    with pytest.raises(matnet.ShapeError, match=r"^x has shape \(3,\), expected a series \(..., T, 3\)$"):
        step.scan(parameters, np.zeros(3), np.zeros(step.state_size))
    with pytest.raises(matnet.ShapeError, match=r"^states has .*"):
        step(parameters, np.zeros(3), np.zeros(step.state_size + 1))
    pytest.importorskip("casadi")
    with pytest.raises(matnet.ShapeError, match=r"^steps is 0, expected at least 1$"):
        matnet.to_casadi(net, steps=0)
    known = Known(net)
    y, last = matnet.to_casadi(net, steps=1)(known.x[:1].T, known.states)
    assert disagreement(np.array(y)[:, 0], known.run.outputs[0]) < 1e-14
    assert disagreement(np.array(last)[:, 0], known.after.states) < 1e-14
    static = matnet.load("fixtures/pump.mat")
    with pytest.raises(matnet.ShapeError, match=r"^steps is for dynamic networks, and this one is static$"):
        matnet.to_casadi(static, steps=3)
