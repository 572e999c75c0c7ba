"""Every connection against mpmath, its derivatives against each other, and on arrays of the standard."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, TypeAlias

import array_api_strict as strict
import numpy as np
import pytest
from mpmath import mp, mpf
from numpy.typing import NDArray

import matnet
from matnet.functions.connection_rows import takers_of
from matnet.functions.connections import CONNECTIONS, connection
from matnet.functions.images import Convolution, Windows, output_sizes, same_padding
from precise_rows import precise

Real = NDArray[np.float64]
Settings: TypeAlias = Mapping[str, Any]
Formula: TypeAlias = Callable[[Settings, list[Any], list[Any]], list[Any]]

EPS = 2.0**-52

IMAGE: Settings = {"image": [3, 2, 1], "window": [2, 2]}
GROUPS: Settings = {"image": [3, 1, 2], "window": [2, 1], "stride": [1, 1], "padding": [0, 1, 0, 0]}
ACROSS: Settings = {"image": [1, 6, 1], "window": [1, 2], "padding": [0, 0, 1, 1]}

EXAMPLES: dict[str, tuple[str, Settings, tuple[int, int]]] = {
    "unweighted": ("unweighted", {}, (0, 0)),
    "gather with gaps and repeats": ("gather", {"index": [3, 0, 1, 3, 5, 0], "elements": [6]}, (0, 0)),
    "gather of few": ("gather", {"index": [2, 1], "elements": [6]}, (0, 0)),
    "gather of nothing": ("gather", {"index": [0, 0], "elements": [6]}, (0, 0)),
    "scaling": ("scaling", {"Scale": [1.5, -2, 0.25, 3, 0, -1], "Bias": [0.125]}, (0, 0)),
    "batchnorm of a vector": (
        "batchnorm",
        {
            "TrainedMean": [0.5, -3, 0.1, 2, 0, 1],
            "TrainedVariance": [0.01, 2.5, 1, 0, 9, 0.3],
            "Epsilon": [1e-5],
        },
        (6, 1),
    ),
    "batchnorm of channels": (
        "batchnorm",
        {"TrainedMean": [0.5, -3], "TrainedVariance": [0.01, 2.5], "Epsilon": [1e-3]},
        (2, 1),
    ),
    "layernorm of a vector": ("layernorm", {"channels": [6], "Epsilon": [1e-5]}, (6, 1)),
    "convolution of one channel": (
        "convolution",
        {**IMAGE, "dilation": [1, 1], "padding": [1, 0, 0, 1], "stride": [2, 1], "filters": [2], "groups": [1]},
        (4, 2),
    ),
    "convolution of groups": (
        "convolution",
        {**GROUPS, "dilation": [2, 1], "filters": [4], "groups": [2]},
        (2, 4),
    ),
    "maxpool": ("maxpool", {**IMAGE, "padding": [0, 1, 1, 0], "stride": [1, 1]}, (0, 0)),
    "avgpool": ("avgpool", {**IMAGE, "padding": [0, 1, 1, 0], "stride": [1, 2], "padding_counts": [1]}, (0, 0)),
    "avgpool of real elements": (
        "avgpool",
        {**IMAGE, "padding": [0, 1, 1, 0], "stride": [1, 2], "padding_counts": [0]},
        (0, 0),
    ),
    "layernorm of channels": ("layernorm", {"channels": [3], "Epsilon": [0.1]}, (3, 1)),
    "convolution across": (
        "convolution",
        {**ACROSS, "stride": [1, 2], "dilation": [1, 2], "filters": [1], "groups": [1]},
        (2, 1),
    ),
    "convolution of large windows": (
        "convolution",
        {"image": [2, 3, 1], "window": [4, 5], "padding": [1, 2, 1, 2], "stride": [2, 3], "dilation": [1, 1]}
        | {"filters": [1], "groups": [1]},
        (20, 1),
    ),
    "maxpool across": ("maxpool", {**ACROSS, "stride": [1, 2]}, (0, 0)),
    "avgpool of many windows": (
        "avgpool",
        {"image": [3, 2, 1], "window": [5, 5], "padding": [4, 4, 4, 4], "stride": [1, 1], "padding_counts": [0]},
        (0, 0),
    ),
}
"""For six elements: a connection, its settings, and the shape of its weights."""

P = np.array([[0.3, 1.1, -0.2, 2.0, -0.7, 0.05], [5.0, -2.5, 1.5, 100.0, 7.0, -30.0], [1e-8, 0.0, 3.0, -1.0, 2.0, 2.0]])


def arrays(shape: tuple[int, int], rng: np.random.Generator) -> Real:
    return rng.normal(size=shape)


def settings_of(settings: Settings) -> dict[str, Real]:
    return {name: np.asarray(value, dtype=float) for name, value in settings.items()}


def spread(values: list[Any], size: int) -> list[Any]:
    return [value for value in values for _ in range(size // len(values))]


def gathered(s: Settings, w: list[Any], p: list[Any]) -> list[Any]:
    return [p[k - 1] if k else mpf(0) for k in s["index"]]


def scaled(s: Settings, w: list[Any], p: list[Any]) -> list[Any]:
    return [mpf(a) * x + mpf(s["Bias"][0]) for a, x in zip(s["Scale"], p, strict=True)]


def batch_normalized(s: Settings, w: list[Any], p: list[Any]) -> list[Any]:
    eps = mpf(s["Epsilon"][0])
    parts = (spread([mpf(v) for v in values], len(p)) for values in (s["TrainedMean"], s["TrainedVariance"], w))
    return [b * (x - m) / mp.sqrt(v + eps) for x, m, v, b in zip(p, *parts, strict=True)]


def layer_normalized(s: Settings, w: list[Any], p: list[Any]) -> list[Any]:
    mean = mp.fsum(p) / len(p)
    deviation = mp.sqrt(mp.fsum((x - mean) ** 2 for x in p) / len(p) + mpf(s["Epsilon"][0]))
    return [b * (x - mean) / deviation for x, b in zip(p, spread(w, len(p)), strict=True)]


def windows(s: Settings) -> list[list[tuple[int, int, int]]]:
    """For each place of the output, down first, the rows and columns of its window, and their place in it."""
    (height, width, _), (tall, wide), (down, across) = s["image"], s["window"], s["stride"]
    (top, bottom, left, right), (tall_step, wide_step) = s["padding"], s.get("dilation", [1, 1])
    found = []
    for column in range(0, width + left + right - (wide - 1) * wide_step, across):
        for row in range(0, height + top + bottom - (tall - 1) * tall_step, down):
            inside = []
            for j in range(wide):
                for i in range(tall):
                    y, x = row - top + i * tall_step, column - left + j * wide_step
                    if 0 <= y < height and 0 <= x < width:
                        inside.append((y + height * x, i + tall * j, 0))
            found.append(inside)
    return found


def convolved(s: Settings, w: list[Any], p: list[Any]) -> list[Any]:
    """w are (h, w, C/g, F) with filters as columns: in the test's order, row by row of the stored matrix."""
    height, width, channels = s["image"]
    (filters,), (groups,) = s["filters"], s["groups"]
    each, size = channels // groups, s["window"][0] * s["window"][1]
    found = []
    for f in range(filters):
        first = f // (filters // groups) * each
        for inside in windows(s):
            terms = [
                w[(place + size * c) * filters + f] * p[element + height * width * (first + c)]
                for c in range(each)
                for element, place, _ in inside
            ]
            found.append(mp.fsum(terms))
    return found


def pooled(s: Settings, p: list[Any], make: Callable[[list[Any]], Any]) -> list[Any]:
    height, width, channels = s["image"]
    return [
        make([p[element + height * width * c] for element, _, _ in inside])
        for c in range(channels)
        for inside in windows(s)
    ]


def averaged(s: Settings, w: list[Any], p: list[Any]) -> list[Any]:
    size = s["window"][0] * s["window"][1]
    return pooled(s, p, lambda inside: mp.fsum(inside) / (size if s["padding_counts"][0] else len(inside)))


PRECISE: dict[str, Formula] = {
    "convolution": convolved,
    "maxpool": lambda s, w, p: pooled(s, p, max),
    "avgpool": averaged,
    "unweighted": lambda s, w, p: list(p),
    "gather": gathered,
    "scaling": scaled,
    "batchnorm": batch_normalized,
    "layernorm": layer_normalized,
}
"""A second copy of each formula, in 50 digits; derivatives are those of mpmath."""


def test_the_second_copy_covers_the_table() -> None:
    for table, names in (("PRECISE", set(PRECISE)), ("EXAMPLES", {name for name, _, _ in EXAMPLES.values()})):
        assert names == set(CONNECTIONS), f"{table} of this file differs in {sorted(names ^ set(CONNECTIONS))}"


@pytest.mark.parametrize("example", EXAMPLES)
def test_value_slopes_and_curvature(example: str) -> None:
    name, settings, shape = EXAMPLES[example]
    row, exact = connection(name, settings_of(settings)), PRECISE[name]
    w = arrays(shape, np.random.default_rng(1))
    z = row.value(w, P)
    neurons = z.shape[1]
    every = np.broadcast_to(np.eye(6), (len(P), 6, 6))
    by_p = row.tangent(w, P, z, every)
    for q, sample in enumerate(P):
        p, weights = precise(sample), precise(w.ravel())
        values = exact(settings, weights, p)
        for i in range(neurons):
            unit = np.broadcast_to(np.eye(neurons)[i], (len(P), neurons))
            curve = row.curvature(w, P, z, unit, every, every)[q]
            moved = float(max(map(abs, p))) * np.abs(by_p[q, :, i]).max()
            assert abs(mpf(float(z[q, i])) - values[i]) <= 16 * EPS * (abs(values[i]) + moved), (q, i)
            for j in range(6):
                slope = mp.diff(partial(along, exact, settings, weights, p, i, j, 0), 0)
                assert abs(mpf(float(by_p[q, j, i])) - slope) <= 1e-12 * (1 + abs(slope)), (q, i, j)
                for k in range(6 if not row.linear else 0):
                    bend = mp.diff(partial(along, exact, settings, weights, p, i, j, k), (0, 0), (1, 1))
                    assert abs(mpf(float(curve[j, k])) - bend) <= 1e-11 * (1 + abs(bend)), (q, i, j, k)
            assert row.linear or name == "maxpool" or curve.any()
            assert not (row.linear and curve.any())


def along(
    exact: Formula, settings: Settings, w: list[Any], p: list[Any], i: int, j: int, k: int, t: Any, s: Any = 0
) -> Any:
    """z_i where p_j is moved by t and p_k by s."""
    moved = list(p)
    moved[j] += t
    moved[k] += s
    return exact(settings, w, moved)[i]


def test_one_window_over_a_large_image_takes_no_more_than_the_image() -> None:
    sizes = (4000, 3000, 2)
    assert Windows(sizes, sizes[:2], (1, 1), (1, 1), (0, 0, 0, 0)).most_numbers == 24_000_000


def test_the_tables_of_a_convolution_channel_by_channel_take_what_is_counted() -> None:
    sizes = {"image": (20, 20, 50), "window": (3, 3), "stride": (1, 1), "dilation": (1, 1), "padding": (1, 1, 1, 1)}
    row = connection("convolution", settings_of({**sizes, "filters": 50, "groups": 50}))
    assert isinstance(row, Convolution)
    assert sum(table.size for table in row.tables) + row.takers.size <= row.table_numbers


@pytest.mark.parametrize("seed", range(200))
def test_what_sizes_say_about_windows_before_there_is_a_table(seed: int) -> None:
    """How many there are, that each sees the image, and how large the tables will be."""
    rng = np.random.default_rng(seed)
    image, window = (*rng.integers(1, 9, 2), 2), rng.integers(1, 5, 2)
    stride, dilation, padding = rng.integers(1, 5, 2), rng.integers(1, 4, 2), rng.integers(0, 5, 4)
    settings = {"image": image, "window": window, "stride": stride, "padding": padding}
    windows = Windows(image, tuple(window), tuple(stride), tuple(dilation), tuple(padding))
    if min(windows.shape) >= 1:
        table = windows.table(range(2))
        takers = takers_of(table.reshape(-1), windows.elements)
        assert len(table) == windows.count
        assert max(table.size, takers.size) <= windows.most_numbers
    windows = Windows(image, tuple(window), tuple(stride), (1, 1), tuple(padding))
    fits = min(windows.shape) >= 1
    if fits and (windows.table([0]) >= 0).any(axis=1).all():
        assert connection("maxpool", settings_of(settings)).weight_shape(2 * windows.count, windows.elements) == (0, 0)
    else:
        with pytest.raises(matnet.ModelError, match="padding alone" if fits else "does not fit"):
            connection("maxpool", settings_of(settings))


@pytest.mark.parametrize("example", [example for example, (_, _, shape) in EXAMPLES.items() if shape[0]])
def test_slopes_with_respect_to_the_weights(example: str) -> None:
    name, settings, shape = EXAMPLES[example]
    row, exact = connection(name, settings_of(settings)), PRECISE[name]
    w = arrays(shape, np.random.default_rng(1))
    z = row.value(w, P)
    neurons = z.shape[1]
    by_w = row.weight_cotangent(w, P, z, np.broadcast_to(np.eye(neurons), (len(P), neurons, neurons)))
    assert by_w.shape == (len(P), neurons, shape[1], shape[0])
    for q, c in np.ndindex(len(P), shape[0] * shape[1]):

        def along(t: Any, c: int = c, q: int = q) -> list[Any]:
            return exact(settings, [entry + t * (k == c) for k, entry in enumerate(precise(w.ravel()))], precise(P[q]))

        for i in range(neurons):
            slope = mp.diff(lambda t, along=along, i=i: along(t)[i], 0)
            assert abs(mpf(float(by_w[q, i, c % shape[1], c // shape[1]])) - slope) <= 1e-12 * (1 + abs(slope))


@pytest.mark.parametrize("dtype", [strict.float64, strict.float32])
@pytest.mark.parametrize("example", EXAMPLES)
def test_the_six_functions_agree_and_run_on_standard_arrays(example: str, dtype: Any) -> None:
    name, settings, shape = EXAMPLES[example]
    row, rng = connection(name, settings_of(settings)), np.random.default_rng(11)
    w, p = arrays(shape, rng), rng.normal(size=(5, 6)) + 0.5
    z = row.value(w, p)
    neurons = z.shape[1]
    u, v, y = rng.normal(size=(5, 2, neurons)), rng.normal(size=(5, 3, 6)), rng.normal(size=(5, 4, 6))
    dw = rng.normal(size=(3, *shape))
    forward, backward = row.tangent(w, p, z, v), row.cotangent(w, p, z, u)
    np.testing.assert_allclose(
        np.einsum("qai,qbi->qab", u, forward), np.einsum("qaj,qbj->qab", backward, v), rtol=0.0, atol=1e-12
    )
    along, across = row.weight_tangent(w, p, z, dw), row.weight_cotangent(w, p, z, u)
    np.testing.assert_allclose(
        np.einsum("qai,qbi->qab", u, np.broadcast_to(along, (5, 3, neurons))),
        np.einsum("qaji,bij->qab", across, dw),
        rtol=0.0,
        atol=1e-12,
    )
    # directions may lack the batch, as those of the identity do
    np.testing.assert_array_equal(
        np.broadcast_to(row.cotangent(w, p, z, u[0]), backward.shape),
        row.cotangent(w, p, z, np.broadcast_to(u[0], u.shape)),
    )
    np.testing.assert_array_equal(
        np.broadcast_to(row.tangent(w, p, z, v[0]), forward.shape),
        row.tangent(w, p, z, np.broadcast_to(v[0], v.shape)),
    )
    curve = row.curvature(w, p, z, u[:, 0], v, y)
    np.testing.assert_allclose(row.curvature(w, p, z, u[:, 0], y, v), curve.swapaxes(-1, -2), rtol=0.0, atol=1e-12)
    W, Q, U, V, Y, DW = (strict.asarray(value, dtype=dtype) for value in (w, p, u, v, y, dw))
    Z = row.value(W, Q)
    found = [
        (Z, z),
        (row.tangent(W, Q, Z, V), forward),
        (row.cotangent(W, Q, Z, U), backward),
        (row.weight_tangent(W, Q, Z, DW), along),
        (row.weight_cotangent(W, Q, Z, U), across),
        (row.curvature(W, Q, Z, U[:, 0, :], V, Y), curve),
    ]
    for got, expected in found:
        assert got.dtype == dtype
        tolerance = 1e-12 if dtype == strict.float64 else 2e-3
        np.testing.assert_allclose(np.asarray(got.__array__()), expected, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("example", EXAMPLES)
@pytest.mark.parametrize("batch", [(), (0,), (1,), (2, 3)])
def test_every_batch_shape(example: str, batch: tuple[int, ...]) -> None:
    name, settings, shape = EXAMPLES[example]
    row = connection(name, settings_of(settings))
    w, p = np.ones(shape), np.random.default_rng(5).normal(size=(*batch, 6))
    z = row.value(w, p)
    neurons = z.shape[-1]
    assert row.weight_shape(neurons, 6) == shape
    u, v = np.ones((*batch, 2, neurons)), np.ones((*batch, 5, 6))
    assert z.shape == (*batch, neurons)
    assert row.tangent(w, p, z, v).shape == (*batch, 5, neurons)
    assert row.cotangent(w, p, z, u).shape == (*batch, 2, 6)
    assert row.weight_tangent(w, p, z, np.ones((7, *shape))).shape == (*batch, 7, neurons)
    assert row.weight_cotangent(w, p, z, u).shape == (*batch, 2, shape[1], shape[0])
    assert row.curvature(w, p, z, u[..., 0, :], v, v).shape == (*batch, 5, 5)


@pytest.mark.parametrize("example", EXAMPLES)
def test_nan_and_inf_reach_only_what_sees_them(example: str) -> None:
    name, settings, shape = EXAMPLES[example]
    row = connection(name, settings_of(settings))
    p = np.array([1.0, 2.0, np.nan, 3.0, 4.0, 5.0])
    z = row.value(np.ones(shape), p)
    if name == "layernorm":
        assert np.isnan(z).all()
    elif name in ("convolution", "maxpool", "avgpool"):
        expected = PRECISE[name](settings, [mpf(1)] * (shape[0] * shape[1]), [mpf(0), mpf(0), mp.nan, *[mpf(0)] * 3])
        seen = [mp.isnan(entry) for entry in expected]
        if name == "maxpool":
            seen = [any(element == 2 for element, _, _ in inside) for inside in windows(settings)]
        assert np.isnan(z).tolist() == seen
    elif name == "gather":
        assert np.isnan(z).tolist() == [k == 3 for k in settings["index"]]
    else:
        assert np.isnan(z).tolist() == [False, False, True, False, False, False]


@pytest.mark.parametrize("largest", [-np.inf, np.nan])
def test_padding_is_never_the_largest_and_nan_has_no_slope(largest: float) -> None:
    settings = {"image": [2, 2, 1], "window": [2, 2], "stride": [2, 2], "padding": [1, 0, 1, 0]}
    row = connection("maxpool", settings_of(settings))
    p = np.array([largest, 2.0, 3.0, 4.0])
    z = row.value(np.zeros((0, 0)), p)
    np.testing.assert_array_equal(z[0], largest)
    slope = np.nan if np.isnan(largest) else 1.0
    forward = row.tangent(np.zeros((0, 0)), p, z, np.eye(4))
    assert forward.shape == (4, len(z))
    np.testing.assert_array_equal(forward[0, 0], slope)
    backward = row.cotangent(np.zeros((0, 0)), p, z, np.eye(len(z)))
    np.testing.assert_array_equal(backward[0, 0], slope)


WRONG: dict[str, tuple[str, Settings, str]] = {
    "unknown": ("convwf", {}, "unknown weight function 'convwf'; known: "),
    "settings of a plain function": ("dotprod", {"a": [1]}, "dotprod has the settings a, expected none"),
    "a setting too few": ("gather", {"index": [1]}, "gather has the settings index, expected index, elements"),
    "a position outside": (
        "gather",
        {"index": [4], "elements": [3]},
        "the setting index of gather has numbers other than",
    ),
    "half a position": (
        "gather",
        {"index": [0.5], "elements": [3]},
        "the setting index of gather has numbers other than",
    ),
    "no elements": ("gather", {"index": [1], "elements": [0]}, "the setting elements of gather is 0, expected a whole"),
    "two counts": (
        "gather",
        {"index": [1], "elements": [3, 3]},
        "the setting elements of gather has 2 numbers, expected 1",
    ),
    "no scale": ("scaling", {"Scale": [], "Bias": [0]}, "the setting Scale of scaling is empty or not finite"),
    "infinite": ("scaling", {"Scale": [np.inf], "Bias": [0]}, "the setting Scale of scaling is empty or not finite"),
    "no epsilon": ("layernorm", {"channels": [2], "Epsilon": [0]}, "the setting Epsilon of layernorm is 0, expected a"),
    "other sizes": (
        "batchnorm",
        {"TrainedMean": [1, 2], "TrainedVariance": [1], "Epsilon": [0.1]},
        "batchnorm has 2 means and 1 variance",
    ),
    "a window that does not fit": (
        "maxpool",
        {**IMAGE, "window": [4, 1], "stride": [1, 1], "padding": [0, 0, 0, 0]},
        "maxpool: a window of 4x1 does not fit into an image of 3x2",
    ),
    "a window in the padding": (
        "maxpool",
        {**IMAGE, "stride": [1, 1], "padding": [2, 0, 0, 0]},
        "maxpool: a window lies in the padding alone",
    ),
    "more places than fit": (
        "maxpool",
        {"image": [4000, 4000, 3], "window": [9, 9], "stride": [1, 1], "padding": [0, 0, 0, 0]},
        "maxpool: the table of its windows has 3888000000 numbers, which take 29663 MB; at most 33554432",
    ),
    "an element that many windows see": (
        "convolution",
        {
            **{"image": [2**20, 1, 1], "window": [256, 1], "stride": [2048, 1], "dilation": [2048, 1]},
            **{"padding": [0, 0, 0, 0], "filters": [1], "groups": [1]},
        },
        "convolution: the table of its windows has 268435456 numbers, which take 2048 MB; at most 33554432",
    ),
    "an element that an index names often": (
        "gather",
        {"index": [7] * 100, "elements": [10**6]},
        "gather: the table of its index has 100000000 numbers, which take 762 MB; at most 33554432 are supported",
    ),
    "groups that do not fit": (
        "convolution",
        {**GROUPS, "dilation": [1, 1], "filters": [3], "groups": [2]},
        "convolution: 2 channels and 3 filters cannot be divided into 2 groups",
    ),
    "no variance": (
        "batchnorm",
        {"TrainedMean": [1], "TrainedVariance": [-1], "Epsilon": [0.1]},
        "batchnorm has a variance + Epsilon of -0.9, expected one above 0",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_settings_that_do_not_fit_are_refused(case: str) -> None:
    name, settings, message = WRONG[case]
    with pytest.raises((matnet.ModelError, matnet.UnsupportedError)) as refused:
        connection(name, settings_of(settings))
    assert str(refused.value).startswith(message)


def test_the_first_of_equal_elements_counts_column_by_column() -> None:
    row = connection("maxpool", settings_of({**IMAGE, "padding": [0, 0, 0, 0], "stride": [1, 1]}))
    p, w = np.array([1.0, 2.0, 0.0, 2.0, 0.0, 2.0]), np.zeros((0, 0))
    z = row.value(w, p)
    assert z.tolist() == [2.0, 2.0]
    assert row.cotangent(w, p, z, np.eye(2)).tolist() == [[0, 1, 0, 0, 0, 0], [0, 1, 0, 0, 0, 0]]
    assert row.tangent(w, p, z, np.eye(6)).T.tolist() == [[0, 1, 0, 0, 0, 0], [0, 1, 0, 0, 0, 0]]


def test_sizes_that_cannot_be_joined() -> None:
    for name, settings, _ in EXAMPLES.values():
        assert connection(name, settings_of(settings)).weight_shape(5, 4) is None


@pytest.mark.parametrize("stride", [1, 2, 3, 7])
@pytest.mark.parametrize("window", [1, 2, 5])
@pytest.mark.parametrize("dilation", [1, 3])
def test_padding_same_gives_as_many_places_as_the_strides_reach(stride: int, window: int, dilation: int) -> None:
    """Along each axis by itself: one place for every stride of the image, with the least padding, more of it after."""
    for size in range(1, 12):
        places = len(range(0, size, stride))
        reach = (places - 1) * stride + (window - 1) * dilation + 1
        least = next(total for total in range(40) if size + total >= reach)
        for axis in (0, 1):
            image, windows, strides, dilations = [4, 4], [3, 3], [2, 2], [1, 1]
            image[axis], windows[axis], strides[axis], dilations[axis] = size, window, stride, dilation
            sizes = tuple(image), tuple(windows), tuple(strides), tuple(dilations)
            padding = same_padding(*sizes)
            assert padding[2 * axis : 2 * axis + 2] == (least // 2, least - least // 2)
            assert padding[2 - 2 * axis : 4 - 2 * axis] == (0, 1)
            assert output_sizes(*sizes, padding)[axis] == places


@pytest.mark.parametrize("example", EXAMPLES)
def test_a_connection_joins_its_own_sizes_only(example: str) -> None:
    name, settings, shape = EXAMPLES[example]
    row = connection(name, settings_of(settings))
    neurons = row.value(np.ones(shape), P).shape[1]
    assert row.weight_shape(neurons, 6) == shape
    if name in ("convolution", "maxpool", "avgpool"):
        # an image of another size, or another number of places
        assert [row.weight_shape(neurons, elements) for elements in (5, 7, 12)] == [None] * 3
        assert [row.weight_shape(count, 6) for count in (neurons - 1, neurons + 1, 2 * neurons)] == [None] * 3
