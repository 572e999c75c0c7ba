"""Networks saved by MATLAB, opened without MATLAB: outputs and exact derivatives at real scale.

Each public name is imported when it is first used: `import matnet` alone costs next to nothing.
"""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matnet import errors as errors
    from matnet import plots as plots
    from matnet import tables as tables
    from matnet import xarray as xarray
    from matnet.compiled.evaluator import compile
    from matnet.errors import (
        FormatError,
        MatnetError,
        MissingExtraError,
        ModelError,
        ShapeError,
        TableError,
        UnsupportedError,
    )
    from matnet.exporters.frameworks import (
        objective,
        to_casadi,
        to_jax,
        to_openmdao,
        to_pyomo,
        to_sklearn,
        to_torch,
    )
    from matnet.exporters.save import save
    from matnet.importers.load import load, load_all
    from matnet.network import Ensemble, Network
    from matnet.network.from_weights import from_weights

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
    "__version__",
    "compile",
    "from_weights",
    "load",
    "load_all",
    "objective",
    "save",
    "to_casadi",
    "to_jax",
    "to_openmdao",
    "to_pyomo",
    "to_sklearn",
    "to_torch",
]

_PLACES = {
    "Ensemble": "matnet.network",
    "Network": "matnet.network",
    "compile": "matnet.compiled.evaluator",
    "from_weights": "matnet.network.from_weights",
    "load": "matnet.importers.load",
    "load_all": "matnet.importers.load",
    "save": "matnet.exporters.save",
    **dict.fromkeys(
        ("objective", "to_casadi", "to_jax", "to_openmdao", "to_pyomo", "to_sklearn", "to_torch"),
        "matnet.exporters.frameworks",
    ),
}
"""Where the names come from; the errors come from matnet.errors."""

_ROOMS = ("errors", "plots", "tables", "xarray")
"""Modules that are there after ``import matnet``, as ``matnet.plots``; the others are imported by name."""


def __getattr__(name: str) -> object:
    if name in _ROOMS:
        return importlib.import_module(f"matnet.{name}")
    if name not in __all__:
        raise AttributeError(f"module 'matnet' has no attribute '{name}'")
    if name == "__version__":
        value: object = importlib.import_module("matnet.version").version()
    else:
        value = getattr(importlib.import_module(_PLACES.get(name, "matnet.errors")), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return [*__all__, *_ROOMS]
