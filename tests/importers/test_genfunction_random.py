"""Random function files in all styles, run by GNU Octave and read by us."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

import function_files
from matnet.importers.genfunction import load_genfunction
from matnet.network import Network

OCTAVE = shutil.which("octave-cli")
SEEDS = range(120)


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[np.ndarray]]:
    """The files' folder and Octave's outputs, steps or samples in rows."""
    if OCTAVE is None:
        pytest.skip("octave-cli is not installed")
    folder: Path = tmp_path_factory.mktemp("octave")
    lines = ["out = fopen('out.txt','w');"]
    for seed in SEEDS:
        made = function_files.made(seed)
        (folder / f"f{seed}").mkdir()
        (folder / f"f{seed}" / "f.m").write_bytes(made.text.encode("latin-1"))
        lines += [f"addpath('f{seed}'); clear f", made.call, "fprintf(out,'%.17g ',y); fprintf(out,'\\n');"]
        lines.append(f"rmpath('f{seed}');")
    (folder / "driver.m").write_text("\n".join([*lines, "fclose(out);", ""]))
    ran = subprocess.run([OCTAVE, "--no-gui", "-qf", "driver.m"], cwd=folder, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    listed = (folder / "out.txt").read_text().splitlines()
    return folder, [np.array(line.split(), dtype=np.float64).reshape(function_files.STEPS, -1) for line in listed]


@pytest.mark.parametrize("seed", SEEDS)
def test_outputs_are_octaves(seed: int, answers: tuple[Path, list[np.ndarray]]) -> None:
    folder, expected = answers
    made, y = function_files.made(seed), expected[seed]
    net = Network(*load_genfunction(folder / f"f{seed}" / "f.m"))
    if net.dynamic:
        x, steps = (made.x, None) if made.x.shape[1] else (None, function_files.STEPS)
        states = (made.xi if len(made.xi) else None, made.ai if len(made.ai) else None)
        found = net.run(x, *states, steps).outputs
    else:
        found = net(made.x)
    scale = np.abs(y).max(axis=0, initial=1e-300, where=np.isfinite(y)) + np.ptp(y, axis=0)
    assert found.shape == y.shape
    assert (np.abs(found - y) <= 1e-13 * scale).all()
