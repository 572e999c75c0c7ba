"""Every network of the corpus, and every answer that MATLAB itself stored beside one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import matnet
from matnet.functions.namespace import FloatArray
from matnet.importers.arrays import read_array

if TYPE_CHECKING:
    from conftest import Case, ListedNetwork

OUTPUTS_AGREE = 2e-14
"""Of the range of y: sum order, BLAS and exp differ in the last digits."""

SERIES_AGREE = 1e-11


def stored(corpus: Path, case: Case, key: str) -> FloatArray:
    """A matrix that a case names, as MATLAB has it: samples or time steps are columns."""
    entry = case.fields[key]
    matrix = read_array(corpus / entry.get("file", case.file), entry["path"])
    return matrix.T if entry.get("transpose") else matrix


def facts(net: matnet.Network) -> dict[str, Any]:
    """A network's facts in the form of networks.json."""
    structure = net.structure
    input_weights = [
        f"IW{{{i},{j + 1}}}:{weight.function}:d{list(weight.delays)}"
        for i, layer in enumerate(structure.layers, start=1)
        for j, weight in layer.input_weights.items()
    ]
    layer_weights = [
        f"LW{{{i},{j + 1}}}:{weight.function}:d{list(weight.delays)}"
        for i, layer in enumerate(structure.layers, start=1)
        for j, weight in layer.layer_weights.items()
    ]
    return {
        "path": net.provenance.path,
        "version": net.provenance.toolbox_version or None,
        "inputs": [entry.size for entry in structure.inputs],
        "layers": [layer.size for layer in structure.layers],
        "output_layers": [output.layer + 1 for output in structure.outputs],
        "transfer": [layer.transfer for layer in structure.layers],
        "net_input": [layer.net_input for layer in structure.layers],
        "input_processing": [[step.function for step in entry.processing] for entry in structure.inputs],
        "output_processing": [[step.function for step in entry.processing] for entry in structure.outputs],
        "weights": sorted(input_weights + layer_weights),
    }


def test_a_listed_network_has_the_sizes_and_functions_listed(corpus: Path, listed_network: ListedNetwork) -> None:
    net = matnet.load(corpus / listed_network.file, listed_network.path)
    expected = {key: value for key, value in listed_network.facts.items() if key != "stored_as"}
    expected["weights"].sort()
    for key in ("input_processing", "output_processing"):
        # the layout of 2006 has no processing, which the list gives as null
        expected[key] = [steps or [] for steps in expected[key]]
    assert facts(net) == expected
    newer = listed_network.facts["stored_as"] == "network(MCOS)"
    assert net.provenance.stored_as == ("network object of a newer class (MCOS)" if newer else "network object")


def test_load_all_finds_exactly_the_listed_networks(corpus: Path, corpus_file: Path) -> None:
    listed = [
        entry["path"] for entry in json.loads((corpus / "networks.json").read_text())[corpus_file.name]["networks"]
    ]
    if corpus_file.name == "refuse_series_network.mat":
        # refused by its name in the list, which is of networks of the class `network`: it is one of layers
        assert list(matnet.load_all(corpus_file)) == ["cnn_net"]
    elif corpus_file.name.startswith("refuse_") or not listed:
        with pytest.raises((matnet.FormatError, matnet.UnsupportedError, matnet.ModelError)):
            matnet.load_all(corpus_file)
    else:
        assert sorted(matnet.load_all(corpus_file)) == sorted(listed)


def test_outputs_that_matlab_stored(corpus: Path, outputs_case: Case) -> None:
    net = matnet.load(corpus / outputs_case.file, outputs_case.network)
    x, y = stored(corpus, outputs_case, "x"), stored(corpus, outputs_case, "y")
    ours = net(x.T).T
    assert ours.shape == y.shape
    assert (np.isnan(ours) == np.isnan(y)).all()
    assert np.nanmax(np.abs(ours - y)) <= OUTPUTS_AGREE * (np.nanmax(y) - np.nanmin(y))


def test_series_that_matlab_stored(corpus: Path, series_case: Case) -> None:
    net = matnet.load(corpus / series_case.file, series_case.network)
    given = {
        key: stored(corpus, series_case, key).T for key in ("x", "xi", "ai") if series_case.fields[key] is not None
    }
    run = net.run(given.get("x"), given.get("xi"), given.get("ai"), series_case.fields["steps"])
    y = stored(corpus, series_case, "y").T
    assert run.outputs.shape == y.shape
    assert np.abs(run.outputs - y).max() <= SERIES_AGREE * np.ptp(y)


def test_every_network_gives_finite_values_in_its_range(corpus: Path, listed_network: ListedNetwork) -> None:
    net = matnet.load(corpus / listed_network.file, listed_network.path)
    low, high = np.where(np.isfinite(net.input_range), net.input_range, [-1.0, 1.0]).T
    x = np.random.default_rng(0).uniform(low, high, (20, net.input_size))
    if not net.input_size:
        assert np.isfinite(net.run(steps=20).outputs).all()
    elif net.dynamic:
        states = np.zeros((net.structure.input_delay, net.input_size))
        assert np.isfinite(net.run(x, states).outputs).all()
        with pytest.raises(matnet.ShapeError):
            net(x)
    else:
        assert np.isfinite(net(x)).all()
