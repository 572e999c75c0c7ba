"""Errors planted in a network: diff and verify must both find each of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import matnet
from matnet.model.structure import Output, Process, Weight
from matnet.network import Network
from matnet.proof.diff import compare

FIXTURES = Path(__file__).parent.parent.parent / "fixtures"


@pytest.fixture(scope="module")
def pump() -> Network:
    return matnet.load(FIXTURES / "pump.mat")


def weight_changed(net: Network) -> Network:
    """One weight in its 8th digit."""
    theta = net.parameters.copy()
    largest = int(np.argmax(np.abs(theta)))
    theta[largest] *= 1.0 + 1e-8
    return net.with_parameters(theta)


def processing_dropped(net: Network) -> Network:
    """The outputs' processing left out."""
    return with_outputs(net, lambda output: replace(output, processing=()))


def output_scaled(net: Network) -> Network:
    """The outputs a factor 1 + 1e-6 too large."""

    def scaled(output: Output) -> Output:
        (step,) = output.processing
        settings = {**step.settings, "gain": step.settings["gain"] / (1.0 + 1e-6)}
        return replace(output, processing=(Process(step.function, settings),))

    return with_outputs(net, scaled)


def rows_swapped(net: Network) -> Network:
    """The inputs' elements in the other order."""
    structure = net.structure
    first = structure.layers[0]
    weights = {0: Weight(np.asarray(first.input_weights[0].value)[:, ::-1])}
    layers = (replace(first, input_weights=weights), *structure.layers[1:])
    return Network(replace(structure, layers=layers), net.provenance, net.name)


def with_outputs(net: Network, change: Callable[[Output], Output]) -> Network:
    outputs = tuple(change(output) for output in net.structure.outputs)
    return Network(replace(net.structure, outputs=outputs), net.provenance, net.name)


PLANTED: tuple[Callable[[Network], Network], ...] = (weight_changed, processing_dropped, output_scaled, rows_swapped)


@pytest.mark.parametrize("plant", PLANTED, ids=lambda plant: plant.__name__)
def test_diff_finds_it(pump: Network, plant: Callable[[Network], Network]) -> None:
    for first, second in ((pump, plant(pump)), (plant(pump), pump)):
        found = compare(first, second)
        assert found.verdict == "different"
        assert found.outputs is not None
        assert found.outputs.relative > 1e-9
