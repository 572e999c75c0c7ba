"""Check the table that `matnet gradients fixtures/pump.mat fixtures/pump_inputs.csv -o OUT` wrote.

Usage: python check_front_door.py OUT [FIXTURES]. Head and slopes of the pump are computed here by the recipe, from the
numbers in pump.mat and without matnet: h = tanh(b1 + IW·nx), dny/dnx = LW·(1 − h²)·IW, dy/dx = dny/dnx · gain_in /
gain_out. They are also held against the affinity laws that the network was trained on.
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path

import numpy as np
import scipy.io
from numpy.typing import NDArray

from make_fixtures import head

Matrix = NDArray[np.float64]

COLUMNS = ["y1", "dy1_dx1", "dy1_dx2"]
AGREEMENT = 2e-14
"""Largest difference allowed, as a share of the largest number in the column."""

PHYSICS = (0.2, 0.01, 0.001)
"""How far the trained network may be from the pump it was trained on: m, m per m³/h, m per rpm."""


def columns(path: Path) -> tuple[list[str], Matrix]:
    """The header of a table and its cells as numbers, (rows, columns)."""
    with path.open(newline="", encoding="utf-8") as file:
        header, *rows = list(csv.reader(file))
    return header, np.array([[float(cell) for cell in row] for row in rows])


def by_the_recipe(file: Path, x: Matrix) -> Matrix:
    """y, dy/dx1 and dy/dx2 for rows of raw inputs, (Q, 3)."""
    net = scipy.io.loadmat(file)["net"][0, 0]
    IW, LW = net["IW"][0, 0], net["LW"][1, 0]
    b1, b2 = (bias[:, 0] for bias in net["b"][:, 0])
    source = net["inputs"][0, 0]["processSettings"][0, 0][0, 0][0, 0]
    target = net["outputs"][0, 1]["processSettings"][0, 0][0, 0][0, 0]
    gain_in, gain_out = source["gain"][:, 0], target["gain"][0, 0]
    nx = (x - source["xoffset"][:, 0]) * gain_in + source["ymin"][0, 0]
    h = np.tanh(b1 + nx @ IW.T)
    ny = h @ LW[0] + b2
    dny_dnx = ((1.0 - h**2) * LW[0]) @ IW
    y = (ny - target["ymin"][0, 0]) / gain_out + target["xoffset"][0, 0]
    return np.column_stack([y, dny_dnx * gain_in / gain_out])


def by_the_affinity_laws(x: Matrix) -> Matrix:
    """Head and its slopes of the pump itself, (Q, 3)."""
    flow, ratio = x[:, 0], x[:, 1] / 2900.0
    by_flow = 0.06 * ratio - 2.0 * 0.0031 * flow
    by_speed = (2.0 * 42.0 * ratio + 0.06 * flow) / 2900.0
    return np.column_stack([head(flow, x[:, 1]), by_flow, by_speed])


def complaints(out: Path, fixtures: Path) -> list[str]:
    """What is wrong with the table; nothing where it is right."""
    header, got = columns(out)
    names, table = columns(fixtures / "pump_inputs.csv")
    x = table[:, [names.index("x1"), names.index("x2")]]
    if header != COLUMNS:
        return [f"the columns are {header}, expected {COLUMNS}"]
    if got.shape != (len(x), len(COLUMNS)):
        return [f"the table is {got.shape[0]} by {got.shape[1]}, expected {len(x)} by {len(COLUMNS)}"]
    expected, physics = by_the_recipe(fixtures / "pump.mat", x), by_the_affinity_laws(x)
    wrong = []
    for k, name in enumerate(COLUMNS):
        off = np.abs(got[:, k] - expected[:, k]).max() / np.abs(expected[:, k]).max()
        if not off <= AGREEMENT:
            wrong.append(f"{name} is off the recipe by {off:.1e} of its largest value")
        far = np.abs(got[:, k] - physics[:, k]).max()
        if not far <= PHYSICS[k]:
            wrong.append(f"{name} is off the pump's own curve by {far:.3g}")
    return wrong


def main(arguments: list[str]) -> int:
    """Exit status: 0 where the table is right, else 1."""
    fixtures = Path(arguments[1]) if len(arguments) > 1 else Path(__file__).resolve().parent.parent / "fixtures"
    wrong = complaints(Path(arguments[0]), fixtures)
    for line in wrong or ["right: the columns, the rows and every number"]:
        print(f"{arguments[0]}: {line}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
