"""Sensitivity to the pixels of an image, drawn as the image."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from matnet.errors import ShapeError, counted
from matnet.functions.namespace import FloatArray
from matnet.plots.style import chosen, names, new_axes, title
from matnet.sensitivity.samples import Model, first_network, outputs_of, samples

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_BLOCK_ELEMENTS = 1 << 22


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
    strength = pixel_strength(net, x, of, inputs, outputs)
    output = names(outputs, outputs_of(net))[chosen(of, outputs, outputs_of(net))]
    ax = new_axes(ax, 4.6, 4.2)
    drawn = ax.imshow(strength, cmap="cividis", vmin=0.0, vmax=float(np.nanmax(strength, initial=0.0)) or 1.0)
    ax.grid(visible=False)
    ax.set_xlabel("column")
    ax.set_ylabel("row")
    ax.figure.colorbar(drawn, ax=ax, label=f"rms of d{output}/dx, real scale")
    height, width = strength.shape
    ax.set_xticks(_ticks(width), [str(place + 1) for place in _ticks(width)])
    ax.set_yticks(_ticks(height), [str(place + 1) for place in _ticks(height)])
    count = len(samples(net, x, inputs))
    title(ax, f"Sensitivity of {output} by pixel\n({counted(count, 'sample')})")
    return ax


def pixel_strength(
    net: Model, x: Any, of: int | str, inputs: Sequence[str] | None, outputs: Sequence[str] | None
) -> FloatArray:
    """The rms of an output's derivative over the samples and the channels, (H, W).

    Raises
    ------
    ShapeError
        As ``sensitivity_image``.
    """
    entries = first_network(net).structure.inputs
    if len(entries) != 1 or len(entries[0].shape) != 3:
        raise ShapeError("this plot shows images: it needs a network with one input, which takes images")
    x = samples(net, x, inputs)
    output = chosen(of, outputs, outputs_of(net))
    total = np.zeros(net.input_size)
    rows = max(1, _BLOCK_ELEMENTS // max(1, net.input_size * net.output_size))
    for start in range(0, len(x), rows):
        jacobian = np.asarray(net.jacobian(x[start : start + rows]))
        total += np.square(jacobian[:, output]).sum(axis=0)
    picture = total.reshape(entries[0].shape, order="F").mean(axis=2) / len(x)
    found: FloatArray = np.sqrt(picture)
    return found


def _ticks(count: int) -> list[int]:
    """At most seven places from 0 to the last, evenly spaced."""
    step = -(-count // 7)
    return list(range(0, count, step))
