"""Series beside a recurrent network with one answer each: found and named, padded by MATLAB or not."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from layered_networks import dense, random_numbers, saved, series
from matnet.cli.entry import run
from object_files import ObjectStore
from recurrent_networks import H, R, plain_bilstm_last, plain_gru, plain_lstm, recurrent, sequences

S = 2
KINDS = {"LSTM": (plain_lstm, H, False), "GRU": (plain_gru, H, True), "BiLSTM": (plain_bilstm_last, 2 * H, True)}
UNEQUAL = tuple(4 + number % 5 for number in range(12))


class Stored:
    """A network of one recurrent layer, and what a second copy of it gives last."""

    def __init__(self, kind: str, **more: Any) -> None:
        plain, units, last = KINDS[kind]
        self.layer = recurrent(kind, "rnn", 3, last=last, **more)
        self.weights, self.bias = random_numbers(2, (S, units), (S,))
        self._plain, self._whole = plain, kind == "BiLSTM"

    def last(self, x: Any) -> Any:
        y = self._plain(self.layer, x)
        return (y if self._whole else y[-1]) @ self.weights.T + self.bias

    def answers(self, parts: Sequence[Any]) -> Any:
        return np.array([self.last(part) for part in parts])

    def beside(self, file: Path, **values: Any) -> str:
        store = ObjectStore()
        layers = [sequences(), self.layer, dense("fc", self.weights, self.bias)]
        return str(saved(file, store, net=series(store, layers), **values))


@pytest.fixture(params=KINDS)
def stored(request: pytest.FixtureRequest) -> Stored:
    return Stored(request.param)


def drawn(lengths: Sequence[int]) -> list[Any]:
    rng = np.random.default_rng(1)
    return [rng.normal(size=(length, R)) for length in lengths]


def cell(parts: Sequence[Any], across: bool = False) -> Any:
    """A cell array of series with their steps in columns."""
    held = np.empty((1, len(parts)) if across else (len(parts), 1), object)
    for number, part in enumerate(parts):
        held.flat[number] = part.T
    return held


def padded(parts: Sequence[Any], front: bool = False, batch: int = 128) -> list[Any]:
    found = []
    for number, part in enumerate(parts):
        first = number // batch * batch
        missing = np.zeros((max(map(len, parts[first : first + batch])) - len(part), R))
        found.append(np.concatenate([missing, part] if front else [part, missing]))
    return found


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    status = run(["verify", *arguments])
    out, err = capsys.readouterr()
    return status, " ".join(out.split()), err


NAMED = ("--inputs", "XTest", "--outputs", "YPred")


@pytest.mark.parametrize("lengths", [(7,) * 12, UNEQUAL])
@pytest.mark.parametrize("across", [False, True])
def test_series_with_one_answer_each(
    stored: Stored, lengths: Sequence[int], across: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    parts = drawn(lengths)
    file = stored.beside(tmp_path / "net.mat", XTest=cell(parts, across), YPred=stored.answers(parts))
    for names in ((), NAMED):
        status, out, _ = said(capsys, file, *names)
        assert (status, "XTest, from zeros -> YPred' 12 " in out, out.endswith("proved")) == (0, True, True)


def test_steps_in_rows_and_answers_in_columns(
    stored: Stored, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    parts = drawn(UNEQUAL)
    turned = cell([part.T for part in parts])
    file = stored.beside(tmp_path / "net.mat", data={"X": turned, "Y": stored.answers(parts).T.astype(np.float32)})
    status, out, _ = said(capsys, file)
    assert (status, "data.X', from zeros -> data.Y 12 " in out, "single precision" in out) == (0, True, True)


@pytest.mark.parametrize(("front", "words"), [(False, "at the end"), (True, "at the front")])
def test_series_that_matlab_padded(
    stored: Stored, front: bool, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    parts = drawn(UNEQUAL)
    file = stored.beside(tmp_path / "net.mat", XTest=cell(parts), YPred=stored.answers(padded(parts, front)))
    for names in ((), NAMED):
        status, out, _ = said(capsys, file, *names)
        label = f"XTest padded with 0 {words} to the longest, from zeros -> YPred' 12 "
        assert (status, label in out, out.endswith("proved")) == (0, True, True)


def test_batches_are_padded_each_to_its_longest(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    stored, parts = Stored("LSTM"), drawn([2 + number % 3 + 3 * (number > 127) for number in range(140)])
    file = stored.beside(tmp_path / "net.mat", XTest=cell(parts), YPred=stored.answers(padded(parts)))
    status, out, _ = said(capsys, file)
    label = "XTest padded with 0 at the end to the longest of each 128, from zeros -> YPred' 140 "
    assert (status, label in out) == (0, True)


def test_other_answers(stored: Stored, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Of equal lengths they are contradicted; where MATLAB may have padded, they are not."""
    for lengths, expected in (((7,) * 12, (1, "contradicted")), (UNEQUAL, (3, "unclear"))):
        parts = drawn(lengths)
        wrong = stored.answers(parts) * np.linspace(1.0, 1.01, 12)[:, None]
        file = stored.beside(tmp_path / "net.mat", XTest=cell(parts), YPred=wrong)
        status, out, _ = said(capsys, file, *NAMED)
        assert (status, out.split()[-1]) == expected
        assert ("MiniBatchSize" in out) == (expected[0] == 3)
        status, out, _ = said(capsys, file)
        assert (status, out.split()[-1]) == (3, "unclear")


def test_one_series_is_weak_evidence_and_no_contradiction(
    stored: Stored, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    x = drawn([40])[0]
    y = stored.last(x)
    file = stored.beside(tmp_path / "net.mat", XTest=x.T, YPred=y[:, None], rate=np.array([[0.1]]))
    for names in ((), NAMED):
        status, out, _ = said(capsys, file, *names)
        assert (status, "XTest, from zeros -> YPred 1 " in out, "only 1 different sample" in out) == (3, True, True)
    file = stored.beside(tmp_path / "net.mat", XTest=x.T, YPred=y[:, None] + 0.1)
    status, out, _ = said(capsys, file, *NAMED)
    assert (status, "MiniBatchSize" in out, out.split()[-1]) == (3, True, "unclear")
    assert said(capsys, file)[1].endswith("nothing to compare")
    # two other answers may be targets
    parts = drawn((5, 5))
    file = stored.beside(tmp_path / "net.mat", XTest=cell(parts), YPred=stored.answers(parts) + 0.1)
    assert said(capsys, file)[1].endswith("unclear")


@pytest.mark.parametrize("count", [2, 3])
def test_few_series_are_weak_evidence(count: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    stored, parts = Stored("LSTM"), drawn((9,) * count)
    file = stored.beside(tmp_path / "net.mat", XTest=cell(parts), YPred=stored.answers(parts))
    status, out, _ = said(capsys, file, *NAMED)
    assert (status, out.split()[-1]) == (3, "weak")


def test_series_of_one_step_do_not_show_the_weights_of_the_states(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stored, parts = Stored("LSTM"), drawn((1,) * 12)
    turned = cell([part.T for part in parts])
    file = stored.beside(tmp_path / "net.mat", XTest=turned, YPred=stored.answers(parts))
    status, out, _ = said(capsys, file, *NAMED)
    assert (status, "RecurrentWeights" in out, out.split()[-1]) == (3, True, "weak")


def test_unknown_numbers_in_one_series_leave_the_others(
    stored: Stored, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    parts = drawn((7,) * 12)
    parts[0][3, 1] = np.nan
    y = stored.answers(parts)
    y[0], y[5, 1] = np.nan, np.nan
    file = stored.beside(tmp_path / "net.mat", XTest=cell(parts), YPred=y)
    status, out, _ = said(capsys, file)
    assert (status, "1 stored numbers are NaN and were not compared" in out) == (0, True)


def test_series_start_from_the_states_of_the_network(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ones = np.ones((H, 1))
    stored, parts = Stored("LSTM", InitialCellState=ones, CellState={"Value": ones}), drawn((7,) * 12)
    file = stored.beside(tmp_path / "net.mat", XTest=cell(parts), YPred=stored.answers(parts))
    status, out, _ = said(capsys, file)
    assert (status, "XTest, from its initial states -> YPred' 12 " in out) == (0, True)
    status, out, _ = said(capsys, file, *NAMED, "--states", "zeros")
    assert (status, out.split()[-1]) == (1, "contradicted")


def test_what_does_not_fit_is_refused(stored: Stored, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    parts = drawn(UNEQUAL)
    other = cell([np.ones((5, 4)), np.ones((6, 4))])
    file = stored.beside(tmp_path / "net.mat", XTest=cell(parts), YPred=np.ones((5, S)), other=other, Y=np.ones((2, S)))
    status, _, err = said(capsys, file, *NAMED)
    assert (status, err) == (2, "matnet: YPred' has 5 samples, but the inputs have 12 series\n")
    status, _, err = said(capsys, file, "--inputs", "other", "--outputs", "Y")
    reason = "other holds matrices 4 by 5, 4 by 6, but each series needs 3 rows or columns"
    assert (status, err) == (2, f"matnet: {reason}\n")
