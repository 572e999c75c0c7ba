"""``matnet.save``: a network to a file, the format by the suffix."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from matnet.errors import MatnetError, UnsupportedError
from matnet.exporters.archive import archive_text
from matnet.exporters.recording import Options, Recording, recorded
from matnet.exporters.target import target_of
from matnet.files import put
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
) -> None:
    """Writes a network, to be opened again (.json) or to be used without matnet (.onnx, .c, .m, .py).

    Every export but .json carries y and dy/dx, printed from the library's own computation of both.

    Parameters
    ----------
    net
        The network.
    path
        The file; its suffix is the format.
    name
        The name of the function in the file; by default the file's stem.
    inputs, outputs
        Names of the elements, for the file's documentation; by default x1, x2, … and y1, y2, ….
    jacobian
        Whether dy/dx is written too.
    float32
        Whether the file computes in float32 (.c and .onnx only).
    opset
        The version of ONNX' operators (.onnx only); by default 17.

    Raises
    ------
    UnsupportedError
        The suffix names no format, the format has no such option, a name is no identifier, or the network cannot be
        expressed in the format. The file is then not written, and one that was there is left as it was.
    MissingExtraError
        A package is needed to write the format and not installed.
    FormatError
        The file cannot be written.
    """
    place = Path(path)
    options = Options(
        name=name,
        inputs=None if inputs is None else tuple(inputs),
        outputs=None if outputs is None else tuple(outputs),
        jacobian=jacobian,
        precision="float32" if float32 else "float64",
        opset=opset,
    )
    put(place, rendered(net, place, options)[1])


def rendered(net: Network, path: Path, options: Options) -> tuple[Recording | None, bytes]:
    """What is to be written to `path`, and the recording that was printed; an archive (.json) has none."""
    if path.suffix == ".json":
        if options != Options():
            raise UnsupportedError(f"{path}: a .json holds the network itself and takes no options of an export")
        return None, archive_text(net).encode("utf-8")
    target = target_of(path)
    if options.precision not in target.precisions:
        raise UnsupportedError(f"{path}: {target.name} is written in {' or '.join(target.precisions)} only")
    if options.opset is not None and path.suffix != ".onnx":
        raise UnsupportedError(f"{path}: only .onnx has an opset")
    if path.suffix == ".m" and options.name not in (None, path.stem):
        raise UnsupportedError(f"{path}: MATLAB calls a function by its file's name; write it to {options.name}.m")
    try:
        recording = recorded(net, path.stem, options)
        return recording, target.render(recording)
    except MatnetError as error:
        raise error.at(f"{path}: ") from error.__cause__
