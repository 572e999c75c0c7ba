"""The command `plot`: files, targets, sets of the training record, and what it refuses."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat

from matnet.cli.entry import run
from matnet.importers.training_record import training_record_paths
from matnet.network import Ensemble
from matnet.plots import figures
from matnet.plots.figures import Request

FIXTURES = Path(__file__).parent.parent.parent / "fixtures"
PUMP = str(FIXTURES / "pump.mat")
TWO_BY_TWO = str(FIXTURES / "two_by_two.mat")

Said = Callable[..., tuple[int, str, str]]

TEXT = "flow,speed,head\n20,1500,9\n60,2800,33\n40,2000,16\n"
NAMED = ("--inputs", "flow,speed", "--outputs", "head", "--targets", "head")


@pytest.fixture(autouse=True)
def _matplotlib() -> None:
    pytest.importorskip("matplotlib")


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Said:
    """Run the command: exit status, standard output and standard error."""
    monkeypatch.chdir(tmp_path)

    def command(*arguments: str, stdin: str = "") -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin.encode())))
        status = run(["plot", *arguments])
        out, err = capsys.readouterr()
        return status, out, err

    return command


@pytest.fixture
def requests(monkeypatch: pytest.MonkeyPatch) -> list[Request]:
    """What the command asks the figures for."""
    asked: list[Request] = []
    draw = figures.draw

    def noted(kind: str, request: Request) -> object:
        asked.append(request)
        return draw(kind, request)

    monkeypatch.setattr(figures, "draw", noted)
    return asked


@pytest.mark.parametrize("name", ["out.png", "out.svg", "out.PDF"])
def test_a_diagram(said: Said, name: str) -> None:
    assert said("network", PUMP, "-o", name) == (0, "", "")
    assert Path(name).stat().st_size > 2000


def test_targets_in_columns_of_the_table(said: Said, requests: list[Request]) -> None:
    status, _, err = said("parity", PUMP, "-", *NAMED, "-o", "out.svg", stdin=TEXT)
    assert status == 0
    (request,) = requests
    assert request.x is not None
    assert request.t is not None
    np.testing.assert_array_equal(request.x, [[20, 1500], [60, 2800], [40, 2000]])
    np.testing.assert_array_equal(request.t, [[9], [33], [16]])
    assert (request.inputs, request.outputs, request.sets) == (("flow", "speed"), ("head",), None)
    assert err == "matnet: note: the training record tr is for 165 samples, the table has 3: sets are not shown\n"


def test_targets_and_sets_from_a_workspace(said: Said, requests: list[Request], corpus: Path) -> None:
    file = str(corpus / "static_chemical_workspace.mat")
    assert said("residuals", file, f"{file}:x", "--targets", f"{file}:t", "-o", "out.png") == (0, "", "")
    (request,) = requests
    assert request.sets is not None
    assert {name: int(flags.sum()) for name, flags in request.sets.items()} == {
        "training": 348,
        "validation": 75,
        "test": 75,
    }


def test_a_record_of_other_samples_is_passed_over(said: Said, requests: list[Request], corpus: Path) -> None:
    file = str(corpus / "static_chemical_workspace.mat")
    rows = "\n".join(["1,2,3,4,5,6,7,8,500", "1,2,3,4,5,6,7,9,501"])
    header = "x1,x2,x3,x4,x5,x6,x7,x8,t"
    status, _, err = said("parity", file, "-", "--targets", "t", "-o", "out.png", stdin=f"{header}\n{rows}\n")
    assert status == 0
    assert err == "matnet: note: the training record tr is for 498 samples, the table has 2: sets are not shown\n"
    assert requests[0].sets is None


def test_the_training_of_a_workspace(said: Said, corpus: Path) -> None:
    file = str(corpus / "static_chemical_workspace.mat")
    assert said("training", file, "-o", "out.svg") == (0, "", "")


def test_chosen_outputs_and_inputs(said: Said, requests: list[Request]) -> None:
    arguments = ("response", TWO_BY_TWO, "--of", "y2", "--wrt", "x5,x1", "-o", "out.png")
    assert said(*arguments) == (0, "", "")
    assert (requests[0].of, requests[0].wrt) == ((1,), (4, 0))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("network", PUMP, "-o", "out.gif"), "out.gif: a figure is written to a file ending in .png, .svg, .pdf"),
        (("network", PUMP, "-o", "-"), "-: a figure is written to a file ending in .png, .svg, .pdf"),
        (("map", PUMP, "-o", "out.png"), f"map shows data: name a table of samples after {PUMP}"),
        (
            ("parity", PUMP, "-", "-o", "out.png"),
            "parity compares outputs with targets: name the columns that hold them with --targets",
        ),
        (
            ("parity", PUMP, "-", "--targets", "a,b", "-o", "out.png"),
            "--targets names 2 columns, the network has 1 output",
        ),
        (
            ("training", PUMP, "--record", "net", "-o", "out.png"),
            f"{PUMP}: net is a network 1x1, expected the training record that train returned",
        ),
    ],
)
def test_what_is_refused(said: Said, arguments: tuple[str, ...], message: str) -> None:
    assert said(*arguments, stdin=TEXT) == (2, "", f"matnet: {message}\n")
    assert not Path("out.png").exists()


def test_targets_of_another_length(said: Said, corpus: Path) -> None:
    file = corpus / "static_chemical_workspace.mat"
    rows = "x1,x2,x3,x4,x5,x6,x7,x8\n" + "1,2,3,4,5,6,7,8\n"
    status, _, err = said("parity", str(file), "-", "--targets", f"{file}:t", "-o", "out.png", stdin=rows)
    assert (status, err) == (2, f"matnet: {file}:t: 498 targets for 1 sample\n")


def test_only_the_first_outputs_are_shown_and_it_is_said(said: Said, corpus: Path) -> None:
    file = corpus / "static_logsig_256_inputs.mat"
    arguments = ("sensitivity", str(file), f"{file}:P10", "--network", "net", "--top", "2", "-o", "out.png")
    assert said(*arguments) == (0, "", "matnet: note: the first 6 of 10 outputs are shown; name others with --of\n")


def test_where_a_response_is_held(said: Said, requests: list[Request]) -> None:
    assert said("response", PUMP, "--at", "60,2400", "-o", "out.png")[0] == 0
    assert said("contour", PUMP, "--at", "10%", "-o", "out.png")[0] == 0
    assert [(request.point, request.at) for request in requests] == [([60.0, 2400.0], None), (None, [0.1])]
    assert said("map", PUMP, "-", "--at", "10%", "-o", "out.png", stdin=TEXT)[::2] == (
        2,
        "matnet: --at is for response and contour\n",
    )


def test_title_size_and_resolution(said: Said) -> None:
    assert said("network", PUMP, "--title", "Hall 3", "--size", "6x2", "--dpi", "50", "-o", "out.png") == (0, "", "")
    header = Path("out.png").read_bytes()[16:24]
    assert (int.from_bytes(header[:4]), int.from_bytes(header[4:])) == (300, 100)


def test_an_id_column_is_kept_out(said: Said, requests: list[Request]) -> None:
    table = "id,flow,speed,head\n7,20,1500,9\n8,60,2800,33\n"
    names = ("--keep", "id,head")
    assert said("map", PUMP, "-", *names, "-o", "out.png", stdin=table)[0] == 0
    assert said("parity", PUMP, "-", "--keep", "id", "--targets", "head", "-o", "out.png", stdin=table)[0] == 0
    for request in requests:
        np.testing.assert_array_equal(request.x, [[20.0, 1500.0], [60.0, 2800.0]])
    np.testing.assert_array_equal(requests[1].t, [[9.0], [33.0]])


def test_the_mean_of_several_networks(said: Said, requests: list[Request]) -> None:
    Path("nets").mkdir()
    for name in ("one.json", "two.json"):
        assert run(["convert", PUMP, f"nets/{name}"]) == 0
    assert said("response", "nets", "-o", "out.png")[0] == 0
    assert isinstance(requests[0].net, Ensemble)
    status, _, err = said("network", "nets", "-o", "out.png")
    assert (status, err) == (2, "matnet: this plot is of one network, but 2 are given; name one of them\n")


def test_two_training_records_are_not_passed_over_in_silence(said: Said, tmp_path: Path) -> None:
    record = {"trainFcn": "trainlm", "best_epoch": 1.0, "best_perf": 0.5, "epoch": [[0.0, 1.0]], "perf": [[1.0, 0.5]]}
    savemat(tmp_path / "two.mat", {"net": 1.0, "tr": record, "tr2": record})
    assert training_record_paths(tmp_path / "two.mat") == ("tr", "tr2")


def test_classes_are_better_shown_otherwise(said: Said) -> None:
    table = "flow,speed,head\n" + "20,1500,0\n60,2800,1\n" * 8
    status, _, err = said("parity", PUMP, "-", "--targets", "head", "-o", "out.png", stdin=table)
    assert status == 0
    assert err.endswith("matnet: note: the targets are classes: confusion and roc show more of them\n")
