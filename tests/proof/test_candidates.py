"""Which matrices of a file fit a network, and which samples are looked at first."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from matnet.errors import UnsupportedError
from matnet.functions.namespace import FloatArray
from matnet.importers.stored import StoredArray
from matnet.model.structure import Input, Layer, Output, Structure, Weight
from matnet.network import Network
from matnet.proof import answers as answering
from matnet.proof import candidates
from matnet.proof.answers import InputData, Rounding, answers, leading
from matnet.proof.candidates import Candidates, Matrix, Series, nearest, oriented, search
from random_networks import process
from recurrent_networks import load, recurrent, sequences
from series_networks import only_feedback

RNG = np.random.default_rng(0)


def held(**arrays: FloatArray) -> Candidates:
    return Candidates(lambda: [StoredArray(name, value.shape, reading(value)) for name, value in arrays.items()])


def reading(value: FloatArray) -> Callable[..., FloatArray]:
    return lambda *_: value


def labels(found: list[Matrix]) -> list[tuple[str, tuple[int, ...]]]:
    return [(matrix.label, matrix.values.shape) for matrix in found]


def test_matrices_lie_as_matlab_has_them_or_across() -> None:
    wide, square, one = RNG.normal(size=(2, 5)), RNG.normal(size=(2, 2)), np.ones((1, 1))
    assert labels(oriented(Matrix("a", wide), 2)) == [("a", (5, 2))]
    assert labels(oriented(Matrix("a", wide), 5)) == [("a'", (2, 5))]
    assert labels(oriented(Matrix("a", wide), 3)) == []
    both = oriented(Matrix("a", square), 2)
    assert labels(both) == [("a", (2, 2)), ("a'", (2, 2))]
    np.testing.assert_array_equal(both[0].values, square.T)
    np.testing.assert_array_equal(both[1].values, square)
    assert labels(oriented(Matrix("a", one), 1)) == [("a", (1, 1))]
    assert [s.label for s in Series("c", (wide, wide[:, :3])).oriented(2)] == ["c"]
    assert [s.label for s in Series("c", (wide.T, wide.T[:3])).oriented(2)] == ["c'"]
    assert [s.label for s in Series("c", (square, square)).oriented(2)] == ["c", "c'"]
    assert [s.label for s in Series("c", (one, one)).oriented(1)] == ["c"]
    assert [s.label for s in Series("c", (one, np.ones((1, 2)))).oriented(1)] == ["c"]
    assert Series("c", (wide,)).oriented(2)[0].parts[0].shape == (5, 2)
    assert Series("c", (wide, wide.T)).oriented(2) == []


def test_one_sample_is_no_evidence_unless_it_is_asked_for() -> None:
    wide = RNG.normal(size=(2, 5))
    found = held(a=wide, b=wide.copy(), c=RNG.normal(size=(5, 2)), one=RNG.normal(size=(2, 1)), other=np.ones((3, 4)))
    assert labels(found.with_elements(2)) == [("a = b", (5, 2)), ("c'", (5, 2))]
    assert labels(found.with_elements(2, least=1)) == [("a = b", (5, 2)), ("c'", (5, 2)), ("one", (1, 2))]
    assert labels(found.of_shape(3, 4)) == [("other", (3, 4))]
    assert labels(found.of_shape(4, 3)) == []


@pytest.mark.parametrize(
    ("unknown", "rows"),
    [(range(0), [0, 10, 20]), ([0, 1], [2, 12, 22]), (range(2, 40), [0, 1, 2])],
)
def test_samples_that_tell_most_are_spread_and_known(unknown: range | list[int], rows: list[int]) -> None:
    x = np.zeros((40, 2))
    x[list(unknown), 1] = np.nan
    found = candidates._telling_rows(x)
    assert len(found) == 3
    assert found.tolist() == rows or (len(unknown) == 38 and found[0] == 0)
    assert candidates._telling_rows(np.zeros((7, 1))).tolist() == [0, 2, 4]
    assert candidates._telling_rows(np.zeros((2, 1))).tolist() == [0, 1]


def test_ranked_samples_reach_from_the_first_to_the_last() -> None:
    assert candidates._spread_rows(3).tolist() == [0, 1, 2]
    assert candidates._spread_rows(200).tolist() == list(range(200))
    rows = candidates._spread_rows(10_000)
    assert (len(rows), rows[0], rows[-1]) == (200, 0, 9999)


def plain(precision: str = "") -> Network:
    """y = 2 x, of which the range is known to be -1 to 1."""
    layer = Layer(1, "purelin", {0: Weight([[2.0]])})
    limits = np.array([[-1.0, 1.0]])
    return Network(Structure((Input(1, range=limits),), (layer,), (Output(0, 1, range=2.0 * limits),)))


@pytest.mark.parametrize(("share", "close"), [(0.9e-6, True), (1.1e-6, False)])
def test_pairs_are_close_within_a_millionth_of_both(share: float, close: bool) -> None:
    """Of 0.001 and the sum of both numbers."""
    net, x = plain(), np.array([[1.0], [0.5], [-0.25]])
    stored = 2.0 * x
    stored[1] += share * (0.001 + 1.0 + 1.0)
    for data in (x, np.r_[x, [[np.nan]]]):
        found = search(net, [InputData(data, "x")], [Matrix("y", stored if len(data) == 3 else np.r_[stored, [[9.0]]])])
        assert (found.tried, len(found.pairs), found.given_up) == (1, int(close), False)


def test_a_search_ends_where_too_many_pairs_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(candidates, "MOST_PAIRS", 4)
    x = np.array([[1.0], [0.5], [-0.25]])
    data = [InputData(k + x, f"x{k}") for k in range(3)]
    stored = [Matrix("y", 2.0 * x), Matrix("z", 3.0 * x)]
    found = search(plain(), data, stored)
    assert (found.tried, found.given_up, [pair.label for pair in found.pairs]) == (4, True, ["x0 -> y"])
    found = search(plain(), data[:2], stored)
    assert (found.tried, found.given_up) == (4, False)


def test_the_nearest_pair_is_that_within_the_ranges_with_the_smallest_rest() -> None:
    x = RNG.uniform(-1.0, 1.0, size=(20, 1))
    noise = RNG.normal(size=(20, 1))
    stored = [
        Matrix("far", 2.0 * x + 0.5 * noise),
        Matrix("near", 2.0 * x + 0.01 * noise),
        Matrix("beyond", 2.0 * x + 100.0),
        Matrix("short", np.round(2.0 * x, 2)),
    ]
    found = nearest(plain(), [InputData(x, "x"), InputData(50.0 * x, "wide")], stored, 2)
    assert [pair.label for pair in found] == ["x -> near", "x -> far"]
    np.testing.assert_array_equal(found[0].y, 2.0 * x)


@pytest.mark.parametrize(("beyond", "expected"), [(2, False), (3, True)])
def test_beyond_a_range_is_more_than_half(beyond: int, expected: bool) -> None:
    values = np.zeros((4, 2))
    values[:beyond, 1] = 30.0
    assert candidates._beyond(values, np.array([[-1.0, 1.0], [-1.0, 1.0]])) == expected
    assert not candidates._beyond(values, np.full((2, 2), np.nan))


def dynamic() -> Network:
    weights = {0: Weight([[0.5, -1.0]], delays=(0, 1))}
    layer = Layer(1, "tansig", weights, {0: Weight([[0.25]], delays=(1,))}, [0.1])
    return Network(Structure((Input(1),), (layer,), (Output(0, 1),)))


@pytest.mark.parametrize("most", [1, 7, 20_000])
def test_the_last_answers_of_series_of_several_lengths(most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answering, "_MOST_STEPS", most)
    net, lengths = dynamic(), np.array([3, 5, 3, 1, 5, 3, 3])
    x = np.where(np.arange(5) < lengths[:, None], RNG.normal(size=(7, 5)), 0.0)
    states = np.array([[0.5]]), np.array([[-0.25]])
    data = InputData(x, "x", *states, lengths)
    expected = [net.run(row[:length, None], *states).outputs[-1] for row, length in zip(x, lengths, strict=True)]
    np.testing.assert_allclose(answers(net, data), expected, rtol=1e-14)
    np.testing.assert_allclose(answers(net, data.some(np.array([6, 1]))), [expected[6], expected[1]], rtol=1e-14)
    assert data.size == "7 series"
    assert InputData(x).size == "7 samples"
    assert leading(net, data, 3) == 3
    assert leading(net, data, 30) == 7


def test_all_steps_are_needed_where_outputs_depend_on_later_ones(tmp_path: Path) -> None:
    """Of whole series each has an answer of its own."""
    both = load(tmp_path, [sequences(2), recurrent("BiLSTM", "a", 1, 2, 2, last=True)])
    x = np.zeros((7, 2))
    whole = InputData(x, lengths=np.ones(7, dtype=np.intp))
    assert (leading(both, InputData(x), 3), leading(both, whole, 3)) == (7, 3)
    assert (leading(dynamic(), InputData(x[:, :1]), 3), leading(dynamic(), InputData(x[:, :1]), 9)) == (3, 7)


def test_the_effect_of_rounding_grows_with_inputs_and_weights() -> None:
    """Both are moved by 2^-50 of their size."""
    x = np.array([[1.0], [0.5], [0.0], [np.nan]])
    moved = Rounding(plain()).moved(InputData(x), np.asarray(plain()(x)))
    np.testing.assert_allclose(moved[:, 0], [4.0 * 2.0**-50, 2.0 * 2.0**-50, 0.0, 0.0], rtol=1e-9)
    scaled = InputData(x, "x", x[:1], 2.0 * x[:1]).scaled(3.0)
    assert (scaled.x[0, 0], scaled.states()["input_states"][0, 0], scaled.states()["layer_states"][0, 0]) == (3, 3, 6)


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_rounding_goes_either_way(sign: float) -> None:
    """poslin of w x + b = 0: b moves away from w and x, and one of the two ways leads to 0."""
    layer = Layer(1, "poslin", {0: Weight([[sign]])}, bias=[-sign])
    net = Network(Structure((Input(1),), (layer,), (Output(0, 1),)))
    moved = Rounding(net).moved(InputData(np.ones((1, 1))), np.zeros((1, 1)))
    np.testing.assert_allclose(moved, [[2.0**-50]], rtol=0.3)


def test_how_much_two_machines_may_differ() -> None:
    """Least for a static network, most where MATLAB computes in single precision."""
    net = plain()
    for one, stored_as, precision, base in (
        (net, "network object", "", 2e-14),
        (dynamic(), "network object", "", 1e-11),
        (dynamic(), "genFunction file", "", 1e-11),
        (net, "genFunction file", "", 1e-13),
        (net, "network object", "single", 2e-6),
        (dynamic(), "genFunction file", "single", 2e-6),
    ):
        told = replace(one.provenance, stored_as=stored_as, precision=precision)
        assert Rounding(Network(one.structure, told)).base == base


def test_the_copies_have_weights_of_other_last_digits_by_turns() -> None:
    layer = Layer(1, "purelin", {0: Weight([[2.0, -8.0]])}, bias=[4.0])
    net = Network(Structure((Input(2),), (layer,), (Output(0, 1),)))
    unit = 2.0**-50
    shares = [(copy.parameters / net.parameters - 1.0).tolist() for copy in Rounding(net)._copies]
    assert shares == [[unit, -unit, unit], [-unit, unit, -unit]]


def test_settings_of_a_function_file_are_moved_by_fifteen_digits() -> None:
    scaling = process("mapminmax", xmin=[-1.0], xmax=[3.0], ymin=-1.0, ymax=1.0, xrows=1, yrows=1)
    layer = Layer(1, "purelin", {0: Weight([[1.0]])})
    net = Network(Structure((Input(1, (scaling,)),), (layer,), (Output(0, 1),)))
    other = answering._with_other_settings(net, 0.25)
    gain, offset = 0.5, -1.0
    x = np.array([[0.0], [2.0]])
    expected = (x - 1.25 * offset) * 1.25 * gain - 1.0
    np.testing.assert_allclose(other(x), expected, rtol=1e-15)


def test_changes_that_must_show() -> None:
    """By one percent, together and by turns; a zero by one percent of the largest."""
    layer = Layer(2, "purelin", {0: Weight([[2.0, 0.0], [-4.0, 1.0]])}, bias=[0.0, 0.0])
    net = Network(Structure((Input(2),), (layer,), (Output(0, 2),)))
    changes = {}
    for block in answering.parameter_blocks(net):
        moved = [theta - net.parameters for theta in answering._changes(net, block)]
        changes[block.name] = [by[block.numbers].round(12).tolist() for by in moved]
        assert all(np.count_nonzero(by) == block.rows * block.columns for by in moved)
    assert changes == {
        "b{1}": [[0.01, 0.01], [0.01, -0.01], [-0.01, 0.01]],
        "IW{1,1}": [[0.02, -0.04, 0.04, 0.01], [0.02, 0.04, 0.04, -0.01], [-0.02, -0.04, -0.04, 0.01]],
    }
    small = net.with_parameters(np.array([0.25, 0.0, 1.0, 1.0, 1.0, 1.0]))
    theta = next(answering._changes(small, answering.parameter_blocks(small)[0]))
    assert (theta - small.parameters)[:2].round(12).tolist() == [0.0025, 0.0025]


def test_pairs_are_ranked_by_digits_then_by_ranges_then_by_what_is_explained() -> None:
    """Of both inputs and outputs that lie beyond their ranges, the pair comes last."""
    x, noise = RNG.uniform(-1.0, 1.0, size=(20, 1)), RNG.normal(size=(20, 1))
    stored = [
        Matrix("short", np.round(2.0 * x, 2)),
        Matrix("beyond", 2.0 * x + 100.0),
        Matrix("far", 2.0 * x + 0.5 * noise),
        Matrix("near", 2.0 * x + 0.01 * noise),
    ]
    data = [InputData(50.0 * x, "wide"), InputData(x, "x")]
    found = [pair.label for pair in nearest(plain(), data, stored, 8)]
    assert found[:2] == ["x -> near", "x -> far"]
    assert set(found[2:5]) == {"x -> beyond", "wide -> far", "wide -> near"}
    assert found[5:] == ["wide -> beyond", "x -> short", "wide -> short"]
    # series with one answer each have no range of their own
    lengths = np.full(20, 1)
    both = [InputData(50.0 * x, "series", lengths=lengths), InputData(60.0 * x, "samples")]
    assert nearest(plain(), both, stored[3:], 2)[0].label == "series -> near"


@pytest.mark.parametrize(("count", "found"), [(200, True), (201, False)])
def test_only_the_first_inputs_are_ranked(count: int, found: bool) -> None:
    x = RNG.uniform(-1.0, 1.0, size=(5, 1))
    data = [InputData(x + k, f"x{k}") for k in range(count - 1, -1, -1)]
    best = nearest(plain(), data, [Matrix("y", 2.0 * x + 1e-9)], 1)
    assert (best[0].label == "x0 -> y") == found


@pytest.mark.parametrize(("count", "found"), [(20, True), (21, False)])
def test_fewer_series_are_ranked(count: int, found: bool) -> None:
    x = RNG.uniform(-1.0, 1.0, size=(5, 1))
    data = [InputData(x + 0.1 * k, f"x{k}") for k in range(count - 1, -1, -1)]
    best = nearest(dynamic(), data, [Matrix("y", answers(dynamic(), data[-1]) + 1e-9)], 1)
    assert (best[0].label == "x0 -> y") == found


@pytest.mark.parametrize(("apart", "close"), [(7.5e-6, True), (-7.5e-6, True), (9.5e-6, False)])
def test_in_single_precision_a_millionth_of_the_range_counts_too(apart: float, close: bool) -> None:
    """2e-6 of the range of 4, and a millionth of the 0.501 that both numbers have in sum with 0.001."""
    x = np.array([[1.0], [0.125], [-0.25]])
    stored = 2.0 * x
    stored[1] += apart
    net = plain()
    single = Network(net.structure, replace(net.provenance, precision="single"))
    for one, expected in ((single, close), (net, False)):
        assert bool(search(one, [InputData(x, "x")], [Matrix("y", stored)]).pairs) == expected


def test_what_is_unknown_or_the_inputs_themselves_is_not_compared() -> None:
    x = RNG.uniform(-1.0, 1.0, size=(6, 1))
    unknown = np.full((6, 1), np.nan)
    layer = Layer(1, "purelin", {0: Weight([[1.0]])})
    same = Network(Structure((Input(1),), (layer,), (Output(0, 1),)))
    partly = np.where(np.arange(6)[:, None] < 5, np.nan, x)
    stored = [Matrix("x", np.array(x)), Matrix("nan", unknown), Matrix("partly", partly), Matrix("turned", x[::-1])]
    data = [InputData(x, "x"), InputData(unknown, "nan"), InputData(partly, "partly")]
    found = search(same, data, stored)
    assert ([pair.label for pair in found.pairs], found.tried) == (["x -> partly", "partly -> x"], 4)


def test_images_and_matrices_of_any_kind_are_listed_once() -> None:
    """Complex numbers and the like are passed over; cubes are no matrices."""
    reads = []

    def read(*image: object) -> FloatArray:
        reads.append(image)
        return np.ones((2, 5))

    def refuse(*_: object) -> FloatArray:
        raise UnsupportedError("complex")

    arrays = [
        StoredArray("a", (2, 5), read),
        StoredArray("z", (2, 5), refuse),
        StoredArray("cube", (2, 5, 3), read),
        StoredArray("square", (2, 2), lambda *_: np.eye(2)),
    ]
    found = Candidates(lambda: arrays)
    assert labels(found.with_elements(2)) == [("a", (5, 2)), ("square = square'", (2, 2))]
    assert labels(found.of_shape(2, 5)) == [("a", (2, 5))]
    assert labels(found.with_elements(2, least=5)) == [("a", (5, 2))]
    assert labels(found.with_elements(2, least=6)) == []
    assert len(reads) == 1


@pytest.mark.parametrize(("value", "expected"), [(1.19, False), (1.21, True), (-1.19, False), (-1.21, True)])
def test_a_tenth_of_its_width_belongs_to_a_range(value: float, expected: bool) -> None:
    assert candidates._beyond(np.full((3, 1), value), np.array([[-1.0, 1.0]])) == expected


def test_images_are_samples_in_rows() -> None:
    """Those that cannot be read are passed over."""

    def refuse(*_: object) -> FloatArray:
        raise UnsupportedError("complex")

    pixels = np.arange(12.0).reshape(4, 3)
    arrays = [StoredArray("z", (2, 2, 1, 3), refuse), StoredArray("a", (2, 2, 1, 3), reading(pixels))]
    (found,) = Candidates(lambda: arrays).images((2, 2, 1))
    assert found.label == "a"
    np.testing.assert_array_equal(found.values, pixels.T)


def test_a_network_without_inputs_gives_as_many_answers_as_there_are_steps() -> None:
    assert answers(only_feedback(), InputData(np.zeros((5, 0)))).shape == (5, 2)
