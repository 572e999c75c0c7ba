"""The names of a network's weights and biases in a framework."""

from __future__ import annotations

from matnet.simulate import ParameterKey


def parameter_name(key: ParameterKey) -> str:
    """b1 for b{1}, IW1_2 for IW{1,2}, LW2_1 for LW{2,1}."""
    kind, layer, source = key
    return f"b{layer + 1}" if kind == "b" else f"{kind}{layer + 1}_{source + 1}"
