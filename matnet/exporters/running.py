"""Running written files in a process of their own language, by one protocol for all of them.

``in.bin`` holds float64 numbers: for each job its arguments one after the other, each (N, size) row by row. The
program writes ``out.bin`` in the same way: for each job its results (N, …).
"""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from math import prod
from pathlib import Path

import numpy as np

from matnet.errors import FormatError
from matnet.exporters.target import Job
from matnet.functions.namespace import FloatArray

IN, OUT = "in.bin", "out.bin"

_SECONDS = 600


def execute(command: Sequence[str], folder: Path, language: str) -> None:
    """Runs a command in a folder.

    Raises
    ------
    FormatError
        It cannot be started, fails, or is not finished in ten minutes.
    """
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, errors="replace", check=False, timeout=_SECONDS)
    except OSError as error:
        raise FormatError(f"the written {language} is not run: {command[0]}: {error.strerror}") from error
    except subprocess.TimeoutExpired as error:
        raise FormatError(f"the written {language} is not done after {_SECONDS} s ({command[0]})") from error
    if done.returncode:
        said = done.stderr.strip()[-2000:]
        raise FormatError(f"the written {language} does not run ({command[0]} ended with {done.returncode}): {said}")


def write_arguments(jobs: Sequence[Job], folder: Path) -> None:
    """Writes ``in.bin``."""
    with (folder / IN).open("wb") as file:
        for job in jobs:
            for array in job.arguments:
                file.write(np.ascontiguousarray(array, dtype=np.float64).tobytes())


def read_results(jobs: Sequence[Job], folder: Path) -> list[list[FloatArray]]:
    """What ``out.bin`` holds.

    Raises
    ------
    FormatError
        It holds more or fewer numbers.
    """
    content = (folder / OUT).read_bytes()
    expected = 8 * sum(len(job.arguments[0]) * prod(shape) for job in jobs for shape in job.shapes)
    if len(content) != expected:
        raise FormatError(f"the written program gives {len(content)} bytes, expected {expected}")
    results, start = [], 0
    for job in jobs:
        answers = []
        for shape in job.shapes:
            size = (len(job.arguments[0]), *shape)
            numbers = np.frombuffer(content, np.float64, prod(size), start)
            start += numbers.nbytes
            answers.append(numbers.reshape(size))
        results.append(answers)
    return results
