"""matnet.compile beside the NumPy evaluator, JAX and the floor, in one run.

    python scripts/benchmarks/benchmark_compiled.py [--rows 1 1000 100000] [--networks 4-10-1 ...] [--quantity hessian]
        [--repeats 9]

Float64 on the CPU, NumPy arrays in and out, every function on all cores it uses by itself; JAX is jit of vmap of
jacrev, warm. All take turns within a repeat, so that a slow moment of the machine falls on all; shown are the medians
of the ratios within a repeat (above 1 the compiled code is faster), the spread of the compiled code's time, and beside
its elapsed time its time on the processors, since elapsed times of a machine that others use say little. The floor is
what NumPy cannot save: its tanh and exp of every neuron on all cores, and writing the result. Build is the time to
compile one network's value and Jacobian, and the quantity where it is another, into an empty cache, the check with
NumPy included.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import matnet
from benchmark import MOST_ELEMENTS, NETWORKS, calls, floor, jax_function, ours, repeated, result_size, samples
from benchmark_derivatives import network
from conditions import conditions, settle, timing
from matnet.compiled.build import compiler

QUANTITIES = ("value_and_jacobian", "hessian", "parameter_jacobian")
RIVALS: dict[str, Callable[..., Callable[[], Any]]] = {"NumPy": ours, "JAX": jax_function, "floor": floor}


def in_turn(functions: Sequence[Callable[[], Any]], repeats: int) -> list[list[tuple[float, float]]]:
    """Elapsed and processor seconds of every function in every repeat."""
    for function in functions:
        function()
    found = []
    for _ in range(repeats):
        turn = []
        for function in functions:
            settle()
            began, used = time.perf_counter(), time.process_time()
            function()
            turn.append((time.perf_counter() - began, time.process_time() - used))
        found.append(turn)
    return found


def compare(name: str, rows: int, quantity: str, repeats: int) -> dict[str, float]:
    """One line; each rival's elapsed time over the compiled code's."""
    sizes, x = NETWORKS[name], samples(NETWORKS[name], rows)
    began = time.perf_counter()
    compiled: Callable[[], Any] = partial(getattr(matnet.compile(network(sizes)), quantity), x)
    compiled()
    build = time.perf_counter() - began
    makers: list[Callable[[], Any]] = [compiled, *(make(quantity, sizes, x) for make in RIVALS.values())]
    count = calls(compiled)
    turns = in_turn([repeated(function, count) for function in makers], repeats)
    ratios = {
        rival: statistics.median(turn[k][0] / turn[0][0] for turn in turns) for k, rival in enumerate(RIVALS, start=1)
    }
    elapsed, used = (timing([turn[0][k] / count * 1e6 for turn in turns]) for k in (0, 1))
    columns = "".join(f"{ratios[rival]:9.2f}x" for rival in RIVALS)
    print(
        f"{name:15}{rows:8}{elapsed.median:12.1f}{elapsed.percent:>6}{used.median:12.1f}{columns}{build:9.2f}",
        flush=True,
    )
    return ratios


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", nargs="+", default=list(NETWORKS), choices=list(NETWORKS))
    parser.add_argument("--rows", nargs="+", type=int, default=[1, 1000, 100_000])
    parser.add_argument("--quantity", default=QUANTITIES[0], choices=QUANTITIES)
    parser.add_argument("--repeats", type=int, default=9)
    chosen = parser.parse_args()
    print(f"{conditions()}\n{' '.join(compiler().command)} {' '.join(compiler().flags)}")
    head = "".join(f"{rival:>10}" for rival in RIVALS)
    for rows in chosen.rows:
        print(f"\n{'network':15}{'rows':>8}{'elapsed µs':>12}{'':>6}{'CPU µs':>12}{head}{'build s':>9}")
        with tempfile.TemporaryDirectory() as folder:
            os.environ["XDG_CACHE_HOME"] = folder
            found = [
                compare(name, rows, chosen.quantity, chosen.repeats)
                for name in chosen.networks
                if rows * result_size(chosen.quantity, NETWORKS[name]) <= MOST_ELEMENTS
            ]
        means = "".join(f"{statistics.geometric_mean(each[rival] for each in found):9.2f}x" for rival in RIVALS)
        print(f"{'geometric mean':53}{means}")


if __name__ == "__main__":
    main()
