"""The origin of a range, and messages where it is unknown."""

from __future__ import annotations

import numpy as np
import pytest

import matnet
from matnet import Ensemble, Network
from matnet.errors import UnsupportedError
from matnet.model.points import input_box, points_in, sample_points
from matnet.model.ranges import Extent, common_extent, input_extent, middle, output_extent
from matnet.model.structure import Input, Layer, Output, Process, Structure, Weight

NAN, INF = float("nan"), float("inf")


def minmax(low: list[float], high: list[float], ymin: float = -1.0, ymax: float = 1.0) -> Process:
    return Process.from_matlab("mapminmax", {"xmin": low, "xmax": high, "ymin": ymin, "ymax": ymax})


def with_input(entry: Input, weight: Weight | None = None) -> Structure:
    chosen = Weight(np.ones((2, entry.processed_size))) if weight is None else weight
    return Structure((entry,), (Layer(2, "purelin", {0: chosen}),), (Output(0, 2),))


INPUTS: dict[str, tuple[Input, list[list[float]], tuple[str, ...]]] = {
    "stored": (Input(2, range=np.array([[0.0, 4.0], [3.0, 3.0]])), [[0.0, 4.0], [3.0, 3.0]], ("training", "training")),
    "nothing": (Input(2), [[NAN, NAN], [NAN, NAN]], ("unknown", "unknown")),
    "never set": (
        Input(2, range=np.array([[-INF, INF], [1.0, -1.0]])),
        [[NAN, NAN], [NAN, NAN]],
        ("unknown", "unknown"),
    ),
    "stored beside scaling": (
        Input(1, (minmax([0.0], [1.0]),), np.array([[-5.0, 5.0]])),
        [[-5.0, 5.0]],
        ("training",),
    ),
    "mapminmax": (Input(2, (minmax([-3.0, 10.0], [5.0, 20.0]),)), [[-3.0, 5.0], [10.0, 20.0]], ("scaling", "scaling")),
    "mapminmax to 0 .. 1": (Input(1, (minmax([-3.0], [5.0], 0.0, 1.0),)), [[NAN, NAN]], ("unknown",)),
    "a row that mapminmax leaves alone": (Input(1, (minmax([4.0], [4.0]),)), [[NAN, NAN]], ("unknown",)),
    "mapstd": (
        Input(1, (Process.from_matlab("mapstd", {"xmean": 3.0, "xstd": 2.0, "ymean": 0.0, "ystd": 1.0}),)),
        [[NAN, NAN]],
        ("unknown",),
    ),
    "through mapstd": (
        Input(
            1,
            (
                Process.from_matlab("mapstd", {"xmean": 3.0, "xstd": 2.0, "ymean": 0.0, "ystd": 1.0}),
                minmax([-1.0], [4.0]),
            ),
        ),
        [[1.0, 11.0]],
        ("scaling",),
    ),
    "after a removed constant": (
        Input(
            3,
            (
                Process.from_matlab("removeconstantrows", {"xrows": 3, "keep": [1, 3], "remove": 2, "constants": 7.0}),
                minmax([0.0, 2.0], [1.0, 4.0]),
            ),
        ),
        [[0.0, 1.0], [7.0, 7.0], [2.0, 4.0]],
        ("scaling", "scaling", "scaling"),
    ),
    "after unknowns": (
        Input(
            2,
            (
                Process.from_matlab("fixunknowns", {"xrows": 2, "unknown": 1, "known": 2, "xmeans": [0.5, 0.5]}),
                minmax([0.0, 0.0, 2.0], [1.0, 1.0, 4.0]),
            ),
        ),
        [[0.0, 1.0], [2.0, 4.0]],
        ("scaling", "scaling"),
    ),
    "before principal components": (
        Input(2, (minmax([0.0, 2.0], [1.0, 4.0]), Process.from_matlab("processpca", {"transform": np.eye(2)}))),
        [[0.0, 1.0], [2.0, 4.0]],
        ("scaling", "scaling"),
    ),
    "after principal components": (
        Input(2, (Process.from_matlab("processpca", {"transform": np.eye(2)}), minmax([0.0, 2.0], [1.0, 4.0]))),
        [[NAN, NAN], [NAN, NAN]],
        ("unknown", "unknown"),
    ),
}


@pytest.mark.parametrize(("entry", "limits", "origin"), INPUTS.values(), ids=list(INPUTS))
def test_range_and_origin(entry: Input, limits: list[list[float]], origin: tuple[str, ...]) -> None:
    net = Network(with_input(entry))
    np.testing.assert_allclose(net.input_range, limits, rtol=1e-15)
    assert net.input_extent.origin == origin
    assert net.input_extent.known.tolist() == [word != "unknown" for word in origin]
    box = input_box(net.structure)
    assert np.isfinite(box).all()
    assert (box[:, 0] < box[:, 1]).all()


def test_a_radial_network_has_the_range_of_its_centres() -> None:
    centres = np.array([[-1.0, 0.5], [0.5, 1.0]])
    bare = Network(with_input(Input(2, range=np.array([[-INF, INF]] * 2)), Weight(centres, "dist")))
    np.testing.assert_array_equal(bare.input_range, [[-1.0, 0.5], [0.5, 1.0]])
    assert bare.input_extent.origin == ("centres", "centres")
    scaled = Process.from_matlab("mapstd", {"xmean": [3.0, 0.0], "xstd": [2.0, 1.0], "ymean": 0.0, "ystd": 1.0})
    net = Network(with_input(Input(2, (scaled,)), Weight(centres, "dist")))
    np.testing.assert_allclose(net.input_range, [[1.0, 4.0], [0.5, 1.0]], rtol=1e-15)
    np.testing.assert_array_equal(input_box(bare.structure), bare.input_range)


def test_a_function_file_has_the_range_of_its_scaling() -> None:
    """xoffset -2.5 and 10, gains 0.444444444444444 and 0.0333333333333333 of the file, which lacks the upper ends."""
    net = matnet.load("fixtures/genfunction/static_columns.m")
    assert set(net.input_extent.origin) == {"scaling"}
    ends = np.array([[-2.5, 2.0], [10.0, 70.0]])
    np.testing.assert_allclose(net.input_range[:2], ends, rtol=1e-14)
    # the digits that the file rounds away do not put a sample at the end outside
    x = np.concatenate([ends, net.input_range[2:]]).T
    assert not net.input_extent.outside(x).any()
    assert net.input_extent.outside(x + np.array([[0.0], [1e-9]]))[1].all()


def test_outside() -> None:
    extent = Extent(np.array([[0.0, 1.0], [NAN, NAN]]), ("training", "unknown"))
    x = np.array([[0.0, 1e9], [1.0, NAN], [1.0 + 1e-15, 0.0], [-1.0, 0.0], [NAN, 0.0]])
    assert extent.outside(x).tolist() == [[False, False], [False, False], [True, False], [True, False], [False, False]]


def test_a_computed_range_is_known_to_1e_12_of_its_width() -> None:
    extent = Extent(np.array([[0.0, 1000.0], [0.0, 1000.0], [0.0, 1e-3]]), ("scaling", "training", "centres"))
    for amount, outside in ((0.5, [False, True, False]), (2.0, [True, True, True])):
        moved = amount * np.array([1e-9, 1e-9, 1e-15])
        assert extent.outside(extent.limits[:, 1] + moved).tolist() == outside
        assert extent.outside(extent.limits[:, 0] - moved).tolist() == outside


def test_several_networks_share_what_all_know() -> None:
    parts = [
        Extent(np.array([[0.0, 4.0], [1.0, 2.0]]), ("training", "scaling")),
        Extent(np.array([[1.0, 5.0], [NAN, NAN]]), ("centres", "unknown")),
    ]
    both = common_extent(parts)
    np.testing.assert_array_equal(both.limits, [[1.0, 4.0], [NAN, NAN]])
    assert both.origin == ("centres", "unknown")


def test_in_range() -> None:
    net = Network(with_input(Input(2, range=np.array([[0.0, 1.0], [-2.0, 2.0]]))))
    x = np.array([[[0.5, 0.0], [1.5, 0.0]], [[1.0, -2.0], [NAN, 0.0]]])
    assert net.in_range(x).tolist() == [[True, False], [True, False]]
    assert bool(net.in_range([0.5, 1.0]))
    assert Ensemble([net, net]).in_range(x).tolist() == net.in_range(x).tolist()


def test_what_is_not_known_is_not_in_range() -> None:
    half = Network(with_input(Input(2, range=np.array([[0.0, 1.0], [-INF, INF]]), element_names=("flow", "speed"))))
    assert half.in_range([[5.0, 0.0], [-1.0, 0.0]]).tolist() == [False, False]
    with pytest.raises(UnsupportedError) as caught:
        half.in_range([[0.5, 0.0], [5.0, 0.0]])
    assert str(caught.value) == (
        "the range of speed is unknown, so matnet cannot tell whether x is within it; compare with the rows of "
        "input_range that are not NaN"
    )


def test_outputs_have_one_too() -> None:
    structure = with_input(Input(1))
    outputs = (Output(0, 2, (minmax([0.0, 10.0], [5.0, 20.0]),)),)
    net = Network(Structure(structure.inputs, structure.layers, outputs))
    np.testing.assert_allclose(net.output_range, [[0.0, 5.0], [10.0, 20.0]], rtol=1e-15)
    assert output_extent(net.structure).origin == ("scaling", "scaling")
    assert input_extent(net.structure).origin == ("unknown",)


def test_the_middle_of_limits() -> None:
    limits = np.array([[-3.0, 5.0], [1.0, 1.0], [-1.7e308, -1.5e308], [NAN, NAN], [-INF, 2.0]])
    np.testing.assert_allclose(middle(limits, 0.25), [1.0, 1.0, -1.6e308, 0.25, 0.25], rtol=1e-15)
    assert middle(limits[3:], np.array([7.0, 8.0])).tolist() == [7.0, 8.0]


def test_the_box_of_points_by_hand() -> None:
    """The range, a width of half the magnitude on either side of a constant, what [-1, 1] comes from, else [-1, 1]."""
    stored = Input(4, range=np.array([[0.0, 4.0], [6.0, 6.0], [0.5, 0.5], [-8.0, -8.0]]))
    assert input_box(with_input(stored)).tolist() == [[0.0, 4.0], [3.0, 9.0], [0.0, 1.0], [-12.0, -4.0]]
    spread = Process.from_matlab("mapstd", {"xmean": [3.0, 0.0], "xstd": [2.0, 0.5], "ymean": 0.0, "ystd": 1.0})
    assert input_box(with_input(Input(2, (spread,)))).tolist() == [[1.0, 5.0], [-0.5, 0.5]]
    assert input_box(with_input(Input(1))).tolist() == [[-1.0, 1.0]]


def test_samples_of_images_are_not_even() -> None:
    plain, image = with_input(Input(2)), with_input(Input(2, shape=(1, 2, 1)))
    assert sample_points(plain, 5).tolist() == points_in(input_box(plain), 5).tolist()
    assert sample_points(image, 5).tolist() == points_in(input_box(image), 8)[3:].tolist()


def test_points_in_a_box() -> None:
    box = np.array([[-2.0, 4.0], [1.0, 1.5]])
    points = points_in(box, 200)
    assert points[:3].tolist() == [[1.0, 1.25], [-2.0, 1.0], [4.0, 1.5]]
    assert ((box[:, 0] <= points) & (points <= box[:, 1])).all()
    counts, _, _ = np.histogram2d(points[3:, 0], points[3:, 1], bins=2, range=box)
    assert (counts > 30).all()
    assert [len(points_in(box, count)) for count in (0, 1, 2, 3, 4)] == [0, 1, 2, 3, 4]
    assert np.isfinite(points_in(np.array([[-1.7e308, 1.7e308]]), 50)).all()
