"""``matnet.save``: writes a network to a file in the format of its suffix."""

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

LARGE = 2**25
"""The bytes of a file from which on the user is told of them."""


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
    fmi: str | None = None,
    step: float | None = None,
    family: bool = False,
) -> None:
    """Writes a network to a file: as an archive to be loaded again (.json), or as code that works without matnet.

    Code computes y and dy/dx, and is printed from the library's own computation of both. The suffix of the file selects
    the format; ``matnet convert --list`` shows all formats.

    Parameters
    ----------
    net
        The network.
    path
        The file; its suffix is the format.
    name
        The name of the function in the file; by default the file's stem, changed if it is not legal.
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
    fmi
        The version of FMI, "3.0" or "2.0" (FMU only); by default "3.0".
    step
        The time between two steps of a dynamic network (FMU only); by default 1.
    family
        Whether the file has y alone and the derivatives are files beside it, as CasADi reads them (ONNX only):
        fwd_NAME, adj_NAME, fwd_adj_NAME and fwd_fwd_NAME. x is then one sample, a column.

    Raises
    ------
    UnsupportedError
        `net` is an ensemble, the suffix names no format, the format has no such option, a name is not legal, or the
        network cannot be expressed in the format. The file is then not written, and an existing one is unchanged.
    MissingExtraError
        A package that is needed to write the format is not installed.
    FormatError
        The file cannot be written.
    """
    one_network(net, "save")
    place = Path(file_name(path))
    for parameter, names in (("inputs", inputs), ("outputs", outputs)):
        if isinstance(names, str):
            raise UnsupportedError(f"{parameter} is the text {names!r}, expected a list of names", place=place)
    options = Options(
        name=name,
        inputs=None if inputs is None else tuple(inputs),
        outputs=None if outputs is None else tuple(outputs),
        jacobian=jacobian,
        precision="float32" if float32 else "float64",
        opset=opset,
        header=header,
        fmi=fmi,
        step=step,
        family=family,
    )
    write(rendered(net, place, options), place)


@dataclass(frozen=True)
class Export:
    """The contents of a file to be written.

    ``content`` is the file's bytes, ``beside`` those of the files beside it by their names; ``notes`` are lines for the
    user.
    """

    target: Target
    recording: Recording
    content: bytes
    beside: dict[str, bytes]
    notes: tuple[str, ...]


def rendered(net: Network, path: Path, options: Options) -> Export:
    """The contents of the file `path`.

    Raises
    ------
    UnsupportedError, MissingExtraError
        As in ``save``.
    """
    target = target_of(path)
    for option in sorted(_set(options) - target.takes):
        having = ", ".join(suffix for suffix, other in targets().items() if option in other.takes)
        raise UnsupportedError(f"{target.name} does not have the option '{option}'; supported by {having}", place=path)
    try:
        name, note = function_name(target.names, path.stem, options.name)
        # a target without the option jacobian writes no dy/dx
        chosen = replace(options, jacobian=options.jacobian and "jacobian" in target.options)
        recording = Recording(net, name, chosen)
        beside = {}
        if options.header and target.header:
            beside[path.with_suffix(".h").name] = target.header(recording)
        if options.family and target.family:
            beside |= {f"{prefix}{path.name}": content for prefix, content in target.family(recording).items()}
        content = target.render(recording)
        notes = tuple(line for line in (note, target.remark(recording), _on_size(content)) if line)
        return Export(target, recording, content, beside, notes)
    except MatnetError as error:
        raise error.at(path) from error.__cause__


def _on_size(content: bytes) -> str:
    if len(content) < LARGE:
        return ""
    return (
        f"the file has {len(content) / 1e6:,.0f} MB, for which compilers and interpreters need minutes and much "
        "memory; .onnx holds the numbers as they are"
    )


def _set(options: Options) -> set[str]:
    """The names of the options of ``save`` that differ from their defaults."""
    different = {field.name for field in fields(Options) if getattr(options, field.name) != field.default}
    return {"float32" if name == "precision" else name for name in different}


def write(export: Export, path: Path) -> None:
    """Writes the file, and those beside it.

    Raises
    ------
    FormatError
        One cannot be written; an existing file is unchanged.
    """
    for name, content in export.beside.items():
        put(path.with_name(name), content)
    put(path, export.content)
