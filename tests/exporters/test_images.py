"""A network of images with every kind of connection, exported to every target and run there."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import matnet
from image_networks import in_torch, small_network
from matnet.cli.entry import run
from matnet.exporters import save
from matnet.exporters.recording import Options
from matnet.exporters.save import rendered
from matnet.exporters.target import targets
from matnet.proof.exported import check_written

SUFFIXES = [pytest.param(suffix, marks=pytest.mark.slow if suffix == ".xlsx" else ()) for suffix in targets()]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_every_target(tmp_path: Path, suffix: str) -> None:
    if suffix == ".onnx":
        pytest.importorskip("onnx")
    # of the names that a driver could have for itself
    name = f"out{suffix}"
    check = check_written(rendered(small_network(tmp_path), tmp_path / name, Options()), name)
    if check.missing:
        pytest.skip(f"needs {check.missing}")
    assert check.agrees, check


def test_casadi(tmp_path: Path) -> None:
    casadi = pytest.importorskip("casadi")
    net, x = small_network(tmp_path), np.random.default_rng(2).normal(size=60)
    function = matnet.to_casadi(net)
    y, jacobian = function(x)
    np.testing.assert_allclose(np.asarray(y)[:, 0], net(x), rtol=1e-13)
    np.testing.assert_allclose(np.asarray(jacobian), net.jacobian(x), rtol=1e-12, atol=1e-15)
    z = casadi.MX.sym("z", 60)
    slopes = casadi.jacobian(function(z)[0], z)
    hessian = casadi.Function("hessian", [z], [casadi.jacobian(slopes[1, :], z)])
    np.testing.assert_allclose(np.asarray(hessian(x)), net.hessian(x)[1], rtol=1e-11, atol=1e-15)


def test_torch_module(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    module, x = matnet.to_torch(small_network(tmp_path)), torch.as_tensor(np.random.default_rng(2).normal(size=60))
    reference = in_torch()
    np.testing.assert_allclose(module(x).detach().numpy(), reference(x).numpy(), rtol=1e-12)
    found = torch.autograd.functional.jacobian(module, x).numpy()
    np.testing.assert_allclose(found, torch.func.jacrev(reference)(x).numpy(), rtol=1e-10, atol=1e-14)


def test_jax_function(tmp_path: Path) -> None:
    jax = pytest.importorskip("jax")
    jax.config.update("jax_enable_x64", True)
    net, x = small_network(tmp_path), np.random.default_rng(2).normal(size=60)
    function, parameters = matnet.to_jax(net)
    found = jax.jit(jax.jacobian(function, argnums=1))(parameters, x)
    np.testing.assert_allclose(np.asarray(found), net.jacobian(x), rtol=1e-12, atol=1e-15)


def test_a_large_file_is_not_written_in_silence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    small_network(tmp_path)
    assert run(["convert", str(tmp_path / "images.mat"), str(tmp_path / "net.py")]) == 0
    assert "MB" not in capsys.readouterr().err
    monkeypatch.setattr(save, "LARGE", 50_000)
    assert run(["convert", str(tmp_path / "images.mat"), str(tmp_path / "net.py")]) == 0
    assert capsys.readouterr().err == (
        f"matnet: note: {tmp_path / 'net.py'}: the file has 0 MB, for which compilers and interpreters need minutes "
        "and much memory; .onnx holds the numbers as they are\n"
    )
