"""Which columns of a table feed the network, and what the columns of the result are called."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from matnet.errors import TableError
from matnet.tables.cells import counted, shown
from matnet.tables.dialect import Dialect
from matnet.tables.header import Header, other_delimiter

LISTED = 12
FORMULA_STARTS = "=+-@\t\r"


@dataclass(frozen=True)
class Columns:
    """What the user asked for by name; None and empty leave it to the rules.

    ``wrt`` selects the inputs of derivatives, ``of`` the outputs, ``keep`` the columns of the table written unchanged;
    ``group`` is the column that tells several series in one table apart.
    """

    inputs: tuple[str, ...] | None = None
    outputs: tuple[str, ...] | None = None
    keep: tuple[str, ...] = ()
    wrt: tuple[str, ...] | None = None
    of: tuple[str, ...] | None = None
    group: str | None = None


@dataclass(frozen=True)
class Choice:
    """Indices of the columns that are read, the inputs' names in the result, and what a user should know of it."""

    inputs: tuple[int, ...]
    keep: tuple[int, ...]
    input_names: tuple[str, ...]
    note: str = ""
    group: int | None = None

    @property
    def texts(self) -> tuple[int, ...]:
        """The columns that are read as text: the kept, then the group's."""
        return self.keep if self.group is None else (*self.keep, self.group)


def choose(header: Header, columns: Columns, input_size: int, place: str, dialect: Dialect) -> Choice:
    """The inputs by their names, else x1 .. xR where all are there, else by position.

    Raises
    ------
    TableError
        A column that is named is not there, or the table has not exactly R columns beside those named.
    """
    keep = _found(header, columns.keep, "--keep", place, dialect)
    group = None if columns.group is None else _found(header, (columns.group,), "--group", place, dialect)[0]
    default = numbered("x", input_size)
    wanted = columns.inputs
    if wanted is not None:
        check_names(wanted, input_size, "--inputs", "input")
        if header.written or set(wanted) <= set(header.names):
            return Choice(_found(header, wanted, "--inputs", place, dialect), keep, wanted, group=group)
    elif header.written and set(default) <= set(header.names):
        return Choice(_found(header, default, "--inputs", place, dialect), keep, default, group=group)
    free = tuple(index for index in range(len(header.names)) if index not in keep and index != group)
    if len(free) != input_size:
        raise TableError(_misfit(header, len(free), input_size, place, dialect, len(free) < len(header.names)))
    names = wanted or default
    return Choice(free, keep, names, _position_note(header, free, names, place), group)


def _position_note(header: Header, columns: Sequence[int], names: Sequence[str], place: str) -> str:
    if not header.written:
        return ""
    pairs = [f"{name} = {header.names[index]}" for name, index in zip(names, columns, strict=True)]
    more = f" and {len(pairs) - LISTED} more" if len(pairs) > LISTED else ""
    return f"{place}: the inputs are taken by position: {', '.join(pairs[:LISTED])}{more}"


def _misfit(header: Header, free: int, input_size: int, place: str, dialect: Dialect, kept: bool) -> str:
    beside = " beside those named" if kept else ""
    advice = other_delimiter(header.names, dialect) or (
        f"; name the columns of the inputs with --inputs, or keep others with --keep ({_listed(header.names)})"
        if free > input_size
        else f" ({_listed(header.names)})"
    )
    needed, there = counted(input_size, "input"), counted(free, "column")
    return f"{place}: the network takes {needed}, but the table has {there}{beside}{advice}"


def _found(header: Header, names: Sequence[str], option: str, place: str, dialect: Dialect) -> tuple[int, ...]:
    check_twice(names, option)
    missing = [name for name in names if name not in header.names]
    if missing:
        what = "column" if len(missing) == 1 else "columns"
        raise TableError(
            f"{place}: {option}: no {what} {', '.join(map(shown, missing))} in the table; it has "
            f"{_listed(header.names)}{other_delimiter(header.names, dialect)}"
        )
    return tuple(header.names.index(name) for name in names)


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - LISTED} more" if len(names) > LISTED else ""
    return ", ".join(map(shown, names[:LISTED])) + more


def numbered(letter: str, size: int) -> tuple[str, ...]:
    """The names x1 .. xR or y1 .. yS."""
    return tuple(f"{letter}{number}" for number in range(1, size + 1))


def check_names(names: Sequence[str], size: int, option: str, what: str) -> None:
    """Whether there are as many different names as the network has inputs or outputs."""
    if len(names) != size:
        raise TableError(
            f"{option} gives {counted(len(names), 'name')} ({_listed(names)}), the network has {counted(size, what)}"
        )
    check_twice(names, option)


def check_twice(names: Sequence[str], option: str) -> None:
    """Whether no name is given twice."""
    twice = [name for position, name in enumerate(names) if name in names[:position]]
    if twice:
        raise TableError(f"{option} gives {shown(twice[0])} twice")


def output_names(columns: Columns, output_size: int) -> tuple[str, ...]:
    """The outputs' names as given, else y1 .. yS."""
    if columns.outputs is None:
        return numbered("y", output_size)
    check_names(columns.outputs, output_size, "--outputs", "output")
    return columns.outputs


def selected(names: Sequence[str], chosen: Sequence[str] | None, option: str) -> tuple[int, ...]:
    """Indices of the chosen names, all where none are chosen.

    Raises
    ------
    TableError
        A name is not among `names`, or is given twice.
    """
    if chosen is None:
        return tuple(range(len(names)))
    check_twice(chosen, option)
    unknown = [name for name in chosen if name not in names]
    if unknown:
        raise TableError(f"{option}: there is no {shown(unknown[0])}; there are {_listed(names)}")
    return tuple(list(names).index(name) for name in chosen)


def check_clash(names: Sequence[str]) -> None:
    """Whether all columns of the result have names of their own."""
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise TableError(
                f"two columns of the result would be named {shown(name)}; "
                "name the inputs or outputs with --inputs or --outputs, or drop a column from --keep"
            )
        seen.add(name)


def safe_name(name: str) -> str:
    """A name that no spreadsheet takes for a formula: an apostrophe before a first = + - @, tab or return."""
    return "'" + name if name and name[0] in FORMULA_STARTS else name
