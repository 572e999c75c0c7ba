"""The function files of fixtures/genfunction, run by GNU Octave and read by us: values and derivatives agree.

Octave runs all of them in one process. Derivatives are compared with central differences of Octave's own values.
"""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from matnet.importers.genfunction import load_genfunction
from matnet.network import Network

FIXTURES = Path(__file__).parent.parent.parent / "fixtures" / "genfunction"
OCTAVE = shutil.which("octave-cli")
STEP = 1e-5
STEPS = 7

Matrix = NDArray[np.float64]


@dataclass(frozen=True)
class Case:
    """A fixture: how Octave calls it, with {x}, {xi}, {ai} (columns are samples or time steps), and where x lies."""

    name: str
    call: str
    centre: tuple[float, ...]
    width: tuple[float, ...]
    input_delay: int = 0
    layer_sizes: tuple[int, ...] = ()
    layer_delay: int = 0

    @property
    def dynamic(self) -> bool:
        return self.input_delay + self.layer_delay > 0

    def network(self) -> Network:
        return Network(*load_genfunction(FIXTURES / f"{self.name}.m"))


COLUMNS, ROWS = "y = {name}({x});", "y = {name}(({x})')';"
CASES = (
    Case("static_columns", COLUMNS, (0.0, 40.0, 0.005), (2.0, 20.0, 0.004)),
    Case("static_flat", COLUMNS, (27.0, 0.1), (9.0, 0.6)),
    Case("static_rows", ROWS, (6.0, 3.1), (1.5, 1.0)),
    Case("static_cell", "c = {name}({{{x}}}); y = c{{1}};", (0.5, 1.0, 190.0), (0.4, 2.0, 70.0)),
    Case("static_cell_rows", "y = {name}(({x})')';", (0.0, 0.0), (1.0, 1.0)),
    Case("competitive_new", COLUMNS, (0.0, 0.0), (1.0, 1.0)),
    Case("competitive_old", COLUMNS, (0.0, 0.0), (1.0, 1.0)),
    Case("removed_rows", COLUMNS, (5.0, 1.0, 0.0, 10.0, 3.0), (4.0, 1.0, 0.9, 3.0, 1.0)),
    Case("removed_rows_flat", COLUMNS, (5.0, 1.0, 0.0, 9.0), (4.0, 1.0, 0.9, 1.0)),
    Case("two_inputs", "x = {x}; y = {name}(x(1:2,:),x(3,:));", (-0.5, 0.25, 0.0), (3.0, 0.1, 1.0)),
    Case("delay_matrix", "y = {name}({x},{xi});", (0.0, 100.0), (0.9, 60.0), input_delay=2),
    Case(
        "narx_open",
        "x = {x}; xi = {xi}; y = {name}(x(1:2,:),x(3,:),xi(1:2,:),xi(3,:));",
        (50.0, 0.0, 0.0),
        (40.0, 4.0, 7.0),
        input_delay=3,
    ),
    Case(
        "narx_closed",
        "x = {x}; xi = {xi}; ai = {ai}; ai = [num2cell(ai(1:4,:),1); num2cell(ai(5,:),1)];"
        " y = cell2mat({name}(num2cell(x,1),num2cell(xi,1),ai));",
        (50.0, 0.0),
        (40.0, 4.0),
        input_delay=2,
        layer_sizes=(4, 1),
        layer_delay=2,
    ),
    Case(
        "nar_closed",
        "ai = {ai}; ai = [num2cell(ai(1:4,:),1); num2cell(ai(5,:),1)]; y = cell2mat({name}(cell(0,{steps}),{{}},ai));",
        (),
        (),
        layer_sizes=(4, 1),
        layer_delay=2,
    ),
    Case(
        "layer_matrix",
        "ai = {ai}; y = {name}(({x})',ai(1:3,:))';",
        (0.0, 100.0),
        (0.9, 60.0),
        layer_sizes=(3, 1),
        layer_delay=2,
    ),
    Case(
        "layer_recurrent",
        "x = {x}; ai = {ai}; c = {name}(num2cell(x,1),{{}},[num2cell(ai(1:3,:),1); num2cell(ai(4:5,:),1)]);"
        " y = cell2mat(cellfun(@(row) row',c,'UniformOutput',false));",
        (0.5,),
        (2.0,),
        layer_sizes=(3, 2),
        layer_delay=1,
    ),
)
NAMES = [case.name for case in CASES]


def literal(x: Matrix) -> str:
    """A matrix whose rows are samples as MATLAB text whose columns are."""
    return f"[{';'.join(' '.join(map(repr, row)) for row in x.T.tolist())}]"


@dataclass(frozen=True)
class Question:
    """Inputs to one run of one fixture: x (Q or T, R), states oldest first."""

    case: Case
    x: Matrix
    input_states: Matrix
    layer_states: Matrix

    def program(self) -> str:
        return self.case.call.format(
            name=self.case.name,
            x=literal(self.x),
            xi=literal(self.input_states),
            ai=literal(self.layer_states),
            steps=STEPS,
        )


def question(case: Case) -> Question:
    rng = np.random.default_rng(NAMES.index(case.name))
    centre, width = np.array(case.centre), np.array(case.width)
    x = centre + width * rng.uniform(-1, 1, (STEPS, len(centre)))
    states = centre + width * rng.uniform(-1, 1, (case.input_delay, len(centre)))
    layers = rng.uniform(-0.8, 0.8, (case.layer_delay, sum(case.layer_sizes)))
    return Question(case, x, states, layers)


def moved(asked: Question) -> list[Question]:
    """The series with one element of one step moved up and down, for every step and element in turn."""
    found: list[Question] = []
    for step in range(STEPS):
        for element, width in enumerate(asked.case.width):
            for sign in (1.0, -1.0):
                x = asked.x.copy()
                x[step, element] += sign * STEP * width
                found.append(Question(asked.case, x, asked.input_states, asked.layer_states))
    return found


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Matrix]:
    """Octave's outputs for every case: (1 + moves, T, S), the unmoved series first."""
    if OCTAVE is None:
        pytest.skip("octave-cli is not installed")
    folder = tmp_path_factory.mktemp("octave")
    asked = [entry for case in CASES for entry in (question(case), *moved(question(case)))]
    lines = [f"addpath('{FIXTURES}');", f"out = fopen('{folder / 'answers.txt'}','w');"]
    for entry in asked:
        lines += [entry.program(), "fprintf(out,'%.17g ',y); fprintf(out,'\\n');"]
    (folder / "driver.m").write_text("\n".join([*lines, "fclose(out);", ""]))
    ran = subprocess.run(
        [OCTAVE, "--no-gui", "-q", "driver.m"], cwd=folder, capture_output=True, text=True, timeout=300
    )
    assert ran.returncode == 0, ran.stderr
    texts = (folder / "answers.txt").read_text().splitlines()
    found: dict[str, list[Matrix]] = {name: [] for name in NAMES}
    for entry, line in zip(asked, texts, strict=True):
        found[entry.case.name].append(np.array(line.split(), dtype=np.float64).reshape(STEPS, -1))
    return {name: np.stack(outputs) for name, outputs in found.items()}


def test_every_fixture_is_a_case() -> None:
    assert sorted(NAMES) == sorted(path.stem for path in FIXTURES.glob("*.m"))


@pytest.mark.parametrize("case", CASES, ids=NAMES)
def test_values_are_octaves(case: Case, answers: dict[str, Matrix]) -> None:
    asked, net, expected = question(case), case.network(), answers[case.name][0]
    if case.dynamic:
        layers = asked.layer_states if case.layer_delay else None
        x, steps = (asked.x, None) if case.centre else (None, STEPS)
        found = net.run(x, asked.input_states if case.input_delay else None, layers, steps).outputs
    else:
        found = net(asked.x)
    spread = np.ptp(expected, axis=0) + np.abs(expected).max(axis=0)
    assert found.shape == expected.shape
    assert (np.abs(found - expected) <= 2e-14 * spread).all()


@pytest.mark.parametrize("case", [case for case in CASES if case.centre], ids=lambda case: case.name)
def test_derivatives_are_octaves_differences(case: Case, answers: dict[str, Matrix]) -> None:
    asked, net = question(case), case.network()
    width, values = np.array(case.width), answers[case.name][1:]
    up, down = values[0::2], values[1::2]
    differences = ((up - down) / (2 * STEP)).reshape(STEPS, len(width), STEPS, -1)
    if case.dynamic:
        layers = asked.layer_states if case.layer_delay else None
        states = asked.input_states if case.input_delay else None
        by_lag = net.run_jacobian(asked.x, STEPS - 1, input_states=states, layer_states=layers)
        analytic = np.zeros_like(differences)
        for s in range(STEPS):
            for t in range(s, STEPS):
                analytic[s, :, t, :] = by_lag[t, t - s].T * width[:, None]
    else:
        analytic = np.zeros_like(differences)
        jacobian = net.jacobian(asked.x)
        for s in range(STEPS):
            analytic[s, :, s, :] = jacobian[s].T * width[:, None]
    scale = np.abs(differences).max(axis=(0, 1, 2)) + np.abs(answers[case.name][0]).max(axis=0)
    assert (np.abs(analytic - differences) <= 1e-8 * scale).all()


@pytest.mark.parametrize("name", ["delay_matrix", "narx_open", "narx_closed", "layer_recurrent", "layer_matrix"])
def test_dynamic_derivatives_are_not_all_zero(name: str, answers: dict[str, Matrix]) -> None:
    """Guards the test above: inputs do matter in later steps than their own."""
    up, down = answers[name][1], answers[name][2]
    assert np.abs(up - down)[1:].max() > 1e-9
