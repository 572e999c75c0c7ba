"""Networks on a GPU: what PyTorch, JAX and CuPy compute there against NumPy. Needs a CUDA device; no test runs it.

    PYTHONPATH=tests/support python scripts/fuzz/check_cuda.py

Every row of the function tables in a small network, and the fixtures: outputs, Jacobian, Hessian, products, derivatives
with respect to the parameters, and PyTorch's and JAX's own gradients through the network. One line per library; exit
status 1 if a result differs by more than 1e-11 of its largest value, or is not on the device.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

import matnet
from exported_networks import row_networks
from matnet.network import Network

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures"
TOLERANCE = 1e-11


def networks() -> Iterator[tuple[str, Network]]:
    yield from row_networks().items()
    for name in ("pump.mat", "cascade.mat", "two_by_two.mat"):
        yield name, matnet.load(FIXTURES / name)


def answers(net: Network, x: Any, v: Any, u: Any) -> list[Any]:
    y, J = net.value_and_jacobian(x)
    return [y, J, net.hessian(x), net.jvp(x, v), net.vjp(x, u), net.parameter_jacobian(x), *net.layer_outputs(x)]


def torch_arrays() -> tuple[Callable[[Any], Any], Callable[[Any], Any], Callable[[Any], bool]]:
    torch: Any = importlib.import_module("torch")
    return (
        lambda array: torch.asarray(array, device="cuda"),
        lambda result: result.detach().cpu().numpy(),
        lambda result: result.device.type == "cuda",
    )


def jax_arrays() -> tuple[Callable[[Any], Any], Callable[[Any], Any], Callable[[Any], bool]]:
    jax: Any = importlib.import_module("jax")
    jax.config.update("jax_enable_x64", True)
    return (jax.numpy.asarray, np.asarray, lambda result: result.device.platform in ("gpu", "cuda"))


def cupy_arrays() -> tuple[Callable[[Any], Any], Callable[[Any], Any], Callable[[Any], bool]]:
    cupy: Any = importlib.import_module("cupy")
    return (cupy.asarray, cupy.asnumpy, lambda result: isinstance(result, cupy.ndarray))


def own_vjp(library: str, net: Network, x: Any, u: Any) -> Any:
    """uᵀJ by the library's own differentiation; None where there is none: CuPy, and outputs that only choose."""
    if library == "torch":
        torch: Any = importlib.import_module("torch")
        leaf = x.clone().requires_grad_()
        y = net(leaf)
        return torch.autograd.grad((u * y).sum(), leaf)[0] if y.requires_grad else None
    if library == "jax":
        jax: Any = importlib.import_module("jax")
        return jax.grad(lambda argument: (u * net(argument)).sum())(x)
    return None


def difference(found: Any, expected: Any) -> float:
    """The largest difference relative to the largest finite value; infinite where NaN and infinities disagree."""
    if found.shape != expected.shape or not np.array_equal(np.isfinite(found), np.isfinite(expected)):
        return np.inf
    finite = np.isfinite(expected)
    largest = float(np.abs(expected[finite]).max(initial=0.0))
    return float(np.abs(found[finite] - expected[finite]).max(initial=0.0)) / (largest or 1.0)


def main() -> int:
    libraries = {"torch": torch_arrays, "jax": jax_arrays, "cupy": cupy_arrays}
    status = 0
    for library, arrays in libraries.items():
        to_device, to_host, on_device = arrays()
        worst, worst_name, count = 0.0, "", 0
        for name, net in networks():
            rng = np.random.default_rng(7)
            x = rng.uniform(0.1, 0.9, size=(33, net.input_size))
            v, u = rng.normal(size=x.shape), rng.normal(size=(len(x), net.output_size))
            expected = answers(net, x, v, u)
            found = answers(net, *(to_device(array) for array in (x, v, u)))
            # an unknown output (removerows) has no derivative; the libraries take its constant NaN for a constant
            known = np.isfinite(expected[0]).all()
            product = own_vjp(library, net, to_device(x), to_device(u)) if known else None
            if product is not None:
                found.append(product)
                expected.append(net.vjp(x, u))
            for number, (got, exact) in enumerate(zip(found, expected, strict=True)):
                error = difference(to_host(got), exact) if on_device(got) else np.inf
                count += 1
                if error > worst:
                    worst, worst_name = error, f"{name}, result {number}"
                if error > TOLERANCE:
                    status = 1
                    print(f"{library}: {name}, result {number}: {error:.1e}")
        print(f"{library}: {count} results, largest relative difference {worst:.1e} ({worst_name})")
    return status


if __name__ == "__main__":
    sys.exit(main())
