"""Images stored beside a network: found and named as MATLAB has them, refused where their sizes are others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import matnet
from image_networks import SHAPE, layers
from layered_networks import image, layer, saved, series
from matnet.cli.entry import run
from object_files import ObjectStore


def stored(folder: Path, pictures: Any, answers: Any = None, spoilt: float = 0.0) -> Path:
    """The small network with images (H, W, C, N) and its answers for them in single precision."""
    store = ObjectStore()
    whole = series(store, layers())
    net = matnet.load(saved(folder / "alone.mat", store, net=whole))
    y = net(np.moveaxis(pictures, -1, 0)).astype(np.float32) + np.float32(spoilt)
    store = ObjectStore()
    more = {"X": pictures, "Y": y if answers is None else answers}
    return saved(folder / "images.mat", store, net=series(store, layers()), **more)


def test_images_beside_a_network_are_found(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pictures = np.random.default_rng(0).normal(size=(*SHAPE, 30))
    assert run(["verify", str(stored(tmp_path, pictures))]) == 0
    printed = capsys.readouterr().out.splitlines()
    assert printed[2].split()[:4] == ["X", "->", "Y'", "30"]
    assert printed[-1] == "proved"


def test_other_answers_are_contradicted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pictures = np.random.default_rng(0).normal(size=(*SHAPE, 30))
    file = stored(tmp_path, pictures, spoilt=1e-3)
    assert run(["verify", str(file), "--inputs", "X", "--outputs", "Y"]) == 1
    assert capsys.readouterr().out.splitlines()[-1] == "contradicted"


def test_one_image_is_a_sample_and_weak_evidence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    picture = np.random.default_rng(0).normal(size=(*SHAPE, 1))
    store = ObjectStore()
    net = matnet.load(saved(tmp_path / "alone.mat", store, net=series(store, layers())))
    y = net(picture[..., 0]).astype(np.float32)[None]
    store = ObjectStore()
    file = saved(tmp_path / "one.mat", store, net=series(store, layers()), X=picture[..., 0], probs=y)
    assert run(["verify", str(file)]) == 3
    printed = capsys.readouterr().out
    assert "X -> probs" in printed
    assert "only 1 different sample to compare" in printed


@pytest.mark.parametrize("shape", [(2, 6, 5, 30), (5, 6, 2, 30), (6, 5, 3), (6, 5, 2, 3, 4)])
def test_images_of_another_shape_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], shape: tuple[int, ...]
) -> None:
    pictures = np.random.default_rng(0).normal(size=(*SHAPE, 30))
    store = ObjectStore()
    other = np.zeros(shape)
    file = saved(tmp_path / "net.mat", store, net=series(store, layers()), X=other, Y=np.ones((30, 3)), P=pictures)
    assert run(["verify", str(file), "--inputs", "X", "--outputs", "Y"]) == 2
    found = "x".join(map(str, shape))
    assert capsys.readouterr().err == (f"matnet: {file}: X is {found}, expected images 6x5x2 or 6x5x2xN, or a matrix\n")


def test_an_image_of_one_channel_is_stored_as_a_matrix(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rng = np.random.default_rng(1)
    store = ObjectStore()
    picture = rng.normal(size=(4, 3))
    pool = layer("GlobalAveragePooling2DLayer", "pool")
    layered = series(store, [image(4, 3, 1), layer("ReLULayer", "relu"), pool])
    answer = np.array([[np.maximum(picture, 0.0).mean()]])
    file = saved(tmp_path / "net.mat", store, net=layered, X=picture, y=answer)
    assert run(["verify", str(file), "--inputs", "X", "--outputs", "y"]) == 3
    assert "X -> y" in capsys.readouterr().out


def test_the_image_and_the_probabilities_that_matlab_stored(
    successors: Path, corpus: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    beside = corpus / "dynamic_arx_closed.mat"
    file = str(successors / "series_conv_2018.mat")
    assert run(["verify", file, "--inputs", f"{beside}:I", "--outputs", f"{beside}:probs"]) == 3
    assert "only 1 different sample to compare" in capsys.readouterr().out


def test_a_table_of_images(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pictures = np.random.default_rng(2).normal(size=(*SHAPE, 4))
    store = ObjectStore()
    more = {"X": pictures, "one": pictures[..., 0], "swapped": np.moveaxis(pictures, 2, 0)}
    file = saved(tmp_path / "net.mat", store, net=series(store, layers()), **more)
    net, out = matnet.load(file), tmp_path / "y.csv"
    for place, expected in (("X", net(np.moveaxis(pictures, -1, 0))), ("one", net(pictures[..., 0])[None])):
        assert run(["predict", str(file), f"{file}:{place}", "-o", str(out)]) == 0
        np.testing.assert_allclose(np.loadtxt(out, delimiter=",", skiprows=1, ndmin=2), expected, rtol=1e-12)
    assert run(["gradients", str(file), f"{file}:X", "-o", str(out)]) == 0
    found = np.loadtxt(out, delimiter=",", skiprows=1)[:, -180:].reshape(4, 3, 60)
    np.testing.assert_allclose(found, net.jacobian(np.moveaxis(pictures, -1, 0)), rtol=1e-12, atol=1e-15)
    assert run(["check", str(file), f"{file}:X"]) == 0
    capsys.readouterr()
    assert run(["predict", str(file), f"{file}:swapped", "-o", str(out)]) == 2
    assert capsys.readouterr().err == (
        f"matnet: {file}: swapped is 2x6x5x4, expected images 6x5x2 or 6x5x2xN, or a matrix\n"
    )
