"""Class labels as MATLAB's classification models keep them: an object `ClassLabel` with a type and the values."""

from __future__ import annotations

import math

import numpy as np

from matnet.errors import ModelError, UnsupportedError
from matnet.importers.mat.classes import Categorical, Strings, decoded
from matnet.importers.mat.fields import Fields
from matnet.importers.mat.paths import describe
from matnet.importers.mat.values import Numeric, Opaque, Value

_CLASS = "classreg.learning.internal.ClassLabel"
_LOGICAL, _NUMERIC = 3, 4


def labels(value: Value | None, place: str) -> tuple[str | None, ...]:
    """The labels as texts, so that equal labels are equal texts; None for one that is undefined or NaN.

    Raises
    ------
    ModelError
        The value is not an object of labels.
    UnsupportedError
        The labels are of a type that is not known.
    """
    if not isinstance(value, Opaque) or value.class_name != _CLASS or math.prod(value.shape) != 1:
        got = "is missing" if value is None else f"is a {describe(value)}"
        raise ModelError(f"{place} {got}, expected an object of class {_CLASS}")
    fields = Fields(value.whole()[0], place)
    kind, stored = fields.count("Type"), fields.get("L")
    found = None if stored is None else decoded(stored)
    if isinstance(found, Categorical | Strings):
        # these are texts, whatever type the user's labels had
        return found.items
    if kind == _LOGICAL and isinstance(found, Numeric) and found.class_name == "logical":
        return tuple("true" if entry else "false" for entry in found.array.ravel(order="F").tolist())
    if kind == _NUMERIC and isinstance(found, Numeric) and found.class_name != "logical":
        return tuple(_text(number) for number in found.floats().ravel(order="F").tolist())
    what = "nothing" if stored is None else describe(stored)
    raise UnsupportedError(
        f"class labels of type {kind} ({what}) are not supported; supported are categorical, logical and "
        "numeric ones, and string arrays",
        place=place,
    )


def _text(number: float) -> str | None:
    if np.isnan(number):
        return None
    return str(int(number)) if number.is_integer() else repr(number)
