"""Which columns of a table feed the network, and what the columns of the result are called."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

from matnet.errors import Advice, Parameter, TableError, counted
from matnet.tables.wording import LISTED, listed, shown

if TYPE_CHECKING:
    from matnet.network import Ensemble, Network

ALL = "all"
FORMULA_STARTS = "=+-@\t\r"
INPUTS, OUTPUTS, KEEP, GROUP, WRT, OF, TARGETS = map(
    Parameter, ("inputs", "outputs", "keep", "group", "wrt", "of", "targets")
)


class Header(NamedTuple):
    """The names of the columns, and whether the table contains them."""

    names: tuple[str, ...]
    written: bool


@dataclass(frozen=True)
class Columns:
    """What the user requested by name; None and empty leave the choice to the rules.

    ``wrt`` selects the inputs of derivatives, ``of`` the outputs, ``keep`` the columns of the table written unchanged,
    all of them where it is ("all",) and no column has that name. ``group`` is the column that distinguishes several
    series in one table. ``own_inputs`` and ``own_outputs`` are the names that the network itself has. ``targets`` are
    columns of measured outputs; they are not inputs unless they are named as such. ``image`` is (H, W, C) where the
    network's only input is an image.
    """

    inputs: tuple[str, ...] | None = None
    outputs: tuple[str, ...] | None = None
    keep: tuple[str, ...] = ()
    wrt: tuple[str, ...] | None = None
    of: tuple[str, ...] | None = None
    group: str | None = None
    own_inputs: tuple[str, ...] | None = None
    own_outputs: tuple[str, ...] | None = None
    targets: tuple[str, ...] = ()
    image: tuple[int, ...] = ()

    def named_by(self, model: Network | Ensemble) -> Columns:
        """The same with the names of a network's own elements."""
        return replace(self, own_inputs=model.input_names, own_outputs=model.output_names, image=image_of(model))


def image_of(model: Network | Ensemble) -> tuple[int, ...]:
    """(H, W, C) of the only input of a network, or of those of an ensemble; empty if it has none or no image."""
    first: Any = getattr(model, "networks", (model,))[0]
    image: tuple[int, ...] = first.structure.input_image
    return image


@dataclass(frozen=True)
class Choice:
    """Indices of the columns that are read, the inputs' names in the result, and notes for the user.

    ``targets`` hold measured outputs; they are read as text, since they may be empty where they are not needed.
    """

    inputs: tuple[int, ...]
    keep: tuple[int, ...]
    input_names: tuple[str, ...]
    note: str = ""
    group: int | None = None
    targets: tuple[int, ...] = ()

    @property
    def texts(self) -> tuple[int, ...]:
        """The columns that are read as text: the kept, then the group's, then the targets."""
        return (*self.keep, *(() if self.group is None else (self.group,)), *self.targets)


def no_advice() -> Advice | None:
    """Nothing is known of what to do."""
    return None


def choose(
    header: Header, columns: Columns, input_size: int, place: str, advise: Callable[[], Advice | None] = no_advice
) -> Choice:
    """The inputs by their names, else the network's own names or x1 .. xR, else by position under the header's names.

    Parameters
    ----------
    header
        The table's columns.
    columns
        What was requested.
    input_size
        R, how many columns feed the network.
    place
        The table's name in messages.
    advise
        What to do, if something is known of it; called only where the columns do not fit.

    Raises
    ------
    TableError
        A column that is named is not there, only some of the inputs' names are, or the table has not exactly R columns
        beside those named.
    """
    every = columns.keep == (ALL,) and ALL not in header.names
    kept = expanded(columns.keep, header.names)
    keep = tuple(range(len(header.names))) if every else _found(header, kept, KEEP, place, advise)
    group = None if columns.group is None else _found(header, (columns.group,), GROUP, place, advise)[0]
    targets = _found(header, expanded(columns.targets, header.names), TARGETS, place, no_advice)
    default = columns.own_inputs or numbered("x", input_size)
    wanted = None if columns.inputs is None else expanded(columns.inputs, header.names)
    if wanted is not None:
        check_names(wanted, input_size, INPUTS, "input")
        if header.written or set(wanted) <= set(header.names):
            return Choice(_found(header, wanted, INPUTS, place, advise), keep, wanted, group=group, targets=targets)
    elif header.written:
        for names in (default, numbered("x", input_size)):
            if set(names) <= set(header.names):
                return Choice(_found(header, names, INPUTS, place, advise), keep, names, group=group, targets=targets)
    taken = {*(() if every else keep), *targets, group}
    free = tuple(index for index in range(len(header.names)) if index not in taken)
    if wanted is None and header.written:
        for names in (default, numbered("x", input_size)):
            _check_partial(header, free, names, place)
    if len(free) != input_size:
        raise _misfit(header, len(free), input_size, place, advise)
    if not header.written:
        return Choice(free, keep, wanted or default, group=group, targets=targets)
    names = tuple(header.names[index] for index in free)
    note = f"{place}: the inputs are taken by position: {_shortened(names)}"
    return Choice(free, keep, names, note, group, targets)


def _check_partial(header: Header, free: Sequence[int], default: Sequence[str], place: str) -> None:
    """Refuse a header that names some of the inputs: by position every column could be shifted."""
    there = [name for name in default if name in {header.names[index] for index in free}]
    if there:
        missing = [name for name in default if name not in there]
        raise TableError(
            f"the header names {counted(len(there), 'input')} of {len(default)} ({_shortened(there)}) but not "
            f"{_shortened(missing)}; rename the columns",
            Advice(", or name those of the inputs in order with ", INPUTS),
            place=place,
        )


def _shortened(names: Sequence[str]) -> str:
    more = f" and {len(names) - LISTED} more" if len(names) > LISTED else ""
    return ", ".join(names[:LISTED]) + more


def _misfit(header: Header, free: int, input_size: int, place: str, advise: Callable[[], Advice | None]) -> TableError:
    beside = " beside those named" if free < len(header.names) else ""
    needed, there = counted(input_size, "input"), counted(free, "column")
    listing = f" ({listed(header.names)})" if header.written else ""
    parts: list[str | Advice] = [f"{place}: the network takes {needed}, but the table has {there}{beside}{listing}"]
    advice = advise()
    if advice is not None:
        parts.append(advice)
    elif free > input_size:
        parts.append(Advice("; name the columns of the inputs with ", INPUTS))
        parts.append(Advice(", or columns to keep with ", KEEP))
    return TableError(*parts)


def expanded(names: Sequence[str], among: Sequence[str]) -> tuple[str, ...]:
    """The names, with ``first:last`` replaced by all names from the one to the other."""
    columns: list[str] = []
    for name in names:
        first, mark, last = (part.strip() for part in name.partition(":"))
        if mark and name not in among and first in among and last in among:
            columns.extend(among[list(among).index(first) : list(among).index(last) + 1] or (name,))
        else:
            columns.append(name)
    return tuple(columns)


def _found(
    header: Header, names: Sequence[str], parameter: Parameter, place: str, advise: Callable[[], Advice | None]
) -> tuple[int, ...]:
    check_twice(names, parameter)
    missing = [name for name in names if name not in header.names]
    if missing:
        what = "column" if len(missing) == 1 else "columns"
        named = f": no {what} {', '.join(map(shown, missing))} in the table; it has {listed(header.names)}"
        advice = advise()
        raise TableError(parameter, named, *(() if advice is None else (advice,)), place=place)
    return tuple(header.names.index(name) for name in names)


def numbered(letter: str, size: int) -> tuple[str, ...]:
    """The names x1 .. xR or y1 .. yS."""
    return tuple(f"{letter}{number}" for number in range(1, size + 1))


def check_names(names: Sequence[str], size: int, parameter: Parameter, what: str) -> None:
    """Check that there are as many different names as the network has inputs or outputs."""
    if len(names) != size:
        raise TableError(
            parameter,
            f" gives {counted(len(names), 'name')} ({listed(names)}), the network has {counted(size, what)}",
        )
    check_twice(names, parameter)


def check_twice(names: Sequence[str], parameter: Parameter) -> None:
    """Check that no name is given twice."""
    twice = [name for position, name in enumerate(names) if name in names[:position]]
    if twice:
        raise TableError(parameter, f" gives {shown(twice[0])} twice")


def output_names(columns: Columns, output_size: int) -> tuple[str, ...]:
    """The outputs' names as given, else the network's own, else y1 .. yS."""
    if columns.outputs is None:
        return columns.own_outputs or numbered("y", output_size)
    check_names(columns.outputs, output_size, OUTPUTS, "output")
    return columns.outputs


def selected(names: Sequence[str], chosen: Sequence[str] | None, parameter: Parameter) -> tuple[int, ...]:
    """Indices of the chosen names, all if none are chosen.

    Raises
    ------
    TableError
        A name is not among `names`, or is given twice.
    """
    if chosen is None:
        return tuple(range(len(names)))
    chosen = expanded(chosen, names)
    check_twice(chosen, parameter)
    unknown = [name for name in chosen if name not in names]
    if unknown:
        raise TableError(parameter, f": there is no {shown(unknown[0])}; there are {listed(names)}")
    return tuple(list(names).index(name) for name in chosen)


def check_clash(names: Sequence[str]) -> None:
    """Check that all columns of the result have different names."""
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise TableError(
                f"two columns of the result would be named {shown(name)}; use other names for the inputs or outputs (",
                INPUTS,
                ", ",
                OUTPUTS,
                "), or leave a column out of ",
                KEEP,
            )
        seen.add(name)


def safe_name(name: str) -> str:
    """A name that no spreadsheet takes for a formula: an apostrophe before a first = + - @, tab or return."""
    return "'" + name if name and name[0] in FORMULA_STARTS else name
