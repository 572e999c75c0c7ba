"""Networks over labelled arrays: each pixel of a raster is a sample, in memory or in Dask's chunks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from matnet.errors import ShapeError, counted
from matnet.extras import need

if TYPE_CHECKING:
    from matnet.network import Ensemble, Network


def apply(net: Network | Ensemble, x: Any, dim: str = "input", of: Literal["values", "jacobian"] = "values") -> Any:
    """Apply the network to an xarray DataArray; Dask's chunks are kept and computed lazily.

    Parameters
    ----------
    net
        A static network, or an ensemble of static networks.
    x
        A DataArray with the R inputs along `dim`, raw scale; any other dimensions are samples. If text labels along
        `dim` name the inputs, they are matched by name.
    dim
        The dimension of the inputs, in one chunk.
    of
        ``values`` for y, ``jacobian`` for dy/dx.

    Returns
    -------
    A DataArray with the dimensions of the samples, then ``output`` (S), and for the Jacobian `dim` (R): element
    [..., i, j] is dy_i/dx_j of the sample.

    Raises
    ------
    ShapeError
        There is no such dimension, it is not R long, its labels name some of the inputs but not all, or the network is
        dynamic.
    MissingExtraError
        xarray is not installed.
    """
    from matnet.network import Network
    from matnet.network.frames import ordered_along

    xarray = need("matnet.xarray.apply", "dask", "xarray")
    if isinstance(net, Network) and net.dynamic:
        raise ShapeError("the network is dynamic; the samples of a raster are not a series")
    if not isinstance(x, xarray.DataArray):
        raise ShapeError(f"x is a {type(x).__name__}, expected an xarray.DataArray")
    if of not in ("values", "jacobian"):
        raise ShapeError(f"of is '{of}', expected 'values' or 'jacobian'")
    if dim not in x.dims:
        raise ShapeError(f"x has no dimension '{dim}'; it has {', '.join(map(str, x.dims))}")
    if "output" in x.dims and dim != "output":
        raise ShapeError("x has a dimension 'output', which is the result's; rename it")
    x = ordered_along(x, dim, net.evaluation.inputs if isinstance(net, Network) else net.input_elements, "x")
    if x.sizes[dim] != net.input_size:
        raise ShapeError(
            f"dimension '{dim}' is {x.sizes[dim]} long, the network has {counted(net.input_size, 'input')}"
        )
    if x.chunks is not None and len(x.chunks[x.get_axis_num(dim)]) > 1:
        raise ShapeError(f"dimension '{dim}' lies in several chunks; put it in one with x.chunk({{'{dim}': -1}})")
    values = of == "values"
    derivative = f"d{dim}"
    result = xarray.apply_ufunc(
        _values if values else _jacobian,
        x,
        kwargs={"net": net},
        input_core_dims=[[dim]],
        output_core_dims=[["output"] if values else ["output", derivative]],
        dask="parallelized",
        output_dtypes=[float],
        dask_gufunc_kwargs={
            "output_sizes": {"output": net.output_size} | ({} if values else {derivative: net.input_size})
        },
    )
    if values:
        return result
    result = result.rename({derivative: dim})
    return result.assign_coords({dim: x.coords[dim]}) if dim in x.coords else result


def _values(x: Any, net: Network | Ensemble) -> Any:
    return net(x)


def _jacobian(x: Any, net: Network | Ensemble) -> Any:
    return net.jacobian(x)
