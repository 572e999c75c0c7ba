"""Trials in another process, which serves for many: a library may end it where a file is damaged.

For matnet each such file is read in a process of its own, of which a trial would be the start above all. Here a process
reads one after the other; where one ends it, the file is read once more as matnet does by itself, and must be refused.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from fuzz_findings import FindingError

KINDS = ("hdf5", "objects", "parquet", "arrow", "excel")
MOST_ADDRESSES = 6 << 30
"""Bytes of address space of the process."""

ENDED = "the library ended the process"


def judged_in_a_process(kind: str, file: Path, known: Mapping[str, str]) -> tuple[str, float, int]:
    """What comes of a changed file that is read in another process: a verdict, its seconds and its bytes.

    Raises
    ------
    FindingError
        Something that must not be.
    """
    from fuzz_trial import judged

    process = _process()
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(f"{json.dumps([kind, str(file), dict(known)])}\n")
    process.stdin.flush()
    answer = process.stdout.readline()
    if not answer:
        process.communicate()
        _process.cache_clear()
        verdict = judged(kind, file, known, isolation=True)
        if verdict != "refused":
            raise FindingError(f"{ENDED}, but not the one that reads for matnet: {verdict}")
        return f"refused: {ENDED}", 0.0, 0
    found, verdict, seconds, memory = json.loads(answer)
    if found:
        raise FindingError(verdict)
    return str(verdict), float(seconds), int(memory)


@cache
def _process() -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "POLARS_MAX_THREADS": "1"}
    return subprocess.Popen(
        [sys.executable, __file__],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environment,
        text=True,
    )


def main() -> None:
    """Judges the files that come in, a line each."""
    from fuzz_trial import judged

    resource.setrlimit(resource.RLIMIT_AS, (MOST_ADDRESSES, MOST_ADDRESSES))
    for line in sys.stdin:
        kind, name, known = json.loads(line)
        before, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
        try:
            found, verdict = False, judged(kind, Path(name), known, isolation=False)
        except FindingError as finding:
            found, verdict = True, str(finding)
        seconds = time.process_time() - start
        memory = 1024 * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
        sys.stdout.write(f"{json.dumps([found, verdict, seconds, memory])}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
