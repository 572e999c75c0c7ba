"""What people wait for on the command line: `report`, `check` of a wide network, `verify` of a file of many.

    python scripts/benchmarks/benchmark_commands.py [--repeats 5]

Every measurement is a process of its own; shown are the median of the seconds, its spread, and the median of the
seconds of CPU. The report is that of a classifier with five outputs, with a table of 2,443 rows; `check` has a network
of 2,736 inputs and no table; `verify` a file of 29 networks beside 30 variables that could be their answers and are
not, so that every network is asked which change of it would explain them.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import numpy as np
import polars as pl

import matnet
from benchmark_derivatives import network
from benchmark_tables import MATNET, measured, median
from conditions import conditions

sys.path.insert(0, str(Path(__file__).parents[1] / "fixtures"))
from network_object import LayerPlan, NetworkPlan, mapminmax, network_object, row, signal, write


def file_of_networks(path: Path, count: int = 29) -> Path:
    """Networks 8-16-10-2 in a cell, inputs, targets, and as many more variables of the targets' shape."""
    rng = np.random.default_rng(3)
    x = rng.uniform(0.0, 10.0, (8, 3000))
    t = np.vstack([np.sin(x[:1]) + x[1:2] * x[2:3], x[3:4] ** 2]) + rng.normal(0.0, 0.1, (2, 3000))
    (inputs, _), (outputs, _) = signal(x, mapminmax), signal(t, mapminmax)
    networks = []
    for number in range(count):
        hidden, second, last = (rng.normal(size=(size, 1)) for size in (16, 10, 2))
        layers = (LayerPlan(16, "tansig", hidden), LayerPlan(10, "tansig", second), LayerPlan(2, "purelin", last))
        weights = {(1, 0): rng.normal(size=(10, 16)), (2, 1): rng.normal(size=(2, 10))}
        plan = NetworkPlan(f"net{number}", (inputs,), layers, {2: outputs}, {(0, 0): rng.normal(size=(16, 8))}, weights)
        networks.append(network_object(plan))
    others = {f"y{number}": t + rng.normal(size=t.shape) for number in range(count)}
    write(path, {"nets": row(networks), "x": x, "t": t, **others})
    return path


def table(path: Path, inputs: int, classes: int, rows: int = 2443) -> Path:
    """Inputs and targets, one of which is 1 in every row."""
    rng = np.random.default_rng(0)
    columns = {f"x{j + 1}": rng.uniform(-2.0, 3.0, rows) for j in range(inputs)}
    of = rng.integers(classes, size=rows)
    pl.DataFrame({**columns, **{f"t{j + 1}": (of == j) * 1.0 for j in range(classes)}}).write_csv(path)
    return path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5)
    repeats = parser.parse_args().repeats
    print(conditions())
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        matnet.save(network([20, 10, 5]), folder / "classes.json")
        matnet.save(network([2736, 10, 4]), folder / "wide.json")
        rows = table(folder / "rows.csv", 20, 5)
        report = ["report", str(folder / "classes.json"), str(rows), "--targets", "t1,t2,t3,t4,t5"]
        commands = {
            "report, 5 outputs, 2,443 rows": [*report, "-o", str(folder / "r.html")],
            "check, 2,736 inputs": ["check", str(folder / "wide.json")],
            "verify, 29 networks": ["verify", str(file_of_networks(folder / "networks.mat"))],
        }
        print(f"{'median of ' + str(repeats):32}{'seconds':>9}{'':6}{'CPU s':>9}")
        for what, arguments in commands.items():
            # verify ends with 3: nothing is proved, as it should be
            command = [sys.executable, "-c", MATNET, *arguments]
            cost = median([measured(command, expected=3 * (arguments[0] == "verify")) for _ in range(repeats)])
            print(f"{what:32}{cost.seconds:9.2f}{cost.spread:>6}{cost.cpu:9.2f}", flush=True)


if __name__ == "__main__":
    main()
