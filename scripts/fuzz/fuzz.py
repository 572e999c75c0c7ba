"""A long run of the fuzzers: `python scripts/fuzz/fuzz.py --seconds 3600 --log fuzz.jsonl`; a line of figures a kind.

Files to change are those in fixtures/ and, in the folder of MATNET_CORPUS, the real ones; archives also of random
networks of images and with recurrent layers. Each trial changes one of them; what comes of it is judged by
fuzz_trial.py. Findings are kept in --findings with what was wrong.

With `--engine atheris` (pip install atheris) the trials of one --kind are guided by the coverage of matnet's own code:
what reaches new code is changed further.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import os
import random
import resource
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from fuzz_frames import frames, workbooks
from fuzz_mutations import MUTATORS, has_objects

PROJECT = Path(__file__).parents[2]
LARGEST_SEED = 60_000
LARGEST_RANDOM_SEED = 30_000
MOST_ADDRESSES = 6 << 30
"""Bytes of address space; beyond it an allocation fails, which is a finding, instead of taking the machine down."""


@dataclass(frozen=True)
class Seed:
    """A sound file: its name, its bytes and its networks."""

    name: str
    data: bytes
    known: dict[str, str]


def main() -> int:
    """The exit status: 1 where something was found."""
    arguments = _arguments()
    resource.setrlimit(resource.RLIMIT_AS, (MOST_ADDRESSES, MOST_ADDRESSES))
    arguments.findings.mkdir(parents=True, exist_ok=True)
    if arguments.engine == "atheris":
        return _guided(arguments)
    found = 0
    for kind in arguments.kinds:
        found += _blind(kind, arguments)
    return 1 if found else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kinds", type=lambda text: text.split(","), default=list(MUTATORS), metavar="KIND,..")
    parser.add_argument("--files", type=lambda text: text.split(","), metavar="FILE,..", help="change only these")
    parser.add_argument("--seconds", type=float, default=60.0, help="for each kind")
    parser.add_argument("--executions", type=int, default=sys.maxsize, help="at most, for each kind")
    parser.add_argument("--random-seed", type=int, default=0)
    parser.add_argument("--engine", choices=("own", "atheris"), default="own")
    parser.add_argument("--findings", type=Path, default=Path("findings"))
    parser.add_argument("--log", type=Path, help="a file to which the figures are appended")
    return parser.parse_args()


def seeds(kind: str, only: Sequence[str] | None = None) -> list[Seed]:
    """The files that are changed: those of at most 60,000 bytes, or those of the names given, whatever their size."""
    from fuzz_trial import known_networks
    from matnet import MatnetError, load_all
    from matnet.exporters.archive import archive_text

    suffix = MUTATORS[kind][0]
    if kind == "excel":
        return [Seed(name, data, {}) for name, data in workbooks()]
    if kind in ("parquet", "arrow"):
        return [Seed(name, data, {}) for name, data in frames("parquet" if kind == "parquet" else "arrow")]
    corpus = Path(os.environ.get("MATNET_CORPUS", PROJECT.parent / "shared" / "corpus"))
    folders = [PROJECT / "fixtures", PROJECT / "fixtures" / "genfunction", corpus]
    files = [file for folder in folders for file in sorted(folder.glob("*.mat" if suffix == ".json" else f"*{suffix}"))]
    found: list[Seed] = []
    for file in files:
        data = file.read_bytes()
        level_73 = data[512:516] == b"\x89HDF"
        large = len(data) > LARGEST_SEED and not level_73
        if (large if only is None else file.name not in only) or level_73 != (kind in ("hdf5", "objects")):
            continue
        try:
            known = known_networks(file)
        except MatnetError:
            known = {}
        if kind == "linking" and not has_objects(data):
            continue
        if kind in ("archive", "digest"):
            networks = load_all(file).items() if known else ()
            for place, net in networks:
                found.append(Seed(f"{file.name}:{place}", archive_text(net).encode(), {place: known[place]}))
        else:
            found.append(Seed(file.name, data, known))
    if kind in ("archive", "digest"):
        found += [seed for seed in _random_archives() if only is None or seed.name in only]
    return found


def _random_archives() -> Iterator[Seed]:
    """Archives of random networks of images and with recurrent layers, the same ones each time."""
    sys.path.append(str(PROJECT / "tests" / "support"))
    from fuzz_trial import text_of
    from layered_networks import saved, series
    from matnet import Network, load
    from matnet.exporters.archive import archive_text
    from object_files import ObjectStore
    from random_layers import image_layers, recurrent_layers

    with _place(".mat") as file:
        for make in (image_layers, recurrent_layers):
            for number in range(12):
                store = ObjectStore()
                # without the name and the digest of a file, which holds the time when it was written
                net = Network(load(saved(file, store, net=series(store, make(number)))).structure)
                data = archive_text(net).encode()
                if len(data) <= LARGEST_RANDOM_SEED:
                    yield Seed(f"{make.__name__} {number}", data, {"net": text_of(net)})


@contextlib.contextmanager
def _place(suffix: str) -> Iterator[Path]:
    shared = "/dev/shm" if os.path.isdir("/dev/shm") else None
    with tempfile.TemporaryDirectory(prefix="matnet-fuzz-", dir=shared) as folder:
        yield Path(folder) / f"changed{suffix}"


def _blind(kind: str, arguments: argparse.Namespace) -> int:
    """Trials of one kind, each a fresh change of a sound file; how many findings."""
    from fuzz_findings import FindingError
    from fuzz_trial import Tally, trial

    suffix, mutator = MUTATORS[kind]
    known_files, tally, findings = seeds(kind, arguments.files), Tally(), 0
    source = random.Random(arguments.random_seed)
    start = time.monotonic()
    try:
        with _place(suffix) as file:
            while time.monotonic() - start < arguments.seconds and tally.executions < arguments.executions:
                seed = source.choice(known_files)
                data = mutator(seed.data, source)
                try:
                    trial(kind, file, data, seed.known, tally)
                except FindingError as finding:
                    findings += 1
                    tally.count("findings", 0.0, 0)
                    _keep(arguments.findings, f"{kind} of {seed.name}", data, suffix, str(finding))
    finally:
        _log(arguments, kind, time.monotonic() - start, tally.executions, tally)
    return findings


def _keep(folder: Path, what: str, data: bytes, suffix: str, message: str) -> None:
    name = hashlib.sha256(data).hexdigest()[:12]
    (folder / f"{name}{suffix}").write_bytes(data)
    with (folder / "findings.txt").open("a", encoding="utf-8") as listing:
        listing.write(f"{name}{suffix}: {what}: {message}\n")
    sys.stderr.write(f"{what}: {message}\n")


def _log(arguments: argparse.Namespace, kind: str, seconds: float, executions: int, tally: object) -> None:
    from fuzz_trial import Tally

    figures: dict[str, object] = {
        "kind": kind,
        "engine": arguments.engine,
        "random_seed": arguments.random_seed,
        "executions": executions,
        "seconds": round(seconds),
    }
    if isinstance(tally, Tally):
        figures |= {
            "slowest_s": round(tally.slowest, 3),
            "most_memory_mb": tally.most_memory >> 20,
            "verdicts": dict(sorted(tally.verdicts.items())),
        }
    line = json.dumps(figures)
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
    if arguments.log is not None:
        with arguments.log.open("a", encoding="utf-8") as log:
            log.write(f"{line}\n")


def _guided(arguments: argparse.Namespace) -> int:
    """Trials of the first kind under atheris, which ends the process itself."""
    import atheris

    with atheris.instrument_imports(include=["matnet"]):
        from fuzz_findings import FindingError
        from fuzz_trial import Tally, trial
    kind = arguments.kinds[0]
    suffix, mutator = MUTATORS[kind]
    known_files, tally = seeds(kind, arguments.files), Tally()
    known = {text for seed in known_files for text in seed.known.values()}
    every = {str(number): text for number, text in enumerate(sorted(known))}
    holder, start = Path(tempfile.mkdtemp(prefix="matnet-fuzz-")), time.monotonic()
    file = holder / f"changed{suffix}"

    def one(data: bytes) -> None:
        try:
            trial(kind, file, data, every, tally)
        except FindingError as finding:
            tally.count("findings", 0.0, 0)
            _keep(arguments.findings, f"{kind} under atheris", data, suffix, str(finding))
        seconds = time.monotonic() - start
        if seconds > arguments.seconds or tally.executions >= arguments.executions:
            _log(arguments, kind, seconds, tally.executions, tally)
            shutil.rmtree(holder)
            # libFuzzer would end the process without asking
            os._exit(0)

    corpus = holder / "corpus"
    corpus.mkdir()
    for number, seed in enumerate(known_files):
        (corpus / f"{number:03d}").write_bytes(seed.data)
    options = [
        f"-seed={arguments.random_seed + 1}",
        f"-max_len={LARGEST_SEED * 2}",
        "-verbosity=0",
        "-rss_limit_mb=4096",
        "-timeout=20",
        f"-artifact_prefix={arguments.findings}/",
    ]
    atheris.Setup([sys.argv[0], *options, str(corpus)], one, custom_mutator=_mutated(mutator))
    atheris.Fuzz()
    return 0


def _mutated(mutator: Callable[[bytes, random.Random], bytes]) -> Callable[[bytes, int, int], bytes]:
    """A mutator as atheris wants it: given the most bytes and a seed."""
    return lambda data, most, seed: mutator(bytes(data), random.Random(seed))[:most]


if __name__ == "__main__":
    sys.exit(main())
