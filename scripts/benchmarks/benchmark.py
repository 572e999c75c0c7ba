"""The evaluator beside JAX, torch.func, CasADi, onnxruntime, the plain recipe and the floor, side by side in one run.

    python scripts/benchmarks/benchmark.py [--rows 1 1000] [--networks 4-10-1 ...] [--quantities hessian ...]
        [--repeats 5] [--processes 3]

Float64 on the CPU. For every network and number of rows: what ours takes, its spread, and the ratio of each rival's
time to ours (above 1 ours is faster). JAX (jit of vmap of jacrev, warm; NumPy arrays in and out) is timed in fresh
processes and its best one counts, since its times differ much from process to process; ours is timed again beside it
in each of them and the ratio is taken there. The floor is what nothing can save: the transcendental functions alone,
on all cores, and writing the result. The last lines are geometric means over the networks.
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmark_derivatives import Real, forward, network
from conditions import conditions, timings
from matnet.exporters.frameworks import to_casadi
from matnet.exporters.save import save
from matnet.tape.evaluate import cores

NETWORKS = {
    "4-10-1": [4, 10, 1],
    "16-30-20-10-1": [16, 30, 20, 10, 1],
    "2-20-50-20-1": [2, 20, 50, 20, 1],
    "8-20-5": [8, 20, 5],
    "100-50-10": [100, 50, 10],
}
QUANTITIES = ("value", "value_and_jacobian", "hessian", "parameter_jacobian")
MOST_ELEMENTS = 110_000_000  # of a result: larger ones are left out, they measure the memory


def result_size(quantity: str, sizes: Sequence[int]) -> int:
    """Numbers per row."""
    inputs, outputs = sizes[0], sizes[-1]
    parameters = sum(b * (a + 1) for a, b in itertools.pairwise(sizes))
    return (
        outputs
        * {
            "value": 1,
            "value_and_jacobian": 1 + inputs,
            "hessian": inputs * inputs,
            "parameter_jacobian": parameters,
        }[quantity]
    )


def samples(sizes: Sequence[int], rows: int) -> Real:
    """One sample (R,) for one row, else a batch (rows, R)."""
    x = np.random.default_rng(1).uniform(-2.0, 3.0, (rows, sizes[0]))
    return x[0] if rows == 1 else x


def ours(quantity: str, sizes: Sequence[int], x: Real) -> Callable[[], Any]:
    net = network(sizes)
    method = net if quantity == "value" else getattr(net, quantity)
    return partial(method, x)


def jax_function(quantity: str, sizes: Sequence[int], x: Real) -> Callable[[], Any]:
    """The rival as its users write it, NumPy arrays on both sides."""
    import jax
    import jax.numpy as jnp

    settings: Any = jax.config
    settings.update("jax_enable_x64", True)
    f = partial(forward(jnp.tanh, sizes), jnp.asarray(network(sizes).parameters))
    by_theta = forward(jnp.tanh, sizes)
    theta = jnp.asarray(network(sizes).parameters)
    inner = jax.jacfwd if sizes[0] < sizes[-1] else jax.jacrev
    one: dict[str, Callable[[Any], Any]] = {
        "value": f,
        "value_and_jacobian": lambda q: (f(q), inner(f)(q)),
        "hessian": jax.hessian(f),
        "parameter_jacobian": lambda q: jax.jacrev(by_theta)(theta, q),
    }
    compiled = jax.jit(one[quantity] if x.ndim == 1 else jax.vmap(one[quantity]))
    return lambda: jax.tree.map(np.asarray, compiled(x))


def torch_function(quantity: str, sizes: Sequence[int], x: Real) -> Callable[[], Any]:
    import torch
    from torch.func import hessian, jacfwd, jacrev, vmap

    theta = torch.from_numpy(network(sizes).parameters)
    by_theta = forward(torch.tanh, sizes)
    f = partial(by_theta, theta)
    inner = jacfwd if sizes[0] < sizes[-1] else jacrev
    one: dict[str, Callable[[Any], Any]] = {
        "value": f,
        "value_and_jacobian": lambda q: (f(q), inner(f)(q)),
        "hessian": hessian(f),
        "parameter_jacobian": lambda q: jacrev(by_theta)(theta, q),
    }
    function = one[quantity] if x.ndim == 1 else vmap(one[quantity])
    return lambda: function(torch.from_numpy(x))


def casadi_function(quantity: str, sizes: Sequence[int], x: Real) -> Callable[[], Any]:
    compiled = to_casadi(network(sizes))
    if x.ndim == 1:
        return lambda: compiled(x)
    mapped = compiled.map(len(x), "thread", cores())
    return lambda: mapped(x.T)


def onnx_function(quantity: str, sizes: Sequence[int], x: Real) -> Callable[[], Any]:
    import onnxruntime  # type: ignore[import-untyped, unused-ignore]

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "net.onnx"
        save(network(sizes), path, jacobian=False)
        session = onnxruntime.InferenceSession(path.read_bytes(), providers=["CPUExecutionProvider"])
    given = np.atleast_2d(x)
    return lambda: session.run(None, {"x": given})


def recipe(quantity: str, sizes: Sequence[int], x: Real) -> Callable[[], Any]:
    """What a user writes by hand in NumPy: the whole batch at once, 1 − a² for the slope."""
    theta, weights, start = network(sizes).parameters, [], 0
    for elements, neurons in itertools.pairwise(sizes):
        bias, start = theta[start : start + neurons], start + neurons
        weights.append((theta[start : start + neurons * elements].reshape(elements, neurons).T, bias))
        start += neurons * elements

    def run() -> tuple[Real, Real]:
        a, slopes = (np.atleast_2d(x) + 2.0) * 0.4 - 1.0, []
        for w, b in weights[:-1]:
            a = np.tanh(a @ w.T + b)
            slopes.append(1.0 - a * a)
        w, b = weights[-1]
        y = (a @ w.T + b + 1.0) / 0.4 - 2.0
        jacobian = np.broadcast_to(w, (len(a), *w.shape))
        for (inner, _), slope in zip(reversed(weights[:-1]), reversed(slopes), strict=True):
            jacobian = (jacobian * slope[:, None, :]) @ inner
        return y, jacobian

    return run


def floor(quantity: str, sizes: Sequence[int], x: Real) -> Callable[[], Any]:
    """The transcendental functions of every neuron, on all cores, and writing the result."""
    hidden, rows, block = sum(sizes[1:-1]), len(np.atleast_2d(x)), 2048
    functions = (np.tanh,) if quantity == "value" else (np.tanh, np.exp)
    n = np.random.default_rng(2).normal(size=(min(rows, block), hidden))
    workers = min(cores(), math.ceil(rows / block))
    pool = ThreadPoolExecutor(workers) if workers > 1 else None

    def share(worker: int) -> None:
        out = np.empty_like(n)
        for start in range(worker * block, rows, workers * block):
            count = min(block, rows - start)
            for function in functions:
                function(n[:count], out=out[:count])

    def run() -> None:
        if pool is None:
            share(0)
        else:
            list(pool.map(share, range(workers)))
        np.empty(rows * result_size(quantity, sizes)).fill(1.0)

    return run


RIVALS: dict[str, tuple[Callable[..., Callable[[], Any]], tuple[str, ...]]] = {
    "torch": (torch_function, QUANTITIES),
    "CasADi": (casadi_function, ("value_and_jacobian",)),
    "onnxruntime": (onnx_function, ("value",)),
    "recipe": (recipe, ("value_and_jacobian",)),
    "floor": (floor, ("value", "value_and_jacobian")),
}


def calls(function: Callable[[], Any]) -> int:
    """How many calls make one timing of this function and its rivals: as many as take it 5 ms, 200 at most.

    A single call of microseconds is lost in the clock, and finds cold caches and threads.
    """
    function()
    began = time.perf_counter()
    function()
    return min(200, max(1, round(0.005 / (time.perf_counter() - began))))


def repeated(function: Callable[[], Any], times: int) -> Callable[[], None]:
    def run() -> None:
        for _ in range(times):
            function()

    return run


def cases(chosen: argparse.Namespace) -> Iterator[tuple[str, int, str]]:
    for name, rows, quantity in itertools.product(chosen.networks, chosen.rows, chosen.quantities):
        if rows * result_size(quantity, NETWORKS[name]) <= MOST_ELEMENTS:
            yield name, rows, quantity


def beside_jax(chosen: argparse.Namespace) -> None:
    """The work of a fresh process: ours and JAX in turn, one JSON line per case."""
    for name, rows, quantity in cases(chosen):
        sizes, x = NETWORKS[name], samples(NETWORKS[name], rows)
        both = [ours(quantity, sizes, x), jax_function(quantity, sizes, x)]
        count = calls(both[0])
        times = timings([repeated(function, count) for function in both], chosen.repeats)
        print(json.dumps([name, rows, quantity, *(each.median for each in times)]), flush=True)


def jax_ratios(chosen: argparse.Namespace) -> dict[tuple[str, int, str], float]:
    """JAX's time over ours in the process where JAX was fastest."""
    best: dict[tuple[str, int, str], tuple[float, float]] = {}
    arguments = ["--networks", *chosen.networks, "--rows", *map(str, chosen.rows), "--repeats", str(chosen.repeats)]
    arguments += ["--quantities", *chosen.quantities]
    for _ in range(chosen.processes):
        command = [sys.executable, __file__, "--beside-jax", *arguments]
        lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
        for name, rows, quantity, own, theirs in map(json.loads, lines):
            found = (theirs, theirs / own)
            best[name, rows, quantity] = min(found, best.get((name, rows, quantity), found))
    return {case: ratio for case, (_, ratio) in best.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", nargs="+", default=list(NETWORKS), choices=list(NETWORKS))
    parser.add_argument("--rows", nargs="+", type=int, default=[1, 1000])
    parser.add_argument("--quantities", nargs="+", default=list(QUANTITIES), choices=QUANTITIES)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--processes", type=int, default=3, help="fresh processes for JAX")
    parser.add_argument("--beside-jax", action="store_true", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.beside_jax:
        beside_jax(chosen)
        return
    print(conditions())
    began = time.perf_counter()
    by_jax = jax_ratios(chosen)
    ratios: dict[tuple[str, int, str], list[float]] = {}
    print(
        f"{'network':15}{'rows':>8}  {'quantity':20}{'ours':>12}{'':>6}{'JAX':>8}" + "".join(f"{r:>13}" for r in RIVALS)
    )
    for name, rows, quantity in cases(chosen):
        sizes, x = NETWORKS[name], samples(NETWORKS[name], rows)
        named = {rival: make for rival, (make, what) in RIVALS.items() if quantity in what}
        functions = [ours(quantity, sizes, x), *(make(quantity, sizes, x) for make in named.values())]
        count = calls(functions[0])
        own, *others = timings([repeated(function, count) for function in functions], chosen.repeats)
        found = {"JAX": by_jax[name, rows, quantity]}
        found |= {rival: other.median / own.median for rival, other in zip(named, others, strict=True)}
        for rival, ratio in found.items():
            ratios.setdefault((rival, rows, quantity), []).append(ratio)
        columns = "".join(f"{found[r]:12.2f}x" if r in found else f"{'':13}" for r in RIVALS)
        seconds = own.median / count
        shown = f"{seconds * 1e6:9.1f} µs" if rows == 1 else f"{seconds * 1e3:9.2f} ms"
        print(f"{name:15}{rows:8}  {quantity:20}{shown:>12}{own.percent:>6}{found['JAX']:7.2f}x{columns}", flush=True)
    print("\ngeometric means over the networks, their time over ours (lowest)")
    for (rival, rows, quantity), values in sorted(ratios.items()):
        print(f"{rival:12}{rows:8}  {quantity:20}{statistics.geometric_mean(values):8.2f}x ({min(values):.2f}x)")
    print(f"\n{cores()} cores, {time.perf_counter() - began:.0f} s")


if __name__ == "__main__":
    main()
