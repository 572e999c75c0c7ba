"""Files to read, made for each test: a small network object, edited and saved."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pytest
from scipy.io.matlab import MatlabObject

from network_object import LayerPlan, NetworkPlan, mapminmax, network_object, signal, write

Save: TypeAlias = Callable[..., Path]


@pytest.fixture
def small() -> MatlabObject:
    """A network of two inputs, three tansig and one purelin neurons, with mapminmax on both sides."""
    x = np.array([[0.0, 1.0, 4.0], [-2.0, 0.5, 1.0]])
    inputs, _ = signal(x, mapminmax)
    outputs, _ = signal(np.array([[10.0, 20.0, 15.0]]), mapminmax)
    return network_object(
        NetworkPlan(
            name="small",
            inputs=(inputs,),
            layers=(
                LayerPlan(3, "tansig", np.array([[0.1], [0.2], [0.3]])),
                LayerPlan(1, "purelin", np.array([[0.4]])),
            ),
            outputs={1: outputs},
            input_weights={(0, 0): np.array([[0.5, -0.5], [1.5, 0.25], [-1.0, 2.0]])},
            layer_weights={(1, 0): np.array([[0.75, -0.125, 0.0625]])},
        )
    )


@pytest.fixture
def save(tmp_path: Path) -> Save:
    def saved(file: str = "net.mat", /, **variables: Any) -> Path:
        write(tmp_path / file, variables)
        return tmp_path / file

    return saved
