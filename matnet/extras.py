"""Optional packages: imported on first use, or the extra that installs them is named."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from matnet.errors import MissingExtraError

_DISTRIBUTIONS = {
    "array_api_compat": "array-api-compat",
    "backports.zstd": "backports.zstd",
    "sklearn": "scikit-learn",
}
"""The names by which packages are installed, if they differ from those by which they are imported."""


def need(what: str, extra: str, *modules: str, place: object = "") -> Any:
    """Imports modules of optional packages and returns the first; `what` is what needs them.

    Raises
    ------
    MissingExtraError
        One of them is not installed.
    """
    first, *_ = (_imported(what, extra, module, place) for module in modules)
    return first


def _imported(what: str, extra: str, module: str, place: object) -> Any:
    try:
        return import_module(module)
    except ImportError as error:
        package = _DISTRIBUTIONS.get(module, module.partition(".")[0])
        raise MissingExtraError(
            f"{what} needs the package {package}, which is not installed; install it with: pip install "
            f"'matnet[{extra}]'",
            place=place,
        ) from error
