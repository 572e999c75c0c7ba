"""Processing rows: settings of every toolbox version, both maps and their derivatives, NaN, and what is refused."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from matnet.errors import ModelError
from matnet.functions.processing import PROCESSING, Map
from processing_settings import LATER, ROTATION, SETTINGS

Real = NDArray[np.float64]

NAN = float("nan")
SUPPORT = "tests/support/processing_settings.py"

CASES = [
    pytest.param(name, raw, id=f"{name}-{number}") for name, many in SETTINGS.items() for number, raw in enumerate(many)
]


def maps(name: str, raw: Mapping[str, Any]) -> tuple[Map, Map, int, int]:
    row = PROCESSING[name]
    settings = row.settings(raw)
    return row.apply(settings), row.reverse(settings), row.raw_size(settings), row.processed_size(settings)


def test_every_row_has_settings_here() -> None:
    missing, gone = sorted(set(PROCESSING) - set(SETTINGS)), sorted(set(SETTINGS) - set(PROCESSING))
    assert not missing, f"add settings for three raw rows of {missing} to SETTINGS in {SUPPORT}"
    assert not gone, f"remove {gone} from SETTINGS in {SUPPORT}"


@pytest.mark.parametrize("name", sorted(PROCESSING))
def test_a_row_is_of_the_class_network_unless_the_second_copy_says_otherwise(name: str) -> None:
    assert PROCESSING[name].shallow == (name not in LATER), (
        f"{name} is either a function of the class network (shallow in its row) or stands in LATER in {SUPPORT}"
    )


def apply(name: str, case: int, x: Any) -> list[Any]:
    found: list[Any] = maps(name, SETTINGS[name][case])[0].value(np.asarray(x, dtype=float)).tolist()
    return found


def reverse(name: str, case: int, y: Any) -> list[Any]:
    found: list[Any] = maps(name, SETTINGS[name][case])[1].value(np.asarray(y, dtype=float)).tolist()
    return found


def test_mapminmax_by_hand() -> None:
    assert apply("mapminmax", 0, [2.5, 3.0, 2.75]) == [-0.5, 0.5, 2.75]  # the last row has no range: left alone
    assert apply("mapminmax", 1, [2.5, 1.0, 3.0]) == [0.125, 0.25, 0.25]
    assert apply("mapminmax", 2, [3.0, 2.5, 3.25]) == [0.0, -2.0, 0.0]
    assert apply("mapminmax", 3, [3.0, 2.5, 3.25]) == [3.0, 2.5, 3.25]
    assert reverse("mapminmax", 0, [-0.5, 0.5, 2.75]) == [2.5, 3.0, 2.75]


def test_mapminmax_does_not_clip() -> None:
    assert apply("mapminmax", 0, [20.0, -11.0, 0.0]) == [3.0, -3.0, 0.0]


def test_mapminmax_subtracts_before_it_multiplies() -> None:
    """x·gain − xoffset·gain would lose the digits of a small range far from 0."""
    forward, *_ = maps("mapminmax", {"xmin": [1e9], "xmax": [1e9 + 3.0], "ymin": -1, "ymax": 1})
    assert forward.value(np.array([1e9 + 1.5])).tolist() == [0.0]


def test_mapstd_by_hand() -> None:
    assert apply("mapstd", 0, [3.0, 17.0, 4.0]) == [1.0, 17.0, -2.0]  # the second row has no spread: left alone
    assert apply("mapstd", 1, [3.0, 2.5, 3.25]) == [1.25, -0.75, 1.25]
    assert apply("mapstd", 2, [3.0, 17.0, 5.5]) == [0.35 * 2.0 + 0.25, 17.0, 7.000000000000001 * 0.5 + 0.25]
    assert reverse("mapstd", 0, [1.0, 17.0, -2.0]) == [3.0, 17.0, 4.0]


def test_a_stored_gain_is_taken_to_its_last_digit() -> None:
    """It may differ by rounding from that of the limits, and is what MATLAB computes with."""
    upper = np.nextafter(0.1, 1.0)
    minmax = {"xmin": [3.0], "xmax": [23.0], "ymin": -1, "ymax": 1, "gain": [upper], "xoffset": [3.0]}
    spread = {"xmean": [3.0], "xstd": [10.0], "ymean": 0, "ystd": 1, "gain": [upper], "xoffset": [3.0]}
    for name, raw in (("mapminmax", minmax), ("mapstd", spread)):
        settings = PROCESSING[name].settings(raw)
        assert settings["gain"].tolist() == [upper]
        assert settings["xoffset"].tolist() == [3.0]


@pytest.mark.parametrize(("low", "high"), [(2.0, 2.0), (-np.inf, 1.0), (0.0, np.inf), (NAN, 1.0)])
def test_a_row_without_a_range_is_left_alone_with_and_without_stored_numbers(low: float, high: float) -> None:
    limits = {"xmin": [low, 0.0], "xmax": [high, 4.0], "ymin": -1, "ymax": 1}
    stored = {**limits, "gain": [1.0, 0.5], "xoffset": [-1.0, 0.0]}
    for raw in (limits, stored):
        forward, backward, *_ = maps("mapminmax", raw)
        assert forward.value(np.array([7.25, 3.0])).tolist() == [7.25, 0.5]
        assert backward.value(np.array([7.25, 0.5])).tolist() == [7.25, 3.0]


def test_a_row_with_a_range_that_matlab_left_alone_stays_so() -> None:
    """A constant to within rounding has limits that differ, and the stored gain 1 and offset ymin of a constant."""
    raw = {"xmin": [2.0], "xmax": [2.0 + 1e-15], "ymin": -1, "ymax": 1, "gain": [1.0], "xoffset": [-1.0]}
    forward, backward, *_ = maps("mapminmax", raw)
    assert forward.value(np.array([7.25])).tolist() == [7.25]
    assert backward.value(np.array([7.25])).tolist() == [7.25]


@pytest.mark.parametrize(("mean", "spread"), [(2.0, 0.0), (NAN, 1.0), (2.0, NAN), (2.0, np.inf)])
def test_a_row_without_a_spread_is_left_alone(mean: float, spread: float) -> None:
    forward, *_ = maps("mapstd", {"xmean": [mean, 1.0], "xstd": [spread, 2.0], "ymean": 0.25, "ystd": 1.0})
    assert forward.value(np.array([7.25, 4.0])).tolist() == [7.25, 1.75]


def test_removed_rows_by_hand() -> None:
    for case in (0, 1):
        assert apply("removeconstantrows", case, [1.0, 99.0, 3.0]) == [1.0, 3.0]
        assert reverse("removeconstantrows", case, [1.0, 3.0]) == [1.0, 7.5, 3.0]
    assert apply("removerows", 0, [1.0, 99.0, 3.0]) == [3.0, 1.0]
    back = reverse("removerows", 0, [3.0, 1.0])
    np.testing.assert_array_equal(back, [1.0, NAN, 3.0])


def test_fixunknowns_by_hand() -> None:
    assert apply("fixunknowns", 0, [1.0, 2.0, 3.0]) == [1.0, 2.0, 1.0, 3.0]
    assert apply("fixunknowns", 0, [1.0, NAN, 3.0]) == [1.0, 4.5, 0.0, 3.0]
    assert apply("fixunknowns", 1, [NAN, 2.0, NAN]) == [1.5, 0.0, 2.0, -2.5, 0.0]
    np.testing.assert_array_equal(apply("fixunknowns", 0, [NAN, 2.0, 3.0]), [NAN, 2.0, 1.0, 3.0])
    np.testing.assert_array_equal(reverse("fixunknowns", 0, [1.0, 2.0, 0.0, 3.0]), [1.0, NAN, 3.0])
    np.testing.assert_array_equal(reverse("fixunknowns", 0, [1.0, 2.0, 1.0, 3.0]), [1.0, 2.0, 3.0])
    # a value of 0 is no flag
    np.testing.assert_array_equal(reverse("fixunknowns", 0, [0.0, 0.0, 1.0, 0.0]), [0.0, 0.0, 0.0])


def test_normalizations_of_input_layers_by_hand() -> None:
    assert apply("standardize", 0, [2.0, -1.75, 4.0]) == [0.5, 2.5, -2.0]
    assert reverse("standardize", 0, [0.5, 2.5, -2.0]) == [2.0, -1.75, 4.0]
    assert apply("zerocenter", 0, [2.0, -1.75, 4.0]) == [1.0, 0.25, -1.0]
    assert reverse("zerocenter", 0, [1.0, 0.25, -1.0]) == [2.0, -1.75, 4.0]
    assert apply("rescale", 0, [2.5, 3.0, 2.5]) == [0.25, 0.75, 0.25]
    assert reverse("rescale", 0, [0.25, 0.75, 0.25]) == [2.5, 3.0, 2.5]
    assert apply("rescale", 1, [0.4, 0.2, 2.0]) == pytest.approx([0.0, 0.0, 0.25], abs=1e-15)


def test_limits_of_raw_rows_by_hand() -> None:
    """Those that settings tell, else those of the processed rows, mapped back; a falling map turns them round."""
    unit = np.array([[-1.0, 1.0], [0.0, 0.5], [-2.0, 2.0]])

    def limits(name: str, case: int, processed: Real = unit) -> Any:
        row = PROCESSING[name]
        return row.raw_limits(row.settings(SETTINGS[name][case]), processed)

    # the third row has no range: its limits are the processed ones
    np.testing.assert_array_equal(limits("mapminmax", 0), [[0, 10], [-3, 5], [-2, 2]])
    # ymin is 0, so ymax is not known: (y - ymin) / gain + xoffset
    np.testing.assert_array_equal(limits("mapminmax", 1), [[-20, 20], [-3, 5], [-6, 10]])
    np.testing.assert_array_equal(limits("mapminmax", 2), [[1, 5], [1, 2], [3, 3.5]])
    np.testing.assert_array_equal(limits("mapminmax", 3), unit)
    np.testing.assert_array_equal(limits("mapstd", 1), [[-1.5, 2.5], [1.875, 2.125], [2.4375, 3.4375]])
    np.testing.assert_array_equal(limits("removerows", 0, unit[:2]), [[0, 0.5], [NAN, NAN], [-1, 1]])
    np.testing.assert_array_equal(limits("removeconstantrows", 0, unit[:2]), [[-1, 1], [7.5, 7.5], [0, 0.5]])
    four = np.array([[0.0, 1.0], [2.0, 3.0], [0.0, 1.0], [4.0, 5.0]])
    np.testing.assert_array_equal(limits("fixunknowns", 0, four), [[0, 1], [2, 3], [4, 5]])
    np.testing.assert_array_equal(limits("processpca", 0, unit[:2]), np.full((3, 2), NAN))
    np.testing.assert_array_equal(limits("lvqoutputs", 0), unit)
    np.testing.assert_array_equal(limits("standardize", 0), [[-1, 3], [-2, -1.95], [4, 6]])
    np.testing.assert_array_equal(limits("zerocenter", 0), [[0, 2], [-2, -1.5], [3, 7]])
    np.testing.assert_array_equal(limits("rescale", 0), [[0, 10], [-3, 5], [2, 4]])


def test_a_removal_that_does_not_say_how_many_rows_there_are() -> None:
    """genFunction writes keep alone for inputs, or keep and remove."""
    for raw, rows in (({"keep": [1, 2]}, 2), ({"keep": [1, 3], "remove": [2]}, 3)):
        assert maps("removeconstantrows", raw)[2:] == (rows, 2)


def test_rows_that_are_removed_and_not_listed_have_a_limit() -> None:
    row = PROCESSING["removerows"]
    assert row.settings({"keep": [1], "xrows": 2**20 + 1})["remove"].size == 2**20
    with pytest.raises(ModelError) as caught:
        row.settings({"keep": [1], "xrows": 2**20 + 2})
    assert str(caught.value) == "the setting xrows is 1048578, but keep and remove list 1 row"


def test_fixunknowns_derivative_by_hand() -> None:
    """1 on the value row and 0 on the flag where x is known; 0 on both where it is not."""
    forward, *_ = maps("fixunknowns", SETTINGS["fixunknowns"][0])
    eye = np.eye(3)
    known, unknown = np.array([1.0, 2.0, 3.0]), np.array([1.0, NAN, 3.0])
    assert forward.tangent(known, eye).T.tolist() == [[1, 0, 0], [0, 1, 0], [0, 0, 0], [0, 0, 1]]
    assert forward.tangent(unknown, eye).T.tolist() == [[1, 0, 0], [0, 0, 0], [0, 0, 0], [0, 0, 1]]


def test_processpca_by_hand() -> None:
    np.testing.assert_allclose(apply("processpca", 0, [1.0, 2.0, 3.0]), [2.2, 0.4], rtol=1e-15)
    for case in (0, 1):
        np.testing.assert_allclose(reverse("processpca", case, [1.0, 2.0]), [-1.0, 2.0, 0.0], atol=1e-15)
    assert reverse("processpca", 2, [1.0, 10.0]) == [21.0, 43.0, 65.0]


@pytest.mark.parametrize(("name", "raw"), CASES)
def test_a_row_that_loses_nothing_is_undone_by_its_reverse(name: str, raw: Mapping[str, Any]) -> None:
    forward, backward, raw_size, processed_size = maps(name, raw)
    assert raw_size == 3
    x = np.array([[0.25, 7.5, 3.5], [1.0, 7.5, -2.0]])
    y = forward.value(x)
    assert y.shape == (2, processed_size)
    if name != "processpca" and name != "removerows":
        np.testing.assert_allclose(backward.value(y), x, rtol=1e-15, atol=1e-15)


@pytest.mark.parametrize(("name", "raw"), CASES)
@pytest.mark.parametrize("direction", ["apply", "reverse"])
def test_derivatives_are_those_of_the_value(name: str, raw: Mapping[str, Any], direction: str) -> None:
    """Piecewise affine maps: a difference is exact but for rounding. NaN derivatives only where the value is NaN."""
    forward, backward, raw_size, processed_size = maps(name, raw)
    chosen, rows_in, rows_out = (
        (forward, raw_size, processed_size) if direction == "apply" else (backward, processed_size, raw_size)
    )
    rng = np.random.default_rng(2)
    x = rng.normal(size=(4, rows_in))
    v, u = rng.normal(size=(4, 2, rows_in)), rng.normal(size=(4, 3, rows_out))
    forwards, backwards = chosen.tangent(x, v), chosen.cotangent(x, u)
    assert (forwards.shape, backwards.shape) == ((4, 2, rows_out), (4, 3, rows_in))
    h = 2.0**-10
    for k in range(2):
        difference = (chosen.value(x + h * v[:, k]) - chosen.value(x - h * v[:, k])) / (2 * h)
        np.testing.assert_allclose(forwards[:, k], difference, rtol=0.0, atol=1e-11)
    if np.isnan(forwards).any():
        assert np.isnan(backwards).all()
        return
    np.testing.assert_allclose(
        np.einsum("qai,qbi->qab", u, forwards), np.einsum("qaj,qbj->qab", backwards, v), rtol=0.0, atol=1e-13
    )


def test_a_cotangent_that_looks_at_an_unknown_row_is_nan_and_another_is_not() -> None:
    _, removed, *_ = maps("removerows", SETTINGS["removerows"][0])
    np.testing.assert_array_equal(removed.cotangent(np.zeros(2), np.eye(3)), [[0.0, 1.0], [NAN, NAN], [1.0, 0.0]])
    _, unknowns, *_ = maps("fixunknowns", SETTINGS["fixunknowns"][0])
    back = unknowns.cotangent(np.array([1.0, 2.0, 0.0, 3.0]), np.eye(3))
    np.testing.assert_array_equal(back, [[1, 0, 0, 0], [NAN, NAN, NAN, NAN], [0, 0, 0, 1]])


@pytest.mark.parametrize(("name", "raw"), CASES)
@pytest.mark.parametrize("batch", [(), (0,), (2, 3)])
def test_every_batch_shape(name: str, raw: Mapping[str, Any], batch: tuple[int, ...]) -> None:
    forward, backward, raw_size, processed_size = maps(name, raw)
    for chosen, rows_in, rows_out in ((forward, raw_size, processed_size), (backward, processed_size, raw_size)):
        x = np.zeros((*batch, rows_in))
        assert chosen.value(x).shape == (*batch, rows_out)
        assert chosen.tangent(x, np.ones((*batch, 2, rows_in))).shape == (*batch, 2, rows_out)
        assert chosen.cotangent(x, np.ones((*batch, 2, rows_out))).shape == (*batch, 2, rows_in)


def test_integers_of_a_file_are_taken_as_doubles() -> None:
    """v5 files store integer-valued doubles as uint8: 5 − 10 must not wrap."""
    raw = {"xmin": np.array([10], np.uint8), "xmax": np.array([14], np.uint8), "ymin": np.int8(-1), "ymax": np.uint8(1)}
    forward, *_ = maps("mapminmax", raw)
    assert forward.value(np.array([5.0])).tolist() == [-3.5]


def without(raw: Mapping[str, Any], key: str) -> dict[str, Any]:
    return {name: value for name, value in raw.items() if name != key}


MINMAX, REMOVED, UNKNOWNS = SETTINGS["mapminmax"][1], SETTINGS["removeconstantrows"][0], SETTINGS["fixunknowns"][0]

REFUSED: list[tuple[str, Mapping[str, Any], str]] = [
    ("mapminmax", {}, "mapminmax has no settings; a network is saved with them once it is configured"),
    (
        "mapminmax",
        without(MINMAX, "xmax"),
        "the setting xmax is missing; found gain, no_change, xmin, xoffset, xrange, xrows, ymax, ymin, yrange, yrows",
    ),
    ("mapminmax", {**MINMAX, "xmax": [1.0, 2.0]}, "the setting xmax has 2 numbers for 3 rows"),
    ("mapminmax", {**MINMAX, "xrows": 4}, "the setting xrows is 4, but the other settings are for 3 rows"),
    ("mapminmax", {**MINMAX, "xmin": "low"}, "the setting xmin is not numeric (it is of type <U3)"),
    ("mapminmax", {**MINMAX, "xrows": 2.5}, "the setting xrows is not a count: [2.5]"),
    (
        "mapminmax",
        {**MINMAX, "gain": [0.05, 0.0625, 0.3]},
        "row 3: the stored gain 0.29999999999999999 and xoffset 2 contradict xmin, xmax, ymin and ymax, "
        "which give 0.25 and 2",
    ),
    ("mapminmax", {**without(MINMAX, "gain"), "ymax": 0.0}, "a gain or offset of mapminmax is zero or not finite"),
    (
        "mapminmax",
        {"xmin": [0.0], "xmax": [5e-324], "ymin": -1, "ymax": 1},
        "a gain or offset of mapminmax is zero or not finite",
    ),
    (
        "mapminmax",
        {**MINMAX, "xoffset": [0.0, 0.0, 2.0]},
        "row 2: the stored gain 0.0625 and xoffset 0 contradict xmin, xmax, ymin and ymax, which give 0.0625 and -3",
    ),
    (
        "mapminmax",
        {**MINMAX, "gain": [0.05, 1.0, 0.25]},
        "row 2: the stored gain 1 and xoffset -3 contradict xmin, xmax, ymin and ymax, which give 0.0625 and -3",
    ),
    *(
        ("mapminmax", {**SETTINGS["mapminmax"][2], name: value}, "a gain or offset of mapminmax is zero or not finite")
        for name, value in (
            ("gain", [np.inf, 1.0, 1.0]),
            ("gain", [1.0, NAN, 1.0]),
            ("gain", [1.0, 1.0, 0.0]),
            ("xoffset", [1.0, np.inf, 1.0]),
            ("ymin", NAN),
        )
    ),
    *(
        ("mapstd", {**SETTINGS["mapstd"][1], name: value}, "a gain or offset of mapstd is zero or not finite")
        for name, value in (
            ("gain", [np.inf, 1.0, 1.0]),
            ("gain", [1.0, NAN, 1.0]),
            ("gain", [1.0, 1.0, 0.0]),
            ("xoffset", [1.0, np.inf, 1.0]),
            ("ymean", NAN),
        )
    ),
    (
        "mapstd",
        {**SETTINGS["mapstd"][2], "xoffset": [1.0, 0.25, 5.5]},
        "the stored xoffset contradicts xmean",
    ),
    ("mapstd", {**SETTINGS["mapstd"][2], "xoffset": [1.0, -2.0, 5.0]}, "the stored xoffset contradicts xmean"),
    ("mapstd", {**SETTINGS["mapstd"][0], "xrows": 4}, "the setting xrows is 4, but the other settings are for 3 rows"),
    ("mapstd", {**SETTINGS["mapstd"][0], "yrows": 2}, "the setting yrows is 2, but the other settings are for 3 rows"),
    (
        "mapstd",
        {"xmean": [0.0], "xstd": [2.0], "ymean": 0, "ystd": 0},
        "a gain or offset of mapstd is zero or not finite",
    ),
    (
        "mapstd",
        {"xmean": [0.0], "xstd": [2.0], "ymean": 0, "ystd": 1, "gain": 0.4},
        "the stored gain contradicts xstd and ystd",
    ),
    (
        "removeconstantrows",
        {**REMOVED, "keep": [1, 4]},
        "the setting keep does not list rows 1 to 3, each once: [1.0, 4.0]",
    ),
    (
        "removeconstantrows",
        {**REMOVED, "keep": [1, 1]},
        "the setting keep does not list rows 1 to 3, each once: [1.0, 1.0]",
    ),
    (
        "removeconstantrows",
        {**REMOVED, "remove": [3]},
        "the settings keep and remove must partition the rows",
    ),
    (
        "removeconstantrows",
        {**REMOVED, "constants": [1.0, 2.0]},
        "the setting constants has 2 numbers for 1 removed rows",
    ),
    (
        "removeconstantrows",
        without(without(REMOVED, "constants"), "value"),
        "the setting constants is missing, so the removed rows cannot be put back",
    ),
    ("fixunknowns", without(UNKNOWNS, "xrows"), "the setting xrows is missing"),
    (
        "fixunknowns",
        {**UNKNOWNS, "known": [1]},
        "the settings known and unknown must partition the rows",
    ),
    ("fixunknowns", {**UNKNOWNS, "shift": [0, 1, 1]}, "the setting shift contradicts unknown"),
    ("processpca", {"transform": [1.0, 2.0]}, "the setting transform is not a matrix of finite numbers"),
    (
        "processpca",
        {"transform": ROTATION, "inverseTransform": ROTATION},
        "inverseTransform is (2, 3), transform is (2, 3)",
    ),
    ("lvqoutputs", {"classRatios": [1.0]}, "the setting xrows is missing"),
]


@pytest.mark.parametrize("size", [1e-6, 1.0, 1e6])
@pytest.mark.parametrize("off", [0.5e-12, -0.5e-12, 3e-12, -3e-12])
@pytest.mark.parametrize("name", ["mapminmax", "mapstd"])
def test_a_stored_gain_may_be_off_by_a_millionth_of_a_millionth_of_itself(name: str, off: float, size: float) -> None:
    if name == "mapminmax":
        raw = {"xmin": [-size], "xmax": [size], "ymin": -1.0, "ymax": 1.0, "xoffset": [-size]}
    else:
        raw = {"xmean": [0.5], "xstd": [size], "ymean": 0.0, "ystd": 1.0, "xoffset": [0.5]}
    gain = (1.0 + off) / size
    if abs(off) < 1e-12:
        assert PROCESSING[name].settings({**raw, "gain": [gain]})["gain"].tolist() == [gain]
    else:
        with pytest.raises(ModelError, match="the stored gain"):
            PROCESSING[name].settings({**raw, "gain": [gain]})


@pytest.mark.parametrize(("name", "raw", "message"), REFUSED, ids=[f"{case[0]}-{n}" for n, case in enumerate(REFUSED)])
def test_settings_that_contradict_themselves_are_refused(name: str, raw: Mapping[str, Any], message: str) -> None:
    with pytest.raises(ModelError) as caught:
        PROCESSING[name].settings(raw)
    assert str(caught.value) == message


def test_a_map_of_every_kind_was_seen() -> None:
    """So that a new kind of map cannot go untested."""
    seen = {type(chosen) for name in SETTINGS for raw in SETTINGS[name] for chosen in maps(name, raw)[:2]}
    modules = [sys.modules[kind.__module__] for kind in seen]
    kinds = {value for module in modules for value in vars(module).values() if _is_map(value)}
    assert seen == kinds


def _is_map(value: object) -> bool:
    return isinstance(value, type) and value is not Map and hasattr(value, "cotangent")
