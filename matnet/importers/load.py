"""From a file to networks: `load` and `load_all`."""

from __future__ import annotations

import glob
import os
from collections.abc import Callable, Mapping
from pathlib import Path

from matnet.errors import FormatError, MatnetError, NoNetworkError
from matnet.files import DEFAULT_LIMIT
from matnet.network import Network

SUFFIXES = (".mat", ".m", ".json")
"""Files that a folder is searched for."""


def load(
    path: str | os.PathLike[str],
    network: str | None = None,
    *,
    limit: int = DEFAULT_LIMIT,
    allow_nonfinite: bool = False,
) -> Network:
    """The network in a file.

    Parameters
    ----------
    path
        A MAT-file that MATLAB saved (-v6, -v7 or -v7.3), a function file that genFunction wrote (.m), or an archive
        that ``save`` wrote (.json).
    network
        Which one, as MATLAB names it: ``results.Network``, ``nets{3}``. Needed only where the file holds several.
    limit
        Bytes of memory that the file's contents may take.
    allow_nonfinite
        Whether weights that are NaN or Inf are taken as they are; otherwise they are refused.

    Returns
    -------
    Network
        With the file, its SHA-256, the path in it and what else the file tells in ``provenance``.

    Raises
    ------
    FormatError
        The file cannot be read, is broken, holds no network, or several while `network` is not given.
    ModelError
        The network contradicts itself or was never configured.
    UnsupportedError
        It uses a function or a class that is not done.

    Examples
    --------
    >>> import matnet
    >>> net = matnet.load("fixtures/pump.mat")
    >>> round(float(net([30.0, 2900.0])[0]), 4)  # head in m at 30 m³/h and 2900 rpm
    41.0254
    """
    file = Path(path)
    with_suffix = _OTHER_FORMATS.get(file.suffix.lower())
    if with_suffix is not None:
        if network is not None:
            raise FormatError(f"{file}: holds a single network, which has no path in it; got network='{network}'")
        return with_suffix(file, limit, allow_nonfinite)
    from matnet.importers.workspace import Workspace

    try:
        return Workspace(file, limit, allow_nonfinite).only(network)
    except MatnetError as error:
        raise error.at(f"{file}: ") from error.__cause__


def load_all(
    path: str | os.PathLike[str], *, limit: int = DEFAULT_LIMIT, allow_nonfinite: bool = False
) -> dict[str, Network]:
    """All networks of a file, of a folder or of a glob.

    Parameters
    ----------
    path
        A file as for ``load``, a folder, or a pattern such as ``runs/*.mat``. In a folder, and by a pattern, files
        without a network are passed over; a network that cannot be loaded is an error nevertheless.
    limit, allow_nonfinite
        As for ``load``.

    Returns
    -------
    dict
        By MATLAB's path in a MAT-file (``nets{1}``), by the file's name for a function file; from a folder or pattern
        by file name, with the path behind it for a MAT-file: ``ws.mat:nets{1}``.

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
    text = os.fspath(path)
    if Path(text).is_dir() or (glob.has_magic(text) and not Path(text).exists()):
        return _load_many(text, limit, allow_nonfinite)
    return _load_file(Path(text), limit, allow_nonfinite)


def _load_many(pattern: str, limit: int, allow_nonfinite: bool) -> dict[str, Network]:
    found: dict[str, Network] = {}
    for name, file in files(pattern):
        try:
            networks = _load_file(file, limit, allow_nonfinite)
        except NoNetworkError:
            continue
        single = file.suffix.lower() in _OTHER_FORMATS
        found |= {name if single else f"{name}:{inner}": network for inner, network in networks.items()}
    if not found:
        raise NoNetworkError(f"{pattern}: no network in any of its files")
    return found


def files(pattern: str) -> list[tuple[str, Path]]:
    """The files of a folder or of a glob that may hold a network, sorted, with their names below what they share."""
    folder = Path(pattern)
    paths = sorted(folder.iterdir()) if folder.is_dir() else sorted(map(Path, glob.glob(pattern, recursive=True)))
    paths = [entry for entry in paths if entry.is_file() and entry.suffix.lower() in SUFFIXES]
    if not paths:
        raise FormatError(f"{pattern}: no file with the suffix {', '.join(SUFFIXES)}")
    root = os.path.commonpath([entry.parent for entry in paths])
    return [(entry.relative_to(root).as_posix() if root else entry.as_posix(), entry) for entry in paths]


def _load_file(file: Path, limit: int, allow_nonfinite: bool) -> dict[str, Network]:
    with_suffix = _OTHER_FORMATS.get(file.suffix.lower())
    if with_suffix is not None:
        return {file.name: with_suffix(file, limit, allow_nonfinite)}
    from matnet.importers.workspace import Workspace

    try:
        return Workspace(file, limit, allow_nonfinite).all()
    except MatnetError as error:
        raise error.at(f"{file}: ") from error.__cause__


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
"""What is told by its suffix; all else is taken for a MAT-file, which is told by its first bytes."""
