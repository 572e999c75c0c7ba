"""Models and networks of the newer classes with properties changed: each is refused with its file, or runs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import matnet
from changed_objects import answers, changed_file, outcome, stored
from fitted_models import X
from object_files import ObjectStore, write_objects
from sound_models import SOUND
from trials import trials

TRIALS, TRIALS_OVER_TIME = trials(150), trials(50)


@pytest.mark.parametrize("name", SOUND)
def test_the_unchanged_model_opens(tmp_path: Path, name: str) -> None:
    store = ObjectStore()
    file = write_objects(tmp_path / "m.mat", store, {"net": stored(store, SOUND[name]())})
    net = matnet.load(file)
    assert net.input_size == 2
    y, slopes = answers(net, X)
    assert np.isfinite(y[-1]).all()
    assert np.isfinite(slopes[-1]).all()


@pytest.mark.parametrize("name", SOUND)
def test_a_changed_model_is_refused_with_its_file_or_runs(tmp_path: Path, name: str) -> None:
    verdicts = {"refused": 0, "opened": 0}
    file = tmp_path / "m.mat"
    count = TRIALS_OVER_TIME if "LSTM" in name or "GRU" in name else TRIALS
    for trial in range(count):
        changed_file(file, SOUND[name](), trial)
        verdict, message = outcome(file, X)
        assert verdict == "opened" or message.startswith(str(file)), (trial, message)
        verdicts[verdict] += 1
    assert min(verdicts.values()) > count // 5, verdicts
