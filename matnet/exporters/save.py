"""``matnet.save``: a network to a file, the format by the suffix."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path

from matnet.errors import MatnetError, UnsupportedError
from matnet.exporters.names import function_name
from matnet.exporters.recording import Options, Recording, one_network
from matnet.exporters.target import Target, target_of, targets
from matnet.files import file_name, put
from matnet.network import Network


def save(
    net: Network,
    path: str | os.PathLike[str],
    *,
    name: str | None = None,
    inputs: Sequence[str] | None = None,
    outputs: Sequence[str] | None = None,
    jacobian: bool = True,
    float32: bool = False,
    opset: int | None = None,
    header: bool = False,
) -> None:
    """Writes a network to a file: as an archive to be opened again (.json), or as code that works without matnet.

    Code carries y and dy/dx, printed from the library's own computation of both. ``matnet convert --list`` shows all
    formats; a file is written by its suffix.

    Parameters
    ----------
    net
        The network.
    path
        The file; its suffix is the format.
    name
        The name of the function in the file; by default the file's stem, made legal where it is not.
    inputs, outputs
        Names of the elements, for the file's documentation; by default those of the network.
    jacobian
        Whether dy/dx is written too.
    float32
        Whether the file computes in float32 (C and ONNX only).
    opset
        The version of ONNX's operators (ONNX only); by default 17.
    header
        Whether a header is written beside the file under the same stem (C only).

    Raises
    ------
    UnsupportedError
        `net` is an ensemble, the suffix names no format, the format has no such option, a name is not legal, or the
        network cannot be expressed in the format. The file is then not written, and one that was there is left as it
        was.
    MissingExtraError
        A package is needed to write the format and not installed.
    FormatError
        The file cannot be written.
    """
    one_network(net, "save")
    place = Path(file_name(path))
    options = Options(
        name=name,
        inputs=None if inputs is None else tuple(inputs),
        outputs=None if outputs is None else tuple(outputs),
        jacobian=jacobian,
        precision="float32" if float32 else "float64",
        opset=opset,
        header=header,
    )
    write(rendered(net, place, options), place)


@dataclass(frozen=True)
class Export:
    """What is to be written.

    ``content`` is the file's bytes and ``header`` those of the header beside it, where one was asked for; ``note`` is a
    line to tell the user, or ''.
    """

    target: Target
    recording: Recording
    content: bytes
    header: bytes | None
    note: str


def rendered(net: Network, path: Path, options: Options) -> Export:
    """What is to be written to `path`.

    Raises
    ------
    UnsupportedError, MissingExtraError
        As in ``save``.
    """
    target = target_of(path)
    for option in sorted(_set(options) - target.takes):
        having = ", ".join(suffix for suffix, other in targets().items() if option in other.takes)
        raise UnsupportedError(f"{target.name} does not have the option '{option}'; it belongs to {having}", place=path)
    try:
        name, note = function_name(target.names, path.stem, options.name)
        # what a target cannot be asked to leave out it does not have
        chosen = replace(options, jacobian=options.jacobian and "jacobian" in target.options)
        recording = Recording(net, name, chosen)
        header = target.header(recording) if options.header and target.header else None
        return Export(target, recording, target.render(recording), header, note)
    except MatnetError as error:
        raise error.at(path) from error.__cause__


def _set(options: Options) -> set[str]:
    """The names of the options, as ``save`` has them, that differ from what they are by default."""
    different = {field.name for field in fields(Options) if getattr(options, field.name) != field.default}
    return {"float32" if name == "precision" else name for name in different}


def write(export: Export, path: Path) -> None:
    """Writes the file, and its header beside it under the same stem.

    Raises
    ------
    FormatError
        It cannot be written; what was there is left as it was.
    """
    if export.header is not None:
        put(path.with_suffix(".h"), export.header)
    put(path, export.content)
