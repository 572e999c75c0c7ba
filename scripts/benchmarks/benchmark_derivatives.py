"""Every derivative of a network beside JAX's and torch.func's of the same network, timed in turn in one run.

    python scripts/benchmarks/benchmark_derivatives.py [--rows 20000] [--repeats 7] [--small]

JAX compiles (jit of vmap of jacrev or hessian), PyTorch runs eagerly (vmap of jacrev or hessian); both in float64 on
the CPU, on plain functions as a user would write them. Each line is the median of the repeats and its spread, after
one call that is not counted, and the ratios to ours: above 1 we are faster. The answers are compared first.
The last column of the parameter Jacobian is its time over that of writing its result once.
"""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from conditions import conditions, timings
from matnet.model.structure import Input, Layer, Output, Process, Structure, Weight
from matnet.network import Network

Real = NDArray[np.float64]

NETWORKS = {"2-10-1": [2, 10, 1], "8-20-5": [8, 20, 5], "16-30-20-3": [16, 30, 20, 3]}


def scaling(rows: int) -> Process:
    limits = {"xmin": np.full(rows, -2.0), "xmax": np.full(rows, 3.0), "ymin": -1.0, "ymax": 1.0}
    return Process.from_matlab("mapminmax", limits)


def network(sizes: Sequence[int]) -> Network:
    """A network of tansig layers and a purelin one, with mapminmax on both sides, as a fitnet has."""
    rng = np.random.default_rng(0)
    layers = []
    for k, (elements, neurons) in enumerate(itertools.pairwise(sizes)):
        w = Weight(rng.normal(size=(neurons, elements)) / np.sqrt(elements))
        transfer = "tansig" if k < len(sizes) - 2 else "purelin"
        sources = ({0: w}, {}) if k == 0 else ({}, {k - 1: w})
        layers.append(Layer(neurons, transfer, *sources, bias=rng.normal(size=neurons)))
    inputs, outputs = Input(sizes[0], (scaling(sizes[0]),)), Output(len(layers) - 1, sizes[-1], (scaling(sizes[-1]),))
    return Network(Structure((inputs,), tuple(layers), (outputs,)))


def forward(tanh: Callable[[Any], Any], sizes: Sequence[int]) -> Callable[[Any, Any], Any]:
    """The same network as a function of its weight vector and one sample, in any library."""

    def value(theta: Any, x: Any) -> Any:
        a = (x + 2.0) * 0.4 - 1.0
        start = 0
        for k, (elements, neurons) in enumerate(itertools.pairwise(sizes)):
            b = theta[start : start + neurons]
            w = theta[start + neurons : start + neurons * (elements + 1)].reshape(elements, neurons)
            start += neurons * (elements + 1)
            n = a @ w + b
            a = tanh(n) if k < len(sizes) - 2 else n
        return (a + 1.0) / 0.4 - 2.0

    return value


@dataclass(frozen=True)
class Rival:
    """A library's functions of a batch, by the name of the derivative, and how to wait for and read their answers."""

    name: str
    functions: dict[str, Callable[[], Any]]
    finish: Callable[[Any], Any]

    def answer(self, name: str) -> Any:
        """One derivative, computed to the end."""
        return self.finish(self.functions[name]())


def with_jax(sizes: Sequence[int], theta: Real, x: Real, v: Real, u: Real) -> Rival:
    import jax
    import jax.numpy as jnp

    settings: Any = jax.config
    settings.update("jax_enable_x64", True)
    f = forward(jnp.tanh, sizes)
    p, given, along, back = (jnp.asarray(array) for array in (theta, x, v, u))
    inner = jax.jacfwd if sizes[0] < sizes[-1] else jax.jacrev
    compiled = {
        "value": jax.jit(jax.vmap(f, (None, 0))),
        "jacobian": jax.jit(jax.vmap(inner(f, argnums=1), (None, 0))),
        "hessian": jax.jit(jax.vmap(jax.hessian(f, argnums=1), (None, 0))),
        "parameter_jacobian": jax.jit(jax.vmap(jax.jacrev(f, argnums=0), (None, 0))),
    }
    jvp = jax.jit(jax.vmap(lambda q, d: jax.jvp(lambda y: f(p, y), (q,), (d,))[1]))
    vjp = jax.jit(jax.vmap(lambda q, d: jax.vjp(lambda y: f(p, y), q)[1](d)[0]))
    functions: dict[str, Callable[[], Any]] = {name: partial(function, p, given) for name, function in compiled.items()}
    functions |= {"jvp": lambda: jvp(given, along), "vjp": lambda: vjp(given, back)}
    return Rival("JAX", functions, jax.block_until_ready)


def with_torch(sizes: Sequence[int], theta: Real, x: Real, v: Real, u: Real) -> Rival:
    import torch
    from torch.func import hessian, jacfwd, jacrev, jvp, vjp, vmap

    f = forward(torch.tanh, sizes)
    p, given, along, back = (torch.from_numpy(array) for array in (theta, x, v, u))
    inner = jacfwd if sizes[0] < sizes[-1] else jacrev
    functions: dict[str, Callable[[], Any]] = {
        "value": lambda: vmap(f, (None, 0))(p, given),
        "jacobian": lambda: vmap(inner(f, argnums=1), (None, 0))(p, given),
        "hessian": lambda: vmap(hessian(f, argnums=1), (None, 0))(p, given),
        "parameter_jacobian": lambda: vmap(jacrev(f, argnums=0), (None, 0))(p, given),
        "jvp": lambda: vmap(lambda q, d: jvp(lambda y: f(p, y), (q,), (d,))[1])(given, along),
        "vjp": lambda: vmap(lambda q, d: vjp(lambda y: f(p, y), q)[1](d)[0])(given, back),
    }
    return Rival("torch.func", functions, lambda answer: answer)


def writing(result: Real) -> Callable[[], Real]:
    """Memory taken and written once, in the size of a result."""

    def write() -> Real:
        out = np.empty_like(result)
        out.fill(1.0)
        return out

    return write


def compare(sizes: Sequence[int], rows: int, repeats: int) -> None:
    """One network's lines."""
    rng = np.random.default_rng(1)
    net = network(sizes)
    theta = net.parameters
    x, v = rng.uniform(-2.0, 3.0, (rows, sizes[0])), rng.normal(size=(rows, sizes[0]))
    u = rng.normal(size=(rows, sizes[-1]))
    ours: dict[str, Callable[[], Any]] = {
        "value": lambda: net(x),
        "jacobian": lambda: net.jacobian(x),
        "hessian": lambda: net.hessian(x),
        "parameter_jacobian": lambda: net.parameter_jacobian(x),
        "jvp": lambda: net.jvp(x, v),
        "vjp": lambda: net.vjp(x, u),
    }
    rivals = [with_jax(sizes, theta, x, v, u), with_torch(sizes, theta, x, v, u)]
    for name, function in ours.items():
        answer = function()
        row: list[Callable[[], Any]] = [function]
        for rival in rivals:
            theirs = np.asarray(rival.answer(name))
            np.testing.assert_allclose(theirs, answer, rtol=0.0, atol=1e-11 * (1.0 + np.abs(answer).max()))
            row.append(partial(rival.answer, name))
        if name == "parameter_jacobian":
            row.append(writing(answer))
        own, *others = timings(row, repeats)
        ratios = "".join(
            f"{other.median * 1e3:12.2f} {other.percent:>5} {other.median / own.median:6.1f}x" for other in others[:2]
        )
        written = f"{own.median / others[2].median:10.1f}" if len(others) > 2 else ""
        print(f"{name:20}{own.median * 1e3:10.2f} {own.percent:>5}{ratios}{written}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--small", action="store_true", help="the first network only")
    chosen = parser.parse_args()
    print(conditions())
    for name, sizes in list(NETWORKS.items())[: 1 if chosen.small else None]:
        head = f"{'ours ms':>14}{'':6}{'JAX ms':>12}{'':6}{'ratio':>7}{'torch ms':>12}{'':6}{'ratio':>7}  over writing"
        print(f"\n{name}, {chosen.rows} rows\n{'':16}{head}")
        compare(sizes, chosen.rows, chosen.repeats)


if __name__ == "__main__":
    main()
