"""Scaling stored beside the network: settings of mapminmax and mapstd, and of the older premnmx and prestd.

It is applied outside the network's own processing (`Network.with_scaling`).
"""

from __future__ import annotations

import math
import re
from pathlib import Path

from matnet.errors import FormatError, MatnetError, counted
from matnet.files import DEFAULT_LIMIT
from matnet.functions.namespace import FloatArray
from matnet.importers.mat.fields import at_place
from matnet.importers.mat.matfile import open_mat
from matnet.importers.mat.paths import describe, find
from matnet.importers.mat.values import MatFile, Numeric, Sparse, Struct, Value, describe_shape
from matnet.model.structure import Process
from matnet.network.scaling import PAIRS, SETTINGS, from_pair, process, settings_function

_ADDRESS = re.compile(r"(?P<file>.*\.mat):(?P<name>.+)", re.IGNORECASE | re.DOTALL)
_COMMA = re.compile(r",(?![^{(]*[)}])")
"""A comma outside subscripts."""


def settings_in(value: Value) -> str:
    """A description of a struct that looks like the settings of a scaling; "" for any other."""
    function = _function(value)
    if not function or not isinstance(value, Struct):
        return ""
    first = value.get(SETTINGS[function][0])
    return f"settings of {function} for {counted(math.prod(first.shape) if first is not None else 0, 'row')}"


def pairs_in(file: MatFile) -> dict[str, str]:
    """The pairs of variables that look like the results of an older function, with a description."""
    descriptions = {}
    for names, pair in PAIRS.items():
        found = [file.variables[name] for name in names if name in file.variables]
        numbers = [entry for entry in found if not entry.holds_values]
        shapes = {entry.shape for entry in numbers}
        if len(numbers) == len(names) and len(shapes) == 1:
            rows = math.prod(shapes.pop())
            descriptions[",".join(names)] = f"what {pair.maker} returned for the {pair.side}, {counted(rows, 'row')}"
    return descriptions


def load_scaling(
    address: str, beside: str | Path | None = None, *, limit: int = DEFAULT_LIMIT, isolation: bool = True
) -> Process:
    """Scaling stored in a MAT-file, for ``Network.with_scaling``.

    Parameters
    ----------
    address
        ``FILE.mat:NAME``, or NAME alone for one in the file `beside`. NAME is MATLAB's path of the settings struct that
        mapminmax or mapstd returned (``ps``, ``s.ps``); or one of the pairs ``minp,maxp``, ``mint,maxt``,
        ``meanp,stdp`` and ``meant,stdt`` that premnmx and prestd returned; or any two arrays with one number per row,
        with the function that they belong to: ``mapminmax:lowest,highest`` (add ``,0,1`` if they are mapped to 0 and 1
        instead of -1 and 1) or ``mapstd:mu,sigma``.
    beside
        The file that a NAME alone is in, usually the network's.
    limit
        Bytes of memory that the file's contents may take.
    isolation
        Whether a version 7.3 file is read in a separate process, as for ``load``.

    Returns
    -------
    Process
        The scaling.

    Raises
    ------
    FormatError
        There is no such file or variable, or it does not contain scaling.
    ModelError
        The settings contradict themselves.

    Examples
    --------
    >>> from matnet.importers.scaling import load_scaling
    >>> load_scaling("fixtures/pump.mat:mapstd:performance,performance").raw_size
    1
    """
    parts = _ADDRESS.fullmatch(address)
    if parts is None and beside is None:
        raise FormatError(f"'{address}' does not name a file; expected FILE.mat:NAME")
    file, name = (parts["file"], parts["name"]) if parts else (beside, address)
    try:
        with open_mat(Path(str(file)), limit, isolation) as mat:
            return read_scaling(mat, name)
    except MatnetError as error:
        raise error.at(file) from error.__cause__


def read_scaling(file: MatFile, name: str) -> Process:
    """The scaling of a NAME, as in ``load_scaling``, from an open file.

    Raises
    ------
    FormatError
        There is no such variable, or it does not contain scaling.
    ModelError
        The settings contradict themselves.
    """
    name = re.sub(r"\s", "", name)
    function, colon, arrays = name.partition(":")
    names = tuple(_COMMA.split(arrays if colon else name))
    if colon and function in SETTINGS:
        return _from_arrays(file, function, names)
    pair = PAIRS.get((names[0], names[1])) if len(names) == 2 and not colon else None
    return _from_struct(find(file, name), name) if pair is None else _from_arrays(file, pair.function, names)


def _from_struct(value: Value, name: str) -> Process:
    if not _function(value) or not isinstance(value, Struct):
        pairs = ", ".join(map(",".join, PAIRS))
        raise FormatError(
            f"{name} is a {describe(value)}, expected the settings struct that mapminmax or mapstd returned, "
            f"or one of {pairs}; arrays of other names are given as mapminmax:lowest,highest or mapstd:mean,deviation"
        )
    with at_place(f"{name}: "):
        return process(
            {key: entry.floats() for key, (entry,) in value.fields.items() if isinstance(entry, Numeric | Sparse)}
        )


def _from_arrays(file: MatFile, function: str, names: tuple[str, ...]) -> Process:
    ends: tuple[float, float] | None = None
    try:
        first, second, *processed = names
        if processed:
            low, high = map(float, processed)
            ends = (low, high)
    except ValueError:
        raise FormatError(
            f"expected two arrays, and perhaps two numbers that they become, got {','.join(names)}"
        ) from None
    arrays = _column(find(file, first), first), _column(find(file, second), second)
    with at_place(f"{','.join(names)}: "):
        return from_pair(function, *arrays, ends)


def _function(value: Value) -> str:
    if not isinstance(value, Struct) or math.prod(value.shape) != 1:
        return ""
    return settings_function(value.fields.keys())


def _column(value: Value, name: str) -> FloatArray:
    if not isinstance(value, Numeric | Sparse):
        raise FormatError(f"{name} is a {describe(value)}, expected numbers")
    if len(value.shape) != 2 or 1 not in value.shape:
        raise FormatError(f"{name} is {describe_shape(value.shape)}, expected one number per row")
    return value.floats().ravel()
