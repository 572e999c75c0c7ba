"""PyTorch, JAX and CasADi: values, and derivatives as those libraries take them, for every row."""

from __future__ import annotations

import copy
import functools
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import matnet
from exported_networks import (
    disagreement,
    only_chooses,
    random_networks,
    row_networks,
    samples,
    special_samples,
    zero_weights,
)
from matnet.exporters.frameworks.parameters import parameter_name
from matnet.functions.transfer import TRANSFER
from matnet.functions.weight import WEIGHT
from matnet.model.structure import Layer, Weight
from matnet.network import Network
from random_networks import Real, network

# PyTorch's own, where it first takes a forward derivative or an export
pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit.script:DeprecationWarning")

FIXTURES = Path(__file__).parent.parent.parent / "fixtures"
NETWORKS = row_networks() | random_networks(12)
RADIAL = network(Layer(3, "tansig", {0: Weight([[1.0, 2.0], [0.5, -1.0], [3.0, 1.0]], "dist")}), inputs=2)
SATURATED = network(Layer(1, "tansig", {0: Weight([[1.0]])}))
KINKED = network(Layer(1, "poslin", {0: Weight([[1.0]])}))


def gentle(net: Network) -> Real:
    """Samples that are finite and not huge, off and on the centres of radial layers."""
    x = samples(net)
    return x[np.isfinite(x).all(axis=1) & (np.abs(x) < 1e3).all(axis=1)]


def equally_many(x: Real) -> Real:
    """24 rows, some of x (N, R) again: JAX compiles each operation anew for every number of them."""
    return np.resize(x, (24, x.shape[1]))


def parameter_gradient(net: Network, x: Real) -> Real:
    """The gradient of Σ y by the weight vector."""
    return np.asarray(net.parameter_jacobian(x).sum(axis=(0, 1)))


def vector(net: Network, gradients: dict[str, Real]) -> Real:
    """Gradients by the parameters' names, in the order of the weight vector."""
    return np.concatenate(
        [np.zeros(0), *(gradients[parameter_name(key)].T.reshape(-1) for key in net.program.parameters)]
    )


def worse(found: dict[str, float], bound: float) -> dict[str, float]:
    return {name: size for name, size in found.items() if not size <= bound}


@pytest.fixture(scope="module")
def torch() -> Any:
    return pytest.importorskip("torch")


@pytest.fixture(scope="module")
def jax() -> Any:
    library = pytest.importorskip("jax")
    library.config.update("jax_enable_x64", True)
    return library


@pytest.fixture(scope="module")
def casadi() -> Any:
    return pytest.importorskip("casadi")


def test_torch_values_and_gradients(torch: Any) -> None:
    values: dict[str, float] = {}
    gradients: dict[str, float] = {}
    for name, net in NETWORKS.items():
        x = samples(net)
        at = torch.tensor(x, requires_grad=True)
        y = matnet.to_torch(net)(at)
        values[name] = disagreement(y.detach().numpy(), net(x))
        for i in range(net.output_size):
            pulled = torch.autograd.grad(y[:, i].sum(), at, retain_graph=True, materialize_grads=True)[0].numpy()
            expected = net.vjp(x, np.tile(np.eye(net.output_size)[i], (len(x), 1)))
            gradients[name] = max(gradients.get(name, 0.0), disagreement(pulled, expected))
    assert worse(values, 1e-13) == {}
    assert worse(gradients, 1e-12) == {}


def test_torch_gradients_by_the_parameters(torch: Any) -> None:
    found = {}
    for name, net in NETWORKS.items():
        x, module = gentle(net), matnet.to_torch(net)
        expected = parameter_gradient(net, x)
        if not np.isfinite(expected).all():
            continue
        module(torch.tensor(x)).sum().backward()
        gradients = {
            key: np.zeros(tuple(parameter.shape)) if parameter.grad is None else parameter.grad.numpy()
            for key, parameter in module.named_parameters()
        }
        found[name] = disagreement(vector(net, gradients), expected)
    assert len(found) > 0.8 * len(NETWORKS)
    assert worse(found, 1e-11) == {}


def test_torch_second_derivatives(torch: Any) -> None:
    found = {}
    for name, net in NETWORKS.items():
        x = gentle(net)
        hessian = torch.func.vmap(torch.func.jacrev(torch.func.jacrev(matnet.to_torch(net))))(torch.tensor(x))
        expected = net.hessian(x)
        if np.isfinite(expected).all():
            found[name] = disagreement(hessian.detach().numpy(), expected)
    assert len(found) > 0.8 * len(NETWORKS)
    assert worse(found, 1e-11) == {}


@pytest.mark.parametrize("function", sorted(WEIGHT))
def test_torch_gradients_of_gradients_by_the_parameters(torch: Any, function: str) -> None:
    # a penalty on dy/dx, differentiated by the weights, against differences of our own
    net = row_networks()[f"weight_{function}_netsum"]
    x, step = np.random.default_rng(7).normal(size=(3, net.input_size)), 1e-6
    module = matnet.to_torch(net)
    at = torch.tensor(x, requires_grad=True)
    (slope,) = torch.autograd.grad(module(at).sum(), at, create_graph=True)
    (slope**2).sum().backward()
    gradients = {
        key: parameter.grad.numpy() for key, parameter in module.named_parameters() if parameter.grad is not None
    }
    theta = net.parameters

    def penalty(theta: Real) -> float:
        return float((net.with_parameters(theta).jacobian(x).sum(axis=-2) ** 2).sum())

    expected = [
        (penalty(theta + step * unit) - penalty(theta - step * unit)) / (2.0 * step) for unit in np.eye(len(theta))
    ]
    np.testing.assert_allclose(vector(net, gradients), expected, rtol=1e-6, atol=1e-6)


def test_torch_gradients_where_torch_itself_is_wrong(torch: Any) -> None:
    for net, x in ((SATURATED, [[20.0]]), (KINKED, [[0.0]]), (RADIAL, [[0.5, -1.0]])):
        for function in (matnet.to_torch(net), net):
            found = torch.autograd.functional.jacobian(
                lambda x, f=function: f(x).sum(0), torch.tensor(x, dtype=torch.float64)
            )
            np.testing.assert_allclose(found[:, 0].numpy(), net.jacobian(np.array(x))[0], rtol=1e-15, atol=0.0)
    tanh = torch.autograd.functional.jacobian(torch.tanh, torch.tensor([20.0], dtype=torch.float64))
    assert float(tanh) == 0.0 < float(SATURATED.jacobian([20.0])[0, 0])


def test_torch_has_no_forward_mode(torch: Any) -> None:
    with pytest.raises(RuntimeError, match="jvp"):
        torch.func.jacfwd(matnet.to_torch(SATURATED))(torch.tensor([0.5], dtype=torch.float64))


def test_torch_export(torch: Any) -> None:
    found = {}
    for name in ("transfer_softmax", "transfer_compet", "radial_radbasn", "weight_boxdist_netsum", "several"):
        net = NETWORKS[name]
        x, more = (torch.tensor(np.random.default_rng(8).normal(size=(n, net.input_size))) for n in (3, 5))
        batch = {"x": {0: torch.export.Dim("N")}}
        exported = torch.export.export(matnet.to_torch(net), (x,), dynamic_shapes=batch).module()
        found[name] = disagreement(exported(more).detach().numpy(), net(more.numpy()))
    assert worse(found, 1e-14) == {}


def test_torch_trains(torch: Any) -> None:
    net = NETWORKS["transfer_tansig"]
    module, x = matnet.to_torch(net), torch.tensor(samples(net)[:8])
    target = torch.tanh(x.sum(-1, keepdim=True)).expand(-1, 4)
    optimizer = torch.optim.SGD(module.parameters(), lr=0.05)

    def loss() -> Any:
        return ((module(x) - target) ** 2).mean()

    before = loss().item()
    for _ in range(50):
        optimizer.zero_grad()
        loss().backward()
        optimizer.step()
    assert loss().item() < 0.5 * before


def test_torch_moves_as_modules_do(torch: Any) -> None:
    net = NETWORKS["radial_radbas"]
    module = matnet.to_torch(net).float()
    x = np.random.default_rng(9).normal(size=(4, 3)).astype(np.float32)
    y = module(torch.tensor(x))
    assert y.dtype == torch.float32
    assert disagreement(y.detach().numpy().astype(np.float64), net(x)) < 1e-5
    doubled = {name: 2.0 * parameter for name, parameter in matnet.to_torch(net).named_parameters()}
    y = torch.func.functional_call(matnet.to_torch(net), doubled, torch.tensor(x, dtype=torch.float64))
    assert disagreement(y.detach().numpy(), net.with_parameters(2.0 * net.parameters)(x)) < 1e-14


def test_torch_says_what_does_not_fit(torch: Any) -> None:
    module = matnet.to_torch(NETWORKS["radial_radbas"])
    for x, message in (
        (torch.zeros(4, 2), "x has shape (4, 2), expected (..., 3)"),
        (
            torch.zeros(3, 2),
            "x has shape (3, 2), expected (..., 3); samples are rows here, write x.T if they are columns as in MATLAB",
        ),
        (torch.tensor(1.0), "x has shape (), expected (..., 3)"),
        (
            torch.zeros(4, 3, dtype=torch.int64),
            "x holds torch.int64, expected floating-point numbers; convert it with x.double()",
        ),
        ([1.0, 2.0, 3.0], "x is list, expected a tensor; make one with torch.as_tensor(x)"),
    ):
        with pytest.raises(matnet.ShapeError) as raised:
            module(x)
        assert str(raised.value) == message


def test_torch_modules_are_saved_and_loaded(torch: Any, tmp_path: Path) -> None:
    net = matnet.load(FIXTURES / "pump.mat")
    module, x = matnet.to_torch(net), torch.tensor([[50.0, 2400.0]], dtype=torch.float64)
    with torch.no_grad():
        module.get_parameter("b1").add_(0.25)
    torch.save(module, tmp_path / "pump.pt")
    back = torch.load(tmp_path / "pump.pt", weights_only=False)
    assert back(x).item() == module(x).item() != matnet.to_torch(net)(x).item()
    assert [name for name, _ in back.named_parameters()] == [name for name, _ in module.named_parameters()]
    copied = copy.deepcopy(module)
    assert copied(x).item() == module(x).item()
    torch.save(module.state_dict(), tmp_path / "state.pt")
    fresh = matnet.to_torch(net)
    fresh.load_state_dict(torch.load(tmp_path / "state.pt"))
    assert fresh(x).item() == module(x).item()


def test_torch_modules_say_what_they_are(torch: Any) -> None:
    net = matnet.load(FIXTURES / "pump.mat")
    assert repr(matnet.to_torch(net)) == f"NetworkModule({net!r})"


def test_jax_says_what_does_not_fit(jax: Any) -> None:
    function, parameters = matnet.to_jax(NETWORKS["transfer_tansig"])
    x = np.zeros((2, 3))
    for arguments, message in (
        ((parameters, np.zeros((2, 4))), "x has shape (2, 4), expected (..., 3)"),
        ((parameters, "text"), "x is not an array of numbers: str"),
        (({"b1": parameters["b1"]}, x), "parameters has the keys b1; expected b1, IW1_1"),
        (([], x), "parameters is list, expected a dictionary of b1, IW1_1"),
        ((parameters | {"b1": np.zeros(1)}, x), "parameters['b1'] has shape (1,), expected (4,)"),
    ):
        with pytest.raises(matnet.ShapeError) as raised:
            function(*arguments)
        assert str(raised.value) == message


@pytest.mark.parametrize("library", ["torch", "jax", "casadi"])
def test_nan_and_inf_are_not_swallowed_by_weights_that_are_zero(library: str, request: pytest.FixtureRequest) -> None:
    module = request.getfixturevalue(library)
    for name, net in zero_weights().items():
        x, y = special_samples(net)
        if library == "torch":
            found = matnet.to_torch(net)(module.tensor(x)).detach().numpy()
        elif library == "jax":
            function, parameters = matnet.to_jax(net)
            found = np.asarray(function(parameters, x))
        else:
            found = np.array([np.asarray(matnet.to_casadi(net)(row)[0])[:, 0] for row in x])
        assert disagreement(found, y) <= 1e-15, name


def test_jax_values_and_derivatives(jax: Any) -> None:
    found: dict[str, dict[str, float]] = {"value": {}, "forward": {}, "backward": {}, "parameters": {}}
    for name, net in NETWORKS.items():
        # one variant of each processing; of an unknown output JAX's transpose gives numbers where vjp gives NaN
        if name.startswith(("random", "output_removerows")) or name[-1] in "123":
            continue
        if name.startswith("radial") and TRANSFER[name.removeprefix("radial_")].even is None:
            continue
        function, parameters = matnet.to_jax(net)
        x, rng = equally_many(samples(net)), np.random.default_rng(10)
        with jax.disable_jit():
            found["value"][name] = disagreement(np.asarray(function(parameters, x)), net(x))
            x = equally_many(gentle(net))
            v, u = rng.normal(size=x.shape), rng.normal(size=(len(x), net.output_size))
            along = jax.jvp(functools.partial(function, parameters), (x,), (v,))[1]
            by_parameters, by_x = jax.vjp(function, parameters, x)[1](u)
        found["forward"][name] = disagreement(np.asarray(along), net.jvp(x, v))
        found["backward"][name] = disagreement(np.asarray(by_x), net.vjp(x, u))
        expected = np.einsum("qi,qip->p", u, net.parameter_jacobian(x))
        if np.isfinite(expected).all():
            got = vector(net, {key: np.asarray(value) for key, value in by_parameters.items()})
            found["parameters"][name] = disagreement(got, expected)
    assert len(found["parameters"]) > 0.9 * len(found["value"]) > 40
    for kind, bound in (("value", 1e-13), ("forward", 1e-12), ("backward", 1e-12), ("parameters", 1e-11)):
        assert worse(found[kind], bound) == {}


@pytest.mark.parametrize("name", ["transfer_tansig", "radial_radbas", "radial_softmax", "radial_elliotsig", "several"])
def test_jax_second_derivatives_and_jit(jax: Any, name: str) -> None:
    net = NETWORKS[name]
    function, parameters = matnet.to_jax(net)

    def one(x: Any) -> Any:
        return function(parameters, x)

    x = gentle(net)
    hessian = jax.jit(jax.vmap(jax.jacfwd(jax.jacfwd(one))))(x)
    assert disagreement(np.asarray(hessian), net.hessian(x)) < 1e-12
    x = np.random.default_rng(11).normal(size=(5, net.input_size))
    hessian = jax.jit(jax.vmap(jax.hessian(one)))(x)
    assert disagreement(np.asarray(hessian), net.hessian(x)) < 1e-12
    assert disagreement(np.asarray(jax.jit(function)(parameters, x)), net(x)) < 1e-14


@pytest.mark.parametrize("name", ["transfer_tansig", "radial_radbas", "transfer_softmax", "weight_dist_netprod"])
def test_jax_differentiates_our_own_derivatives(jax: Any, name: str) -> None:
    """Forward and backward over net.vjp, net.jvp and net.jacobian, whose steps are cotangents and tangents."""
    net, rng = NETWORKS[name], np.random.default_rng(14)
    x, u, v = (rng.normal(size=size) for size in (net.input_size, net.output_size, net.input_size))
    hessian = net.hessian(x)
    for differentiate in (jax.jacfwd, jax.jacrev):
        for quantity, expected in (
            (lambda at: net.vjp(at, jax.numpy.asarray(u)), np.einsum("i,ijk->jk", u, hessian)),
            (lambda at: net.jvp(at, jax.numpy.asarray(v)), np.einsum("ijk,j->ik", hessian, v)),
            (net.jacobian, hessian),
        ):
            with jax.disable_jit():
                found = np.asarray(differentiate(quantity)(jax.numpy.asarray(x)))
            assert disagreement(found, expected) < 1e-12


def test_jax_gradients_where_jax_itself_is_wrong(jax: Any) -> None:
    for net, x in ((SATURATED, [20.0]), (KINKED, [0.0]), (RADIAL, [0.5, -1.0])):
        function, parameters = matnet.to_jax(net)
        at = jax.numpy.asarray(x)
        for differentiate in (jax.jacfwd, jax.jacrev):
            for one in (lambda x, f=function, p=parameters: f(p, x), net):
                found = np.asarray(differentiate(one)(at))
                np.testing.assert_allclose(found, net.jacobian(np.array(x)), rtol=1e-15, atol=0.0)


@pytest.mark.parametrize("library", ["torch", "jax"])
def test_arrays_of_a_library_stay_arrays_of_it(library: str, request: pytest.FixtureRequest) -> None:
    module = request.getfixturevalue(library)
    make = module.tensor if library == "torch" else module.numpy.asarray
    for name in ("several", "radial_radbasn", "weight_boxdist_netprod", "input_fixunknowns_0"):
        net = NETWORKS[name]
        x = np.random.default_rng(12).normal(size=(4, net.input_size))
        found = [net(make(x)), net.jacobian(make(x)), net.hessian(make(x)), *net.value_and_jacobian(make(x))]
        expected = [net(x), net.jacobian(x), net.hessian(x), *net.value_and_jacobian(x)]
        assert {type(array) for array in found} == {type(make(x))}
        assert max(disagreement(np.asarray(a), b) for a, b in zip(found, expected, strict=True)) < 1e-13


def test_a_penalty_on_the_jacobian_in_torch(torch: Any) -> None:
    # net.jacobian of a tensor is itself differentiable, by the rows' curvature
    for name in ("transfer_tansig", "radial_softmax", "weight_dist_netsum"):
        net = NETWORKS[name]
        x = np.random.default_rng(13).normal(size=(4, net.input_size))
        at = torch.tensor(x, requires_grad=True)
        found = torch.autograd.grad((net.jacobian(at) ** 2).sum(), at)[0].numpy()
        expected = 2.0 * np.einsum("qij,qijk->qk", net.jacobian(x), net.hessian(x))
        assert disagreement(found, expected) < 1e-12


def test_casadi(casadi: Any) -> None:
    values, jacobians, own = {}, {}, {}
    for name, net in NETWORKS.items():
        if only_chooses(net):
            continue
        function, x = matnet.to_casadi(net), samples(net)
        y, jacobian = net.value_and_jacobian(x)
        found = function.map(len(x))(x.T)
        values[name] = disagreement(np.asarray(found[0]).T, y)
        slices = np.asarray(found[1]).reshape(net.output_size, len(x), net.input_size)
        jacobians[name] = disagreement(slices.transpose(1, 0, 2), jacobian)
        # what CasADi makes of y itself
        z, x = casadi.MX.sym("z", net.input_size), gentle(net)
        derivative = casadi.Function("derivative", [z], [casadi.jacobian(function(z)[0], z)])
        if name.startswith("output_removerows"):
            continue  # an output that is NaN whatever the input has no derivative to CasADi
        own[name] = disagreement(np.asarray([np.asarray(derivative(row)) for row in x]), net.jacobian(x))
    assert worse(values, 1e-13) == {}
    assert worse(jacobians, 1e-13) == {}
    assert worse(own, 1e-13) == {}


def test_casadi_second_derivatives(casadi: Any) -> None:
    for name in ("transfer_tansig", "transfer_logsig", "radial_radbas", "transfer_softmax"):
        net = NETWORKS[name]
        z = casadi.MX.sym("z", net.input_size)
        y = matnet.to_casadi(net)(z)[0]
        for i in range(net.output_size):
            hessian = casadi.Function("hessian", [z], [casadi.hessian(y[i], z)[0]])
            for x in (np.full(net.input_size, 0.25), np.full(net.input_size, 40.0)):
                np.testing.assert_allclose(np.asarray(hessian(x)), net.hessian(x)[i], rtol=1e-11, atol=1e-300)


@pytest.mark.parametrize(
    ("package", "call", "message"),
    [
        ("torch", "to_torch", "to_torch needs the package torch, which is not installed; "),
        ("array_api_compat", "to_torch", "to_torch needs the package array-api-compat, which is not installed; "),
        ("jax", "to_jax", "to_jax needs the package jax, which is not installed; "),
        ("casadi", "to_casadi", "to_casadi needs the package casadi, which is not installed; "),
        ("openmdao", "to_openmdao", "to_openmdao needs the package openmdao, which is not installed; "),
        ("pyomo", "to_pyomo", "to_pyomo needs the package pyomo, which is not installed; "),
        ("sklearn", "to_sklearn", "to_sklearn needs the package scikit-learn, which is not installed; "),
    ],
)
def test_what_is_missing_is_named(package: str, call: str, message: str) -> None:
    if package == "array_api_compat":
        pytest.importorskip("torch")
    program = (
        f"import sys; sys.modules['{package}'] = None\n"
        "import matnet\n"
        "from matnet.model.structure import *\n"
        "layer = Layer(1, 'tansig', {0: Weight([[1.0]])})\n"
        "try:\n"
        "    net = matnet.Network(Structure((Input(1),), (layer,), (Output(0, 1),)))\n"
        f"    matnet.{call}({'net, None' if call == 'to_pyomo' else 'net'})\n"
        "except matnet.MissingExtraError as error:\n"
        "    print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    extra = "torch" if package == "array_api_compat" else package
    assert done.stdout == f"{message}install it with: pip install 'matnet[{extra}]'\n"
