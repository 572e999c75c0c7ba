"""Outputs beside networks of recurrent layers with one answer for each series, and beside static ones."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import scipy.io

from matnet.importers.stored import StoredValues
from matnet.model.structure import Input, Layer, Output, Structure, Weight
from matnet.network import Network
from matnet.proof.answers import Rounding
from matnet.proof.candidates import Matrix, Series
from matnet.proof.data import DataSource, NamedData
from matnet.proof.outputs import OutputsCheck
from matnet.proof.verify import verify
from recurrent_networks import load, recurrent, sequences

RNG = np.random.default_rng(9)


@pytest.fixture
def lstm(tmp_path: Path) -> Network:
    """Two inputs, and the last states of three units."""
    return load(tmp_path, [sequences(2), recurrent("LSTM", "a", 1, 2, 3, last=True)])


@pytest.mark.parametrize(("lengths", "verdict"), [([5], "unclear"), ([5, 5], "contradicted"), ([5, 4], "unclear")])
def test_answers_to_series_that_matlab_may_have_padded_are_no_contradiction(
    lengths: Sequence[int], verdict: str, lstm: Network
) -> None:
    """One series alone may be padded too; answers that agree are as weak as their number."""
    parts = tuple(RNG.normal(size=(2, length)) for length in lengths)
    right = np.array([lstm.run(part.T).outputs[-1] for part in parts])
    for y, expected in ((right, "weak"), (right + 0.1 * RNG.normal(size=right.shape), verdict)):
        named = NamedData(series=Series("x", parts), outputs=Matrix("y", y.T))
        (row,) = verify(lstm, None, named)
        assert row.verdict == expected
        assert ("MiniBatchSize" in row.reason) == (expected == "unclear")


def test_one_sample_contradicts_a_static_network() -> None:
    layer = Layer(1, "tansig", {0: Weight([[0.5, 0.25]])})
    net = Network(Structure((Input(2),), (layer,), (Output(0, 1),)))
    (row,) = verify(net, None, NamedData(inputs=Matrix("x", np.ones((2, 1))), outputs=Matrix("y", np.array([[0.75]]))))
    assert (row.samples, row.verdict) == (1, "contradicted")


@pytest.mark.parametrize(("count", "verdicts"), [(1, []), (2, ["unclear"])])
def test_one_answer_alone_is_not_compared_unless_it_agrees(
    count: int, verdicts: list[str], lstm: Network, tmp_path: Path
) -> None:
    """Any vector of its size may be an answer to one series."""
    cells = np.empty((1, count), object)
    for number in range(count):
        cells[0, number] = RNG.normal(size=(2, 5))
    inputs = cells if count > 1 else cells[0, 0]
    scipy.io.savemat(tmp_path / "data.mat", {"x": inputs, "y": RNG.normal(size=(3, count))})
    source = DataSource(lstm, StoredValues(tmp_path / "data.mat"), NamedData())
    assert [row.verdict for row in OutputsCheck(Rounding(lstm), source).findings()] == verdicts
