"""From a file to networks: `load` and `load_all`."""

from __future__ import annotations

import glob
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal, NamedTuple, TypeAlias

from matnet.errors import FormatError, MatnetError, NoNetworkError
from matnet.files import DEFAULT_LIMIT, byte_count, file_name, is_several
from matnet.network import Network
from matnet.network.names import Names

SUFFIXES = (".mat", ".m", ".json")
"""The suffixes that are searched for in a folder."""


class _Options(NamedTuple):
    """How files are read."""

    limit: int
    allow_nonfinite: bool
    isolation: bool


def load(
    path: str | os.PathLike[str],
    network: str | None = None,
    *,
    limit: int | str = DEFAULT_LIMIT,
    allow_nonfinite: bool = False,
    isolation: bool = True,
    input_names: Names | None = None,
    output_names: Names | None = None,
) -> Network:
    """The network in a file.

    Parameters
    ----------
    path
        A MAT-file that MATLAB saved (-v6, -v7 or -v7.3), a function file that genFunction wrote (.m), or an archive
        that ``save`` wrote (.json).
    network
        Which one, as MATLAB names it: ``results.Network``, ``nets{3}``. Needed only if the file contains several.
    limit
        Bytes of memory that the file's contents may take, or a text with a unit: ``"8G"``.
    allow_nonfinite
        Whether weights that are NaN or Inf are accepted; otherwise they are refused.
    isolation
        Whether a version 7.3 MAT-file is read in a separate process, so that a damaged file cannot crash this one.
        False saves the fraction of a second that the process takes to start, for files that you trust.
    input_names, output_names
        Names for its elements, as ``Network.with_names`` takes them.

    Returns
    -------
    Network
        With the file, its SHA-256, the path in it and other information from the file in ``provenance``.

    Raises
    ------
    FormatError
        The file cannot be read, is broken, holds no network, or several while `network` is not given.
    ModelError
        The network contradicts itself or was never configured.
    UnsupportedError
        It uses a function or a class that is not supported.

    Examples
    --------
    >>> import matnet
    >>> net = matnet.load("fixtures/pump.mat")
    >>> round(float(net([30.0, 2900.0])[0]), 4)  # head in m at 30 m³/h and 2900 rpm
    41.0254
    """
    net = _load_one(path, network, _Options(byte_count(limit), allow_nonfinite, isolation))
    if input_names is None and output_names is None:
        return net
    return net.with_names(input_names, output_names)


def _load_one(path: str | os.PathLike[str], network: str | None, options: _Options) -> Network:
    file = Path(file_name(path))
    if network is not None and not isinstance(network, str):
        raise FormatError(f"network={network!r} is not a path, expected one as in network='nets{{3}}'")
    if not may_be_mat(file):
        if network is not None:
            raise FormatError(f"holds a single network, which has no path in it; got network='{network}'", place=file)
        return _load_other(file, options)
    from matnet.importers.workspace import Workspace

    try:
        with Workspace(file, options.limit, options.allow_nonfinite, options.isolation) as workspace:
            return workspace.only(network)
    except MatnetError as error:
        raise error.at(file) from error.__cause__


def load_all(
    path: str | os.PathLike[str],
    *,
    limit: int | str = DEFAULT_LIMIT,
    allow_nonfinite: bool = False,
    isolation: bool = True,
    on_error: Literal["raise", "skip"] | Callable[[MatnetError], None] = "raise",
) -> dict[str, Network]:
    """All networks of a file, of a folder or of a glob.

    Parameters
    ----------
    path
        A file as for ``load``, a folder, or a pattern such as ``runs/*.mat``. In a folder, or with a pattern, files
        without a network are skipped.
    limit, allow_nonfinite, isolation
        As for ``load``.
    on_error
        What happens to a network, or in a folder a file, that cannot be loaded: "raise" raises its error, "skip" skips
        it, and a function is called with the error before it is skipped. If nothing is left, the first error is raised
        nevertheless.

    Returns
    -------
    dict
        By MATLAB's path in a MAT-file (``nets{1}``), by the file's name for a function file; from a folder or pattern
        by file name, followed by the path for a MAT-file: ``ws.mat:nets{1}``.

    Raises
    ------
    FormatError, ModelError, UnsupportedError
        As for ``load``; no network at all is a FormatError too.

    Examples
    --------
    >>> import matnet
    >>> {name: net.input_size for name, net in matnet.load_all("fixtures/p*.mat").items()}
    {'pump.mat:net': 2, 'pump_v73.mat:net': 2}
    """
    if on_error not in ("raise", "skip") and not callable(on_error):
        raise FormatError(f"on_error={on_error!r}, expected 'raise', 'skip' or a function of the error")
    leave_out = None if on_error == "raise" else on_error if callable(on_error) else _say_nothing
    text, options = file_name(path), _Options(byte_count(limit), allow_nonfinite, isolation)
    return (_load_many if is_several(text) else _load_file)(text, options, leave_out)


_LeaveOut: TypeAlias = Callable[[MatnetError], None]


def _say_nothing(error: MatnetError) -> None:
    pass


def _load_many(pattern: str, options: _Options, leave_out: _LeaveOut | None) -> dict[str, Network]:
    found: dict[str, Network] = {}
    errors: list[MatnetError] = []
    for name, file in files(pattern):
        try:
            networks = _load_file(file, options, None if leave_out is None else errors.append)
        except NoNetworkError:
            continue
        except MatnetError as error:
            if leave_out is None:
                raise
            errors.append(error)
            continue
        single = not may_be_mat(file)
        found |= {name if single else f"{name}:{inner}": network for inner, network in networks.items()}
    if not found:
        raise errors[0] if errors else NoNetworkError("no network in any of its files", place=pattern)
    if leave_out is not None:
        for failure in errors:
            leave_out(failure)
    return found


def files(pattern: str) -> list[tuple[str, Path]]:
    """The files of a folder or glob that may contain a network, sorted, with names relative to a common folder."""
    try:
        names = os.scandir(pattern) if os.path.isdir(pattern) else glob.iglob(pattern, recursive=True)
        paths = sorted(map(Path, names))
    except OSError as error:
        raise FormatError(f"cannot be read: {error.strerror}", place=pattern) from error
    paths = [entry for entry in paths if os.path.isfile(entry) and entry.suffix.lower() in SUFFIXES]
    if not paths:
        raise FormatError(f"no file with the suffix {', '.join(SUFFIXES)}", place=pattern)
    root = os.path.commonpath([entry.parent for entry in paths])
    return [(entry.relative_to(root).as_posix() if root else entry.as_posix(), entry) for entry in paths]


def _load_file(path: str | Path, options: _Options, leave_out: _LeaveOut | None) -> dict[str, Network]:
    file = Path(path)
    if not may_be_mat(file):
        return {file.name: _load_other(file, options)}
    from matnet.importers.workspace import Workspace

    leave_out_here = None if leave_out is None else lambda error: leave_out(error.at(file))
    try:
        with Workspace(file, options.limit, options.allow_nonfinite, options.isolation) as workspace:
            return workspace.all(leave_out_here)
    except MatnetError as error:
        raise error.at(file) from error.__cause__


def _load_other(file: Path, options: _Options) -> Network:
    """The network of a function file or an archive."""
    from matnet.importers.foreign import foreign_kind
    from matnet.importers.mat.matfile import first_bytes

    try:
        foreign = foreign_kind(file, first_bytes(file))
    except FormatError as error:
        raise error.at(file) from error.__cause__
    if foreign is not None:
        raise FormatError(f"it is {foreign}", place=file)
    return _OTHER_FORMATS[file.suffix.lower()](file, options.limit, options.allow_nonfinite)


def _load_function(file: Path, limit: int, allow_nonfinite: bool) -> Network:
    from matnet.importers.genfunction import NoGeneratedFunctionError, load_genfunction

    try:
        structure, provenance = load_genfunction(file, limit, allow_nonfinite)
    except NoGeneratedFunctionError as error:
        raise NoNetworkError(*error.args, place=error.place) from None
    return Network(structure, provenance, file.stem)


def _load_archive(file: Path, limit: int, allow_nonfinite: bool) -> Network:
    from matnet.importers.archive import load_archive
    from matnet.model.archive import NoArchiveError

    try:
        return load_archive(file, limit, allow_nonfinite)
    except NoArchiveError as error:
        raise NoNetworkError(*error.args, place=error.place) from None


_OTHER_FORMATS: Mapping[str, Callable[[Path, int, bool], Network]] = {".m": _load_function, ".json": _load_archive}
"""Formats by suffix; anything else is treated as a MAT-file, which is recognised by its first bytes."""


def may_be_mat(file: str | Path) -> bool:
    """Whether a file is treated as a MAT-file, by its suffix."""
    return Path(file).suffix.lower() not in _OTHER_FORMATS
