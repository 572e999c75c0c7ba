"""The operations that languages write alike: a target's table begins with these and adds what differs."""

from __future__ import annotations

ARITHMETIC = {
    "add": "{0} + {1}",
    "subtract": "{0} - {1}",
    "multiply": "{0} * {1}",
    "divide": "{0} / {1}",
    "negative": "-{0}",
}

COMPARISONS = {
    "less": "{0} < {1}",
    "less_equal": "{0} <= {1}",
    "equal": "{0} == {1}",
    "not_equal": "{0} != {1}",
}


def functions(form: str = "{name}") -> dict[str, str]:
    """The calls of the functions of one number; `form` says how their names are written, as in ``np.{name}``."""
    return {name: f"{form.format(name=name)}({{0}})" for name in ("abs", "sign", "exp", "tanh", "sqrt")}
