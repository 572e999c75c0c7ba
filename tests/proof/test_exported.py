"""What was written is run: it agrees, and a wrong digit in it is seen."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from exported_networks import row_networks
from matnet.exporters import python_source
from matnet.exporters.recording import Function, Options, Port
from matnet.exporters.save import rendered
from matnet.exporters.target import targets
from matnet.model.structure import Layer, Weight
from matnet.network import Network
from matnet.proof import exported
from matnet.proof.exported import ExportCheck, check_written
from matnet.tape.symbols import Tape
from random_networks import network

NET = row_networks()["transfer_tansig"]


def written(net: Network, name: str, options: Options | None = None) -> tuple[ExportCheck, bytes]:
    export = rendered(net, Path(name), options or Options())
    return check_written(export, name), export.content


def spoiled(change: Callable[[bytes], bytes]) -> ExportCheck:
    export = rendered(NET, Path("net.py"), Options())
    content = change(export.content)
    assert content != export.content
    return check_written(dataclasses.replace(export, content=content), "net.py")


def test_it_agrees() -> None:
    found, _ = written(NET, "net.py")
    assert found.agrees
    assert set(found.differences) == {"y", "dydx"}
    assert (found.tolerance, found.runtime, found.missing, found.failure) == (1e-12, "Python", "", "")


def test_an_archive_is_read_back() -> None:
    found, _ = written(NET, "net.json")
    assert found.agrees
    assert (found.differences, found.runtime) == ({"y": 0.0}, "matnet")


def test_an_archive_that_is_changed_is_seen() -> None:
    export = rendered(NET, Path("net.json"), Options())
    content = export.content.replace(b'"name": ""', b'"name": "other"', 1)
    assert content != export.content
    found = check_written(dataclasses.replace(export, content=content), "net.json")
    assert (found.agrees, found.failure) == (False, "the archive differs after it is read back and written again")


def test_a_step() -> None:
    layer = Layer(2, "tansig", {0: Weight(np.ones((2, 2)), delays=(0, 2))}, {0: Weight(np.eye(2), delays=(1,))})
    found, _ = written(network(layer), "net.py")
    assert found.agrees
    slopes = {f"d{of}_d{wrt}" for of in ("y", "next_states") for wrt in ("x", "states")}
    assert set(found.differences) == {"y", "next_states"} | slopes


@pytest.mark.parametrize("change", [1e-11, 1e-3])
def test_a_wrong_digit_is_seen(change: float) -> None:
    weight = repr(float(NET.structure.layers[0].input_weights[0].value[0, 0]))
    other = repr(float(weight) * (1.0 + change))
    found = spoiled(lambda content: content.replace(weight.encode(), other.encode()))
    assert not found.agrees
    assert 0.01 * change < max(found.differences.values()) < 100.0 * change


def test_a_number_in_the_place_of_nan_is_seen() -> None:
    found = spoiled(lambda content: re.sub(rb"= np\.tanh\((t\d+)\)", rb"= np.nan_to_num(np.tanh(\1))", content))
    assert not found.agrees
    assert found.differences["y"] == np.inf


def test_outputs_that_are_always_0_agree() -> None:
    layer = Layer(2, "purelin", {0: Weight([[0.0], [1.0]])})
    found, _ = written(network(layer), "net.py")
    assert found.agrees
    assert found.differences["y"] == 0.0


def test_a_file_that_does_not_run_is_a_failure() -> None:
    found = spoiled(lambda content: content + b"raise ValueError('no')\n")
    assert not found.agrees
    assert re.match(r"the written Python does not run \(.+ ended with 1\): ", found.failure)
    assert found.failure.endswith("ValueError: no")


def test_a_file_that_gives_too_little_is_a_failure() -> None:
    found = spoiled(lambda content: content.replace(b"return y, jacobian", b"return y"))
    assert found.failure == "the written program gives 3232 bytes, expected 12928"


def test_a_missing_runtime_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(python_source, "TARGET", dataclasses.replace(python_source.TARGET, missing=lambda: "Python"))
    targets.cache_clear()
    try:
        found, _ = written(NET, "net.py")
    finally:
        monkeypatch.undo()
        targets.cache_clear()
    assert (found.missing, found.differences, found.agrees) == ("Python", {}, False)


def test_differences_count_by_what_they_change() -> None:
    """An output by its values or its width, a slope by how much its output changes over the range of its input."""
    y, slopes = Port("y", (2,)), Port("dydx", (2, 2))
    states, by_states = Port("next_states", (1,)), Port("dy_dstates", (2, 2))
    function = Function("step_and_jacobians", (), (y, slopes, states, by_states), Tape())
    box = np.array([[0.0, 2.0], [1.0, 1.5]])
    nan = np.full((1, 2, 2), np.nan)
    expected = [
        np.array([[1.0, -3.0], [1.0, 3.5], [np.nan, np.nan]]),
        np.concatenate([[[[5.0, 1.0], [0.5, 2.0]], [[-1.0, 0.0], [0.25, 4.0]]], nan]),
        np.array([[0.0], [0.0], [7.0]]),
        np.concatenate([[[[5.0, -9.0], [0.0, 0.0]], [[1.0, np.inf], [0.0, 0.0]]], nan]),
    ]
    found = exported._scales(function, expected, box)
    # dy1/dx1 of 5 over a range of 2 is 10, more than the size of y1; y2 is 6.5 wide
    assert [scale.tolist() for scale in found] == [
        [10.0, 6.5],
        [[5.0, 20.0], [3.25, 13.0]],
        [1.0],
        [[9.0], [1.0]],
    ]
    values = exported._scales(Function("value", (), (y,), Tape()), expected[:1], box)
    assert [scale.tolist() for scale in values] == [[1.0, 6.5]]
    assert exported._largest(np.array([[1.0, 2.0]]), np.array([[1.5, 2.0]]), np.array([0.25, 1.0])) == 2.0
    assert exported._largest(np.array([[np.nan, 2.0]]), np.array([[np.nan, 2.0]]), np.ones(2)) == 0.0
    assert exported._largest(np.zeros((0, 2)), np.zeros((0, 2)), np.ones(2)) == 0.0


@pytest.mark.parametrize(("work", "points"), [(10**6, 100), (2100, 100), (1050, 50), (200, 10), (1, 10)])
def test_large_networks_are_run_at_fewer_points(work: int, points: int, monkeypatch: pytest.MonkeyPatch) -> None:
    net = row_networks()["several"]
    numbers = sum(net.program.sizes) * (1 + min(net.input_size, net.output_size))
    monkeypatch.setattr(exported, "_WORK", work * numbers // 21)
    assert exported._points(net) == points


def test_a_step_is_taken_from_states_of_a_run() -> None:
    layer = Layer(2, "tansig", {0: Weight(np.ones((2, 2)), delays=(0, 2))}, {0: Weight(np.eye(2), delays=(1,))})
    net = network(layer)
    x = np.array([[0.5], [-0.25], [1.0], [np.nan]])
    (points, states), (y, after) = exported._stepped(net, x)
    np.testing.assert_array_equal(points, x)
    assert (states.shape, after.shape) == ((4, 4), (4, 4))
    assert len(np.unique(states, axis=0)) == 3
    assert np.isfinite(states).all()
    assert (np.abs(states).min(axis=0) > 0.0).all()
    assert np.isfinite(y[:3]).all()
    assert np.isnan(y[3]).all()
