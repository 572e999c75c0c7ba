"""Networks saved by MATLAB, opened without MATLAB: outputs and exact derivatives at real scale."""

from matnet.errors import (
    FormatError,
    MatnetError,
    MissingExtraError,
    ModelError,
    ShapeError,
    TableError,
    UnsupportedError,
)
from matnet.exporters.compiled import compile
from matnet.exporters.frameworks import to_casadi, to_jax, to_torch
from matnet.exporters.save import save
from matnet.importers.load import load, load_all
from matnet.network import Ensemble, Network

__all__ = [
    "Ensemble",
    "FormatError",
    "MatnetError",
    "MissingExtraError",
    "ModelError",
    "Network",
    "ShapeError",
    "TableError",
    "UnsupportedError",
    "compile",
    "load",
    "load_all",
    "save",
    "to_casadi",
    "to_jax",
    "to_torch",
]
