"""The FMU as a zip archive, the same bytes for the same network and compiler, and how FMPy runs it."""

from __future__ import annotations

import hashlib
import io
import json
import math
import sys
import zipfile
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from matnet.errors import Parameter, UnsupportedError
from matnet.exporters.fmu.description import build_description, model_description
from matnet.exporters.fmu.driver import DRIVER
from matnet.exporters.fmu.sources import compiler, functions_of, library, source_files
from matnet.exporters.names import NameRule
from matnet.exporters.recording import Function, Recording
from matnet.exporters.running import IN, OUT, execute, read_results, write_arguments
from matnet.exporters.stepping import check_start
from matnet.exporters.target import Job, Target
from matnet.functions.namespace import FloatArray

VERSIONS = ("3.0", "2.0")


def _render(recording: Recording) -> bytes:
    fmi = _version(recording)
    _check_step(recording)
    check_start(recording.net, "an FMU")
    unsigned = _sources(recording, fmi, "")
    digest = hashlib.sha256()
    for name, content in unsigned.items():
        digest.update(f"{name}\0{len(content)}\0".encode() + content)
    marks = digest.hexdigest()
    token = f"{{{marks[:8]}-{marks[8:12]}-{marks[12:16]}-{marks[16:20]}-{marks[20:32]}}}"
    members = _sources(recording, fmi, token)
    chosen = compiler()
    if chosen.command:
        units = {name.removeprefix("sources/"): content.decode() for name, content in members.items()}
        units = {name: text for name, text in units.items() if name.endswith((".c", ".h"))}
        place = f"binaries/{chosen.folder(fmi)}/{recording.name}.{chosen.suffix}"
        members[place] = library(units, chosen)
    return _zipped(members)


def _version(recording: Recording) -> str:
    fmi = recording.options.fmi
    if fmi is not None and fmi not in VERSIONS:
        raise UnsupportedError(Parameter("fmi"), f" is '{fmi}', expected {' or '.join(VERSIONS)}")
    return fmi or VERSIONS[0]


def _check_step(recording: Recording) -> None:
    step = recording.options.step
    if step is None:
        return
    if not recording.net.dynamic:
        raise UnsupportedError(Parameter("step"), ": the network is static and has no steps; leave it out")
    if not (math.isfinite(step) and step > 0.0):
        raise UnsupportedError(Parameter("step"), f" is {step}, expected a positive number")


def _sources(recording: Recording, fmi: str, token: str) -> dict[str, bytes]:
    """Every member of the archive but the shared library."""
    code = source_files(recording, fmi, token)
    units = sorted(name for name in code if name.endswith(".c"))
    members = {"modelDescription.xml": model_description(recording, fmi, token, units)}
    members |= {f"sources/{name}": text.encode() for name, text in sorted(code.items())}
    if fmi != "2.0":
        members["sources/buildDescription.xml"] = build_description(recording, units)
    return members


def _zipped(members: dict[str, bytes]) -> bytes:
    """An archive without times, so that it depends on its members alone."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = (0o755 if name.startswith("binaries/") else 0o644) << 16
            archive.writestr(entry, content)
    return file.getvalue()


def _remark(recording: Recording) -> str:
    reason = compiler().reason
    return f"the FMU contains source code only, as {reason}" if reason else ""


def _checked(recording: Recording) -> tuple[Function, ...]:
    """A step gives the next states, and the derivatives are those with the states held."""
    functions = functions_of(recording)
    return functions if recording.net.dynamic else functions[-1:]


def _missing() -> str:
    if compiler().reason:
        return "a C compiler"
    return "" if find_spec("fmpy") else "FMPy"


def _run(jobs: Sequence[Job], folder: Path) -> list[list[FloatArray]]:
    """Every FMU validated and run by FMPy, all in one process; dy/dx are its directional derivatives."""
    listing = [
        {
            "path": str(job.path.resolve()),
            "function": job.function,
            "rows": len(job.arguments[0]),
            "sizes": [array.shape[1] for array in job.arguments],
        }
        for job in jobs
    ]
    (folder / "jobs.json").write_text(json.dumps(listing), encoding="utf-8")
    write_arguments(jobs, folder)
    execute([sys.executable, "-I", "-c", DRIVER, "jobs.json", IN, OUT], folder, "FMU")
    return read_results(jobs, folder)


TARGET = Target(
    ".fmu",
    "FMU",
    _render,
    "FMPy",
    _missing,
    _run,
    about="a unit of FMI 3.0 or 2.0 with exact directional derivatives; a dynamic network for co-simulation",
    options=frozenset({"name", "inputs", "outputs", "jacobian", "fmi", "step"}),
    names=NameRule(),
    remark=_remark,
    checked=_checked,
)
