"""Settings of every processing function as MATLAB's versions and genFunction write them, for three raw rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

ROTATION = [[0.6, 0.8, 0.0], [-0.8, 0.6, 0.0]]

SETTINGS: dict[str, list[Mapping[str, Any]]] = {
    "mapminmax": [
        {"xmin": [[0], [-3], [2]], "xmax": [[10], [5], [2]], "ymin": -1, "ymax": 1, "xrows": 3, "yrows": 3},
        {
            "xmin": [0.0, -3.0, 2.0],
            "xmax": [10.0, 5.0, 4.0],
            "xrange": [10.0, 8.0, 2.0],
            "ymin": 0.0,
            "ymax": 0.5,
            "yrange": 0.5,
            "gain": [0.05, 0.0625, 0.25],
            "xoffset": [0.0, -3.0, 2.0],
            "no_change": 0,
            "xrows": 3,
            "yrows": 3,
        },
        {"xoffset": [1.0, 2.0, 3.0], "gain": [0.5, -2.0, 4.0], "ymin": -1},
        {"xmin": [0.0, -3.0, 2.0], "xmax": [10.0, 5.0, 4.0], "ymin": -1, "ymax": 1, "no_change": 1},
    ],
    "mapstd": [
        {"xmean": [1.0, -2.0, 5.0], "xstd": [2.0, 0.0, 0.5], "ymean": 0, "ystd": 1, "xrows": 3, "yrows": 3},
        {"xoffset": [1.0, 2.0, 3.0], "gain": [0.5, -2.0, 4.0], "ymean": 0.25},
        {
            "xmean": [1.0, -2.0, 5.0],
            "xstd": [2.0, 0.0, 0.1],
            "ymean": 0.25,
            "ystd": 0.7,
            "gain": [0.35, 1.0, 7.000000000000001],
            "xoffset": [1.0, 0.25, 5.0],
            "no_change": 0,
            "xrows": 3,
            "yrows": 3,
        },
    ],
    "removeconstantrows": [
        {"max_range": 0, "keep": [1, 3], "remove": [2], "value": [7.5], "xrows": 3, "yrows": 2, "constants": [7.5]},
        {"keep": [1, 3], "remove": [2], "value": [7.5], "xrows": 3, "yrows": 2},
        {"keep": [1, 2, 3], "remove": [], "constants": [], "xrows": 3, "yrows": 3, "no_change": 1},
    ],
    "removerows": [{"keep": [3, 1], "remove": [2], "xrows": 3, "yrows": 2}],
    "fixunknowns": [
        {"known": [1, 3], "unknown": [2], "shift": [0, 0, 1], "xmeans": [9.0, 4.5, 9.0], "xrows": 3, "yrows": 4},
        {"known": [2], "unknown": [1, 3], "shift": [0, 1, 1], "xmeans": [1.5, 9.0, -2.5], "xrows": 3, "yrows": 5},
        {"known": [], "unknown": [1, 2, 3], "shift": [0, 1, 2], "xmeans": [1.0, 2.0, 3.0], "xrows": 3, "yrows": 6},
    ],
    "processpca": [
        {"transform": ROTATION, "inverseTransform": np.transpose(ROTATION), "maxfrac": 0, "xrows": 3, "yrows": 2},
        {"transform": ROTATION, "xrows": 3, "yrows": 2},
        {"transform": ROTATION, "inverseTransform": [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]},
    ],
    "lvqoutputs": [{"classRatios": [0.5, 0.25, 0.25], "xrows": 3, "yrows": 3}],
    "standardize": [{"Mu": [1.0, -2.0, 5.0], "Sigma": [2.0, 0.1, 0.5]}],
    "zerocenter": [{"Mean": [1.0, -2.0, 5.0]}],
    "rescale": [
        {"Min": [0.0, -3.0, 2.0], "Max": [10.0, 5.0, 4.0], "TargetMin": 0.0, "TargetMax": 1.0},
        {"Min": 0.1, "Max": [0.7, 0.3, 2.0], "TargetMin": [-1.0, -1.0, -0.5], "TargetMax": [1.0, 1.0, 0.25]},
    ],
}

LATER = frozenset({"standardize", "zerocenter", "rescale"})
"""Those that the class `network` does not have."""
