"""Numbers per channel and per element of an image: its R elements are C channels of R/C places, channel by channel."""

from __future__ import annotations

import numpy as np

from matnet.functions.namespace import Array, indices, namespace


def spread_channels(values: Array, elements: int) -> Array:
    """One number per channel, (..., C), repeated for each element, (..., R)."""
    channels = values.shape[-1]
    if channels == elements:
        return values
    places = np.repeat(np.arange(channels), elements // channels)
    return namespace(values).take(values, indices(values, places), axis=-1)


def summed_channels(x: Array, channels: int) -> Array:
    """The sum over the elements of each channel: (..., R) -> (..., C)."""
    elements = x.shape[-1]
    if elements == channels:
        return x
    xp = namespace(x)
    return xp.sum(xp.reshape(x, (*x.shape[:-1], channels, elements // channels)), axis=-1)
