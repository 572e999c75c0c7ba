"""A hundred networks of one shape as an Ensemble beside a loop over them, and the time to load many function files.

    python scripts/benchmarks/benchmark_ensemble.py [--members 100] [--rows 1 10 100 1000] [--files FOLDER]

Medians of the ratios of nine timings side by side; above 1 the ensemble is faster. With --files also the time of
``load_all`` for a folder of function files, on one core.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

import matnet
from benchmark_derivatives import Real, network
from conditions import conditions, timing
from matnet.network import Ensemble, Network

QUANTITIES = ("__call__", "value_and_jacobian", "jacobian", "hessian")


def loop(networks: Sequence[Network], quantity: str, x: Real) -> Any:
    """The mean as people write it."""
    results = [getattr(net, quantity)(x) for net in networks]
    if isinstance(results[0], tuple):
        return tuple(sum(parts) / len(networks) for parts in zip(*results, strict=True))
    return sum(results) / len(networks)


def seconds(function: Callable[[], Any], calls: int) -> float:
    began = time.perf_counter()
    for _ in range(calls):
        function()
    return (time.perf_counter() - began) / calls


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--members", type=int, default=100)
    parser.add_argument("--rows", nargs="+", type=int, default=[1, 10, 100, 1000])
    parser.add_argument("--files")
    chosen = parser.parse_args()
    base, rng = network([4, 10, 1]), np.random.default_rng(0)
    networks = [base.with_parameters(rng.normal(size=base.parameters.size)) for _ in range(chosen.members)]
    together = Ensemble(networks)
    print(f"{conditions()}\n{chosen.members} networks 4-10-1")
    print(f"{'quantity':20}{'rows':>6}{'ensemble µs':>14}{'loop µs':>12}{'ratio':>8}")
    for quantity in QUANTITIES:
        for rows in chosen.rows:
            x = rng.normal(size=(rows, 4))
            pair = partial(getattr(together, quantity), x), partial(loop, networks, quantity, x)
            for function in pair:
                function()
            calls = max(1, 100 // rows)
            turns = [[seconds(function, calls) for function in pair] for _ in range(9)]
            ours, theirs = (timing([turn[k] for turn in turns]).median * 1e6 for k in (0, 1))
            ratio = timing([turn[1] / turn[0] for turn in turns])
            print(f"{quantity:20}{rows:6}{ours:14.0f}{theirs:12.0f}{ratio.median:8.1f} {ratio.percent}", flush=True)
    if chosen.files is not None:
        began, used = time.perf_counter(), time.process_time()
        found = matnet.load_all(chosen.files, on_error="skip")
        elapsed, cpu = time.perf_counter() - began, time.process_time() - used
        print(f"load_all: {len(found)} networks in {elapsed:.2f} s, {cpu:.2f} s on the processor")


if __name__ == "__main__":
    main()
