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
        got = "missing" if value is None else f"a {describe(value)}"
        raise ModelError(f"{got}, expected an object of class {_CLASS}", place=place)
    (whole,) = value.whole()
    fields = Fields(whole, place)
    kind, stored = fields.count("Type"), fields.get("L")
    entries = None if stored is None else decoded(stored)
    if isinstance(entries, Categorical | Strings):
        # these are texts, whatever type the user's labels had
        return entries.items
    if kind == _LOGICAL and isinstance(entries, Numeric) and entries.class_name == "logical":
        return tuple("true" if entry else "false" for entry in entries.array.ravel(order="F").tolist())
    if kind == _NUMERIC and isinstance(entries, Numeric) and entries.class_name != "logical":
        return tuple(_text(number) for number in entries.floats().ravel(order="F").tolist())
    what = "nothing" if stored is None else describe(stored)
    raise UnsupportedError(
        f"class labels of type {kind} ({what}) are not supported, expected categorical, logical or numeric labels, or "
        "a string array",
        place=place,
    )


def _text(number: float) -> str | None:
    if np.isnan(number):
        return None
    return str(int(number)) if number.is_integer() else repr(number)
