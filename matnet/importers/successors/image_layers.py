"""MATLAB's image layers: convolution and pooling."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from matnet.errors import ModelError, UnsupportedError, counted
from matnet.functions.images import Sizes, output_sizes, same_padding
from matnet.importers.mat.fields import at_place
from matnet.importers.mat.values import Numeric, describe_shape
from matnet.importers.successors.building import Arrangement, Source, StoredLayer, arranged, refused_flag, sizes
from matnet.model.structure import Layer, Weight

CONVOLUTION = (
    *("FilterSize", "NumChannels", "NumFilters", "Stride", "DilationFactor", "PaddingMode", "PaddingSize"),
    *("PaddingValue", "Padding", "Weights", "Bias", "ConvolveOverTime", "DistributeOverTime", "ConvolutionDimIdx"),
    *("CudnnGPUAlgoForward", "NumGroups", "NumChannelsPerGroup", "NumFiltersPerGroup"),
)
POOLING = (
    *("PoolSize", "Stride", "PaddingMode", "PaddingSize", "PaddingValue", "Padding", "HasUnpoolingOutputs"),
    *("NumOutputs", "PoolOverTime", "DistributeOverTime", "PoolingDimIdx"),
)
"""The fields of layers of these kinds."""


def _image(layer: StoredLayer, sources: Sequence[Source]) -> tuple[Source, Sizes]:
    (source,) = sources
    if len(source.shape) != 3:
        raise UnsupportedError(
            f"input of {counted(source.size, 'feature')}, expected an image", place=layer.fields.place
        )
    return source, source.shape


def _refuse_flags(layer: StoredLayer, *names: str) -> None:
    for name in names:
        flag = layer.fields.get(name)
        if isinstance(flag, Numeric) and flag.array.any():
            raise refused_flag(name, layer.fields.place)


def _check_plane(layer: StoredLayer, over_time: str, dimensions: str) -> None:
    """Check that the windows move over the height and the width of an image."""
    _refuse_flags(layer, over_time, "DistributeOverTime")
    value = layer.fields.get(dimensions)
    if value is not None and layer.fields.floats(dimensions).ravel().tolist() != [1.0, 2.0]:
        raise UnsupportedError("only [1 2], height and width, is supported", place=f"{layer.fields.place}.{dimensions}")


def _two(layer: StoredLayer, name: str) -> Sizes:
    pair = sizes(layer, name)
    if len(pair) != 2:
        raise ModelError(f"{counted(len(pair), 'number')}, expected 2", place=f"{layer.fields.place}.{name}")
    return pair


def _padding(layer: StoredLayer, image: Sizes, window: Sizes, stride: Sizes, dilation: Sizes) -> Sizes:
    """Top, bottom, left, right; the padding of 'same' follows from the size of the image."""
    fields = layer.fields
    mode = fields.text("PaddingMode", "manual")
    if mode == "same":
        return same_padding(image, window, stride, dilation)
    if mode != "manual":
        raise UnsupportedError(f"'{mode}', expected 'manual' or 'same'", place=f"{fields.place}.PaddingMode")
    name = "PaddingSize" if fields.get("PaddingSize") is not None else "Padding"
    numbers = fields.floats(name).ravel(order="F").tolist()
    if any(not number.is_integer() or not 0 <= number < 2**20 for number in numbers) or len(numbers) not in (2, 4):
        raise ModelError(f"{numbers[:6]}, expected 2 or 4 whole numbers", place=f"{fields.place}.{name}")
    padding = tuple(map(int, numbers))
    return padding if len(padding) == 4 else (padding[0], padding[0], padding[1], padding[1])


def _check_zero_padding(layer: StoredLayer) -> None:
    value = layer.fields.get("PaddingValue")
    if value is not None and not (isinstance(value, Numeric) and value.array.size == 1 and not value.array.any()):
        raise UnsupportedError("only padding with 0 is supported", place=f"{layer.fields.place}.PaddingValue")


def convolution(layer: StoredLayer, sources: Sequence[Source], network: Arrangement) -> Layer:
    """convolution2dLayer and groupedConvolution2dLayer: filters h×w×C×F, or h×w×C/g×F/g×g."""
    source, image = _image(layer, sources)
    _check_plane(layer, "ConvolveOverTime", "ConvolutionDimIdx")
    _check_zero_padding(layer)
    window, stride = _two(layer, "FilterSize"), _two(layer, "Stride")
    dilation = (1, 1) if layer.fields.get("DilationFactor") is None else _two(layer, "DilationFactor")
    padding = _padding(layer, image, window, stride, dilation)
    numbers, stored = network.learnable(layer, "Weights")
    grouped = layer.class_name.endswith("GroupedConvolution2DLayer")
    if grouped:
        full = (*stored, 1, 1, 1)[:5]
        groups, filters = full[4], full[3] * full[4]
        channels = full[2] * groups
    else:
        full = (*stored, 1, 1)[:4]
        groups, channels, filters = 1, full[2], full[3]
    if len(stored) > len(full) or full[:2] != window or channels != image[2]:
        raise ModelError(
            f"{describe_shape(stored)}, but the filters are {describe_shape(window)} and the image has "
            f"{counted(image[2], 'channel')}",
            place=f"{layer.fields.place}.Weights",
        )
    bias = network.vector(layer, "Bias", filters)
    settings = _settings(image, window, stride, padding) | {
        "dilation": np.array(dilation, dtype=np.float64),
        "filters": np.array([float(filters)]),
        "groups": np.array([float(groups)]),
    }
    with at_place(f"{layer.fields.place}: "):
        weight = Weight(numbers.reshape((-1, filters), order="F"), "convolution", settings=settings)
        shape = (*output_sizes(image, window, stride, dilation, padding), filters)
    kind = "grouped convolution" if grouped else "convolution"
    return arranged(layer, kind, [(source, weight)], size=shape[0] * shape[1] * filters, shape=shape, bias=bias)


def _settings(
    image: Sizes, window: Sizes, stride: Sizes, padding: Sizes
) -> dict[str, np.ndarray[tuple[int], np.dtype[np.float64]]]:
    named = {"image": image, "window": window, "stride": stride, "padding": padding}
    return {name: np.array(value, dtype=np.float64) for name, value in named.items()}


def pooling(function: str) -> Callable[..., Layer]:
    """maxPooling2dLayer and averagePooling2dLayer."""

    def make(layer: StoredLayer, sources: Sequence[Source], network: Arrangement) -> Layer:
        source, image = _image(layer, sources)
        _check_plane(layer, "PoolOverTime", "PoolingDimIdx")
        _refuse_flags(layer, "HasUnpoolingOutputs")
        window, stride = _two(layer, "PoolSize"), _two(layer, "Stride")
        padding = _padding(layer, image, window, stride, (1, 1))
        settings = _settings(image, window, stride, padding)
        if function == "avgpool":
            settings["padding_counts"] = np.array([float(_padding_counts(layer))])
        return _pooled(layer, function, source, settings, padding)

    return make


def _padding_counts(layer: StoredLayer) -> bool:
    value = layer.fields.get("PaddingValue")
    if value is None or (isinstance(value, Numeric) and value.array.size == 1 and not value.array.any()):
        return True
    if layer.fields.label("PaddingValue", "") == "mean":
        return False
    raise UnsupportedError("only padding with 0 or 'mean' is supported", place=f"{layer.fields.place}.PaddingValue")


def global_pooling(function: str) -> Callable[..., Layer]:
    """globalMaxPooling2dLayer and globalAveragePooling2dLayer: one window over the whole image."""

    def make(layer: StoredLayer, sources: Sequence[Source], network: Arrangement) -> Layer:
        source, image = _image(layer, sources)
        settings = _settings(image, image[:2], (1, 1), (0, 0, 0, 0))
        if function == "avgpool":
            settings["padding_counts"] = np.ones(1)
        return _pooled(layer, function, source, settings, (0, 0, 0, 0))

    return make


def _pooled(
    layer: StoredLayer,
    function: str,
    source: Source,
    settings: dict[str, np.ndarray[tuple[int], np.dtype[np.float64]]],
    padding: Sizes,
) -> Layer:
    image, window, stride = (tuple(int(number) for number in settings[name]) for name in ("image", "window", "stride"))
    with at_place(f"{layer.fields.place}: "):
        weight = Weight(np.zeros((0, 0)), function, settings=settings)
        shape = (*output_sizes(image, window, stride, (1, 1), padding), image[2])
    return arranged(layer, layer.kind, [(source, weight)], size=shape[0] * shape[1] * shape[2], shape=shape)
