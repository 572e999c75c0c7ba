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
from matnet.importers.load import load, load_all
from matnet.network import Network

__all__ = [
    "FormatError",
    "MatnetError",
    "MissingExtraError",
    "ModelError",
    "Network",
    "ShapeError",
    "TableError",
    "UnsupportedError",
    "load",
    "load_all",
]
