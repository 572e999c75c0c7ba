"""Runs written files in a process of their own language, with one protocol for all of them.

``in.bin`` holds float64 numbers: for each job its arguments one after the other, each (N, size) row by row. The
program writes ``out.bin`` in the same way: for each job its results (N, …).
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from math import prod
from pathlib import Path

import numpy as np

from matnet.errors import FormatError
from matnet.exporters.target import Job
from matnet.functions.namespace import FloatArray

IN, OUT = "in.bin", "out.bin"

_SECONDS = 600


def finished(
    command: Sequence[str],
    folder: Path | None = None,
    *,
    seconds: float,
    text: str = "",
    variables: Mapping[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    """A command run to its end with `text` as its input; after a time it and all processes that it started are ended.

    `variables` are added to those of the environment.
    Bytes of its output that are not UTF-8 are replaced.

    Raises
    ------
    OSError
        It cannot be started.
    subprocess.TimeoutExpired
        It does not end within `seconds`.
    """
    with subprocess.Popen(
        command,
        cwd=folder,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        errors="replace",
        env=None if variables is None else {**os.environ, **variables},
        start_new_session=True,
    ) as process:
        try:
            out, err = process.communicate(text, timeout=seconds)
        except BaseException:
            # a compiler starts other processes, which would continue and keep the pipes open
            if hasattr(os, "killpg"):
                os.killpg(process.pid, signal.SIGKILL)
            process.kill()
            raise
        return subprocess.CompletedProcess(command, process.returncode, out, err)


def execute(command: Sequence[str], folder: Path, language: str) -> None:
    """Runs a command in a folder.

    Raises
    ------
    FormatError
        It cannot be started, fails, or does not end within ten minutes.
    """
    try:
        done = finished(command, folder, seconds=_SECONDS)
    except OSError as error:
        raise FormatError(f"the written {language} is not run: {command[0]}: {error.strerror}") from error
    except subprocess.TimeoutExpired as error:
        raise FormatError(f"the written {language} has not ended after {_SECONDS} s ({command[0]})") from error
    if done.returncode:
        said = on_one_line(done.stderr)[-2000:]
        raise FormatError(f"the written {language} does not run ({command[0]} ended with {done.returncode}): {said}")


def on_one_line(text: str) -> str:
    """The output of a program, its lines separated by vertical bars: a message is one line."""
    return " | ".join(line.strip() for line in text.splitlines() if line.strip())


def write_arguments(jobs: Sequence[Job], folder: Path) -> None:
    """Writes ``in.bin``."""
    with (folder / IN).open("wb") as file:
        for job in jobs:
            for array in job.arguments:
                file.write(np.ascontiguousarray(array, dtype=np.float64).tobytes())


def read_results(jobs: Sequence[Job], folder: Path) -> list[list[FloatArray]]:
    """The results in ``out.bin``.

    Raises
    ------
    FormatError
        It contains more or fewer numbers.
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
