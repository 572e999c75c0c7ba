"""Scaling kept outside the network: composed, and then right in value and derivative."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.io

from matnet import Network
from matnet.errors import ModelError, UnsupportedError
from matnet.model.structure import Input, Layer, Output, Structure, Weight
from matnet.network.scaling import PAIRS, SETTINGS, process

RNG = np.random.default_rng(0)
BARE = Structure(
    (Input(2, range=np.array([[-1.0, 1.0], [-0.5, 1.0]])),),
    (
        Layer(3, "tansig", {0: Weight(RNG.normal(size=(3, 2)))}, bias=RNG.normal(size=3)),
        Layer(1, "purelin", {}, {0: Weight(RNG.normal(size=(1, 3)))}, RNG.normal(size=1)),
    ),
    (Output(1, 1, range=np.array([[-1.0, 1.0]])),),
)
LOW, HIGH = np.array([[10.0], [-3.0]]), np.array([[20.0], [5.0]])
X = np.random.default_rng(1).uniform(LOW.T, HIGH.T, size=(6, 2))

MINMAX = (
    {"xmin": LOW, "xmax": HIGH, "ymin": -1.0, "ymax": 1.0},
    {"xmin": 100.0, "xmax": 500.0, "ymin": -1.0, "ymax": 1.0},
)
SCALINGS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "mapminmax": MINMAX,
    "premnmx": ({"minp": LOW, "maxp": HIGH}, {"mint": 100.0, "maxt": 500.0}),
    "mapstd": (
        {"xmean": LOW, "xstd": HIGH, "ymean": 0.0, "ystd": 1.0},
        {"xmean": 100.0, "xstd": 500.0, "ymean": 0.0, "ystd": 1.0},
    ),
    "prestd": ({"meanp": LOW, "stdp": HIGH}, {"meant": 100.0, "stdt": 500.0}),
}


@pytest.mark.parametrize("name", SCALINGS)
def test_composed_by_hand(name: str) -> None:
    inputs, outputs = SCALINGS[name]
    bare = Network(BARE)
    net = bare.with_scaling(inputs, outputs)
    low, high = LOW.T, HIGH.T
    if "minmax" in name or name == "premnmx":
        scaled, gain_in, gain_out = 2.0 * (X - low) / (high - low) - 1.0, 2.0 / (high - low), 2.0 / 400.0
        expected = (bare(scaled) + 1.0) / gain_out + 100.0
    else:
        scaled, gain_in, gain_out = (X - low) / high, 1.0 / high, 1.0 / 500.0
        expected = bare(scaled) * 500.0 + 100.0
    np.testing.assert_allclose(net(X), expected, rtol=1e-13)
    np.testing.assert_allclose(net.jacobian(X), bare.jacobian(scaled) * gain_in / gain_out, rtol=1e-12)


def test_the_range_is_carried_to_raw_scale() -> None:
    net = Network(BARE).with_scaling(*MINMAX)
    np.testing.assert_allclose(net.input_range, [[10.0, 20.0], [-1.0, 5.0]], rtol=1e-15)
    np.testing.assert_allclose(net.output_range, [[100.0, 500.0]], rtol=1e-15)


def test_one_side_alone() -> None:
    net = Network(BARE).with_scaling(outputs=MINMAX[1])
    np.testing.assert_allclose(net(X), (Network(BARE)(X) + 1.0) * 200.0 + 100.0, rtol=1e-13)


EXPECTED = (
    "expected those of mapminmax (xmin, xmax, …), mapstd (xmean, xstd, …), premnmx (minp, maxp) or prestd (meanp, stdp)"
)


@pytest.mark.parametrize("names", [*PAIRS, *SETTINGS.values()], ids="-".join)
@pytest.mark.parametrize("kept", [0, 1])
def test_half_of_a_pair_is_not_a_scaling(names: tuple[str, str], kept: int) -> None:
    """Each setting alone, also beside the half of another pair."""
    for other in ("", "gain", "stdp" if names[kept] != "stdp" else "maxp"):
        scaling = {name: np.ones(2) for name in (names[kept], other) if name}
        if {names[kept], other} in [set(pair) for pair in PAIRS]:
            continue
        with pytest.raises(UnsupportedError) as caught:
            process(scaling)
        assert str(caught.value) == f"not the settings of a scaling: {', '.join(sorted(scaling))}; {EXPECTED}"


@pytest.mark.parametrize(
    ("scaling", "name"), [(5, "int"), (["ps.mat"], "str"), ([5], "int"), ([["xmin", "xmax"]], "list")]
)
def test_what_is_not_a_mapping_is_refused(scaling: Any, name: str) -> None:
    with pytest.raises(UnsupportedError) as caught:
        Network(BARE).with_scaling(inputs=scaling)
    assert str(caught.value) == (
        f"a scaling of type {name}; expected the settings of mapminmax or mapstd as a mapping, or as "
        "scipy.io.loadmat returns them"
    )


@pytest.mark.parametrize(
    ("scaling", "error", "message"),
    [
        (
            {"gain": 2.0},
            UnsupportedError,
            "not the settings of a scaling: gain; expected those of mapminmax (xmin, xmax, …), mapstd (xmean, xstd, "
            "…), premnmx (minp, maxp) or prestd (meanp, stdp)",
        ),
        (
            {"xmin": [0.0], "xmax": [1.0], "ymin": -1.0, "ymax": 1.0},
            ModelError,
            "the scaling is for 1 row, but there are 2",
        ),
        ([{}, {}], ModelError, "2 scalings for 1 input; give one for each, None for those without"),
    ],
)
def test_scaling_that_does_not_fit_is_refused(scaling: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=f"^{re.escape(message)}$"):
        Network(BARE).with_scaling(inputs=scaling)


@pytest.mark.parametrize("squeeze", [False, True])
def test_settings_as_scipy_reads_them(tmp_path: Path, squeeze: bool) -> None:
    settings = [{"name": "mapminmax", **own} for own in MINMAX]
    scipy.io.savemat(tmp_path / "s.mat", {"ps": settings[0], "ts": settings[1]})
    read = scipy.io.loadmat(tmp_path / "s.mat", squeeze_me=squeeze)
    net = Network(BARE)
    expected = net.with_scaling(inputs=MINMAX[0], outputs=MINMAX[1])(X)
    assert (net.with_scaling(inputs=read["ps"], outputs=[read["ts"]])(X) == expected).all()
