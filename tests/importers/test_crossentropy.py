"""The training record beside a classifier shows which form of crossentropy it was trained with."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.io.matlab import MatlabObject

import matnet
from network_object import LayerPlan, NetworkPlan, network_object, signal

Matrix: TypeAlias = NDArray[np.float64]
Save: TypeAlias = Callable[..., Path]
X = np.random.default_rng(0).normal(size=(2, 40))
MASKS = {name: np.where(np.arange(40) % 4 == k, 1.0, np.nan)[None] for k, name in ((0, "test"), (1, "val"))}
MASKS["train"] = np.where(np.arange(40) % 4 > 1, 1.0, np.nan)[None]


@pytest.fixture
def classifier() -> MatlabObject:
    rng = np.random.default_rng(1)
    plan = NetworkPlan(
        name="classifier",
        inputs=(signal(X)[0],),
        layers=(LayerPlan(4, "tansig", rng.normal(size=(4, 1))), LayerPlan(3, "softmax", rng.normal(size=(3, 1)))),
        outputs={1: signal(np.array([[0.0, 1.0]] * 3))[0]},
        input_weights={(0, 0): rng.normal(size=(4, 2))},
        layer_weights={(1, 0): rng.normal(size=(3, 4))},
    )
    made = network_object(plan)
    made["performFcn"][0, 0] = "crossentropy"
    return made


def targets() -> Matrix:
    return np.asarray(np.eye(3)[np.random.default_rng(2).integers(0, 3, 40)].T)


def record(y: Matrix, t: Matrix, form: str, **changes: Any) -> dict[str, Any]:
    """The record of a training that ended with outputs y, its performances by a second copy of the formula."""
    terms = -t * np.log(y) - ((1.0 - t) * np.log(1.0 - y) if form == "both" else 0.0)
    best = {
        field: float(np.nanmean(terms * MASKS[name]))
        for field, name in (("best_perf", "train"), ("best_vperf", "val"), ("best_tperf", "test"))
    }
    masks = {f"{name}Mask": np.repeat(mask, 3, axis=0) for name, mask in MASKS.items()}
    return {"trainFcn": "trainscg", "performFcn": "crossentropy", "best_epoch": 3.0, **best, **masks, **changes}


def outputs(file: Path) -> Matrix:
    return np.asarray(matnet.load(file)(X.T)).T


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("form", ["targets", "both"])
def test_the_record_proves_the_form(classifier: MatlabObject, save: Save, form: str, turned: bool) -> None:
    t = targets()
    tr = record(outputs(save("alone.mat", net=classifier)), t, form)
    beside = {"x": X.T, "t": t.T} if turned else {"x": X, "t": t}
    net = matnet.load(save(net=classifier, tr=tr, other=np.ones((3, 40)), **beside))
    assert net.structure.performance is not None
    assert net.structure.performance.form == form
    known = np.isfinite(MASKS["val"]).ravel()
    assert net.performance(X.T[known], t.T[known]) == pytest.approx(tr["best_vperf"], rel=1e-13)
    # what is made of the network keeps it, an archive too
    assert net.with_parameters(net.parameters).structure.performance == net.structure.performance
    archive = save("unused.mat", x=1.0).with_name("net.json")
    matnet.save(net, archive)
    assert matnet.load(archive).structure.performance == net.structure.performance


def test_without_its_data_the_record_proves_nothing(classifier: MatlabObject, save: Save) -> None:
    t = targets()
    tr = record(outputs(save("alone.mat", net=classifier)), t, "both")
    beside: tuple[dict[str, Any], ...] = ({}, {"x": X, "t": t[:, ::-1]}, {"x": X, "t": t * 1j}, {"x": X})
    for variables in ({"x": X, "t": t}, *({"tr": tr, **data} for data in beside)):
        net = matnet.load(save(net=classifier, **variables))
        assert net.structure.performance is not None
        assert net.structure.performance.form == ""


@pytest.mark.parametrize(("inputs", "outputs_of", "form"), [(16, 4, "both"), (13, 5, ""), (8, 8, "both")])
def test_at_most_64_pairs_of_inputs_and_targets_are_tried(
    classifier: MatlabObject, save: Save, inputs: int, outputs_of: int, form: str
) -> None:
    t, rng = targets(), np.random.default_rng(4)
    tr = record(outputs(save("alone.mat", net=classifier)), t, "both")
    more = {f"x{k}": rng.normal(size=(2, 40)) for k in range(1, inputs)}
    more |= {f"t{k}": rng.uniform(size=(3, 40)) for k in range(1, outputs_of)}
    net = matnet.load(save(net=classifier, tr=tr, x=X, t=t, **more))
    assert net.structure.performance is not None
    assert net.structure.performance.form == form


def test_a_record_that_is_anothers_proves_nothing(classifier: MatlabObject, save: Save) -> None:
    """Masks of another number of outputs or samples, none at all, or a performance that is not computed alone."""
    t = targets()
    tr = record(outputs(save("alone.mat", net=classifier)), t, "both")
    one = {name: value[:1] for name, value in tr.items() if name.endswith("Mask")}
    fewer = {"valMask": tr["valMask"][:, :39]}
    unmasked = {name: value for name, value in tr.items() if not name.endswith("Mask")}
    for found in ({**tr, **one}, {**tr, **fewer}, unmasked, {**tr, "best_vperf": 2.0 * tr["best_vperf"]}):
        net = matnet.load(save(net=classifier, tr=found, x=X, t=t))
        assert net.structure.performance is not None
        assert net.structure.performance.form == ""
    classifier["performParam"][0, 0] = {"normalization": "percent"}
    net = matnet.load(save(net=classifier, tr=tr, x=X, t=t))
    assert net.structure.performance is not None
    assert (net.structure.performance.form, net.structure.performance.unsupported) == ("", "performParam.normalization")


def test_one_record_beside_two_networks_proves_nothing(classifier: MatlabObject, save: Save) -> None:
    t = targets()
    tr = record(outputs(save("alone.mat", net=classifier)), t, "both")
    net = matnet.load(save(net=classifier, other=classifier, tr=tr, x=X, t=t), network="net")
    assert net.structure.performance is not None
    assert net.structure.performance.form == ""


def test_an_archive_with_another_form_is_refused(classifier: MatlabObject, save: Save) -> None:
    archive = save("unused.mat", x=1.0).with_name("net.json")
    matnet.save(matnet.load(save(net=classifier)), archive)
    found = json.loads(archive.read_text())
    found["performance"]["form"] = "all"
    archive.write_text(json.dumps(found))
    with pytest.raises(matnet.FormatError) as refused:
        matnet.load(archive)
    assert str(refused.value) == f"{archive}: .performance.form: found \"all\", expected 'targets' or 'both'"
