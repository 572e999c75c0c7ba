"""Check points: which are stored, and what counts as another answer."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from matnet.model.checks import Checks, answers, checking_bytes, deviations, differing, make_checks
from matnet.model.points import input_box, points_in
from matnet.model.structure import Input, Layer, Output, Structure, Weight

NAN, INF = np.nan, np.inf


def structure(inputs: int = 2, outputs: int = 2, delays: tuple[int, ...] = (0,), last: bool = False) -> Structure:
    """Ranges of the widths 4 and 1 for two inputs, 10 and an unknown one for two outputs."""
    weight = Weight(np.ones((outputs, inputs * len(delays))), delays=delays)
    layers = [Layer(outputs, "purelin", {0: weight})]
    if last:
        layers.append(Layer(outputs, "purelin", {}, {0: Weight(np.ones((outputs, outputs)), last=True)}))
    seen = np.array([[-2.0, 2.0], [0.0, 1.0]]) if inputs == 2 else None
    told = np.array([[15.0, 5.0], [NAN, NAN]]) if outputs == 2 else None
    return Structure((Input(inputs, range=seen),), tuple(layers), (Output(len(layers) - 1, outputs, range=told),))


class Fake:
    """Outputs that are the sum of the inputs, and differ by `moved` at the points of these numbers."""

    def __init__(self, structure: Structure, moved: dict[int, float] | None = None) -> None:
        self.structure = structure
        self.moved = {} if moved is None else moved
        self.asked: list[Any] = []

    def value_and_jacobian(self, x: Any) -> Any:
        self.asked.append(x)
        y = np.repeat(x.sum(axis=1, keepdims=True), self.structure.output_size, axis=1)
        for place, amount in self.moved.items():
            if place < len(y):
                y[place] += amount
        return y, np.ones((len(x), self.structure.output_size, self.structure.input_size))

    def run(self, x: Any = None, *, steps: int | None = None) -> Any:
        self.outputs = self.value_and_jacobian(np.zeros((steps or 0, 1)) if x is None else x)[0]
        return self

    def run_jacobian(self, x: Any, lags: int) -> Any:
        return np.full((len(x), lags + 1, self.structure.output_size, self.structure.input_size), 2.0)


def test_deviations_are_relative_to_the_range() -> None:
    """Outputs to 10, and to 0.5, the largest that is stored; derivatives times the inputs' widths to the largest, 8."""
    jacobian = [[2.0, 3.0], [0.5, -1.0]]
    stored = Checks(np.zeros((2, 2)), np.array([[2.0, -0.5], [NAN, INF]]), np.array([jacobian, jacobian]))
    found = Checks(np.zeros((2, 2)), np.array([[2.5, -0.5], [NAN, INF]]), np.array([jacobian, jacobian]))
    by_output, by_jacobian = deviations(structure(), stored, found)
    assert by_output.tolist() == pytest.approx([0.05, 0.0])
    assert by_jacobian.tolist() == [0.0, 0.0]
    found.outputs[0] = [2.0, -0.4]
    found.jacobians[0, 0] = [2.0, 3.4]
    found.jacobians[1, 1] = [0.25, -1.0]
    by_output, by_jacobian = deviations(structure(), stored, found)
    assert by_output.tolist() == pytest.approx([0.2, 0.0])
    assert by_jacobian.tolist() == pytest.approx([0.05, 0.5])
    for wrong in (0.0, NAN, -INF):
        found.outputs[1, 1] = wrong
        assert deviations(structure(), stored, found)[0][1] == INF


def test_the_first_point_that_differs() -> None:
    net = Fake(structure())
    x = points_in(input_box(net.structure), 4)
    stored = answers(net, x)
    assert differing(net, stored) is None
    assert differing(Fake(net.structure, {2: 2.9e-12}), stored) is None
    turned = Checks(x, stored.outputs, stored.jacobians.copy())
    turned.jacobians[1, 0, 1] = 3.0
    largest = np.abs(stored.outputs[:, 1]).max()
    for other, given, expected, by in (
        (Fake(net.structure, {3: 1.0, 2: 1e-10}), stored, (2, "outputs"), 1e-10 / largest),
        (net, turned, (1, "jacobians"), 0.5),
    ):
        found = differing(other, given)
        assert found is not None
        assert found[:2] == expected
        assert found[2] == pytest.approx(by, rel=1e-4)


def test_only_points_that_rounding_leaves_alone_are_stored() -> None:
    net = Fake(structure())
    changes: list[float] = []

    def perturbed(change: float) -> Fake:
        changes.append(change)
        return others[len(changes) - 1]

    others = [Fake(net.structure, {0: 1e-6, 4: 1e-6}), Fake(net.structure, {1: 1e-6})]
    checks = make_checks(net, perturbed)
    points = points_in(input_box(net.structure), 24)
    assert checks.inputs.tolist() == points[[2, 3, 5, 6, 7]].tolist()
    assert changes == [2.0**-50, -(2.0**-50)]
    for change, other in zip(changes, others, strict=True):
        np.testing.assert_allclose(other.asked[0] - points, change * points, rtol=0.3, atol=1e-300)
    assert len(make_checks(net, lambda _: Fake(net.structure, dict.fromkeys(range(20), 1e-6)))) == 4
    assert len(make_checks(net, lambda _: Fake(net.structure, dict.fromkeys(range(24), 1e-6)))) == 0


def test_what_a_check_point_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    """3 neurons with slopes for 3 outputs and 3 remembered neurons and a value, six times; 2 steps of 2 inputs and 1 of
    3 neurons; no tables."""
    weights = {0: Weight(np.ones((3, 4)), delays=(0, 2))}
    layer = Layer(3, "tansig", weights, {0: Weight(np.ones((3, 3)), delays=(1,))})
    net = Structure((Input(2),), (layer,), (Output(0, 3),))
    assert checking_bytes(net) == 8 * (6 * 21 + 7) == 1064
    half = Layer(1, "tansig", {0: Weight(np.ones((1, 2)), delays=(0,))})
    assert checking_bytes(Structure((Input(2),), (half,), (Output(0, 1),))) == 8 * 6 * 2
    monkeypatch.setattr("matnet.model.checks.DEFAULT_LIMIT", 2 * 1064)
    assert len(make_checks(Fake(net), lambda _: Fake(net))) == 7
    monkeypatch.setattr("matnet.model.checks.DEFAULT_LIMIT", 2 * 1064 - 1)
    assert len(make_checks(Fake(net), lambda _: Fake(net))) == 0


@pytest.mark.parametrize(("inputs", "outputs", "count"), [(200, 100, 5), (300, 111, 3), (400, 400, 1), (20, 1, 5)])
def test_wide_networks_have_fewer_points(inputs: int, outputs: int, count: int) -> None:
    wide = structure(inputs, outputs)
    assert len(make_checks(Fake(wide), lambda _: Fake(wide))) == count


def test_a_series_ends_before_the_first_step_that_rounding_moves() -> None:
    delayed = structure(delays=(0, 2))
    net = Fake(delayed)
    whole = make_checks(net, lambda _: Fake(delayed))
    assert whole.inputs.tolist() == points_in(input_box(delayed), 7).tolist()
    assert (whole.jacobians == 2.0).all()
    for step in (0, 3, 6):
        part = make_checks(net, lambda _, step=step: Fake(delayed, {step: 1e-6}))  # type: ignore[misc]
        assert part.inputs.tolist() == whole.inputs[:step].tolist()
    ahead = structure(last=True)
    assert len(make_checks(Fake(ahead), lambda _: Fake(ahead))) == 5
    assert len(make_checks(Fake(ahead), lambda _: Fake(ahead, {4: 1e-6}))) == 0


def test_networks_without_inputs_run_for_a_number_of_steps() -> None:
    weights = {0: Weight([[0.5]], delays=(1,))}
    alone = Structure((), (Layer(1, "tansig", {}, weights, [0.1]),), (Output(0, 1),))
    found = answers(Fake(alone), np.zeros((3, 0)))
    assert (found.outputs.shape, found.jacobians.shape) == ((3, 1), (3, 1, 0))
    nothing = answers(Fake(structure()), np.zeros((0, 2)))
    assert (nothing.outputs.shape, nothing.jacobians.shape) == ((0, 2), (0, 2, 2))
