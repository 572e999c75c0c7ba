"""JSON: the archive, the network itself with its outputs at a few check points."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from matnet.errors import FormatError
from matnet.exporters.names import NameRule
from matnet.exporters.recording import Recording
from matnet.exporters.stepping import step_of
from matnet.exporters.target import Job, Target
from matnet.functions.namespace import FloatArray
from matnet.model.archive import Archive, dumps, loads
from matnet.model.checks import make_checks
from matnet.network import Network


def archive_text(net: Network) -> str:
    """The network as the text of an archive.

    Raises
    ------
    UnsupportedError
        Its weights are not NumPy arrays.
    """

    def perturbed(change: float) -> Network:
        theta = net.parameters
        with np.errstate(over="ignore"):
            return net.with_parameters(theta * (1.0 + np.where(np.arange(len(theta)) % 2, -change, change)))

    checks = make_checks(net, perturbed)
    return dumps(Archive(net.structure, net.provenance, net.name, checks))


def _render(recording: Recording) -> bytes:
    inputs, outputs = recording.options.inputs, recording.options.outputs
    return archive_text(recording.net.with_names(inputs, outputs)).encode("utf-8")


def _run(jobs: Sequence[Job], folder: Path) -> list[list[FloatArray]]:
    """Reads every archive back, which must give the same text again."""
    results = []
    for job in jobs:
        text = job.path.read_text(encoding="utf-8")
        archive = loads(text)
        net = Network(archive.structure, archive.provenance, archive.name)
        if archive_text(net) != text:
            raise FormatError("the archive differs after it is read back and written again")
        if job.function == "step":
            results.append([np.asarray(part) for part in step_of(net)(net.program, *job.arguments)])
            continue
        (x,) = job.arguments
        results.append([net.run(x).outputs if job.function == "series" else net(x)])
    return results


TARGET = Target(
    ".json",
    "JSON",
    _render,
    "matnet",
    lambda: "",
    _run,
    about="the network itself, to be loaded by matnet again",
    options=frozenset({"inputs", "outputs"}),
    names=NameRule(free=True),
    keeps_start=True,
)
