"""Make the files in fixtures/: run `python scripts/make_fixtures.py [FOLDER]` with numpy and scipy installed.

Every number comes from here: the data from formulas and a seeded generator, the weights of pump.mat from the training
below. Matrices are MATLAB's here: rows are elements, columns samples. The outputs stored beside each network are
computed by `outputs_of`, which shares nothing with matnet.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.random import RandomState

from network_object import (
    LayerPlan,
    Matrix,
    NetworkPlan,
    Signal,
    Struct,
    mapminmax,
    mapstd,
    network_object,
    removeconstantrows,
    row,
    signal,
    write,
)

GRID = 2.0**-16
"""Weights are multiples of this. Rounding after every step of the training swallows the last digits, in which one
machine differs from another, so that all of them train the same network."""

NEURONS = 10
MU_LIMITS = (1e-6, 1e10)
COLUMNS = ("perf", "vperf", "tperf", "mu", "gradient", "val_fail")


def main(folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    write(folder / "pump.mat", pump())
    (folder / "pump_inputs.csv").write_text(pump_inputs(), newline="\n")
    write(folder / "cascade.mat", cascade())
    write(folder / "two_by_two.mat", two_by_two())


def head(flow: Matrix, speed: Matrix) -> Matrix:
    """Head in m of a centrifugal pump at a flow in m³/h and a speed in rpm.

    One curve measured at 2900 rpm, carried to other speeds by the affinity laws: flow goes with the speed, head with
    its square.
    """
    ratio = speed / 2900.0
    return 42.0 * ratio**2 + 0.06 * ratio * flow - 0.0031 * flow**2


def pump() -> Struct:
    random = RandomState(3)
    ratio, share = np.meshgrid(np.linspace(0.5, 1.0, 11), np.linspace(0.0, 1.0, 15))
    speed = np.round(2900.0 * ratio.ravel())
    flow = np.round(100.0 * share.ravel() * ratio.ravel(), 1)
    noise = 0.15 * (random.random_sample(flow.shape) - random.random_sample(flow.shape))
    x = np.stack([flow, speed])
    t = np.round(head(flow, speed) + noise, 2)[None]
    masks = _division(random, t.shape[1])
    (entry, p), (target, goal) = signal(x, mapminmax), signal(t, mapminmax)
    history = _train(_weights(random, 4 * NEURONS + 1, 1)[:, 0], p, goal, masks)
    plan = _fitnet("Centrifugal pump", entry, target, history.theta)
    y = outputs_of(plan, x)
    record = _record(history, t - y, masks, unit=np.ptp(t) / 2.0)
    return {"net": network_object(plan), "x": x, "t": t, "y": y, "tr": record, "performance": np.mean((t - y) ** 2)}


def pump_inputs() -> str:
    lines = ["point,x1,x2"]
    for number in range(24):
        speed = 1500 + 60 * number
        flow = (5 + 31 * number % 80) * speed / 2900
        lines.append(f"{number + 1:03d},{flow:.1f},{speed}")
    return "\n".join(lines) + "\n"


def cascade() -> Struct:
    """A cascade of two poslin layers: every layer sees the input and all layers before it."""
    random = RandomState(5)
    x = np.round(random.random_sample((3, 60)) * [[10.0], [0.5], [300.0]] + [[-5.0], [1.0], [200.0]], 3)
    t = 20.0 + x[:1] * 1.5 + np.abs(x[:1]) * x[1:2] - 0.01 * x[2:]
    (entry, _), (target, _) = signal(x, mapminmax), signal(t, mapminmax)
    sizes, transfers = (5, 4, 1), ("poslin", "poslin", "purelin")
    plan = NetworkPlan(
        "Cascade",
        (entry,),
        tuple(LayerPlan(size, f, _weights(random, size, 1)) for size, f in zip(sizes, transfers, strict=True)),
        {2: target},
        {(i, 0): _weights(random, size, 3) for i, size in enumerate(sizes)},
        {(i, j): _weights(random, sizes[i], sizes[j]) for i in range(3) for j in range(i)},
    )
    return {"net": network_object(plan), "x": x, "y": outputs_of(plan, x)}


def two_by_two() -> Struct:
    """Two inputs of 3 and 2 elements, two outputs of 2 and 2; one element of the first input and one of the second
    output never changed in training. The third layer has no bias."""
    random = RandomState(8)
    x = np.round(
        random.random_sample((5, 40)) * [[4.0], [0.0], [90.0], [1.0], [0.02]] + [[1.0], [7.5], [5.0], [0], [0]], 4
    )
    t = np.concatenate([x[:1] * x[3:4], x[2:3] - 30.0 * x[4:5], np.full((1, 40), 2.5), np.sqrt(x[2:3]) + x[:1]])
    first, _ = signal(x[:3], removeconstantrows, mapminmax)
    second, _ = signal(x[3:], mapstd)
    plain, _ = signal(t[:2], mapminmax)
    reduced, _ = signal(t[2:], removeconstantrows, mapminmax)
    sizes, transfers = (4, 3, 2, 1), ("tansig", "logsig", "purelin", "purelin")
    biases = [_weights(random, size, 1) for size in sizes]
    plan = NetworkPlan(
        "Two by two",
        (first, second),
        tuple(
            LayerPlan(size, f, None if i == 2 else bias)
            for i, (size, f, bias) in enumerate(zip(sizes, transfers, biases, strict=True))
        ),
        {2: plain, 3: reduced},
        {(0, 0): _weights(random, 4, 2), (0, 1): _weights(random, 4, 2), (1, 1): _weights(random, 3, 2)},
        {(1, 0): _weights(random, 3, 4), (2, 0): _weights(random, 2, 4), (3, 1): _weights(random, 1, 3)},
    )
    return {"net": network_object(plan), "x": x, "y": outputs_of(plan, x)}


def outputs_of(plan: NetworkPlan, x: Matrix) -> Matrix:
    """What the network gives for x, its inputs stacked; its outputs are stacked likewise."""
    parts = np.split(x, np.cumsum([entry.size for entry in plan.inputs])[:-1])
    p = [_apply(entry, part) for entry, part in zip(plan.inputs, parts, strict=True)]
    a: list[Matrix] = []
    for i, layer in enumerate(plan.layers):
        n = np.zeros((layer.size, x.shape[1])) if layer.bias is None else np.tile(layer.bias, x.shape[1])
        for (_, source), w in sorted((key, w) for key, w in plan.input_weights.items() if key[0] == i):
            n = n + w @ p[source]
        for (_, source), w in sorted((key, w) for key, w in plan.layer_weights.items() if key[0] == i):
            n = n + w @ a[source]
        a.append(_transfer(layer.transfer, n))
    return np.concatenate([_reverse(plan.outputs[i], a[i]) for i in sorted(plan.outputs)])


def _transfer(name: str, n: Matrix) -> Matrix:
    if name == "tansig":
        return np.asarray(np.tanh(n))
    if name == "logsig":
        return 1.0 / (1.0 + np.exp(-n))
    return np.maximum(n, 0.0) if name == "poslin" else n


def _setting(settings: Struct, name: str) -> Matrix:
    return np.asarray(settings[name], dtype=np.float64)


def _apply(entry: Signal, x: Matrix) -> Matrix:
    for step in entry.steps:
        s = step.settings
        if step.function == "mapminmax":
            x = (x - _setting(s, "xoffset")) * _setting(s, "gain") + _setting(s, "ymin")
        elif step.function == "mapstd":
            x = (x - _setting(s, "xmean")) * (_setting(s, "ystd") / _setting(s, "xstd")) + _setting(s, "ymean")
        else:
            x = x[_setting(s, "keep").astype(int).ravel() - 1]
    return x


def _reverse(entry: Signal, y: Matrix) -> Matrix:
    for step in reversed(entry.steps):
        s = step.settings
        if step.function == "mapminmax":
            y = (y - _setting(s, "ymin")) / _setting(s, "gain") + _setting(s, "xoffset")
        else:
            rows = np.full((entry.size, y.shape[1]), np.nan)
            rows[_setting(s, "keep").astype(int).ravel() - 1] = y
            rows[_setting(s, "remove").astype(int).ravel() - 1] = _setting(s, "constants")
            y = rows
    return y


@dataclass(frozen=True)
class Masks:
    """Which samples are for training, validation and test: 1 where they are, else NaN, each (1, Q)."""

    train: Matrix
    validation: Matrix
    test: Matrix


@dataclass(frozen=True)
class History:
    """The weights with the best validation performance, in getwb order, and what each epoch reached."""

    theta: Matrix
    best_epoch: int
    columns: dict[str, list[float]]


def _division(random: RandomState, samples: int) -> Masks:
    order = np.argsort(random.random_sample(samples), kind="stable")
    first, second = round(0.7 * samples), round(0.85 * samples)
    masks = []
    for chosen in (order[:first], order[first:second], order[second:]):
        mask = np.full((1, samples), np.nan)
        mask[0, chosen] = 1.0
        masks.append(mask)
    return Masks(*masks)


def _unpack(theta: Matrix) -> tuple[Matrix, Matrix, Matrix, Matrix]:
    """b1, IW, b2 and LW of a vector in getwb order."""
    b1, iw, b2, lw = np.split(theta, [NEURONS, 3 * NEURONS, 3 * NEURONS + 1])
    return b1[:, None], iw.reshape(2, NEURONS).T, b2[:, None], lw[None]


def _normalized(theta: Matrix, p: Matrix) -> tuple[Matrix, Matrix]:
    """The output in processed scale, (1, Q), and its derivative by the weights, (P, Q)."""
    b1, iw, b2, lw = _unpack(theta)
    hidden = np.tanh(iw @ p + b1)
    slope = lw.T * (1.0 - hidden**2)
    jacobian = np.concatenate([slope, slope * p[:1], slope * p[1:], np.ones((1, p.shape[1])), hidden])
    return lw @ hidden + b2, jacobian


def _mean_square(error: Matrix, mask: Matrix) -> float:
    return float(np.nanmean((error * mask) ** 2))


def _step(theta: Matrix, p: Matrix, goal: Matrix, mask: Matrix, mu: float) -> tuple[Matrix, float, float]:
    """One step of Levenberg and Marquardt: the new weights, the new mu and the norm of the gradient before it."""
    y, jacobian = _normalized(theta, p)
    error, chosen = goal - y, mask[0] == 1.0
    before = _mean_square(error, mask)
    gradient = jacobian[:, chosen] @ error[0, chosen] / chosen.sum()
    curvature = jacobian[:, chosen] @ jacobian[:, chosen].T / chosen.sum()
    norm = 2.0 * float(np.linalg.norm(gradient))
    while mu <= MU_LIMITS[1]:
        trial = theta + np.linalg.solve(curvature + mu * np.eye(len(theta)), gradient)
        trial = np.round(trial / GRID) * GRID
        if _mean_square(goal - _normalized(trial, p)[0], mask) < before:
            return trial, max(mu / 10.0, MU_LIMITS[0]), norm
        mu *= 10.0
    return theta, mu, norm


def _train(theta: Matrix, p: Matrix, goal: Matrix, masks: Masks) -> History:
    """Steps until the validation error has failed to fall six times in a row, or nothing moves any more."""
    mu, best, failures = 1e-2, theta, 0
    columns: dict[str, list[float]] = {name: [] for name in COLUMNS}
    while failures < 6 and mu <= MU_LIMITS[1]:
        error = goal - _normalized(theta, p)[0]
        vperf = _mean_square(error, masks.validation)
        failures = failures + 1 if columns["vperf"] and vperf >= min(columns["vperf"]) else 0
        best = best if failures else theta
        after, after_mu, norm = _step(theta, p, goal, masks.train, mu)
        reached = (_mean_square(error, masks.train), vperf, _mean_square(error, masks.test), mu, norm, float(failures))
        for name, value in zip(COLUMNS, reached, strict=True):
            columns[name].append(value)
        theta, mu = after, after_mu
    return History(best, int(np.argmin(columns["vperf"])), columns)


def _fitnet(name: str, entry: Signal, target: Signal, theta: Matrix) -> NetworkPlan:
    b1, iw, b2, lw = _unpack(theta)
    layers = (LayerPlan(NEURONS, "tansig", b1), LayerPlan(1, "purelin", b2))
    return NetworkPlan(name, (entry,), layers, {1: target}, {(0, 0): iw}, {(1, 0): lw})


def _weights(random: RandomState, rows: int, columns: int) -> Matrix:
    return np.round((random.random_sample((rows, columns)) * 2.0 - 1.0) / GRID) * GRID


def _record(history: History, error: Matrix, masks: Masks, unit: float) -> Struct:
    """A training record like the toolbox's; `unit` is what one of the processed scale is in the target's unit."""
    best = {
        "best_perf": _mean_square(error, masks.train),
        "best_vperf": _mean_square(error, masks.validation),
        "best_tperf": _mean_square(error, masks.test),
    }
    factors = dict.fromkeys(COLUMNS[:3], unit**2)
    columns = {name: np.array([values]) * factors.get(name, 1.0) for name, values in history.columns.items()}
    epochs = len(history.columns["perf"]) - 1
    return {
        "trainFcn": "trainlm",
        "performFcn": "mse",
        "performParam": {"regularization": 0.0, "normalization": "none"},
        "divideFcn": "dividerand",
        "divideMode": "sample",
        "divideParam": {"trainRatio": 0.7, "valRatio": 0.15, "testRatio": 0.15},
        "trainInd": _listed(masks.train),
        "valInd": _listed(masks.validation),
        "testInd": _listed(masks.test),
        "num_epochs": float(epochs),
        "trainMask": row([masks.train]),
        "valMask": row([masks.validation]),
        "testMask": row([masks.test]),
        "best_epoch": float(history.best_epoch),
        "goal": 0.0,
        "states": row(["epoch", *COLUMNS]),
        "epoch": np.arange(epochs + 1.0)[None],
        **columns,
        **best,
    }


def _listed(mask: Matrix) -> Matrix:
    return np.asarray(np.flatnonzero(mask[0] == 1.0)[None], dtype=np.float64) + 1.0


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parent.parent / "fixtures")
