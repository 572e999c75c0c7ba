"""How each language writes numbers, arrays, loops and long lines, and what its comments promise."""

from __future__ import annotations

import io
import re
from typing import Any

import numpy as np
import pytest

import matnet
from matnet.exporters import c_source, fortran_source, matlab_source
from matnet.exporters.c_source import CLanguage
from matnet.exporters.javascript_source import _JavaScript
from matnet.exporters.onnx_graph import OPSET
from matnet.exporters.recording import Options, Recording
from matnet.exporters.target import targets
from matnet.model.structure import Input, Layer, Output, Structure, Weight
from matnet.network import Network
from random_networks import network
from series_networks import recurrent

C, FORTRAN, JAVASCRIPT = CLanguage("float64"), fortran_source._Fortran(), _JavaScript()
SINGLE = CLanguage("float32")
HEAD = "for (int i0 = 0; i0 < 3; i0++)"


def text_of(net: Network, suffix: str, **options: Any) -> str:
    return targets()[suffix].render(Recording(net, "net", Options(**options))).decode()


def layer_of(function: str) -> Network:
    return network(Layer(3, function, {0: Weight(np.arange(6.0).reshape(3, 2) + 0.5)}, bias=[1.0, 2.0, 3.0]), inputs=2)


@pytest.mark.parametrize(
    ("body", "loop"),
    [
        (["a;"], [HEAD, "    a;"]),
        (["a;", "b;"], [f"{HEAD} {{", "    a;", "    b;", "}"]),
        # a loop is one statement, with braces of its own or without
        (["for (k)", "    a;"], [HEAD, "    for (k)", "        a;"]),
        (["for (k) {", "    a;", "    b;", "}"], [HEAD, "    for (k) {", "        a;", "        b;", "    }"]),
        # a loop and more is not
        (["for (k)", "    a;", "b;"], [f"{HEAD} {{", "    for (k)", "        a;", "    b;", "}"]),
        (
            ["for (k)", "    a;", "for (m)", "    b;"],
            [f"{HEAD} {{", "    for (k)", "        a;", "    for (m)", "        b;", "}"],
        ),
        (["a;", "for (k)", "    b;"], [f"{HEAD} {{", "    a;", "    for (k)", "        b;", "}"]),
        # the braces of a scope are those of the loop
        (["{", "    double s = 0.0;", "    a;", "}"], [f"{HEAD} {{", "    double s = 0.0;", "    a;", "}"]),
    ],
)
def test_loops_of_c_have_braces_around_several_statements(body: list[str], loop: list[str]) -> None:
    assert C.loop("i0", 0, 3, body) == loop


@pytest.mark.parametrize(
    ("number", "c", "single", "fortran", "javascript"),
    [
        (0.1, "0.10000000000000001", "0.100000001f", "0.10000000000000001_dp", "0.1"),
        (-2.0, "(-2.0)", "(-2.0f)", "(-2.0_dp)", "(-2.0)"),
        (-0.0, "(-0.0)", "(-0.0f)", "(-0.0_dp)", "(-0.0)"),
        (1e22, "1e+22", "9.99999978e+21f", "1e+22_dp", "1e+22"),
        (0.0, "0.0", "0.0f", "0.0_dp", "0.0"),
        (float("nan"), "NAN", "NAN", "nan", "NaN"),
        (float("inf"), "INFINITY", "INFINITY", "infinity", "Infinity"),
        (-float("inf"), "(-INFINITY)", "(-INFINITY)", "minus_infinity", "(-Infinity)"),
        (3, "3", "3", "3", "3"),
        (True, "1", "1", ".true.", "1"),
        (False, "0", "0", ".false.", "0"),
        # the smallest normal number, and the smallest of all
        (2.0**-1022, "2.2250738585072014e-308", "0.0f", "2.2250738585072014e-308_dp", "2.2250738585072014e-308"),
        (-(2.0**-1074), "(-4.9406564584124654e-324)", "(-0.0f)", "(-transfer(1_c_int64_t, 1.0_dp))", "(-5e-324)"),
        (2.0**-1074, "4.9406564584124654e-324", "0.0f", "(transfer(1_c_int64_t, 1.0_dp))", "5e-324"),
    ],
)
def test_numbers(number: float, c: str, single: str, fortran: str, javascript: str) -> None:
    written = [language.literal(number) for language in (C, SINGLE, FORTRAN, JAVASCRIPT)]
    assert written == [c, single, fortran, javascript]


def test_arrays() -> None:
    numbers = [f"{k}.0" for k in range(6)]
    assert C.array("c0", "float", numbers) == [
        "static const double c0[6] = {",
        "    0.0, 1.0, 2.0, 3.0,",
        "    4.0, 5.0",
        "};",
    ]
    assert SINGLE.array("c0", "float", numbers[:1])[0] == "static const float c0[1] = {"
    assert [C.array("c0", kind, ["1"])[0] for kind in ("bool", "int")] == ["static const int c0[1] = {"] * 2
    # a statement of Fortran takes 40 numbers, counted from 0
    many = FORTRAN.array("c0", "float", [f"{k}.0_dp" for k in range(81)])
    assert [line for line in many if not line.startswith("    ")] == [
        "real(dp) :: c0(0:80)",
        "data c0(0:39) / &",
        "data c0(40:79) / &",
        "data c0(80:80) / &",
    ]
    assert [line.split()[-1] for line in many if line.startswith("    ")] == [*["&"] * 9, "/"] * 2 + ["/"]
    assert re.findall(r"(\d+)\.0_dp", "\n".join(many)) == [str(k) for k in range(81)]
    # what is not a literal gets a name
    assert FORTRAN.array("c1", "float", ["1.0_dp", "(transfer(1_c_int64_t, 1.0_dp))"]) == [
        "real(dp), parameter :: c1_1 = (transfer(1_c_int64_t, 1.0_dp))",
        "real(dp) :: c1(0:1)",
        "data c1(0:1) / &",
        "    1.0_dp, c1_1 /",
    ]
    # MATLAB's axes are reversed
    assert matlab_source._array(np.array([1.0, 2.5])) == "[1; 2.5]"
    assert matlab_source._array(np.arange(6.0).reshape(2, 3)) == "reshape([0; 1; 2; 3; ...\n    4; 5], [3, 2])"
    assert matlab_source._array(np.zeros(0)) == "reshape([], [1, 0])"
    assert matlab_source._array(np.array([[True, False]])) == "reshape([true; false], [2, 1])"


def test_long_lines_of_fortran_are_continued() -> None:
    words = [f"word{k:03}" for k in range(40)]
    line = " " * 8 + " ".join(words)
    pieces = fortran_source._wrapped(line)
    assert len(pieces) == 3
    assert [len(piece) - len(piece.lstrip()) for piece in pieces] == [8, 12, 16]
    assert all(len(piece) <= 130 for piece in pieces)
    assert [piece.endswith(" &") for piece in pieces] == [True, True, False]
    assert " ".join(piece.removesuffix(" &").strip() for piece in pieces).split() == words
    # 128 characters are not too long; a comment and a single word are left as they are
    exact = f"{'a' * 100} {'b' * 27}"
    assert fortran_source._wrapped(exact) == [exact]
    assert fortran_source._wrapped(f"{exact}b") == [f"{'a' * 100} &", f"    {'b' * 28}"]
    for whole in ("! " + "a b " * 50, "        " + "a" * 150):
        assert fortran_source._wrapped(whole) == [whole]


@pytest.mark.parametrize(
    ("function", "options", "size"),
    [
        # two buffers of three numbers; two of conditions as well
        ("tansig", {}, 2 * 3 * 8),
        ("tansig", {"precision": "float32"}, 2 * 3 * 4),
        ("satlin", {}, 2 * 3 * 8 + 2 * 3 * 4),
        # three of numbers; a condition, a position, and three conditions
        ("compet", {}, 3 * 3 * 8 + 4 + 4 + 3 * 4),
        ("compet", {"precision": "float32"}, 3 * 3 * 4 + 4 + 4 + 3 * 4),
    ],
)
def test_work_memory(function: str, options: dict[str, Any], size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is on the stack, to the byte, is said and limited."""
    net = layer_of(function)
    assert f"/* {size} bytes of work memory */" in text_of(net, ".c", jacobian=False, **options)
    for module, suffix, name in ((c_source, ".c", "C"), (fortran_source, ".f90", "Fortran")):
        if options and suffix == ".f90":
            continue
        monkeypatch.setattr(module, "_WORK_LIMIT", size)
        text_of(net, suffix, jacobian=False, **options)
        monkeypatch.setattr(module, "_WORK_LIMIT", size - 1)
        with pytest.raises(matnet.UnsupportedError) as raised:
            text_of(net, suffix, jacobian=False, **options)
        assert str(raised.value) == (
            f"{name} would need {size} bytes of work memory on the stack, {size - 1} are allowed; write .onnx or .py, "
            "or leave the Jacobian out"
        )


def test_comments_tell_of_the_derivatives_that_are_there() -> None:
    static, dynamic = layer_of("tansig"), recurrent()
    told = {
        ".c": ("dydx has 3 rows of 2: dydx[i * 2 + j] is dy_i/dx_j.", "Derivatives are written row by row: "),
        ".m": ("dydx  3 x 2 x N, dydx(i, j, q) = dy_i/dx_j of sample q", "dy_dstates  2 x 19 x N"),
    }
    for suffix, (jacobian, of_states) in told.items():
        for net, options, expected in (
            (static, {}, (True, False)),
            (static, {"jacobian": False}, (False, False)),
            (dynamic, {}, (False, True)),
            (dynamic, {"jacobian": False}, (False, False)),
        ):
            text = text_of(net, suffix, **options)
            assert (jacobian in text, of_states in text) == expected
    text = text_of(dynamic, ".m")
    assert "states, next_states  19 x N" in text
    assert "dnext_states_dx  19 x 3 x N" in text
    assert "states, next_states" not in text_of(static, ".m")


def test_python_says_which_states_are_the_first() -> None:
    assert "states (..., 19), which are zeros to begin with" in text_of(recurrent(), ".py", jacobian=False)
    layer = Layer(1, "purelin", {0: Weight([[1.0]])}, {0: Weight([[0.5]], delays=(1,))}, initial=np.array([2.0]))
    started = Network(Structure((Input(1),), (layer,), (Output(0, 1),)))
    assert "states (..., 1), those above to begin with" in text_of(started, ".py", jacobian=False)


def test_python_counts_samples_where_it_needs_their_number() -> None:
    assert "n = x.shape[0]" not in text_of(layer_of("tansig"), ".py", jacobian=False)
    # an output that no input moves is repeated
    assert "n = x.shape[0]" in text_of(network(Layer(1, "purelin", bias=[2.5]), inputs=2), ".py", jacobian=False)


def test_comments_of_fortran_are_cut() -> None:
    """A compiler takes lines of 132 characters, of comments too."""
    text = text_of(layer_of("tansig").with_names(["n" * 190, "b"]), ".f90", jacobian=False)
    assert max(map(len, text.splitlines())) == 130
    assert f"!     1: {'n' * 121}\n!     2: b\n" in text


@pytest.mark.parametrize("suffix", [".c", ".f90", ".js", ".m", ".py"])
def test_a_file_ends_with_one_line_break(suffix: str) -> None:
    for net in (layer_of("tansig"), recurrent()):
        assert re.search(r"\S\n\Z", text_of(net, suffix))


def test_ranges_in_javascript() -> None:
    ranges = np.array([[-1.5, 2.0], [np.nan, np.nan], [0.0, np.inf]])  # one limit alone is no range
    layer = Layer(1, "purelin", {0: Weight([[1.0, 2.0, 3.0]])})
    outputs = Output(0, 1, range=np.array([[3.0, 4.0]]))
    net = Network(Structure((Input(3, range=ranges),), (layer,), (outputs,)))
    text = text_of(net, ".js", inputs=("a", "</script>", "c"))
    assert 'export const inputs = ["a", "\\u003c/script>", "c"];\nexport const outputs = ["y1"];\n' in text
    assert "inputRange = [[-1.5, 2.0], null, null];\nexport const outputRange = [[3.0, 4.0]];\n" in text


def test_the_constants_of_an_onnx_model_are_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    """A protocol buffer holds no more than 2 GB."""
    pytest.importorskip("onnx")
    from matnet.exporters import onnx_graph

    assert onnx_graph._LARGEST_BYTES == 2_000_000_000
    # six weights and three biases
    for options, size in (({}, 9 * 8), ({"precision": "float32"}, 9 * 4)):
        recording = Recording(layer_of("tansig"), "net", Options(jacobian=False, **options))  # type: ignore[arg-type]
        monkeypatch.setattr(onnx_graph, "_LARGEST_BYTES", size)
        targets()[".onnx"].render(recording)
        monkeypatch.setattr(onnx_graph, "_LARGEST_BYTES", size - 1)
        with pytest.raises(matnet.UnsupportedError) as raised:
            targets()[".onnx"].render(recording)
        message = f"the constants take {size} bytes; an ONNX file holds at most {size - 1}"
        assert str(raised.value) == message


def test_metadata_of_an_onnx_model() -> None:
    onnx: Any = pytest.importorskip("onnx")
    layer = Layer(1, "purelin", {0: Weight([[1.0, 2.0, 3.0]])})
    ranges = np.array([[-1.5, 2.0], [np.nan, np.nan], [0.0, np.inf]])  # one limit alone is no range
    outputs = Output(0, 1, range=np.array([[3.0, 4.0]]))
    net = Network(Structure((Input(3, range=ranges),), (layer,), (outputs,)), name="pump: new").with_names(
        units={"y1": "m"}
    )
    model = onnx.load(io.BytesIO(targets()[".onnx"].render(Recording(net, "net", Options()))))
    assert {entry.key: entry.value for entry in model.metadata_props} == {
        "network": "pump: new",
        "inputs": '["x1", "x2", "x3"]',
        "outputs": '["y1"]',
        "output_units": '["m"]',
        "input_range": "[[-1.5, 2.0], [null, null], [null, null]]",
        "output_range": "[[3.0, 4.0]]",
        "scale": "raw on both sides; dy_dx[n, i, j] is the derivative of output i with respect to input j at sample n",
    }
    assert OPSET == 17
    assert model.graph.name == "net"
    # a step has a description of its states; units stand there as they are
    started = Layer(
        2, "purelin", {0: Weight([[1.0], [2.0]])}, {0: Weight(np.eye(2), delays=(1,))}, initial=np.array([0.5, -2.0])
    )
    net = Network(Structure((Input(1),), (started,), (Output(0, 2),))).with_names(units={"x1": "m³"})
    model = onnx.load(io.BytesIO(targets()[".onnx"].render(Recording(net, "net", Options(jacobian=False)))))
    told = {entry.key: entry.value for entry in model.metadata_props}
    assert told["input_units"] == '["m³"]'
    assert told["states"] == (
        "States, 2 numbers: the inputs of earlier steps, raw, "
        "oldest first, then the outputs of all layers of earlier steps, at layer scale, oldest first"
    )
    assert told["first_states"] == "[0.5, -2.0]"


def test_the_newest_opset_of_onnx_is_written() -> None:
    onnx: Any = pytest.importorskip("onnx")
    newest = onnx.defs.onnx_opset_version()
    content = targets()[".onnx"].render(Recording(layer_of("tansig"), "net", Options(opset=newest)))
    assert [entry.version for entry in onnx.load(io.BytesIO(content)).opset_import] == [newest]
