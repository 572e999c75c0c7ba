"""Where a command writes: never over a file that it reads."""

from __future__ import annotations

import glob
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from matnet.cli.speech import note, on_terminal
from matnet.errors import TableError

if TYPE_CHECKING:
    from matnet.tables.target import Target

SOURCES = ("file", "table", "targets", "against", "names", "input_scaling", "output_scaling", "states")
"""The arguments and options of the commands that name what is read."""


def check_place(name: str, options: dict[str, Any]) -> None:
    """Check that a result may be written to a place.

    Raises
    ------
    TableError
        A file is there, and it is one that the command reads, or --no-clobber protects it.
    """
    place = Path(name)
    if name == "-" or not os.path.isfile(place):
        return
    for source in _sources(options):
        if any(os.path.isfile(part) and os.path.samefile(part, place) for part in _files(source)):
            raise TableError("this file is an input of the command; write the result to another file", place=name)
    if options.get("no_clobber"):
        raise TableError("the file exists; leave out --no-clobber to replace it", place=name)


def make_folder(folder: Path) -> None:
    """Make a folder, if it is not there.

    Raises
    ------
    TableError
        It cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise TableError(f"cannot be made: {error.strerror}", place=folder) from error


def _sources(options: dict[str, Any]) -> Iterator[str]:
    """What the arguments and options name as input; an option that may be repeated names several."""
    for key in SOURCES:
        given = options.get(key)
        yield from (given,) if isinstance(given, str) else given or ()


def _files(source: str) -> Iterator[Path]:
    """The files that a name may mean: itself, the file of an address, those of a folder or pattern."""
    from matnet.tables.formats import mat_address, sheet_address

    address = mat_address(source) or sheet_address(source)
    path = Path(source if address is None else address[0])
    yield path
    yield from path.rglob("*") if os.path.isdir(path) else map(Path, glob.glob(source, recursive=True))


@contextmanager
def opened_result(name: str) -> Iterator[Target]:
    """A result of that name; - is standard output."""
    from matnet.tables.target import open_target

    with open_target(name, None if sys.stdout is None else sys.stdout.buffer) as target:
        yield target
    if name != "-" and on_terminal():
        note(f"written: {name}")
