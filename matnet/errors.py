"""What matnet raises. Every failure that is not a bug of ours is a MatnetError."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Self


def printable(text: str) -> str:
    """Text from a file on one line: characters that could move the cursor or hide text are escaped."""
    return text if text.isprintable() else "".join(map(_escaped, text))


def _escaped(character: str) -> str:
    return character if character.isprintable() else character.encode("unicode_escape").decode()


def counted(number: int, what: str, several: str = "") -> str:
    """A number of things in words: 1 sample, 2,400 samples; `several` is the plural if it does not end in s alone."""
    return f"{number:,} {what if number == 1 else several or what + 's'}"


class Parameter(NamedTuple):
    """A parameter of the library in the text of an error, optionally with a value to set it to: ``missing='nan'``.

    A command shows the option that sets it instead.
    """

    name: str
    value: object = None

    def __str__(self) -> str:
        return self.name if self.value is None else f"{self.name}={self.value!r}"


class Advice:
    """What to do, as part of the text of an error: omitted by a command that lacks one of its parameters."""

    def __init__(self, *parts: str | Parameter) -> None:
        self.parts = parts

    def __str__(self) -> str:
        return "".join(map(str, self.parts))


class MatnetError(Exception):
    """The base class of all errors that matnet raises on purpose.

    A message says where, what is wrong, what was got, what was expected and what to do: ``place: text``. The text may
    consist of several parts; `reworded` rewrites those that are a `Parameter` or `Advice` for the user of a command.

    Parameters
    ----------
    parts
        The text.
    place
        Where it is wrong, from the outside in: ``ws.mat: net.layers{2}.transferFcn``, ``table.csv: line 3, column x1``,
        ``net.m:12: the statement of that line``. Kept as ``error.place``; empty where there is no place.
    """

    place: str

    def __init__(self, *parts: object, place: object = "") -> None:
        super().__init__(*parts)
        self.place = str(place)

    def __str__(self) -> str:
        return printable(_joined(self.place, self.text))

    @property
    def text(self) -> str:
        """The message without its place."""
        return "".join(map(str, self.args))

    def reworded(self, option: Callable[[Parameter], str | None]) -> str:
        """The message with each parameter as `option` writes it, and no advice about one for which that is None."""
        return printable(_joined(self.place, "".join(_reworded(part, option) for part in self.args)))

    def at(self, place: object) -> Self:
        """The same error with `place` put before its own: the file, variable or line in which it occurred.

        Places are joined by a colon and a space; a line such as ``:12`` follows its file directly.
        """
        moved = type(self)(*self.args, place=_joined(str(place).removesuffix(": "), self.place))
        moved.__cause__ = self.__cause__
        return moved


class FormatError(MatnetError, ValueError):
    """A broken file, or a file that is not of the expected kind."""


class NoNetworkError(FormatError):
    """A valid file that contains no network."""


class UnsupportedError(MatnetError, NotImplementedError):
    """Something that matnet does not support, or does not know for certain and will not guess."""


class ModelError(MatnetError, ValueError):
    """A network that contradicts itself."""


class ShapeError(MatnetError, ValueError):
    """A user's array that does not fit the network."""


class TableError(MatnetError, ValueError):
    """A user's table that cannot be read as numbers."""


class MissingExtraError(MatnetError, ImportError):
    """A package that is needed but not installed; the message names the extra."""


def _joined(place: str, rest: str) -> str:
    direct = not place or not rest or rest.startswith(":")
    return f"{place}{rest}" if direct else f"{place}: {rest}"


def _reworded(part: object, option: Callable[[Parameter], str | None]) -> str:
    if isinstance(part, Parameter):
        return option(part) or str(part)
    if not isinstance(part, Advice):
        return str(part)
    known = all(option(piece) is not None for piece in part.parts if isinstance(piece, Parameter))
    return "".join(_reworded(piece, option) for piece in part.parts) if known else ""
