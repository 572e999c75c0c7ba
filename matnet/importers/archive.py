"""Reading the archive: the network in it must still give the answers that are stored with it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from matnet.errors import FormatError, MatnetError, ModelError
from matnet.files import Budget, read_bytes
from matnet.model.archive import digest_of, loads
from matnet.model.checks import TOLERANCE, checking_bytes, differing
from matnet.model.strict_json import parsed_size
from matnet.model.structure import Structure
from matnet.network import Network

_ADVICE = "take an unchanged copy, or archive the network again from its source"


def load_archive(path: Path, limit: int, allow_nonfinite: bool) -> Network:
    """The network of an archive; its check points are computed again.

    Raises
    ------
    FormatError
        The file is not an archive, is damaged or changed, or the network does not reproduce the check points.
    UnsupportedError
        The archive has a later version, or uses an unknown function.
    ModelError
        The network in it contradicts itself, or has weights that are NaN or Inf while those are not allowed.
    """
    try:
        return _checked(read_bytes(path, limit), limit, allow_nonfinite)
    except MatnetError as error:
        raise error.at(path) from error.__cause__


def _checked(content: bytes, limit: int, allow_nonfinite: bool) -> Network:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise FormatError(f"not JSON: byte {error.start} is not UTF-8") from None
    budget = Budget(limit)
    budget.take(parsed_size(text))
    archive = loads(text)
    if not allow_nonfinite:
        _refuse_nonfinite(archive.structure)
    net = Network(archive.structure, archive.provenance, archive.name)
    if len(archive.checks):
        budget.take(checking_bytes(archive.structure))
    difference = differing(net, archive.checks)
    if difference is not None:
        point, what, deviation = difference
        raise FormatError(
            f".checks.{what}[{point}]: the network gives another answer than the one stored with it, "
            f"by {deviation:.3g} of the range where {TOLERANCE:g} is allowed; a number in the file was changed: "
            f"{_ADVICE}"
        )
    if digest_of(archive) != archive.digest:
        raise FormatError(f".digest: does not belong to what the file holds: something in it was changed: {_ADVICE}")
    return net


def _refuse_nonfinite(structure: Structure) -> None:
    for number, layer in enumerate(structure.layers):
        arrays = [weight.value for weight in layer.weights] + ([] if layer.bias is None else [layer.bias])
        if not all(np.isfinite(array).all() for array in arrays):
            raise ModelError(
                f".layers[{number}] has values that are NaN or Inf; allow_nonfinite=True loads them as they are"
            )
