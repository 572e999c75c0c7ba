"""Every target on every row, on random networks and on the corpus: written, built, run in one process, compared."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from exported_networks import (
    corpus_networks,
    disagreement,
    each,
    only_chooses,
    random_networks,
    row_networks,
    samples,
    special_samples,
    write,
    zero_weights,
)
from matnet.exporters.recording import Options
from matnet.exporters.target import Job, Target, targets
from matnet.model.structure import Layer, Weight
from matnet.network import Network
from random_networks import Real, network
from trials import trials

TARGETS = [target for target in targets().values() if "jacobian" in target.options]
OF_ANY_NUMBERS = pytest.mark.parametrize(
    "target", [t for t in TARGETS if not t.finite], indirect=True, ids=lambda t: t.name
)
"""For tests with NaN and infinities."""


@pytest.fixture(params=each(TARGETS))
def target(request: pytest.FixtureRequest) -> Target:
    found: Target = request.param
    if found.suffix == ".onnx":
        pytest.importorskip("onnx")
    missing = found.missing()
    if missing:
        pytest.skip(f"{missing} is not installed")
    return found


def jobs_of(net: Network, path: Path, x: Real, options: Options) -> list[tuple[Job, list[Real]]]:
    """The values alone, values and Jacobians, and one sample, with what is expected."""
    if targets()[path.suffix].finite:
        y, jacobian = net.value_and_jacobian(x)
        x = x[np.isfinite(np.concatenate([x, y, jacobian.reshape(len(x), -1)], axis=1)).all(axis=1)]
    y, jacobian = net.value_and_jacobian(x)
    value = Job(path, path.stem, "value", (x,), (y.shape[1:],), options.precision)
    if not options.jacobian:
        return [(value, [y])]
    shapes = (y.shape[1:], jacobian.shape[1:])
    both = Job(path, path.stem, "value_and_jacobian", (x,), shapes, options.precision)
    single = Job(path, path.stem, "value_and_jacobian", (x[:1],), shapes, options.precision)
    if path.suffix == ".xlsx":  # a row computes both
        return [(both, [y, jacobian])]
    return [(both, [y, jacobian]), (value, [y]), (single, [y[:1], jacobian[:1]])]


def worst(target: Target, nets: dict[str, Network], folder: Path, options: Options | None = None) -> dict[str, float]:
    """The largest difference of each network's results; all are run in one process."""
    planned = []
    for name, net in nets.items():
        path = folder / f"{name}{target.suffix}"
        chosen = options or Options(jacobian=not only_chooses(net))
        write(net, path, chosen)
        planned += jobs_of(net, path, samples(net), chosen)
    answers = target.run([job for job, _ in planned], folder)
    found: dict[str, float] = {}
    for (job, expected), got in zip(planned, answers, strict=True):
        largest = max(disagreement(*pair) for pair in zip(got, expected, strict=True))
        found[job.name] = max(found.get(job.name, 0.0), largest)
    return found


def test_every_row(target: Target, tmp_path: Path) -> None:
    networks = row_networks()
    if target.suffix == ".fmu":
        # each is compiled, and its computation is that of the file in C
        networks = {name: net for name, net in networks.items() if not name.startswith(("radial_", "weight_"))}
    found = worst(target, networks, tmp_path)
    assert {name: size for name, size in found.items() if not size <= 1e-13} == {}


def test_random_networks(target: Target, tmp_path: Path) -> None:
    found = worst(target, random_networks(trials(30)), tmp_path)
    assert {name: size for name, size in found.items() if not size <= 1e-12} == {}


def test_the_corpus(target: Target, tmp_path: Path, corpus: Path) -> None:
    networks = corpus_networks(corpus)
    if target.suffix == ".fmu":
        # one for each number of inputs and outputs, which are what an FMU adds to the file in C
        sizes = {(net.input_size, net.output_size): name for name, net in networks.items()}
        networks = {name: networks[name] for name in sizes.values()}
    if target.suffix == ".xlsx":
        # a workbook of more weights takes as long as all the others
        networks = {name: net for name, net in networks.items() if len(net.parameters) < 20_000}
    found = worst(target, networks, tmp_path)
    assert {name: size for name, size in found.items() if not size <= 1e-12} == {}


@pytest.mark.parametrize("target", [t for t in TARGETS if "float32" in t.precisions], indirect=True)
def test_float32(target: Target, tmp_path: Path) -> None:
    options, rng = Options(precision="float32"), np.random.default_rng(6)
    planned = []
    for name, net in row_networks().items():
        if name.startswith("radial"):
            continue
        path = tmp_path / f"{name}{target.suffix}"
        write(net, path, options)
        # off the kinks, and the same inputs for both precisions
        x = rng.normal(size=(6, net.input_size)).astype(np.float32).astype(np.float64)
        planned += jobs_of(net, path, x, options)
    answers = target.run([job for job, _ in planned], tmp_path)
    for (job, expected), got in zip(planned, answers, strict=True):
        for one, other in zip(got, expected, strict=True):
            assert disagreement(one, other) < 5e-4, job.name
            assert (one == one.astype(np.float32)).all() or np.isnan(one).any(), job.name


@OF_ANY_NUMBERS
def test_nan_and_inf_are_not_swallowed_by_weights_that_are_zero(target: Target, tmp_path: Path) -> None:
    planned = []
    for name, net in zero_weights().items():
        x, y = special_samples(net)
        path = tmp_path / f"{name}{target.suffix}"
        write(net, path, Options())
        planned.append((Job(path, name, "value", (x,), (y.shape[1:],)), y))
    answers = target.run([job for job, _ in planned], tmp_path)
    for (job, expected), (got,) in zip(planned, answers, strict=True):
        assert disagreement(got, expected) <= 1e-15, job.name


def test_the_slope_in_saturation_keeps_its_digits(target: Target, tmp_path: Path) -> None:
    planned = []
    for name in ("tansig", "logsig"):
        net, x = network(Layer(1, name, {0: Weight([[1.0]])})), np.array([[20.0], [-20.0], [12.5], [0.5]])
        y, jacobian = net.value_and_jacobian(x)
        path = tmp_path / f"{name}{target.suffix}"
        write(net, path, Options())
        planned.append((Job(path, name, "value_and_jacobian", (x,), ((1,), (1, 1))), y, jacobian))
    answers = target.run([job for job, _, _ in planned], tmp_path)
    for (_, y, jacobian), got in zip(planned, answers, strict=True):
        np.testing.assert_allclose(got[0], y, rtol=1e-14)
        np.testing.assert_allclose(got[1], jacobian, rtol=1e-14)


@OF_ANY_NUMBERS
def test_extreme_constants(target: Target, tmp_path: Path) -> None:
    hard = [
        5e-324,
        -2.2e-308,
        1.7976931348623157e308,
        -0.0,
        0.1,
        1 / 3,
        9007199254740993.0,
        1e23,
        -1e22,
        np.nan,
        -np.inf,
    ]
    # only to see each number arrive: y_i = w_i x
    net = network(Layer(len(hard), "purelin", {0: Weight(np.array(hard)[:, None])}))
    path, x = tmp_path / f"hard{target.suffix}", np.array([[1.0], [-1.0]])
    write(net, path, Options())
    ((y,),) = target.run([Job(path, "hard", "value", (x,), ((len(hard),),))], tmp_path)
    np.testing.assert_array_equal(y, np.outer(x, hard))


def test_an_empty_batch(target: Target, tmp_path: Path) -> None:
    net = row_networks()["transfer_softmax"]
    path = tmp_path / f"empty{target.suffix}"
    write(net, path, Options())
    job = Job(path, "empty", "value_and_jacobian", (np.zeros((0, 3)),), ((4,), (4, 3)))
    y, jacobian = target.run([job], tmp_path)[0]
    assert (y.shape, jacobian.shape) == ((0, 4), (0, 4, 3))


def test_without_the_jacobian(target: Target, tmp_path: Path) -> None:
    net = row_networks()["transfer_tansig"]
    path, x = tmp_path / f"alone{target.suffix}", np.array([[0.5, -1.0, 2.0]])
    write(net, path, Options(jacobian=False))
    (y,) = target.run([Job(path, "alone", "value", (x,), ((4,),))], tmp_path)[0]
    assert disagreement(y, net(x)) <= 1e-15


@pytest.mark.parametrize("precision", ["float64", "float32"])
def test_c_compiles_without_a_warning(precision: Any, tmp_path: Path) -> None:
    if shutil.which("gcc") is None:
        pytest.skip("gcc is not installed")
    sources = []
    for name, net in row_networks().items():
        write(net, tmp_path / f"{name}.c", Options(precision=precision))
        sources.append(f"{name}.c")
    flags = ["-std=c99", "-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Werror", "-fsyntax-only"]
    done = subprocess.run(["gcc", *flags, *sources], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("precision", ["float64", "float32"])
def test_c_is_cxx_too(precision: Any, tmp_path: Path) -> None:
    if shutil.which("g++") is None:
        pytest.skip("g++ is not installed")
    for name, net in row_networks().items():
        write(net, tmp_path / f"{name}.c", Options(precision=precision, header=True))
    # C++ takes longer for the system's headers than for a file, so all files are one translation unit
    ends = ("c", "h")
    parts = {end: [f'#include "{name}.{end}"' for name in row_networks()] for end in ends}
    (tmp_path / "all.h").write_text("\n".join(parts["h"]))
    spaces = [f"namespace n{number} {{\n{line}\n}}" for number, line in enumerate(parts["c"])]
    (tmp_path / "all.cc").write_text("\n".join(["#include <math.h>", *spaces]))
    flags = ["-x", "c++", "-std=c++11", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-fsyntax-only"]
    for files in (["all.cc"], ["all.h"], ["several.c", "several.h"]):
        done = subprocess.run(["g++", *flags, *files], cwd=tmp_path, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")
    # a C++ program that includes the header finds the functions of the file, whichever compiler made it
    (tmp_path / "several_user.cc").write_text(
        '#include "several.h"\n#include "several.h"\nint main() { static REAL x[3], y[5]; several_eval(x, y); }\n'
    )
    real = "double" if precision == "float64" else "float"
    for compiler in (["gcc", "-c"], ["g++", "-x", "c++", "-c"]):
        subprocess.run([*compiler, "several.c", "-o", "several.o"], cwd=tmp_path, check=True)
        command = ["g++", f"-DREAL={real}", "several_user.cc", "several.o", "-o", "several_user", "-lm"]
        subprocess.run(command, cwd=tmp_path, check=True)
        subprocess.run([str(tmp_path / "several_user")], check=True)


@pytest.mark.parametrize("opset", [13, 18, 23])
def test_onnx_of_other_opsets(opset: int, tmp_path: Path) -> None:
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    found = worst(targets()[".onnx"], row_networks(), tmp_path, Options(opset=opset))
    assert {name: size for name, size in found.items() if not size <= 1e-13} == {}
    model = onnx.load(tmp_path / "several.onnx")
    assert [entry.version for entry in model.opset_import] == [opset]
    assert model.ir_version == onnx.helper.find_min_ir_version_for(model.opset_import)


def test_onnx_tells_what_it_is(tmp_path: Path) -> None:
    onnx = pytest.importorskip("onnx")
    net = row_networks()["several"].with_names(units={"x1": "1/min", "x3": "m³"})
    write(net, tmp_path / "pump.onnx", Options(inputs=("speed", "valve", "level"), outputs=tuple("abcde")))
    model = onnx.load(tmp_path / "pump.onnx")
    told = {entry.key: entry.value for entry in model.metadata_props}
    assert json.loads(told["inputs"]) == ["speed", "valve", "level"]
    assert json.loads(told["input_units"]) == ["1/min", "", "m³"]
    assert "output_units" not in told
    assert json.loads(told["input_range"]) == [[None, None]] * 3
    assert [entry.name for entry in model.graph.input] == ["x"]
    assert [entry.name for entry in model.graph.output] == ["y", "dy_dx"]
    assert (model.opset_import[0].version, model.ir_version) == (17, 8)
    kinds = {entry.type.tensor_type.elem_type for entry in [*model.graph.input, *model.graph.output]}
    assert kinds == {onnx.TensorProto.DOUBLE}
