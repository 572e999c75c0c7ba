"""`matnet gradients` over a table beside polars reading that table and writing one of the same size, in one run.

    python scripts/benchmarks/benchmark_tables.py [--megabytes 100] [--repeats 5] [--folder FOLDER]

Every measurement is a process of its own, in turn; shown are the medians of the seconds, with their spread, and of the
seconds of CPU of all its threads, and the largest anonymous memory (sampled, Linux only). The ratios are to polars on
the same input, read the same way; both times hold the start of Python, which is reported separately at the end. Modules
are compiled, as pip compiles them, and a target does not exist before. On a machine with other work the CPU's seconds
say more.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

import matnet
from benchmark_derivatives import network
from conditions import conditions, timing

SIZES = [16, 30, 1]
ROW_BYTES = 314
"""Sixteen numbers of a normal distribution in full digits, with their commas."""

POLARS = """
import sys
import polars as pl
source, target = sys.argv[1:]
table = pl.read_parquet(source) if source.endswith("t") else pl.read_csv(sys.stdin.buffer if source == "-" else source)
table = table.with_columns(y1=table.to_series(0))
table.write_parquet(target) if target.endswith("t") else table.write_csv(target)
"""

MATNET = "from matnet.cli import main; main()"

STARTS = {
    "import numpy": "import numpy",
    "import matnet": "import numpy, matnet",
    "matnet --help": "from matnet.cli import main; main(['--help'])",
    "matnet gradients, 10 rows": "",
}


@dataclass(frozen=True)
class Cost:
    """The cost of a process."""

    seconds: float
    cpu: float
    megabytes: float
    spread: str = ""


def measured(command: list[str], stdin: Path | None = None, expected: int = 0) -> Cost:
    """One run of a command that must end with that status; its input comes through a pipe where `stdin` is given."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    start = time.perf_counter()
    source = None if stdin is None else subprocess.Popen(["cat", str(stdin)], stdout=subprocess.PIPE)
    process = subprocess.Popen(
        command,
        stdin=None if source is None else source.stdout,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=environment,
    )
    peak = [0]
    watcher = threading.Thread(target=watch, args=(process.pid, peak), daemon=True)
    watcher.start()
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if source is not None:
        source.wait()
    if process.returncode != expected:
        raise SystemExit(f"{' '.join(command)} ended with status {process.returncode}")
    return Cost(seconds, usage.ru_utime + usage.ru_stime, peak[0] / 1024)


def watch(pid: int, peak: list[int]) -> None:
    """The largest anonymous memory of a process in KiB, into `peak`, for as long as it runs."""
    try:
        while True:
            for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                if line.startswith("Anonymous:"):
                    peak[0] = max(peak[0], int(line.split()[1]))
            time.sleep(0.05)
    except OSError:
        return  # it has ended, or this is not Linux


def median(costs: list[Cost]) -> Cost:
    elapsed = timing([cost.seconds for cost in costs])
    used = timing([cost.cpu for cost in costs])
    return Cost(elapsed.median, used.median, max(cost.megabytes for cost in costs), elapsed.percent)


def write_table(path: Path, megabytes: int) -> None:
    """A table of about that size, written piece by piece."""
    rng = np.random.default_rng(0)
    rows = megabytes * 1_000_000 // ROW_BYTES
    with path.open("wb") as file:
        for start in range(0, rows, 100_000):
            x = rng.standard_normal((min(100_000, rows - start), SIZES[0]))
            frame = pl.DataFrame({f"x{j + 1}": x[:, j] for j in range(SIZES[0])})
            frame.write_csv(file, include_header=start == 0)


def tables(folder: Path, megabytes: int, repeats: int) -> None:
    source, model = folder / "in.csv", folder / "net.json"
    write_table(source, megabytes)
    matnet.save(network(SIZES), model)
    subprocess.run(["gzip", "-k", "-1", str(source)], check=True)
    pl.scan_csv(source).sink_parquet(folder / "in.parquet")
    parquet, out, out_parquet = folder / "in.parquet", folder / "out.csv", folder / "out.parquet"
    ways: dict[str, tuple[str, Path, Path | None]] = {
        "a file": (str(source), out, None),
        "a pipe": ("-", out, source),
        "a .gz": (f"{source}.gz", out, None),
        "Parquet to CSV": (str(parquet), out, None),
        "Parquet to Parquet": (str(parquet), out_parquet, None),
    }
    costs: dict[tuple[str, str], list[Cost]] = {}
    for _ in range(repeats):
        for way, (given, target, stdin) in ways.items():
            alone = [sys.executable, "-c", POLARS, given, str(target)]
            ours = [sys.executable, "-c", MATNET, "gradients", str(model), given, "-o", str(target)]
            for name, command in (("polars", alone), ("matnet", ours)):
                target.unlink(missing_ok=True)
                costs.setdefault((way, name), []).append(measured(command, stdin))
    print(f"{source.stat().st_size / 1e6:.0f} MB in, {out.stat().st_size / 1e6:.0f} MB out, median of {repeats}")
    both = f"{'polars':>9}{'':6}{'matnet':>9}{'':6}{'ratio':>7}"
    print(f"{'':20}{both}{'CPU s':>9}{'CPU s':>9}{'ratio':>7}{'anon MB':>9}{'anon MB':>9}")
    for way in ways:
        theirs, own = median(costs[way, "polars"]), median(costs[way, "matnet"])
        elapsed = f"{theirs.seconds:9.2f}{theirs.spread:>6}{own.seconds:9.2f}{own.spread:>6}"
        print(
            f"{way:20}{elapsed}{own.seconds / theirs.seconds:7.2f}{theirs.cpu:9.2f}{own.cpu:9.2f}"
            f"{own.cpu / theirs.cpu:7.2f}{theirs.megabytes:9.0f}{own.megabytes:9.0f}"
        )


def starts(folder: Path, repeats: int) -> None:
    """The start of the program, the best of the repeats: what a warm disk and an idle machine would show."""
    table = folder / "ten.csv"
    write_table(table, 1)
    table.write_text("".join(table.read_text().splitlines(keepends=True)[:11]))
    ten = ["gradients", str(folder / "net.json"), str(table)]
    best: dict[str, Cost] = {}
    for _ in range(4 * repeats):
        for name, code in STARTS.items():
            command = [sys.executable, "-c", code or MATNET, *([] if code else ten)]
            cost = measured(command)
            if name not in best or cost.seconds < best[name].seconds:
                best[name] = cost
    print(f"{'start, best of ' + str(4 * repeats):28}{'seconds':>9}{'CPU s':>9}")
    for name, cost in best.items():
        print(f"{name:28}{cost.seconds:9.3f}{cost.cpu:9.3f}")


def main() -> None:
    parser = argparse.ArgumentParser(description="Tables through matnet beside polars alone.")
    parser.add_argument("--megabytes", type=int, default=100)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--folder", type=Path, help="Folder for the tables (default: a temporary folder).")
    given = parser.parse_args()
    print(conditions())
    with tempfile.TemporaryDirectory(dir=given.folder) as folder:
        tables(Path(folder), given.megabytes, given.repeats)
        starts(Path(folder), given.repeats)


if __name__ == "__main__":
    main()
