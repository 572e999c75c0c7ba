"""A pocket calculator: what it shows for the texts beside the numbers of a trace."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

import numpy as np

KEYS: Mapping[str, Any] = {
    "exp": lambda x: math.exp(x) if x < 700.0 else math.inf,
    "tanh": math.tanh,
    "sqrt": math.sqrt,
    "erf": math.erf,
    "ln": math.log,
    "sign": lambda x: float(np.sign(x)),
    "max": max,
    "min": min,
    "abs": abs,
    "pi": math.pi,
    "nan": math.nan,
    "inf": math.inf,
    "__builtins__": {},
}


def pressed(text: str, names: Mapping[str, float]) -> float | None:
    """The number that a text gives; a name is a number that was shown. None for a word that is no computation."""
    if text.startswith("= "):
        return names[text.removeprefix("= ")]
    if text.startswith(("gain of ", "constant of ")) or text == "b":
        return None
    text = re.sub(r", as .*$", "", text)
    text = re.sub(r"^(\S+) clipped to \[(\S+), (\S+)\]$", r"min(max(\1, \2), \3)", text)
    found = re.fullmatch(r"(.*), ([esPt]) = (.*)", text)
    if found is not None:
        return _value(found[1], {found[2]: _value(found[3], {})})
    if " where " in text:
        *cases, otherwise = text.split(", ")
        for case in cases:
            value, _, condition = case.partition(" where ")
            if _value(condition, {}):
                return _value(value, {})
        return _value(otherwise.removeprefix("else "), {})
    return _value(text, {})


def _value(text: str, known: Mapping[str, float]) -> float:
    text = re.sub(r"\|([^|]*)\|", r"abs(\1)", text).replace("²", "**2").replace("³", "**3")
    try:
        return float(eval(text, dict(KEYS), dict(known)))  # noqa: S307 - of our own
    except ZeroDivisionError:
        return math.inf
