"""One trial of the fuzzers: a changed file is loaded, and what comes of it is judged.

It is refused with a MatnetError that begins with the file, or it gives the networks of the unchanged file, or others
for which there is a reason in the file: an independent reader finds the same other values in it. One flipped bit may
change nothing but the numbers of a network. A table gives the numbers that Python's csv module reads, or is refused.
Anything else, a warning, a second of work or memory out of proportion included, is a finding.
"""

from __future__ import annotations

import json
import re
import time
import warnings
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h5py  # noqa: F401 - loaded here, so that the first trial that needs it is not charged with it
import numpy as np
import scipy.io

from fuzz_findings import FindingError
from fuzz_frames import judged_frame
from fuzz_mutations import MOST
from fuzz_process import KINDS, judged_in_a_process
from fuzz_tables import judged_table
from matnet import MatnetError, Network, ShapeError, load_all
from matnet.files import DEFAULT_LIMIT
from matnet.importers.mat.matfile import open_mat
from matnet.importers.mat.paths import find
from matnet.importers.mat.values import Cell, Char, Numeric, Sparse, Struct, Value
from matnet.model.archive import Archive, dumps
from matnet.model.checks import Checks
from matnet.model.provenance import Provenance

MOST_SECONDS = 1.0
MEMORY_FACTOR, MEMORY_MORE = 10, 100 << 20
_LARGEST = 200_000
"""Weights from which on a network is not run here."""


@dataclass
class Tally:
    """How the trials ended, and the most that one of them took."""

    verdicts: dict[str, int] = field(default_factory=dict)
    slowest: float = 0.0
    most_memory: int = 0

    @property
    def executions(self) -> int:
        return sum(self.verdicts.values())

    def count(self, verdict: str, seconds: float, memory: int) -> None:
        self.verdicts[verdict] = self.verdicts.get(verdict, 0) + 1
        self.slowest, self.most_memory = max(self.slowest, seconds), max(self.most_memory, memory)


def known_networks(file: Path) -> dict[str, str]:
    """The networks of an unchanged file by their paths, each as the text of its numbers."""
    return {place: text_of(net) for place, net in load_all(file).items()}


def text_of(net: Network) -> str:
    """All that a network is, as text, without where it comes from."""
    return dumps(Archive(net.structure, Provenance(), "", _no_checks(net)))


def _no_checks(net: Network) -> Checks:
    nothing = np.zeros((0, net.input_size)), np.zeros((0, net.output_size))
    return Checks(*nothing, np.zeros((0, net.output_size, net.input_size)))


def _stated(text: str) -> Any:
    """What an archive states, as Python's own json module reads it, but for its digest and its check points."""
    found = json.loads(text, parse_int=float)
    return {key: _meant(value) for key, value in found.items() if key not in ("digest", "checks")}


def _meant(entry: Any) -> Any:
    """An entry without the optional ones that are empty, and with weights in the order of their sources."""
    if isinstance(entry, list):
        parts = [_meant(part) for part in entry]
        weights = parts and all(isinstance(part, dict) and "source" in part for part in parts)
        return sorted(parts, key=lambda part: part["source"]) if weights else parts
    if not isinstance(entry, dict):
        return entry
    return {key: _meant(value) for key, value in entry.items() if value not in ({}, [], "")}


def without_numbers(text: str) -> Any:
    """The text of a network with sizes in place of weights, biases, ranges and settings, and without texts of labels.

    Whether there is a range, a name or a performance function remains.
    """
    return _without_numbers(json.loads(text))


def _without_numbers(entry: Any) -> Any:
    if isinstance(entry, list):
        return [_without_numbers(part) for part in entry]
    if not isinstance(entry, dict):
        return entry
    found: dict[str, Any] = {}
    for key, value in entry.items():
        if key in ("value", "bias", "range"):
            found[key] = None if value is None else np.shape(value)
        elif key == "settings":
            # whether a step changes anything is one of its numbers
            found[key] = {name: np.shape(numbers) for name, numbers in value.items() if name != "no_change"}
        elif key in ("name", "performance"):
            found[key] = bool(value)
        elif key not in ("digest", "checks"):
            found[key] = _without_numbers(value)
    return found


def trial(kind: str, file: Path, data: bytes, known: Mapping[str, str], tally: Tally) -> str:
    """Load the file with these bytes and judge; the verdict.

    Raises
    ------
    FindingError
        A result that must never occur.
    """
    file.write_bytes(data)
    if kind in KINDS:
        verdict, seconds, memory = judged_in_a_process(kind, file, known)
    else:
        _forget_the_peak()
        before, start = _kilobytes("VmRSS"), time.process_time()
        verdict = judged(kind, file, known)
        seconds, memory = time.process_time() - start, 1024 * max(_kilobytes("VmHWM") - before, 0)
    tally.count(verdict, seconds, memory)
    if seconds > MOST_SECONDS:
        raise FindingError(f"took {seconds:.2f} s of the processor")
    if memory > MEMORY_MORE and memory > MEMORY_FACTOR * _inflated(data) + MEMORY_MORE:
        raise FindingError(f"took {memory >> 20} MB for {_inflated(data)} bytes")
    return verdict


def judged(kind: str, file: Path, known: Mapping[str, str], isolation: bool = True) -> str:
    """What comes of a changed file: a verdict.

    Raises
    ------
    FindingError
        A result that must never occur.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        if kind == "table":
            return judged_table(file)
        if kind in ("parquet", "arrow", "excel"):
            return judged_frame(file, isolation)
        try:
            networks = load_all(file, isolation=isolation)
        except MatnetError as error:
            if not str(error).startswith(str(file)):
                raise FindingError(f"an error without its file: {error}") from error
            return "refused"
        except BaseException as error:
            raise FindingError(f"{type(error).__name__}: {error}") from error
        texts = {place: text_of(net) for place, net in networks.items()}
        changed = {place: net for place, net in networks.items() if texts[place] not in known.values()}
        for place, net in changed.items():
            _run(place, net)
            if kind == "bit" and without_numbers(texts[place]) not in map(without_numbers, known.values()):
                raise FindingError(f"{place}: one bit changed more than the numbers of a network")
    if kind == "bit" and len(networks) < len(known):
        raise FindingError("one bit made a network disappear")
    if not changed:
        return "the same networks" if len(networks) == len(known) else "fewer or more of the same networks"
    return "other networks: " + "; ".join(
        sorted({_reason(kind, file, place, net, isolation) for place, net in changed.items()})
    )


def _run(place: str, net: Network) -> None:
    """A network that is accepted must run."""
    if net.structure.input_size * net.structure.output_size > _LARGEST or net.parameters.size > _LARGEST:
        return
    try:
        if net.dynamic:
            steps = None if net.input_size else 3
            outputs = net.run(np.full((3, net.input_size), 0.5) if net.input_size else None, steps=steps).outputs
        else:
            outputs = net(np.full((3, net.input_size), 0.5))
    except ShapeError:
        # three steps are less than the network looks back
        return
    except BaseException as error:
        raise FindingError(f"{place}: loaded, but fails: {type(error).__name__}: {error}") from error
    if outputs.shape != (3, net.output_size):
        raise FindingError(f"{place}: loaded, but gives {outputs.shape}")


def _reason(kind: str, file: Path, place: str, net: Network, isolation: bool) -> str:
    if kind == "archive":
        raise FindingError(f"{place}: an archive that was changed gives another network")
    if kind == "digest":
        written = dumps(Archive(net.structure, net.provenance, net.name, _no_checks(net)))
        if _stated(written) != _stated(file.read_text("utf-8-sig")):
            raise FindingError(f"{place}: the network, written again, differs from what the archive says")
        return "the archive says so, and its check points agree"
    if kind == "function":
        return "the function file says so"
    if not re.match(r"[A-Za-z]", place):
        return "under a name that is none of MATLAB's, which no path leads to"
    value = find(open_mat(file, DEFAULT_LIMIT, isolation), place)
    if not isinstance(value, Struct):
        return "an object of a newer class, which no other reader reads"
    if file.read_bytes()[512:516] == b"\x89HDF":
        return "version 7.3, which no other reader reads"
    if "." in place or "{" in place or "(" in place:
        return "within another value"
    theirs = _by_scipy(file, place)
    if theirs is None:
        return "scipy does not read it"
    found = next(_differences(value, theirs, place), None)
    if found is not None:
        raise FindingError(f"{place}: scipy reads another value: {found}")
    return "scipy reads the same other values"


def _by_scipy(file: Path, place: str) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return scipy.io.loadmat(file, mat_dtype=True, variable_names=[place]).get(place)
        except Exception:  # noqa: BLE001 - what an independent reader raises says nothing about us
            return None


def _differences(ours: Value, theirs: Any, place: str) -> Iterator[str]:
    """Where scipy has other numbers or texts in cells and structs."""
    if isinstance(ours, Struct) and isinstance(theirs, np.ndarray) and theirs.dtype.names:
        records = theirs.reshape(-1, order="F")
        for name, values in ours.fields.items():
            if name not in theirs.dtype.names or len(values) != len(records):
                yield f"{place}: no field {name}, or not {len(values)} of them"
                continue
            for number, value in enumerate(values):
                yield from _differences(value, records[number][name], f"{place}({number + 1}).{name}")
    elif isinstance(ours, Cell) and isinstance(theirs, np.ndarray) and theirs.dtype == object:
        items = theirs.reshape(-1, order="F")
        if len(items) != len(ours.items):
            yield f"{place}: {len(items)} cells, not {len(ours.items)}"
            return
        for number, value in enumerate(ours.items):
            yield from _differences(value, items[number], f"{place}{{{number + 1}}}")
    elif isinstance(ours, Numeric) and isinstance(theirs, np.ndarray) and ours.array.size:
        if not np.array_equal(ours.array, theirs, equal_nan=theirs.dtype.kind in "fc"):
            yield f"{place}: {str(ours.array)[:200]} and {str(theirs)[:200]}"
    elif isinstance(ours, Sparse):
        if not np.array_equal(ours.floats(), theirs.toarray(), equal_nan=True):
            yield f"{place}: another sparse matrix"
    elif isinstance(ours, Char) and ours.text.rstrip("\0 ") != "\n".join(map(str, np.ravel(theirs))).rstrip("\0 "):
        yield f"{place}: {ours.text!r} and {theirs!r}"


def _forget_the_peak() -> None:
    """Lets VmHWM, the most memory that the process had, count from now on."""
    with open("/proc/self/clear_refs", "w", encoding="ascii") as file:
        file.write("5")


def _kilobytes(name: str) -> int:
    """What the kernel says of this process: VmRSS, its memory now, or VmHWM, the most that it had."""
    with open("/proc/self/status", encoding="ascii", errors="replace") as status:
        return next(int(line.split()[1]) for line in status if line.startswith(f"{name}:"))


def _inflated(data: bytes) -> int:
    """How long the file is once its variables are inflated."""
    from fuzz_mutations import inflated_sizes

    try:
        return len(data) + sum(inflated_sizes(data))
    except zlib.error:
        return min(len(data), MOST)
