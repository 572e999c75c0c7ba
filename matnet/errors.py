"""What matnet raises. Every failure that is not a bug of ours is a MatnetError."""

from __future__ import annotations

from typing import Self


class MatnetError(Exception):
    """The parent of all errors that matnet raises on purpose.

    A message says where, what is wrong, what was got, what was expected and what to do.
    """

    def at(self, place: str) -> Self:
        """The same error with `place` put before its message: where in the file it was found."""
        moved = type(self)(f"{place}{self}")
        moved.__cause__ = self.__cause__
        return moved


class FormatError(MatnetError, ValueError):
    """A broken file, or a file of another kind."""


class NoNetworkError(FormatError):
    """A sound file that holds no network."""


class UnsupportedError(MatnetError, NotImplementedError):
    """Something that we know and do not do, or do not know and will not guess."""


class ModelError(MatnetError, ValueError):
    """A network that contradicts itself."""


class ShapeError(MatnetError, ValueError):
    """An array of the user's that does not fit the network."""


class TableError(MatnetError, ValueError):
    """A table of the user's that cannot be read as numbers."""


class MissingExtraError(MatnetError, ImportError):
    """A package that is needed for this and not installed; the message names the extra."""
