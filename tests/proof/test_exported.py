"""What was written is run: it agrees, and a wrong digit in it is seen."""

from __future__ import annotations

import dataclasses
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from exported_networks import row_networks
from matnet.exporters import python_source
from matnet.exporters.recording import Function, Options, Port, Recording
from matnet.exporters.save import rendered
from matnet.exporters.target import targets
from matnet.model.structure import Input, Layer, Output, Structure, Weight
from matnet.network import Network
from matnet.proof import exported
from matnet.proof.exported import ExportCheck, check_written
from matnet.tape.symbols import Tape
from random_networks import network
from recurrent_networks import load, recurrent, sequences

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
    assert found.failure == "the written program gives 6464 bytes, expected 16160"


def test_every_function_of_a_file_is_run() -> None:
    found = spoiled(lambda content: content.replace(b"    return y\n", b"    return y + 1.0\n"))
    assert not found.agrees
    assert found.differences["y"] > 0.1
    assert found.differences["dydx"] < 1e-12


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
        np.concatenate([[[[5.0, 1.0], [0.5, 2.0]], [[-6.0, 0.0], [0.25, 4.0]]], nan]),
        np.array([[0.0], [0.0], [7.0]]),
        np.concatenate([[[[5.0, -9.0], [0.0, 0.0]], [[1.0, np.inf], [0.0, 0.0]]], nan]),
    ]
    found = exported._scales(function, expected, box)
    # dy1/dx1 of -6 over a range of 2 is -12, more than the size of y1; y2 is 6.5 wide
    assert [scale.tolist() for scale in found] == [
        [12.0, 6.5],
        [[6.0, 24.0], [3.25, 13.0]],
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


@pytest.mark.skipif(shutil.which("cc") is None, reason="needs a C compiler")
def test_a_file_in_single_precision_is_compared_to_four_digits() -> None:
    export = rendered(NET, Path("net.c"), Options(precision="float32"))
    found = check_written(export, "net.c")
    assert (found.agrees, found.tolerance, found.points, found.failure) == (True, 1e-4, 101, "")
    assert 1e-9 < max(found.differences.values()) < 1e-5
    content = export.content.replace(b"tanhf(", b"1.001f * tanhf(")
    assert content != export.content
    assert not check_written(dataclasses.replace(export, content=content), "net.c").agrees


@pytest.mark.parametrize("place", [0, 1])
def test_the_larger_difference_of_two_functions_counts(place: int) -> None:
    """Both give y; the difference of 0.01 is compared with the width of it."""
    layer = Layer(1, "purelin", {0: Weight([[2.0]])})
    net = Network(Structure((Input(1),), (layer,), (Output(0, 1),)))
    recording, x = Recording(net, "net", Options()), np.array([[-1.0], [0.0], [1.0], [np.nan]])
    jobs, judge = exported._file(recording, recording.functions, Path("net.py"), x, np.array([[-1.0, 1.0]]))
    assert [job.shapes for job in jobs] == [((1,),), ((1,), (1, 1))]
    got = [[2.0 * x], [2.0 * x, np.full((4, 1, 1), 2.0)]]
    assert max(judge(got).values()) == 0.0
    got[place][0][1] += 0.01
    assert judge(got) == {"y": pytest.approx(0.01 / 4.0), "dydx": 0.0}


def test_only_a_file_that_was_run_agrees() -> None:
    assert ExportCheck({"y": 1e-12}, 1e-12, 100, "Python").agrees
    assert not ExportCheck({"y": 1.1e-12}, 1e-12, 100, "Python").agrees
    assert not ExportCheck({"y": 0.0, "dydx": np.inf}, 1e-12, 100, "Python").agrees
    assert not ExportCheck({}, 1e-12, 100, "Python").agrees
    assert not ExportCheck({"y": 0.0}, 1e-12, 100, "Python", failure="no").agrees


def test_small_results_count_by_their_own_size() -> None:
    """Numbers that are not finite, and the last point, which is unknown, do not count."""
    y, slopes, by_states = Port("y", (2,)), Port("dydx", (2, 2)), Port("dy_dstates", (2, 1))
    box = np.array([[0.0, 0.5], [1.0, 1.25]])
    inf = np.inf
    expected = [
        np.array([[0.125, -0.25], [-0.0625, inf], [9.0, 9.0]]),
        np.array([[[0.25, 0.125], [0.125, 0.25]], [[-0.125, 0.5], [0.25, 0.125]], [[9.0, 9.0], [9.0, 9.0]]]),
        np.array([[[0.25], [0.125]], [[-0.5], [inf]], [[9.0], [9.0]]]),
    ]
    function = Function("step_and_jacobians", (), (y, slopes, by_states), Tape())
    found = exported._scales(function, expected, box)
    # y1 is 0.1875 wide and changes by 0.125 over the range of an input; y2 is 0.25 large and changes by 0.125
    assert [scale.tolist() for scale in found] == [
        [0.1875, 0.25],
        [[0.375, 0.75], [0.5, 1.0]],
        [[0.5], [0.125]],
    ]
    steep = [expected[0], np.where(np.isfinite(expected[1]), inf, 0.0)]
    found = exported._scales(Function("value_and_jacobian", (), (y, slopes), Tape()), steep, box)
    assert found[0].tolist() == [0.1875, 0.25]
    assert exported._spread(np.array([[0.25, 0.0], [-0.125, 0.0]])).tolist() == [0.375, 1.0]
    assert exported._largest(np.array([[0.25]]), np.array([[0.5]]), np.array([2.0])) == 0.125


@pytest.mark.parametrize(("sizes", "count"), [([10**6], 50), ([10**7, 10**4], 10), ([250_000, 83_334], 100)])
def test_a_large_network_computes_a_hundred_million_numbers(sizes: list[int], count: int) -> None:
    """Its values, and one derivative of each with respect to an input or of an output."""
    net: Any = SimpleNamespace(program=SimpleNamespace(sizes=sizes), input_size=1, output_size=3)
    assert exported._points(net) == count
    net.input_size, net.output_size = 3, 1
    assert exported._points(net) == count


@pytest.mark.parametrize("member", ["", "y", "fwd_y", "adj_x", "fwd_adj_x", "fwd2_fwd_y"])
def test_a_file_of_each_derivative_is_compared_with_it(member: str) -> None:
    """y = tanh(W x), worked out by hand: J = diag(1 - y²) W, and H_i = -2 y_i (1 - y_i²) w_i w_iᵀ."""
    weights = np.array([[0.5, -1.0, 0.25], [1.5, 0.5, -0.75]])
    net = Network(Structure((Input(3),), (Layer(2, "tansig", {0: Weight(weights)}),), (Output(0, 2),)))
    x, box = np.array([[0.5, -0.25, 1.0], [0.0, 0.75, -0.5], [1.0, 1.0, 0.25]]), np.tile([-2.0, 2.0], (3, 1))
    jobs, judge = exported._family(Recording(net, "net", Options(family=True)), Path("net.c"), x, box)
    got = []
    for job in jobs:
        prefix = job.path.name.removesuffix("net.c")
        (row,), seeds = job.arguments[0].T, job.arguments[1:]
        y = np.tanh(weights @ row)
        jacobian = (1.0 - y**2)[:, None] * weights
        bend = -2.0 * y * (1.0 - y**2)
        if prefix == "":
            result = y[:, None]
        elif prefix == "fwd_":
            result = jacobian @ seeds[0]
        elif prefix == "adj_":
            result = jacobian.T @ seeds[0]
        elif prefix == "fwd_adj_":
            u, v, w = seeds
            result = jacobian.T @ w
            for f in range(v.shape[1]):
                for a in range(u.shape[1]):
                    result[:, f * u.shape[1] + a] += weights.T @ (u[:, a] * bend * (weights @ v[:, f]))
        else:
            v, second, both = seeds
            result = jacobian @ both
            for k in range(second.shape[1]):
                for f in range(v.shape[1]):
                    result[:, k * v.shape[1] + f] += bend * (weights @ v[:, f]) * (weights @ second[:, k])
        assert job.shapes == (result.shape,)
        got.append([result])
    assert max(judge(got).values()) < 1e-14
    if member:
        # one number of the last point is wrong
        place = 3 * ["y", "fwd_y", "adj_x", "fwd_adj_x", "fwd2_fwd_y"].index(member) + 2
        got[place][0][-1, -1] += 1e-3
        found = judge(got)
        assert {name for name, difference in found.items() if difference > 1e-14} == {member}
        first, second = (got[place - k][0][-1, -1] for k in (2, 1))
        assert found[member] == pytest.approx(1e-3 / max(abs(first), abs(second), abs(first - second)), rel=1e-9)


def test_a_step_gives_its_states_and_derivatives() -> None:
    """y(t) = tanh(x(t) / 2 + x(t-1) + y(t-1) / 4), the states being x(t-1) and y(t-1)."""
    layer = Layer(1, "tansig", {0: Weight([[0.5, 1.0]], delays=(0, 1))}, {0: Weight([[0.25]], delays=(1,))})
    net = Network(Structure((Input(1),), (layer,), (Output(0, 1),)))
    recording = Recording(net, "net", Options())
    x, states = np.array([[0.5], [-1.0]]), np.array([[0.25, -0.75], [0.5, 1.0]])
    y = np.tanh(0.5 * x[:, 0] + states @ [1.0, 0.25])
    after = np.stack([x[:, 0], y], axis=1)
    slope = (1.0 - y**2)[:, None, None]
    nothing = np.zeros((2, 1, 1))
    by_x, by_states = 0.5 * slope, slope * [[1.0, 0.25]]
    after_by_x = np.concatenate([nothing + 1.0, by_x], axis=1)
    after_by_states = np.concatenate([np.zeros((2, 1, 2)), by_states], axis=1)
    whole = [y[:, None], after, by_x, by_states, after_by_x, after_by_states]
    known = whole[:2]
    for function, expected in (
        (recording.functions[0], known),
        (recording.step_and_jacobian, [whole[0], by_x]),
        (recording.step_and_jacobians, whole),
    ):
        found = exported._answered(net, function, (x, states), known)
        assert len(found) == len(expected) == len(function.results)
        for one, other in zip(found, expected, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-14, atol=1e-16)


def test_an_archive_of_a_series_that_starts_elsewhere_is_run_as_a_whole(tmp_path: Path) -> None:
    """From its own states, where a step would be taken from others; in both directions there are no steps."""
    ones = np.ones((2, 1))
    cases: dict[str, dict[str, Any]] = {"LSTM": {"InitialCellState": ones, "CellState": {"Value": ones}}, "BiLSTM": {}}
    for kind, more in cases.items():
        net = load(tmp_path, [sequences(2), recurrent(kind, "a", 1, 2, 2, **more)])
        found, _ = written(net, "net.json")
        assert (found.differences, found.failure, found.agrees) == ({"y": 0.0}, "", True)


def test_only_an_archive_is_run_as_a_whole(tmp_path: Path) -> None:
    """Of a file with a step the step is run, from states of its own, and of an archive that starts from zeros."""
    ones = np.ones((2, 1))
    states: dict[str, Any] = {"InitialCellState": ones, "CellState": {"Value": ones}}
    net = load(tmp_path, [sequences(2), recurrent("LSTM", "a", 1, 2, 2, **states)])
    found, _ = written(net, "net.py")
    assert {"y", "next_states", "dy_dstates"} <= set(found.differences)
    assert found.agrees
    found, _ = written(network(Layer(1, "tansig", {0: Weight([[0.5, 1.0]], delays=(0, 1))})), "net.json")
    assert set(found.differences) == {"y", "next_states"}
    assert found.agrees


@pytest.mark.parametrize(("finite", "family", "points"), [(False, False, 101), (True, False, 100), (False, True, 11)])
def test_one_point_is_unknown_unless_a_format_has_finite_numbers_only(finite: bool, family: bool, points: int) -> None:
    """A family of files is run at fewer points."""
    target: Any = SimpleNamespace(finite=finite, missing=lambda: "a program", runtime="something")
    found = exported._check(target, Recording(NET, "net", Options(family=family)), Path("net.c"))
    assert found == ExportCheck({}, 1e-12, points, "something", missing="a program")


def test_a_whole_series_is_one_job_without_what_is_unknown(tmp_path: Path) -> None:
    """Its difference counts by the width of each output."""
    net = load(tmp_path, [sequences(2), recurrent("BiLSTM", "a", 1, 2, 2)])
    x = np.array([[0.5, 0.25], [np.nan, 1.0], [-1.0, 0.75], [1.0, np.inf]])
    (job,), judge = exported._series(Recording(net, "net", Options()), Path("net.json"), x)
    y = net.run(x[[0, 2]]).outputs
    assert (job.function, job.shapes) == ("series", ((4,),))
    np.testing.assert_array_equal(job.arguments[0], x[[0, 2]])
    assert judge([[y]]) == {"y": 0.0}
    size = max(*np.abs(y[:, 1]), abs(float(y[0, 1] - y[1, 1])))
    other = np.array(y)
    other[1, 1] += 0.01
    assert judge([[other]]) == {"y": pytest.approx(0.01 / size, rel=1e-9)}


def test_a_family_of_files_takes_every_direction_with_every_output_seed() -> None:
    """Of two inputs and three outputs, three directions and two seeds."""
    net = Network(Structure((Input(2),), (Layer(3, "tansig", {0: Weight(np.ones((3, 2)))}),), (Output(0, 3),)))
    x, box = np.array([[0.5, -0.25]]), np.array([[-1.0, 1.0]] * 2)
    jobs, _ = exported._family(Recording(net, "net", Options(family=True)), Path("net.c"), x, box)
    assert {job.path.name: job.shapes for job in jobs} == {
        "net.c": ((3, 1),),
        "fwd_net.c": ((3, 3),),
        "adj_net.c": ((2, 2),),
        "fwd_adj_net.c": ((2, 6),),
        "fwd_fwd_net.c": ((3, 6),),
    }
