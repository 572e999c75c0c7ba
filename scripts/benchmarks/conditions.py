"""What every benchmark says of where it ran, and how it measures: functions in turn, medians and their spread."""

from __future__ import annotations

import os
import platform
import statistics
import time
from collections.abc import Callable, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, NamedTuple

from matnet.tape.evaluate import cores

PACKAGES = ("numpy", "jax", "torch", "casadi", "onnxruntime", "polars")

SETTLING = 0.04
"""Seconds: after a call the threads of OpenBLAS and OpenMP spin for some ten milliseconds, which slows the next one."""


class Timing(NamedTuple):
    """The median of several measurements, and half the distance of their quartiles as a share of it."""

    median: float
    spread: float

    @property
    def percent(self) -> str:
        """The spread as text."""
        return f"±{100 * self.spread:.0f}%"


def timing(values: Sequence[float]) -> Timing:
    """Of one measurement the spread is 0."""
    middle = statistics.median(values)
    if len(values) == 1 or not middle:
        return Timing(middle, 0.0)
    low, _, high = statistics.quantiles(values, n=4, method="inclusive")
    return Timing(middle, (high - low) / 2 / middle)


def timings(functions: Sequence[Callable[[], Any]], repeats: int) -> list[Timing]:
    """The time of each in seconds, the functions taking turns so that a slow moment of the machine falls on all."""
    for function in functions:
        function()
    times: list[list[float]] = [[] for _ in functions]
    for _ in range(repeats):
        for k, function in enumerate(functions):
            settle()
            begun = time.perf_counter()
            function()
            times[k].append(time.perf_counter() - begun)
    return [timing(each) for each in times]


def settle() -> None:
    """Wait for the threads of the previous call without sleeping: a core that slept would be slow at first."""
    end = time.perf_counter() + SETTLING
    while time.perf_counter() < end:
        pass


def conditions() -> str:
    """The processor, its cores, how many others wait for them, and the versions: two lines."""
    load = f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "unknown"
    found = [f"Python {platform.python_version()}"]
    for package in PACKAGES:
        try:
            found.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            continue
    return f"{processor()}, {cores()} cores, load {load} (above 0.3: others use the machine)\n{', '.join(found)}"


def processor() -> str:
    """The processor's name as Linux has it, else its family."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line.partition(": ")[2] for line in lines if line.startswith("model name")), platform.machine())
