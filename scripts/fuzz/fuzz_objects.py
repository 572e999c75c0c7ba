"""Models and networks of the newer classes with their properties changed: `python scripts/fuzz/fuzz_objects.py`.

Each trial takes a small sound object (tests/support/sound_models.py), changes up to three of its properties below the
file format, writes it and opens it. It is refused in one line that begins with the file, or it opens and answers; more
than a second of the processor, a warning, or another exception is a finding, which is kept with its seed.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from fuzz_findings import FindingError

PROJECT = Path(__file__).parents[2]
MOST_SECONDS = 1.0
MOST_ADDRESSES = 6 << 30
"""Bytes of address space; beyond it an allocation fails, which is a finding."""


def main() -> int:
    """The exit status: 1 where something was found."""
    arguments = _arguments()
    resource.setrlimit(resource.RLIMIT_AS, (MOST_ADDRESSES, MOST_ADDRESSES))
    sys.path.insert(0, str(PROJECT / "tests" / "support"))
    from changed_objects import changed_file
    from fitted_models import X
    from sound_models import SOUND

    names, verdicts, slowest = list(SOUND), Counter[str](), 0.0
    folder = tempfile.TemporaryDirectory(prefix="matnet-fuzz-")
    file = Path(folder.name) / "m.mat"
    start, seed = time.monotonic(), arguments.first
    while seed < arguments.first + arguments.executions and time.monotonic() - start < arguments.seconds:
        name = names[seed % len(names)]
        changed_file(file, SOUND[name](), seed)
        began = time.process_time()
        try:
            verdict = judged(file, X)
            spent = time.process_time() - began
            slowest = max(slowest, spent)
            if spent > MOST_SECONDS:
                raise FindingError(f"took {spent:.2f} s of the processor")
        except FindingError as finding:
            verdict = "finding"
            sys.stderr.write(f"{name}, seed {seed}: {finding}: {finding.__cause__!r}\n")
        verdicts[verdict] += 1
        seed += 1
    folder.cleanup()
    figures = {"executions": seed - arguments.first, "slowest_s": round(slowest, 3), "verdicts": dict(verdicts)}
    sys.stdout.write(f"{json.dumps(figures)}\n")
    return 1 if verdicts["finding"] else 0


def judged(file: Path, x: Any) -> str:
    """Whether the file is opened or refused.

    Raises
    ------
    FindingError
        Anything else.
    """
    from changed_objects import outcome

    try:
        verdict, message = outcome(file, x)
    except BaseException as error:
        raise FindingError(type(error).__name__) from error
    if verdict != "opened" and not message.startswith(str(file)):
        raise FindingError(f"an error without its file: {message}")
    return verdict


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--executions", type=int, default=sys.maxsize)
    parser.add_argument("--seconds", type=float, default=60.0)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
