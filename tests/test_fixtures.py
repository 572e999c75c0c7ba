"""The committed fixtures are what their script makes, and look as files saved by MATLAB do."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import scipy.io

import matnet

PROJECT = Path(__file__).parent.parent
FIXTURES = PROJECT / "fixtures"
NETWORKS = ("pump.mat", "cascade.mat", "two_by_two.mat")


@pytest.fixture(scope="module")
def remade(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("remade")
    subprocess.run([sys.executable, PROJECT / "scripts" / "fixtures" / "make_fixtures.py", folder], check=True)
    return folder


def leaves(value: object, place: str) -> dict[str, object]:
    """Every number array and text in a MATLAB value, by its place."""
    if not isinstance(value, np.ndarray):
        return {place: value}
    if value.dtype.names is not None:
        parts = {f"{place}.{name}": value[name] for name in value.dtype.names}
    elif value.dtype == object:
        parts = {f"{place}{{{k}}}": entry for k, entry in enumerate(value.ravel())}
    else:
        return {place: value}
    found: dict[str, object] = {}
    for name, part in parts.items():
        found |= leaves(part, name)
    return found


def content(path: Path) -> dict[str, object]:
    """All leaves of a file; its header is text and left out."""
    variables = scipy.io.loadmat(path, mat_dtype=True)
    found: dict[str, object] = {}
    for name in sorted(set(variables) - {"__header__", "__version__", "__globals__"}):
        found |= leaves(variables[name], name)
    return found


@pytest.mark.parametrize("name", NETWORKS)
def test_the_script_makes_the_committed_network(name: str, remade: Path) -> None:
    committed, made = content(FIXTURES / name), content(remade / name)
    assert committed.keys() == made.keys()
    for place, expected in committed.items():
        got = made[place]
        if isinstance(expected, np.ndarray) and expected.dtype.kind == "f":
            # what is computed with tanh and matmul may differ in the last digits between machines
            np.testing.assert_allclose(np.asarray(got), expected, rtol=1e-10, atol=1e-13, err_msg=place)
        else:
            np.testing.assert_array_equal(got, expected, err_msg=place)


@pytest.mark.parametrize("name", NETWORKS)
def test_the_weights_are_the_same_to_the_bit_on_every_machine(name: str, remade: Path) -> None:
    committed, made = content(FIXTURES / name), content(remade / name)
    weights = [place for place in committed if place.startswith(("net.IW{", "net.LW{", "net.b{"))]
    assert weights
    for place in weights:
        np.testing.assert_array_equal(made[place], committed[place], err_msg=place)


def test_the_script_makes_the_committed_table(remade: Path) -> None:
    assert (remade / "pump_inputs.csv").read_bytes() == (FIXTURES / "pump_inputs.csv").read_bytes()


@pytest.mark.parametrize("name", NETWORKS)
def test_the_header_has_no_date(name: str) -> None:
    header = (FIXTURES / name).read_bytes()[:116]
    assert header.rstrip() == b"MATLAB 5.0 MAT-file, written by scripts/make_fixtures.py of matnet"


def field_names(value: object) -> object:
    """The nested field names of a network, of the first entry of each cell that has any."""
    if not isinstance(value, np.ndarray) or not value.size:
        return None
    if value.dtype.names is not None:
        return {name: field_names(value.flat[0][name]) for name in value.dtype.names}
    if value.dtype == object:
        return next((names for entry in value.ravel() if (names := field_names(entry)) is not None), None)
    return None


def test_the_object_has_the_fields_of_a_real_file(corpus: Path) -> None:
    files = (corpus / "static_chemical_workspace.mat", FIXTURES / "pump.mat")
    real, ours = (scipy.io.loadmat(path)["net"] for path in files)
    assert type(real).__name__ == type(ours).__name__ == "MatlabObject"
    assert ours.classname == real.classname == "network"
    expected, got = field_names(real), field_names(ours)
    assert isinstance(expected, dict)
    assert isinstance(got, dict)
    assert list(got) == list(expected)
    for part in ("inputs", "layers", "biases", "outputs", "inputWeights", "layerWeights", "revert", "performParam"):
        assert got[part] == expected[part], part


@pytest.mark.parametrize("name", NETWORKS)
def test_the_network_gives_the_stored_outputs(name: str) -> None:
    stored = scipy.io.loadmat(FIXTURES / name)
    y = matnet.load(FIXTURES / name)(stored["x"].T)
    off = np.abs(y - stored["y"].T).max(axis=0)
    assert (off <= 2e-14 * np.ptp(stored["y"], axis=1)).all(), off


@pytest.mark.parametrize("name", NETWORKS)
def test_the_jacobian_is_the_slope_of_the_outputs(name: str) -> None:
    net = matnet.load(FIXTURES / name)
    x = scipy.io.loadmat(FIXTURES / name)["x"].T
    low, high = net.input_range.T
    step = 1e-6 * np.where(high > low, high - low, 1.0)
    J = net.jacobian(x)
    for j, h in enumerate(step):
        direction = h * np.eye(len(step))[j]
        column = (net(x + direction) - net(x - direction)) / (2.0 * h)
        scale = np.abs(column).max(axis=0) + np.ptp(net(x), axis=0) / h * 1e-9
        # a sample that lies within a step of a kink of poslin has two slopes there
        assert np.quantile(np.abs(J[:, :, j] - column) / np.where(scale > 0, scale, 1.0), 0.98) < 1e-7


def test_two_by_two_has_two_inputs_and_two_outputs_and_rows_that_never_changed() -> None:
    net = matnet.load(FIXTURES / "two_by_two.mat")
    assert [entry.size for entry in net.structure.inputs] == [3, 2]
    assert [entry.size for entry in net.structure.outputs] == [2, 2]
    x = scipy.io.loadmat(FIXTURES / "two_by_two.mat")["x"].T
    J = net.jacobian(x)
    assert J.shape == (40, 4, 5)
    assert (J[:, :, 1] == 0.0).all(), "the input that was removed moves nothing"
    assert (J[:, 2, :] == 0.0).all(), "the output that was removed is not moved"
    assert (net(x)[:, 2] == 2.5).all()
    assert (J[:, [0, 1, 3]][:, :, [0, 2, 3, 4]] != 0.0).all(), "every other input moves every other output"


def test_cascade_has_every_path_of_a_cascade() -> None:
    structure = matnet.load(FIXTURES / "cascade.mat").structure
    assert [layer.transfer for layer in structure.layers] == ["poslin", "poslin", "purelin"]
    assert [sorted(layer.input_weights) for layer in structure.layers] == [[0], [0], [0]]
    assert [sorted(layer.layer_weights) for layer in structure.layers] == [[], [0], [0, 1]]
