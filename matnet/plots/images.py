"""Sensitivity to the pixels of an image, drawn as the image."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from matnet.errors import ShapeError, counted
from matnet.functions.namespace import FloatArray
from matnet.network import Ensemble
from matnet.plots.style import chosen, chosen_name, new_axes, title
from matnet.sensitivity.samples import Model, first_network, outputs_of, samples

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def sensitivity_image(
    net: Model,
    x: Any,
    of: int | str = 1,
    inputs: Sequence[str] | None = None,
    outputs: Sequence[str] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Where in an image an output reacts: the rms of dy/dx over the samples and the channels, pixel by pixel.

    Parameters
    ----------
    net
        A static network with one input, which takes images.
    x
        Images (N, H, W, C), or (N, H·W·C) in column-major order.
    of
        The output, by number from 1 or by name.
    inputs, outputs
        Names of the columns of a table, and of the outputs.
    ax
        Where to draw; None for a new figure.

    Returns
    -------
    The Axes. A pixel whose derivative is NaN in a sample is left blank.

    Raises
    ------
    ShapeError
        The network takes no images, x does not fit or has no rows, or there is no such output.
    MissingExtraError
        matplotlib is not installed.
    """
    x, elements = _images(net, x, inputs), outputs_of(net)
    output = chosen_name(of, outputs, elements)
    strength = pixel_strength(net, x, chosen(of, outputs, elements))
    ax = new_axes(ax, 4.6, 4.2)
    drawn = ax.imshow(strength, cmap="cividis", vmin=0.0, vmax=float(np.nanmax(strength, initial=0.0)) or 1.0)
    ax.grid(visible=False)
    ax.set_xlabel("column")
    ax.set_ylabel("row")
    ax.figure.colorbar(drawn, ax=ax, label=f"rms of d{output}/dx, real scale")
    height, width = strength.shape
    ax.set_xticks(_ticks(width), [str(place + 1) for place in _ticks(width)])
    ax.set_yticks(_ticks(height), [str(place + 1) for place in _ticks(height)])
    title(ax, f"Sensitivity of {output} by pixel\n({counted(len(x), 'sample')})")
    return ax


def _images(net: Model, x: Any, inputs: Sequence[str] | None) -> FloatArray:
    """The samples (N, R) of a network whose only input is an image."""
    if len(first_network(net).structure.input_image) != 3:
        raise ShapeError("this plot shows images: it needs a network with one input, which takes images")
    return samples(net, x, inputs)


def pixel_strength(net: Model, x: FloatArray, output: int) -> FloatArray:
    """The rms of an output's derivative over the samples (N, R) and the channels, (H, W); the output is from 0."""
    u = np.zeros((len(x), net.output_size))
    u[:, output] = 1.0
    members = net.networks if isinstance(net, Ensemble) else (net,)
    slopes = sum(np.asarray(member.vjp(x, u)) for member in members) / len(members)
    picture = np.square(slopes).mean(axis=0).reshape(first_network(net).structure.input_image, order="F")
    found: FloatArray = np.sqrt(picture.mean(axis=2))
    return found


def _ticks(count: int) -> list[int]:
    """At most seven places from 0 to the last, evenly spaced."""
    step = -(-count // 7)
    return list(range(0, count, step))
