"""The names of a network's inputs, outputs, layers and parameters, and selection by name."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from matnet.errors import ModelError, ShapeError
from matnet.functions.namespace import Array, indices, namespace
from matnet.model.structure import Input, Output, Structure, Weight, element_names
from matnet.simulate import ParameterKey, Program

Names: TypeAlias = str | Sequence[str]
"""One name, or several."""

_Entry = TypeVar("_Entry", Input, Output)

_LISTED = 12


def listed(names: Sequence[object]) -> str:
    """Names for a message: the first twelve, and the number of others."""
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return ", ".join(map(str, names[:_LISTED])) + more


def derivative_name(y: str, x: str, lag: int = 0) -> str:
    """The name of a column of dy/dx: ``dy1_dx1``, with a lag ``dy1_dx1_lag1``, with one below 0 ``dy1_dx1_lead1``."""
    past = f"_lag{lag}" if lag > 0 else f"_lead{-lag}" if lag else ""
    return f"d{y}_d{x}{past}"


def lags_shown(lags: int, leads: int) -> list[int]:
    """The lags of a series' derivatives in the order of columns: 0 to `lags`, then −1 to −`leads`."""
    return [*range(lags + 1), *range(-1, -leads - 1, -1)]


def parameter_names(program: Program, structure: Structure) -> tuple[str, ...]:
    """The name of each entry of the weight vector in MATLAB.

    ``b{1}(2)``, ``IW{1,1}(2,3)``, ``LW{2,1}(1,2)``; ``fc_1.Weights(2,3)``, ``fc_1.Bias(2)`` in the order by layers.
    """
    names: list[str] = []
    rows: dict[str, int] = {}
    for key, size in zip(program.parameters, program.parameter_sizes, strict=True):
        place, shape = parameter_place(structure, key), parameter_shape(structure, key)
        # the rows of a later piece of MATLAB's matrix follow those of the earlier ones
        first = rows.get(place, 0) + 1
        rows[place] = first - 1 + shape[0]
        for row, *others in zip(*np.unravel_index(np.arange(size), shape, order="F"), strict=True):
            names.append(f"{place}({','.join(map(str, (row + first, *(index + 1 for index in others))))})")
    return tuple(names)


def parameter_place(structure: Structure, key: ParameterKey) -> str:
    """MATLAB's name for a weight or bias: ``b{1}``, ``IW{1,1}``; ``fc_1.Weights`` in the order by layers."""
    kind, number, source = key
    layer = structure.layers[number]
    if structure.parameter_order == "layers":
        bias = "Bias" if layer.weights_come_first else "Offset"
        word = bias if kind == "b" else structure.parameter_word(kind, number, source)
        return f"{structure.layers[structure.whole(number)].name}.{word}"
    return f"b{{{number + 1}}}" if kind == "b" else f"{kind}{{{number + 1},{source + 1}}}"


def parameter_shape(structure: Structure, key: ParameterKey) -> tuple[int, ...]:
    """The sizes of a weight or bias in MATLAB, without trailing ones: its entries are in column-major order."""
    kind, number, _ = key
    if kind == "b":
        return (int(structure.layers[number].bias.shape[0]),)  # type: ignore[union-attr]
    weight = _weight(structure, key)
    return weight.row.parameter_shape(int(weight.value.shape[0]), int(weight.value.shape[1]))


def _weight(structure: Structure, key: ParameterKey) -> Weight:
    kind, number, source = key
    layer = structure.layers[number]
    return (layer.input_weights if kind == "IW" else layer.layer_weights)[source]


def with_names(
    structure: Structure, inputs: Names | None, outputs: Names | None, units: Mapping[str, str] | None
) -> Structure:
    """The structure with names for its elements, and units by these names; see ``Network.with_names``."""
    structure = replace(
        structure,
        inputs=_named(structure.inputs, inputs, "inputs"),
        outputs=_named(structure.outputs, outputs, "outputs"),
    )
    if units is None:
        return structure
    names = element_names(structure.inputs, "x"), element_names(structure.outputs, "y")
    if not isinstance(units, Mapping):
        raise ModelError(f"units is of type {type(units).__name__}, expected a mapping of names to units")
    unknown = [name for name in units if name not in names[0] and name not in names[1]]
    if unknown:
        raise ModelError(f"units names {listed(unknown)}; the names are {listed([*names[0], *names[1]])}")
    return replace(
        structure,
        inputs=_measured(structure.inputs, names[0], units),
        outputs=_measured(structure.outputs, names[1], units),
    )


def _named(entries: tuple[_Entry, ...], names: Names | None, parameter: str) -> tuple[_Entry, ...]:
    if names is None:
        return entries
    given = (names,) if isinstance(names, str) else tuple(names)
    size = sum(entry.size for entry in entries)
    if len(given) != size:
        raise ModelError(f"{parameter}: expected a name for each of {size}, got {len(given)}: {listed(given)}")
    return tuple(replace(entry, element_names=given[own]) for entry, own in _parts(entries))


def _measured(entries: tuple[_Entry, ...], names: Sequence[str], units: Mapping[str, str]) -> tuple[_Entry, ...]:
    measured: list[_Entry] = []
    for entry, own in _parts(entries):
        kept = entry.units or ("",) * entry.size
        found = tuple(units.get(name, unit) for name, unit in zip(names[own], kept, strict=True))
        measured.append(replace(entry, units=found if any(found) else ()))
    return tuple(measured)


def _parts(entries: Sequence[_Entry]) -> Iterator[tuple[_Entry, slice]]:
    """Each input or output with the positions of its elements among all."""
    start = 0
    for entry in entries:
        yield entry, slice(start, start + entry.size)
        start += entry.size


class Selection(NamedTuple):
    """The selection of a derivative: of a layer (from 0) or None, of and with respect to elements, None for all."""

    layer: int | None
    rows: tuple[int, ...] | None
    columns: tuple[int, ...] | None

    def of(self, derivative: Array, axes: int = 1) -> Array:
        """The selected part of a derivative (..., S, R), or with ``axes=2`` (..., S, R, R)."""
        if self.rows is not None:
            derivative = _take(derivative, self.rows, -1 - axes)
        if self.columns is not None:
            for axis in range(-axes, 0):
                derivative = _take(derivative, self.columns, axis)
        return derivative


def _take(array: Array, places: tuple[int, ...], axis: int) -> Array:
    chosen: NDArray[np.intp] = np.asarray(places, dtype=np.intp)
    return namespace(array).take(array, indices(array, chosen), axis=axis)


_EVERYTHING = Selection(None, None, None)


def selection(structure: Structure, of: int | Names | None, wrt: Names | None = None) -> Selection:
    """The selection by `of` and `wrt`: a layer by its number from 1 or its name, or outputs by name; inputs by name.

    Raises
    ------
    ShapeError
        There is no such layer, output or input, or a name is ambiguous.
    """
    if of is None and wrt is None:
        return _EVERYTHING
    layer, rows = _layer_or_outputs(structure, of)
    if wrt is None:
        return Selection(layer, rows, None)
    inputs = element_names(structure.inputs, "x")
    return Selection(layer, rows, element_numbers(wrt, inputs, "x", "wrt", "an input"))


def _layer_or_outputs(structure: Structure, of: int | Names | None) -> tuple[int | None, tuple[int, ...] | None]:
    if of is None:
        return None, None
    outputs = element_names(structure.outputs, "y")
    if not isinstance(of, (str, int, float, np.integer)):
        return None, element_numbers(of, outputs, "y", "of", "an output")
    if isinstance(of, str) and of not in {layer.name for layer in structure.layers}:
        if of in outputs:
            return None, (outputs.index(of),)
        if of not in _numbered("y", len(outputs)):
            own = listed([layer.name for layer in structure.listed])
            raise ShapeError(f"of='{of}' is neither a layer ({own}) nor an output ({listed(outputs)}) of the network")
        return None, (int(of[1:]) - 1,)
    if of in outputs:
        raise ShapeError(
            f"of='{of}' is both a layer and an output; give the layer's number, or of=['{of}'] for the output"
        )
    return layer_number(structure, of, "of"), None


def layer_number(structure: Structure, which: object, parameter: str) -> int:
    """The number, from 0, of a layer that is named by its number, from 1, or by its name.

    Raises
    ------
    ShapeError
        There is none, or its name is ambiguous.
    """
    numbers = f"from 1 to {len(structure.listed)}"
    if isinstance(which, (int, np.integer)) and not isinstance(which, bool):
        if not 1 <= which <= len(structure.listed):
            raise ShapeError(f"{parameter}={which}: the layers are numbered {numbers}")
        return int(which) - 1
    if not isinstance(which, str):
        raise ShapeError(f"{parameter}={which!r} is neither a layer's number nor a name")
    names = [layer.name for layer in structure.layers]
    if which not in names:
        own = listed([layer.name for layer in structure.listed])
        raise ShapeError(f"{parameter}={which!r} is not a layer; the layers are {own}")
    if names.count(which) > 1:
        raise ShapeError(f"{names.count(which)} layers are named '{which}'; give the layer's number, {numbers}")
    return names.index(which)


def element_numbers(which: object, names: Sequence[str], letter: str, parameter: str, what: str) -> tuple[int, ...]:
    """The positions, from 0, of the named elements: by the network's names or as x1, x2, ….

    Raises
    ------
    ShapeError
        There is no element of that name, or a name is repeated.
    """
    given = [which] if isinstance(which, str) else which
    if not isinstance(given, Iterable) or isinstance(given, bytes):
        raise ShapeError(f"{parameter}={which!r} is not the name of {what}; the names are {listed(names)}")
    known = {name: k for known in (_numbered(letter, len(names)), names) for k, name in enumerate(known)}
    positions: list[int] = []
    for name in given:
        if not isinstance(name, str) or name not in known:
            raise ShapeError(f"{parameter}={name!r} is not the name of {what}; the names are {listed(names)}")
        if known[name] in positions:
            raise ShapeError(f"{parameter} names {name} twice")
        positions.append(known[name])
    return tuple(positions)


def chosen(which: Names, names: Sequence[str], letter: str, parameter: str, what: str) -> tuple[str, ...]:
    """The names of the selected elements; see ``element_numbers``."""
    return tuple(names[k] for k in element_numbers(which, names, letter, parameter, what))


def differentiated(structure: Structure, wrt: Names, kinds: Sequence[str]) -> tuple[str, list[int] | None]:
    """What `wrt` selects: one of the kinds, or "inputs" and the selected ones.

    Raises
    ------
    ShapeError
        It is neither a kind nor the names of inputs.
    """
    if isinstance(wrt, str) and wrt in kinds:
        return wrt, None
    names = element_names(structure.inputs, "x")
    if isinstance(wrt, str) and wrt not in names and wrt not in _numbered("x", len(names)):
        listed_kinds = ", ".join(f"'{kind}'" for kind in kinds)
        raise ShapeError(f"wrt is '{wrt}', expected {listed_kinds} or the names of inputs ({listed(names)})")
    return "inputs", list(element_numbers(wrt, names, "x", "wrt", "an input"))


def units_of(entries: Sequence[Input] | Sequence[Output]) -> tuple[str, ...]:
    """The units of all elements, "" for those without one."""
    return tuple(unit for entry in entries for unit in entry.units or ("",) * entry.size)


def _numbered(letter: str, size: int) -> tuple[str, ...]:
    return tuple(f"{letter}{number}" for number in range(1, size + 1))
