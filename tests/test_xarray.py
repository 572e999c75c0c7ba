"""Networks over labelled arrays, in memory and in Dask's chunks."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pytest

from matnet.errors import MissingExtraError, ShapeError
from matnet.model.structure import Input, Layer, Output, Structure, Weight
from matnet.network import Ensemble, Network
from matnet.xarray import apply

xarray = pytest.importorskip("xarray")
pytest.importorskip("dask.array")

W = np.array([[0.5, -1.25, 0.3], [2.0, 0.75, -0.4]])
NET = Network(
    Structure((Input(3),), (Layer(2, "tansig", {0: Weight(W)}, bias=np.array([0.1, -0.2])),), (Output(0, 2),))
)
X = np.random.default_rng(5).standard_normal((3, 40, 50))
RASTER = xarray.DataArray(X, dims=("band", "row", "col"), coords={"band": ["red", "green", "blue"]})


def test_every_pixel_is_a_sample() -> None:
    y = apply(NET, RASTER, "band")
    assert y.dims == ("row", "col", "output")
    np.testing.assert_array_equal(y.values, NET(np.moveaxis(X, 0, -1)))


def test_the_jacobian_has_the_inputs_last() -> None:
    J = apply(NET, RASTER, "band", of="jacobian")
    assert J.dims == ("row", "col", "output", "band")
    assert J.coords["band"].values.tolist() == ["red", "green", "blue"]
    np.testing.assert_array_equal(J.values, NET.jacobian(np.moveaxis(X, 0, -1)))


@pytest.mark.parametrize("of", ["values", "jacobian"])
@pytest.mark.parametrize("net", [NET, Ensemble([NET, NET.with_parameters(NET.parameters * 2)])], ids=["one", "mean"])
def test_chunks_stay_chunks(net: Network | Ensemble, of: Any) -> None:
    result = apply(net, RASTER.chunk({"row": 10}), "band", of=of)
    assert result.chunks[0] == (10, 10, 10, 10)
    np.testing.assert_allclose(result.compute().values, apply(net, RASTER, "band", of=of).values, rtol=1e-14)


DELAYED = Layer(1, "purelin", {0: Weight(np.ones((1, 3)), delays=(1,))}, bias=np.zeros(1))
SERIES = Network(Structure((Input(3),), (DELAYED,), (Output(0, 1),)))

REFUSED: dict[str, tuple[Any, str]] = {
    "an array": (lambda: apply(NET, X), "x is a ndarray, expected an xarray.DataArray"),
    "another derivative": (
        lambda: apply(NET, RASTER, "band", of="hessian"),  # type: ignore[arg-type]
        "of is 'hessian', expected 'values' or 'jacobian'",
    ),
    "no such dimension": (lambda: apply(NET, RASTER), "x has no dimension 'input'; it has band, row, col"),
    "a dimension output": (
        lambda: apply(NET, RASTER.rename(row="output"), "band"),
        "x has a dimension 'output', which is the result's; rename it",
    ),
    "another size": (lambda: apply(NET, RASTER, "row"), "dimension 'row' is 40 long, the network has 3 inputs"),
    "inputs in chunks": (
        lambda: apply(NET, RASTER.chunk({"band": 2}), "band"),
        "dimension 'band' lies in several chunks; put it in one with x.chunk({'band': -1})",
    ),
    "a dynamic network": (
        lambda: apply(SERIES, RASTER, "band"),
        "the network is dynamic; the samples of a raster are not a series",
    ),
}


@pytest.mark.parametrize(("call", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_refused(call: Any, message: str) -> None:
    with pytest.raises(ShapeError) as raised:
        call()
    assert str(raised.value) == message


def test_xarray_is_an_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "xarray", None)
    with pytest.raises(MissingExtraError) as raised:
        apply(NET, RASTER)
    assert str(raised.value) == (
        "matnet.xarray.apply needs the package xarray, which is not installed; install it with: "
        "pip install 'matnet[dask]'"
    )
