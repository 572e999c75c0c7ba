"""The array library that an array belongs to, and constants converted to it."""

from __future__ import annotations

from functools import cache
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = Any
"""An array of any library that implements the array API standard, or a symbol of the tape."""

FloatArray: TypeAlias = NDArray[np.float64]


def of_another_library(x: Any) -> bool:
    """Whether `x` is an array of a library other than NumPy; PyTorch's and CuPy's have no `__array_namespace__`."""
    if isinstance(x, np.ndarray):
        return False
    return hasattr(x, "__array_namespace__") or type(x).__module__.startswith(("torch", "cupy"))


def namespace(x: Array) -> Any:
    """The array API namespace of `x`; array-api-compat is imported only for arrays that lack one (PyTorch, CuPy)."""
    own = getattr(x, "__array_namespace__", None)
    if own is not None:
        return own()
    import array_api_compat

    return _without_masks(array_api_compat.array_namespace(x))


class _TorchNamespace:
    """array-api-compat's namespace of PyTorch, except for two functions.

    ``sign`` writes through a mask there, which vmap refuses; ``asarray`` would share our read-only arrays' memory.
    """

    def __init__(self, compatible: Any) -> None:
        self._compatible = compatible

    def __getattr__(self, name: str) -> Any:
        return getattr(self._compatible, name)

    def sign(self, x: Array) -> Array:
        """−1, 0 or 1; NaN for NaN."""
        where = self._compatible.where
        return where(x > 0.0, 1.0, where(x < 0.0, -1.0, x))

    def asarray(self, value: Array, **options: Any) -> Array:
        """`value` as a tensor of its own."""
        return self._compatible.asarray(np.array(value), **options)


@cache
def _without_masks(compatible: Any) -> Any:
    return _TorchNamespace(compatible) if compatible.__name__.endswith(".torch") else compatible


def constant(like: Array, value: Array) -> Array:
    """`value` as an array of the library, floating type and device of `like`.

    NumPy values stay float64 beside NumPy arrays, so that a complex `like` (complex step) meets real weights.
    """
    if isinstance(like, np.ndarray) or not isinstance(value, np.ndarray):
        return value
    return namespace(like).asarray(value, dtype=like.dtype, **_placement(like))


def indices(like: Array, value: NDArray[np.intp]) -> Array:
    """Integer indices as an array of the library and device of `like`, for `take`."""
    if isinstance(like, np.ndarray):
        return value
    return namespace(like).asarray(value, **_placement(like))


def _placement(like: Array) -> dict[str, Any]:
    # Only torch needs constants on the device of the data; a JAX tracer has no device attribute.
    return {"device": like.device} if type(like).__module__.startswith("torch") else {}
