"""What a target is: a suffix, how a recording is written, and how what was written is run.

A module of this package that defines ``TARGET`` is a target; nothing else has to know of it.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import matnet.exporters
from matnet.errors import UnsupportedError
from matnet.exporters.recording import Precision, Recording
from matnet.functions.namespace import FloatArray


@dataclass(frozen=True)
class Job:
    """A written file to be run on arguments.

    ``arguments`` are the arrays (N, size) of the file's function, ``shapes`` what comes out, without the batch axis.
    """

    path: Path
    name: str
    function: str
    arguments: tuple[FloatArray, ...]
    shapes: tuple[tuple[int, ...], ...]
    precision: Precision = "float64"


@dataclass(frozen=True)
class Target:
    """A kind of file that a network is written to.

    ``render`` gives the file's bytes; ``runtime`` is what runs such a file, ``missing`` names it where it is not
    installed here, else it is ''; ``run`` runs jobs, all in one process, and gives each one's results (N, …).
    """

    suffix: str
    name: str
    runtime: str
    render: Callable[[Recording], bytes]
    missing: Callable[[], str]
    run: Callable[[Sequence[Job], Path], list[list[FloatArray]]]
    precisions: tuple[Precision, ...] = ("float64",)


@cache
def targets() -> dict[str, Target]:
    """Every target by its suffix."""
    found = {}
    for module in pkgutil.iter_modules(matnet.exporters.__path__):
        target = getattr(importlib.import_module(f"matnet.exporters.{module.name}"), "TARGET", None)
        if isinstance(target, Target):
            found[target.suffix] = target
    return dict(sorted(found.items()))


def target_of(path: Path) -> Target:
    """The target that a path's suffix names.

    Raises
    ------
    UnsupportedError
        There is none.
    """
    known = targets()
    if path.suffix not in known:
        raise UnsupportedError(
            f"{path}: the suffix '{path.suffix}' names no format; known: {', '.join(['.json', *known])}"
        )
    return known[path.suffix]
