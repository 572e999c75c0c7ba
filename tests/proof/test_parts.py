"""The parts of a network by their names in MATLAB: what affects the outputs, and what does not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from matnet.model.structure import Input, Layer, Output, Performance, Process, Structure, Weight
from matnet.network import Network
from matnet.proof import parts
from matnet.proof.diff import compare
from matnet.proof.parts import Parts, changes_nothing, parts_of


def scaling(low: float) -> Process:
    return Process.from_matlab("mapminmax", {"gain": [2.0, 2.0], "xoffset": [low, 0.5], "ymin": -1.0})


FIRST = Layer(2, "tansig", {0: Weight([[1.0, 2.0], [3.0, 4.0]])}, bias=[0.5, 0.25])
LAST = Layer(1, "purelin", {}, {0: Weight([[1.0, -1.0]])})
INNER = Input(2, (scaling(0.0),), np.array([[0.0, 1.0], [0.5, 1.5]]), "Input")
OUTER = Output(1, 1)
PLAIN = Structure((INNER,), (FIRST, LAST), (OUTER,), Performance("mse"))


def told(structure: Structure) -> tuple[str, set[tuple[str, str, str]], set[str], set[tuple[str, str, str]]]:
    """The verdict, and what is different: facts, numbers, remarks."""
    found = compare(Network(PLAIN), Network(structure))
    facts, remarks = ({(row.place, row.first, row.second) for row in rows} for rows in (found.facts, found.remarks))
    return found.verdict, facts, {row.place for row in found.numbers}, remarks


def with_first(**changes: object) -> Structure:
    return Structure(PLAIN.inputs, (replace(FIRST, **changes), LAST), PLAIN.outputs, PLAIN.performance)  # type: ignore[arg-type]


def test_functions_and_delays_are_facts() -> None:
    weight = Weight([[1.0, 2.0], [3.0, 4.0]])
    cases: dict[str, tuple[Structure, str, str]] = {
        "layers{1}.transferFcn": (with_first(transfer="logsig"), "tansig", "logsig"),
        "layers{1}.netInputFcn": (with_first(net_input="netprod"), "netsum", "netprod"),
        "inputWeights{1,1}.weightFcn": (
            with_first(input_weights={0: replace(weight, function="dist")}), "dotprod", "dist",
        ),
        "inputWeights{1,1}.delays": (with_first(input_weights={0: replace(weight, delays=(1,))}), "[0]", "[1]"),
        "outputs": (
            Structure(PLAIN.inputs, (FIRST, replace(LAST, size=2, layer_weights={0: weight}), LAST), (Output(2, 1),),
                      PLAIN.performance),
            "layer 2",
            "layer 3",
        ),
        "inputs{1}.processFcns": (
            replace(PLAIN, inputs=(replace(INNER, processing=(scaling(0.0), scaling(0.0))),)),
            "mapminmax",
            "mapminmax, mapminmax",
        ),
        "outputs{2}.processFcns": (
            replace(PLAIN, outputs=(replace(OUTER, processing=(Process.from_matlab(
                "mapminmax", {"gain": [2.0], "xoffset": [0.0], "ymin": -1.0}),)),)),
            "none",
            "mapminmax",
        ),
    }  # fmt: skip
    for place, (structure, first, second) in cases.items():
        verdict, facts, _, _ = told(structure)
        assert (place, first, second) in facts, place
        assert verdict == "different"


def test_settings_and_weights_are_numbers() -> None:
    other = replace(PLAIN, inputs=(replace(INNER, processing=(scaling(0.125),)),))
    assert told(other) == ("different", set(), {"inputs{1}.processSettings{1}.xoffset"}, set())
    other = replace(PLAIN, layers=(FIRST, replace(LAST, layer_weights={0: Weight([[1.0, -2.0]])})))
    assert told(other) == ("different", set(), {"LW{2,1}"}, set())
    assert told(with_first(bias=[0.5, 0.125])) == ("different", set(), {"b{1}"}, set())
    leaky = [Network(with_first(transfer="leakyrelu", settings={"Scale": scale})) for scale in (0.25, 0.5)]
    (number,) = compare(*leaky).numbers
    assert (number.place, number.first, number.second) == ("layers{1}.Scale", 0.25, 0.5)
    assert parts_of(leaky[0].structure).settings == {
        "layers{1}.Scale",
        *(f"inputs{{1}}.processSettings{{1}}.{key}" for key in INNER.processing[0].settings),
    }


def test_names_ranges_and_the_training_are_remarks() -> None:
    limits = np.array([[0.0, 1.0], [0.0, 2.0]])
    cases = {
        "inputs{1}.name": (replace(PLAIN, inputs=(replace(INNER, name="flow"),)), "'Input'", "'flow'"),
        "inputs{1}.range": (
            replace(PLAIN, inputs=(replace(INNER, range=limits),)),
            "[[0.0, 1.0], [0.5, 1.5]]",
            "[[0.0, 1.0], [0.0, 2.0]]",
        ),
        "layers{1}.name": (with_first(name="hidden"), "'Layer'", "'hidden'"),
        "outputs{2}.feedbackMode": (
            replace(PLAIN, outputs=(replace(OUTER, feedback_mode="closed"),)),
            "none",
            "closed",
        ),
        "performFcn": (replace(PLAIN, performance=Performance("sse")), "mse", "sse"),
        "performParam": (
            replace(PLAIN, performance=Performance("mse", 0.25, "normalization")),
            "regularization 0.0",
            "regularization 0.25 normalization",
        ),
    }
    for place, remark in cases.items():
        structure, first, second = remark
        assert told(structure) == ("equal", set(), set(), {(place, first, second)})
    assert told(replace(PLAIN, performance=None))[3] == {
        ("performFcn", "mse", "absent"),
        ("performParam", "regularization 0.0", "absent"),
    }


@pytest.mark.parametrize(
    ("function", "settings", "nothing"),
    [
        ("removeconstantrows", {"xrows": 2.0, "keep": [1.0, 2.0], "remove": [], "constants": []}, True),
        ("removeconstantrows", {"xrows": 2.0, "keep": [1.0], "remove": [2.0], "constants": [7.0]}, False),
        ("removeconstantrows", {"xrows": 2.0, "keep": [2.0], "remove": [1.0], "constants": [7.0]}, False),
        ("mapminmax", {"gain": [1.0], "xoffset": [0.0], "ymin": 0.0}, False),
        ("mapminmax", {"gain": [1.0], "xoffset": [0.0], "ymin": 0.0, "no_change": 1.0}, True),
    ],
)
def test_steps_that_change_nothing(function: str, settings: dict[str, object], nothing: bool) -> None:
    assert changes_nothing(Process.from_matlab(function, settings)) == nothing


@pytest.mark.parametrize(
    ("function", "settings", "inputs_only", "outputs_only"),
    [
        ("removeconstantrows", {"xrows": 2.0, "keep": [1.0], "remove": [2.0], "constants": [7.0]}, (), ("constants",)),
        (
            "fixunknowns",
            {"xrows": 2.0, "yrows": 3.0, "known": [2.0], "unknown": [1.0], "shift": [0.0, 1.0], "xmeans": [0.5, 0.25]},
            ("xmeans",),
            (),
        ),
        (
            "processpca",
            {"xrows": 2.0, "yrows": 1.0, "transform": [[0.5, 0.25]], "inverseTransform": [[0.5], [0.25]]},
            ("transform",),
            ("inverse_transform",),
        ),
    ],
)
def test_settings_of_the_other_direction_are_remarks(
    function: str, settings: dict[str, object], inputs_only: tuple[str, ...], outputs_only: tuple[str, ...]
) -> None:
    """An input is processed forwards and an output backwards."""
    step = Process.from_matlab(function, settings)
    for entry, unused in (
        (Input(step.raw_size, (step,)), outputs_only),
        (Output(0, step.raw_size, (step,)), inputs_only),
    ):
        found, place = Parts(), "here.processSettings{1}"
        parts._signal(found, "here", entry)
        assert found.numbers.keys() == {f"{place}.{key}" for key in step.settings if key not in unused}
        assert found.remarks.keys() == {"here.name", *(f"{place}.{key}" for key in unused)}
