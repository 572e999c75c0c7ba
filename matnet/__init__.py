"""Networks saved by MATLAB, opened without MATLAB: outputs and exact derivatives at real scale.

Each public name is imported when it is first used: `import matnet` alone costs next to nothing.
"""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
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

_PLACES = {
    "Ensemble": "matnet.network",
    "Network": "matnet.network",
    "compile": "matnet.compiled.evaluator",
    "load": "matnet.importers.load",
    "load_all": "matnet.importers.load",
    "save": "matnet.exporters.save",
    "to_casadi": "matnet.exporters.frameworks",
    "to_jax": "matnet.exporters.frameworks",
    "to_torch": "matnet.exporters.frameworks",
}
"""Where the names come from; the errors come from matnet.errors."""


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module 'matnet' has no attribute '{name}'")
    value: object = getattr(importlib.import_module(_PLACES.get(name, "matnet.errors")), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return list(__all__)
