"""The MATLAB texts of the rows, run by GNU Octave: they compute what the rows compute."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from matnet.functions.processing import PROCESSING
from matnet.functions.transfer import TRANSFER
from matnet.functions.weight import WEIGHT
from matnet.importers.genfunction.bodies import recognised
from matnet.importers.genfunction.syntax import functions

OCTAVE = shutil.which("octave-cli")
RNG = np.random.default_rng(5)
N = RNG.normal(size=(6, 4)) * 1.5
W, P = RNG.normal(size=(5, 3)), np.abs(RNG.normal(size=(7, 3)))
"""Samples are rows here, columns in MATLAB."""

SETTINGS = {
    "mapminmax": {"xoffset": [1.0, -2.0, 0.5], "gain": [0.5, 3.0, 0.1], "ymin": [-1.0, -1.0, -1.0]},
    "mapstd": {"xmean": [1.0, -2.0, 0.5], "xstd": [0.5, 3.0, 0.1], "ymean": [0.0, 0.5, 0.0], "ystd": [1.0, 2.0, 1.0]},
    "removeconstantrows": {"xrows": [4.0], "keep": [1.0, 2.0, 4.0], "remove": [3.0], "constants": [7.5]},
}
"""Settings for three processed rows."""

Matrix = NDArray[np.float64]


def cases() -> dict[str, tuple[str, dict[str, Matrix], str, Matrix]]:
    """By a name: the text, what its variables hold in MATLAB, the variable that it sets, and its value by the row."""
    found: dict[str, tuple[str, dict[str, Matrix], str, Matrix]] = {}
    for name, row in TRANSFER.items():
        for k, text in enumerate(row.matlab):
            found[f"{name}_{k}"] = (text, {"n": N.T}, "a", row.value(N).T)
    for name, weight in WEIGHT.items():
        for k, text in enumerate(weight.matlab):
            found[f"{name}_{k}"] = (text, {"w": W, "p": P.T}, "z", weight.value(W, P).T)
    for name, processing in PROCESSING.items():
        for direction, texts in (("apply", processing.matlab_apply), ("reverse", processing.matlab_reverse)):
            columns = {key: np.array([value]).T for key, value in SETTINGS.get(name, {}).items()}
            settings = processing.settings(columns) if texts else {}
            for k, text in enumerate(texts):
                here, there = ("x", "y") if direction == "apply" else ("y", "x")
                size = processing.raw_size(settings) if direction == "apply" else processing.processed_size(settings)
                given = RNG.normal(size=(6, size))
                value = getattr(processing, direction)(settings).value(given)
                found[f"{name}_{direction}_{k}"] = (text, {**columns, here: given.T}, there, value.T)
    return found


CASES = cases()


def literal(x: Matrix) -> str:
    return f"[{';'.join(' '.join(map(repr, row)) for row in x.tolist())}]"


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Matrix]:
    """Octave's values, all texts in one process."""
    if OCTAVE is None:
        pytest.skip("octave-cli is not installed")
    folder: Path = tmp_path_factory.mktemp("octave")
    lines = ["out = fopen('out.txt','w');"]
    for text, given, result, _ in CASES.values():
        lines.append("clear -x out")
        lines += [f"{name} = {literal(value)};" for name, value in given.items()]
        lines += [text, f"fprintf(out,'%.17g ',size({result}),{result}); fprintf(out,'\\n');"]
    (folder / "driver.m").write_text("\n".join([*lines, "fclose(out);", ""]))
    ran = subprocess.run([OCTAVE, "--no-gui", "-qf", "driver.m"], cwd=folder, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    found: dict[str, Matrix] = {}
    for name, line in zip(CASES, (folder / "out.txt").read_text().splitlines(), strict=True):
        rows, columns, *values = map(float, line.split())
        found[name] = np.array(values).reshape((int(rows), int(columns)), order="F")
    return found


@pytest.mark.parametrize("name", CASES)
def test_octave_computes_the_row(name: str, answers: dict[str, Matrix]) -> None:
    expected = CASES[name][3]
    assert answers[name].shape == expected.shape
    assert np.allclose(answers[name], expected, rtol=1e-14, atol=1e-15)


@pytest.mark.parametrize("name", CASES)
def test_the_text_is_recognised_as_its_row(name: str) -> None:
    text, given, result, _ = CASES[name]
    arguments = [key for key in ("w", "p", "n", "x" if result == "y" else "y") if key in given]
    parameters = [*arguments, *(key for key in given if key not in arguments)]
    body = f"function {result} = f_apply({','.join(parameters)})\n{text}\nend\n"
    main, *modules = functions(f"function a = net(n)\na = f_apply(n);\nend\n{body}")
    assert recognised(main, modules).recognised["f_apply"].function == name.split("_")[0]


def test_every_kind_of_row_has_texts() -> None:
    assert {name.split("_")[0] for name in CASES} >= {"tansig", "softmax", "compet", "negdist", *SETTINGS}
    assert {name for name, row in TRANSFER.items() if not row.matlab} == {
        name for name, row in TRANSFER.items() if not row.shallow
    }
