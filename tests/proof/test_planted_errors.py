"""Errors planted in a network: diff and verify must both find each of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import matnet
from matnet.importers.stored import StoredValues
from matnet.model.structure import Output, Process, Weight
from matnet.network import Network
from matnet.proof.candidates import Matrix
from matnet.proof.data import NamedData
from matnet.proof.diff import compare
from matnet.proof.finding import Finding
from matnet.proof.verify import verdict_of, verify

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


@pytest.fixture(scope="module")
def stored() -> StoredValues:
    return StoredValues(FIXTURES / "pump.mat")


def named(stored: StoredValues, *names: str) -> dict[str, Matrix]:
    return {name: Matrix(name, stored.array(name)) for name in names}


def outputs_row(rows: tuple[Finding, ...]) -> Finding:
    (row,) = (row for row in rows if row.what == "x -> y")
    return row


def test_verify_proves_the_network_as_it_is(pump: Network, stored: StoredValues) -> None:
    rows = verify(pump, stored)
    assert [row.what for row in rows] == [
        "x -> y",
        "tr.best_perf (x -> t)",
        "tr.best_vperf (x -> t)",
        "tr.best_tperf (x -> t)",
    ]
    assert {row.verdict for row in rows} == {"proved"}


@pytest.mark.parametrize("plant", PLANTED, ids=lambda plant: plant.__name__)
def test_verify_contradicts_it_where_the_answers_are_named(
    pump: Network, stored: StoredValues, plant: Callable[[Network], Network]
) -> None:
    x, y = named(stored, "x", "y").values()
    assert verdict_of(verify(plant(pump), stored, NamedData(inputs=x, outputs=y))) == "contradicted"


REASONS: dict[Callable[[Network], Network], tuple[str, str]] = {
    weight_changed: (
        "contradicted",
        "the stored answers are the network's with b{1}(5) = 1.428924561, where it has 1.428924575",
    ),
    output_scaled: (
        "contradicted",
        "the stored answers are the network's, scaled: y1 times 0.999999 plus 4.2999957e-06",
    ),
    rows_swapped: (
        "contradicted",
        "the stored answers are the network's with columns 1 and 2 of IW{1,1} exchanged",
    ),
    processing_dropped: (
        "weak",
        "the stored answers are the network's, scaled: y1 times 19.035 plus 23.335; the outputs' processing is "
        "missing, or scaling was kept outside the network",
    ),
}
"""What verify says of the stored outputs where nothing is named."""


@pytest.mark.parametrize("plant", PLANTED, ids=lambda plant: plant.__name__)
def test_verify_finds_it_without_a_name_and_says_what_it_is(
    pump: Network, stored: StoredValues, plant: Callable[[Network], Network]
) -> None:
    rows = verify(plant(pump), stored)
    assert verdict_of(rows) != "proved"
    row = outputs_row(rows)
    assert (row.verdict, row.reason) == REASONS[plant]


@pytest.mark.parametrize("plant", PLANTED, ids=lambda plant: plant.__name__)
def test_the_record_contradicts_it(pump: Network, stored: StoredValues, plant: Callable[[Network], Network]) -> None:
    x, t = named(stored, "x", "t").values()
    rows = verify(plant(pump), stored, NamedData(inputs=x, targets=t, record=stored.record("tr")))
    assert verdict_of(rows) == "contradicted"


def test_any_weight_that_was_changed_is_named(pump: Network, stored: StoredValues) -> None:
    places = [f"b{{1}}({k})" for k in range(1, 11)]
    places += [f"IW{{1,1}}({k},{j})" for j in (1, 2) for k in range(1, 11)]
    places += ["b{2}(1)", *(f"LW{{2,1}}(1,{j})" for j in range(1, 11))]
    for number, place in enumerate(places):
        theta = pump.parameters.copy()
        theta[number] *= 1.0 + 1e-8
        row = outputs_row(verify(pump.with_parameters(theta), stored, NamedData(inputs=Matrix("x", stored.array("x")))))
        assert row.verdict == "contradicted", place
        # the last layer's bias only shifts the output
        expected = "scaled: y1 times 1 plus " if place == "b{2}(1)" else f"with {place} = "
        assert expected in row.reason
