"""A target: a suffix, how a recording is written, and how a written file is run.

A module of this package that defines ``TARGET`` is a target; no other code needs a change.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import matnet.exporters
from matnet.errors import UnsupportedError
from matnet.exporters.names import NameRule
from matnet.exporters.recording import Function, Precision, Recording
from matnet.functions.namespace import FloatArray


@dataclass(frozen=True)
class Job:
    """A written file to be run on arguments.

    ``arguments`` are the arrays (N, size) of the file's function, ``shapes`` those of its results without the batch. A
    file of a family takes one sample and directions as columns; its ``function`` is "family".
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

    Parameters
    ----------
    suffix, name
        The suffix of the file; the name of its language or format.
    render
        Returns the file's bytes.
    runtime
        What runs such a file.
    missing
        Returns what is needed to run it but not installed, else ''.
    run
        Runs jobs, all in one process, and returns each one's results (N, …).
    options
        Which fields of Options a user may set.
    precisions
        The number types that it can be written in.
    names
        Which names its functions may have.
    header
        Returns the bytes of a file's header, if the language has headers.
    family
        Returns the bytes of the derivatives' files by the beginnings of their names, if the format has such.
    remark
        Returns a line for the user about the file, or ''.
    checked
        Returns the computations that are run to check a file; together they give all that it computes.
    about
        What the file contains, in a few words for the documentation.
    finite
        Whether its numbers are never NaN or infinite, so that it is compared for finite ones only.
    static
        Whether it takes no dynamic networks.
    keeps_start
        Whether it keeps the states that a dynamic network starts from: it is then checked by a series from them.
    """

    suffix: str
    name: str
    render: Callable[[Recording], bytes]
    runtime: str
    missing: Callable[[], str]
    run: Callable[[Sequence[Job], Path], list[list[FloatArray]]]
    about: str
    options: frozenset[str] = frozenset({"name", "inputs", "outputs", "jacobian"})
    precisions: tuple[Precision, ...] = ("float64",)
    names: NameRule = field(default_factory=NameRule)
    header: Callable[[Recording], bytes] | None = None
    family: Callable[[Recording], dict[str, bytes]] | None = None
    remark: Callable[[Recording], str] = lambda recording: ""
    checked: Callable[[Recording], tuple[Function, ...]] = lambda recording: recording.printed
    finite: bool = False
    static: bool = False
    keeps_start: bool = False

    @property
    def takes(self) -> frozenset[str]:
        """The options of ``save`` that this target has."""
        single = {"float32"} if "float32" in self.precisions else set()
        family = {"family"} if self.family else set()
        return self.options | single | ({"header"} if self.header else set()) | family


@cache
def targets() -> dict[str, Target]:
    """Every target by its suffix."""
    by_suffix = {}
    for module in pkgutil.iter_modules(matnet.exporters.__path__):
        target = getattr(importlib.import_module(f"matnet.exporters.{module.name}"), "TARGET", None)
        if isinstance(target, Target):
            by_suffix[target.suffix] = target
    return dict(sorted(by_suffix.items()))


def target_of(path: Path) -> Target:
    """The target that a path's suffix names.

    Raises
    ------
    UnsupportedError
        There is no such target.
    """
    known = targets()
    if path.suffix not in known:
        raise UnsupportedError(
            f"the suffix '{path.suffix}' is not a known format; known: {', '.join(known)}", place=path
        )
    return known[path.suffix]
