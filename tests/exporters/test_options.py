"""Invalid options: the whole message, and neither a file nor part of one."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import matnet
from exported_networks import row_networks
from matnet.errors import FormatError, ModelError, UnsupportedError
from matnet.exporters.archive import archive_text
from matnet.exporters.target import targets
from matnet.model.archive import loads
from matnet.model.provenance import Provenance
from matnet.model.structure import Input, Layer, Output, Structure, Weight
from matnet.network import Network
from random_networks import minmax, network

NET = row_networks()["several"]

COMPET = (
    "every path from the inputs to the outputs passes through compet, whose derivative is 0 wherever it exists; "
    "leave dy/dx out: jacobian=False"
)
NO_NAME = "is not a name of letters, digits and _ that begins with a letter"
GIVEN = "{path}: name: "
WORD = "is a word that the language or the written code uses itself"
MATLAB = "{path}: MATLAB calls a function by its file's name"
PYTHON = "{path}: Python imports a module by its file's name"
KNOWN = "known: " + ", ".join(targets())

REFUSED: list[tuple[str, dict[str, Any], str]] = [
    ("a.foo", {}, "{path}: the suffix '.foo' is not a known format; " + KNOWN),
    ("a", {}, "{path}: the suffix '' is not a known format; " + KNOWN),
    ("a-b.m", {}, MATLAB + f", and 'a-b' {NO_NAME}; write it to a file named a_b"),
    ("a-b.py", {}, PYTHON + f", and 'a-b' {NO_NAME}; write it to a file named a_b"),
    ("for.m", {}, MATLAB + f", and 'for' {WORD}; write it to a file named for_"),
    ("endif.m", {}, MATLAB + f", and 'endif' {WORD}; write it to a file named endif_"),
    ("lambda.py", {}, PYTHON + f", and 'lambda' {WORD}; write it to a file named lambda_"),
    ("a.m", {"name": "b"}, MATLAB + "; write it to a file named b"),
    ("sum.m", {}, MATLAB + f", and 'sum' {WORD}; write it to a file named sum_"),
    ("largest.m", {}, MATLAB + f", and 'largest' {WORD}; write it to a file named largest_"),
    ("numpy.py", {}, PYTHON + f", and 'numpy' {WORD}; write it to a file named numpy_"),
    ("a.c", {"name": "1a"}, GIVEN + f"'1a' {NO_NAME}"),
    ("a.c", {"name": ""}, GIVEN + f"'' {NO_NAME}"),
    ("a.c", {"name": "a\n"}, GIVEN + f"'a\\n' {NO_NAME}"),
    ("a.c", {"name": "a" * 64}, GIVEN + f"'{'a' * 64}' has 64 characters, at most 63 are allowed"),
    ("a.c", {"inputs": ["u"]}, "{path}: 1 input name given, but the network has 3 input elements"),
    ("a.c", {"outputs": ["u", "v"]}, "{path}: 2 output names given, but the network has 5 output elements"),
    ("a.c", {"inputs": ["u", "v", "w\n"]}, "{path}: input name 3 is 'w\\n', expected printable text"),
    ("a.c", {"inputs": ["u", "v", " "]}, "{path}: input name 3 is ' ', expected printable text"),
    ("a.c", {"inputs": ["u", "v", "u"]}, "{path}: two inputs are called u; each needs a name of its own"),
    (
        "a.c",
        {"outputs": ["a", "b", "a", "b", "c"]},
        "{path}: two outputs are called a, b; each needs a name of its own",
    ),
    ("a.py", {"inputs": "ab"}, "{path}: inputs is the text 'ab', expected a list of names"),
    ("a.py", {"inputs": ["a", 1, "b"]}, "{path}: input name 2 is 1, expected printable text"),
    ("a.py", {"float32": True}, "{path}: Python does not have the option 'float32'; supported by .c, .onnx"),
    ("a.m", {"float32": True}, "{path}: MATLAB does not have the option 'float32'; supported by .c, .onnx"),
    ("a.c", {"opset": 17}, "{path}: C does not have the option 'opset'; supported by .onnx"),
    ("a.py", {"header": True}, "{path}: Python does not have the option 'header'; supported by .c"),
    (
        "a.json",
        {"jacobian": False},
        "{path}: JSON does not have the option 'jacobian'; supported by "
        + ", ".join(suffix for suffix in targets() if suffix != ".json"),
    ),
]


@pytest.mark.parametrize(("name", "options", "message"), REFUSED, ids=[f"{a}-{b}" for a, b, _ in REFUSED])
def test_refused(name: str, options: dict[str, Any], message: str, tmp_path: Path) -> None:
    path = tmp_path / name
    with pytest.raises(UnsupportedError) as raised:
        matnet.save(NET, path, **options)
    assert str(raised.value) == message.format(path=path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("opset", [12, 999])
def test_an_opset_that_is_not_written(opset: int, tmp_path: Path) -> None:
    onnx = pytest.importorskip("onnx")
    newest = onnx.defs.onnx_opset_version()
    with pytest.raises(UnsupportedError) as raised:
        matnet.save(NET, tmp_path / "a.onnx", opset=opset)
    assert str(raised.value) == (
        f"{tmp_path / 'a.onnx'}: opset {opset} is not supported; the installed onnx and matnet support 13 to {newest}"
    )


def test_a_precision_that_does_not_exist() -> None:
    from matnet.exporters.recording import Options

    with pytest.raises(ModelError) as raised:
        Options(precision="float16")  # type: ignore[arg-type]
    assert str(raised.value) == "precision is 'float16', expected 'float64' or 'float32'"


@pytest.mark.parametrize("suffix", [".c", ".f90", ".js", ".m", ".py"])
def test_units_and_ranges_stand_in_the_comments(suffix: str, tmp_path: Path) -> None:
    layer = Layer(1, "tansig", {0: Weight([[0.1, 0.2]])})
    scaled = Input(2, (minmax(2, np.random.default_rng(1)),), range=np.array([[0.0, 100.0], [np.nan, np.nan]]))
    net = Network(Structure((scaled,), (layer,), (Output(0, 1),)))
    low, high = net.input_range[1]
    # a unit that would end a comment of C
    net = net.with_names(["flow", "angle"], ["share"], units={"flow": "m³/h", "angle": "°*/rad**2", "share": "%"})
    matnet.save(net, tmp_path / f"a{suffix}")
    text = (tmp_path / f"a{suffix}").read_text()
    assert "1: flow (m3/h), 0 to 100 in training\n" in text
    assert f"2: angle (deg./rad^2), {low:.6g} to {high:.6g} by its scaling\n" in text
    assert "1: share (percent)\n" in text


def test_the_derivative_of_compet(tmp_path: Path) -> None:
    net = network(Layer(3, "compet", {0: Weight(np.eye(3))}), inputs=3)
    for suffix, target in targets().items():
        if "jacobian" not in target.options:
            continue
        path = tmp_path / f"a{suffix}"
        if suffix == ".onnx":
            pytest.importorskip("onnx")
        with pytest.raises(UnsupportedError) as raised:
            matnet.save(net, path)
        assert str(raised.value) == f"{path}: {COMPET}"
        matnet.save(net, path, jacobian=False)


def test_the_derivative_of_compet_in_casadi() -> None:
    pytest.importorskip("casadi")
    net = network(Layer(3, "compet", {0: Weight(np.eye(3))}), inputs=3)
    with pytest.raises(UnsupportedError) as raised:
        matnet.to_casadi(net)
    assert str(raised.value) == f"to_casadi: {COMPET.partition(';')[0]}"


@pytest.mark.parametrize(("suffix", "language"), [(".c", "C"), (".f90", "Fortran")])
def test_work_memory_beyond_a_stack(suffix: str, language: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    layer = Layer(1000, "elliotsig", {0: Weight(rng.normal(size=(1000, 300)), "dist")})
    net = network(layer, Layer(1, "purelin", layer_weights={0: Weight(rng.normal(size=(1, 1000)))}), inputs=300)
    with pytest.raises(UnsupportedError) as raised:
        matnet.save(net, tmp_path / f"a{suffix}")
    message = str(raised.value)
    assert message.startswith(f"{tmp_path / f'a{suffix}'}: {language} would need ")
    assert message.endswith(
        " bytes of work memory on the stack, 4194304 are allowed; write .onnx or .py, or leave the Jacobian out"
    )
    assert list(tmp_path.iterdir()) == []


def test_a_path_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(FormatError) as raised:
        matnet.save(NET, tmp_path / "nowhere" / "a.c")
    assert str(raised.value) == f"{tmp_path / 'nowhere' / 'a.c'}: cannot be written: No such file or directory"
    (tmp_path / "a.py").mkdir()
    with pytest.raises(FormatError) as raised:
        matnet.save(NET, tmp_path / "a.py")
    assert str(raised.value) == f"{tmp_path / 'a.py'} is a folder; name a file in it"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.py"]


def test_a_file_that_was_there_is_replaced_only_by_a_whole_one(tmp_path: Path) -> None:
    path = tmp_path / "a.c"
    path.write_text("mine")
    with pytest.raises(UnsupportedError):
        matnet.save(NET, path, inputs=["only"])
    assert path.read_text() == "mine"
    matnet.save(NET, path)
    assert path.read_text().startswith("/* a: written by matnet;")


@pytest.mark.parametrize(
    ("stem", "name"),
    [("net-1", "net_1"), ("model.v2", "model_v2"), ("网络", "net"), ("1a", "net_1a"), ("xor", "xor"), ("main", "main")],
)
def test_a_stem_that_is_not_a_name_is_made_into_one(stem: str, name: str, tmp_path: Path) -> None:
    path = tmp_path / f"{stem}.c"
    matnet.save(NET, path)
    assert f"void {name}_eval(const double *x, double *y);" in path.read_text()


@pytest.mark.parametrize("stem", ["Exp", "tanh", "c0", "c_double", "merge", "x", "y", "w0", "program"])
def test_a_module_of_fortran_never_has_a_name_that_it_uses(stem: str, tmp_path: Path) -> None:
    compiler = shutil.which("gfortran")
    if compiler is None:
        pytest.skip("needs gfortran")
    path = tmp_path / f"{stem}.f90"
    matnet.save(NET, path)
    done = subprocess.run([compiler, "-std=f2008", "-c", path, "-o", tmp_path / "a.o", "-J", tmp_path], check=False)
    assert done.returncode == 0


def test_an_output_may_have_the_name_of_an_input(tmp_path: Path) -> None:
    """As in a network that predicts the next value of what it sees."""
    matnet.save(NET, tmp_path / "a.c", inputs=["u", "v", "y2"])
    text = (tmp_path / "a.c").read_text()
    assert " *     3: y2\n" in text
    assert " *     2: y2\n" in text


def test_a_header(tmp_path: Path) -> None:
    matnet.save(NET, tmp_path / "net-1.c", header=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["net-1.c", "net-1.h"]
    text = (tmp_path / "net-1.h").read_text()
    assert text.startswith("#ifndef NET_1_H\n#define NET_1_H\n")
    assert "void net_1_eval_jac(const double *x, double *y, double *dydx);" in text
    matnet.save(NET, tmp_path / "net-2.c")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["net-1.c", "net-1.h", "net-2.c"]


def test_names_from_a_file_reach_no_code(tmp_path: Path) -> None:
    evil = '*/ ??/ \\\n"""\n% {x}\nimport os\r\nsystem("x") é'
    net = Network(NET.structure, Provenance(file=evil, path=evil, sha256=evil), evil)
    for suffix in (".c", ".m", ".py"):
        path = tmp_path / f"a{suffix}"
        matnet.save(net, path)
        text = path.read_bytes()
        told = "_/ __/ _______ {x}_import os__system(_x_) _"
        assert sum(told in line for line in text.decode("ascii").splitlines()) == 3
        assert len(text.splitlines()) == len(text.split(b"\n")) - 1


def test_a_module_that_was_saved_is_not_taken_for_a_generated_one(tmp_path: Path) -> None:
    matnet.save(NET, tmp_path / "a.m")
    with pytest.raises(matnet.MatnetError):
        matnet.load(tmp_path / "a.m")


def test_json_round_trip(tmp_path: Path) -> None:
    matnet.save(NET, tmp_path / "a.json")
    again = matnet.load(tmp_path / "a.json")
    np.testing.assert_array_equal(again.parameters, NET.parameters)
    x = np.random.default_rng(0).normal(size=(5, 3))
    np.testing.assert_array_equal(again.jacobian(x), NET.jacobian(x))


def ill_conditioned(hidden: int, first: int) -> Network:
    """y = x, as a difference of two neighboring hidden neurons times 10^9."""
    factors = np.zeros((1, hidden))
    factors[0, first : first + 2] = 1e9, 1.0 - 1e9
    return network(
        Layer(hidden, "purelin", {0: Weight(np.ones((hidden, 1)))}), Layer(1, "purelin", {}, {0: Weight(factors)})
    )


def test_points_that_rounding_moves_are_not_stored_in_an_archive() -> None:
    """Weights are moved up and down in turns, so that what cancels is found, wherever it is."""
    for net in (ill_conditioned(2, 0), ill_conditioned(4, 1)):
        np.testing.assert_allclose(net([0.5]), [0.5], rtol=1e-6)
        assert len(loads(archive_text(net)).checks) == 0
    well = network(
        Layer(2, "purelin", {0: Weight(np.ones((2, 1)))}), Layer(1, "purelin", {}, {0: Weight([[2.0, -1.0]])})
    )
    checks = loads(archive_text(well)).checks
    assert len(checks) == 5
    np.testing.assert_allclose(checks.outputs, checks.inputs, rtol=1e-14)


@pytest.mark.parametrize("call", ["save", "to_torch", "to_jax", "to_casadi"])
def test_an_ensemble_and_what_is_not_a_network(call: str, tmp_path: Path) -> None:
    if call != "save":
        pytest.importorskip(call.removeprefix("to_"))
    more = (tmp_path / "a.c",) if call == "save" else ()
    for net, message in (
        (
            matnet.Ensemble([NET, NET]),
            f"{call} takes one network, and this is an ensemble of 2; take them one by one: "
            "for net in ensemble.networks",
        ),
        ("net.mat", f"{call} takes a Network, got str; matnet.load gives one"),
    ):
        with pytest.raises(UnsupportedError) as raised:
            getattr(matnet, call)(net, *more)
        assert str(raised.value) == message
    assert list(tmp_path.iterdir()) == []
