"""Function files that someone edited: refused with line, statement and reason, or accepted with the right meaning."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from matnet import errors
from matnet.importers.genfunction import load_genfunction
from matnet.model.structure import Structure
from matnet.network import Network

FIXTURES = Path(__file__).parent.parent.parent / "fixtures" / "genfunction"
REFUSED = json.loads((FIXTURES / "refused_edits.json").read_text())


def edited(file: str, *edits: tuple[str, str]) -> Path:
    """net.m in the current folder: a fixture with the first occurrence of each old text replaced by the new."""
    text = (FIXTURES / f"{file}.m").read_bytes().decode("latin-1").replace("\r\n", "\n")
    for old, new in edits:
        assert old in text
        text = text.replace(old, new, 1)
    Path("net.m").write_bytes(text.encode("latin-1"))
    return Path("net.m")


@pytest.fixture(autouse=True)
def _in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_there_are_many_edits() -> None:
    assert len(REFUSED) >= 90
    assert len({entry["edit"] for entry in REFUSED}) == len(REFUSED)


@pytest.mark.parametrize("entry", REFUSED, ids=[entry["edit"] for entry in REFUSED])
def test_refused_with_line_statement_and_reason(entry: dict[str, str]) -> None:
    path = edited(entry["file"], (entry["old"], entry["new"]))
    with pytest.raises(getattr(errors, entry["error"])) as caught:
        load_genfunction(path)
    assert str(caught.value) == entry["message"]
    assert type(caught.value).__name__ == entry["error"]


@dataclass(frozen=True)
class Harmless:
    """An edit that leaves the network as it is."""

    edit: str
    file: str
    edits: tuple[tuple[str, str], ...]


HARMLESS = (
    Harmless(
        "a semicolon lost, so that the value is shown", "static_columns", (("y1_step1);\nend", "y1_step1)\nend"),)
    ),
    Harmless("no brackets around the result", "static_columns", (("[y1] =", "y1 ="),)),
    Harmless("x1 made double", "static_columns", (("% Input 1\nxp1", "x1 = double(x1);\nxp1"),)),
    Harmless("tansig as tanh", "static_columns", (("2 ./ (1 + exp(-2*n)) - 1", "tanh(n)"),)),
    Harmless(
        "bsxfun replaced by operators",
        "static_columns",
        (
            ("y = bsxfun(@minus,x,settings.xoffset);\n", ""),
            ("y = bsxfun(@times,y,settings.gain);\n", ""),
            ("y = bsxfun(@plus,y,settings.ymin);", "y = (x - settings.xoffset).*settings.gain + settings.ymin;"),
        ),
    ),
    Harmless(
        "other names in a module function",
        "static_columns",
        (
            (
                "a = tansig_apply(n,~)\na = 2 ./ (1 + exp(-2*n)) - 1",
                "size1 = tansig_apply(x)\nsize1 = 2./(1+exp(-2 * x))-1",
            ),
        ),
    ),
    Harmless("the bias not repeated", "static_columns", (("repmat(b1,1,Q) + IW1_1*xp1", "b1 + IW1_1*xp1"),)),
    Harmless(
        "the terms in another order", "static_columns", (("repmat(b2,1,Q) + LW2_1*a1", "LW2_1*a1 + repmat(b2,1,Q)"),)
    ),
    Harmless("a row transposed", "static_columns", (("[-2.5;10;0.001]", "[-2.5, 10, 0.001]'"),)),
    Harmless("comments deleted", "static_columns", (("% Input 1\n", ""), ("% ===== SIMULATION ========\n", ""))),
    Harmless(
        "functions without end",
        "two_inputs",
        (("y1 = a2;\nend", "y1 = a2;"), ("settings.ymin);\nend", "settings.ymin);"), (") - 1;\nend", ") - 1;")),
    ),
    Harmless("other variables", "static_columns", (("xp1 =", "p ="), ("*xp1", "*p"))),
    Harmless(
        "the net input in a variable",
        "static_columns",
        (("a1 = tansig_apply(repmat", "n1 = repmat"), ("*xp1);", "*xp1;\na1 = tansig_apply(n1);")),
    ),
    Harmless("poslin without its NaN mask", "static_flat", (("a(isnan(n)) = nan;", ""),)),
    Harmless("a wrong size in the header", "static_columns", (("3xQ matrix", "9xQ matrix"),)),
    Harmless("constants with commas", "removed_rows", (("[1 3 4]", "[1, 3, 4]"),)),
    Harmless("a literal over two lines", "removed_rows", (("[1 3 4]", "[1 3 ...\n 4]"),)),
    Harmless("an added transposition", "static_columns", (("y1_step1);\nend", "y1_step1);\ny1 = y1';\nend"),)),
    Harmless("rows: the output's transposition lost", "static_rows", (("y1 = y1';\n", ""),)),
    Harmless("x1 transposed before its samples are counted", "static_columns", (("% Dimensions", "x1 = x1';"),)),
    Harmless(
        "comments where semicolons were",
        "static_columns",
        (("size(x1,2); %", "size(x1,2) %"), ("\n\n% Layer 2\na2", " % Layer 2\na2")),
    ),
    Harmless(
        "states that are left out are cells of zeros",
        "narx_closed",
        (
            (
                "% Input 1 Delay States",
                "if isempty(Xi)\n  Xi=cell(1,2);\n  Xi(1,:) = {zeros(2,Q)};\nend\nif isempty(Ai)\n  Ai=cell(2,2);\n"
                "  Ai(1,:) = {zeros(4,Q)};\n  Ai(2,:) = {zeros(1,Q)};\nend",
            ),
        ),
    ),
    Harmless("removed rows like the argument", "removed_rows", (("xrows,Q)", "xrows,Q,'like',y)"),)),
)


ADVICE = "genFunction writes no such statement; undo the edit, or load the network's .mat file"
MEANT_OTHERWISE = {
    "the inputs in another order": (
        "two_inputs",
        (("two_inputs(x1,x2)", "two_inputs(x2,x1)"),),
        "a generated function has x1, x2, … in this order",
    ),
    "no output": (
        "delay_matrix",
        (("[y1,xf1]", "[xf1]"),),
        "a generated function has y1, y2, … in this order",
    ),
    "an input read before the loop and used inside": (
        "delay_matrix",
        (
            (
                "xd1 = mapminmax_apply(xi1,x1_step1);",
                "p = mapminmax_apply(x1,x1_step1);\nxd1 = mapminmax_apply(xi1,x1_step1);",
            ),
            ("xd1(:,xdts) = mapminmax_apply(x1(:,ts),x1_step1);", "xd1(:,xdts) = p;"),
        ),
        f"'p' cannot be used here; {ADVICE}",
    ),
    "an initial state read inside the loop": (
        "delay_matrix",
        (("mapminmax_apply(x1(:,ts),x1_step1)", "mapminmax_apply(xi1(:,ts),x1_step1)"),),
        f"mapminmax_apply(xi1(:,ts),x1_step1): {ADVICE}",
    ),
    "a setting that is no argument of its function": (
        "static_flat",
        (
            (
                "mapminmax_apply(x,settings_gain,settings_xoffset,settings_ymin)",
                "mapminmax_apply(x,settings_gain,settings_xoffset)",
            ),
            ("x1_step1_gain,x1_step1_xoffset,x1_step1_ymin", "x1_step1_gain,x1_step1_xoffset"),
        ),
        "the body of 'mapminmax_apply' matches none of the known formulas (",
    ),
}


@pytest.mark.parametrize("edit", MEANT_OTHERWISE)
def test_what_would_be_another_network_is_refused(edit: str) -> None:
    file, edits, reason = MEANT_OTHERWISE[edit]
    with pytest.raises((errors.FormatError, errors.UnsupportedError)) as caught:
        load_genfunction(edited(file, *edits))
    assert reason in str(caught.value)


def test_two_distances_may_be_added_in_one_layer() -> None:
    text = (
        "function y1 = f(x1,x2)\nIW1_1 = [1 2];\nIW1_2 = 3;\ny1 = dist_apply(IW1_1,x1) + dist_apply(IW1_2,x2);\nend\n"
        + (FIXTURES / "competitive_new.m")
        .read_text("latin-1")[
            (FIXTURES / "competitive_new.m").read_text("latin-1").index("function z = negdist_apply") :
        ]
        .replace("negdist_apply", "dist_apply")
        .replace("z = -sqrt(z)", "z = sqrt(z)", 1)
    )
    text = text[: text.index("% Competitive Transfer")]
    Path("net.m").write_text(text)
    x = np.array([4.0, 6.0, -1.0])
    assert Network(read(Path("net.m")))(x).tolist() == [np.hypot(3.0, 4.0) + 4.0]


def read(path: Path) -> Structure:
    return load_genfunction(path)[0]


def assert_same(found: Structure, expected: Structure) -> None:
    """Every number of two networks is the same, to the bit."""
    assert len(found.layers) == len(expected.layers)
    for one, other in zip(found.layers, expected.layers, strict=True):
        assert one.transfer == other.transfer
        biases = [bias for bias in (one.bias, other.bias) if bias is not None]
        assert len(biases) != 1
        assert all(np.array_equal(bias, biases[0]) for bias in biases)
        for kind in ("input_weights", "layer_weights"):
            mine, theirs = getattr(one, kind), getattr(other, kind)
            assert mine.keys() == theirs.keys()
            for source in mine:
                assert np.array_equal(mine[source].value, theirs[source].value)
                assert mine[source].delays == theirs[source].delays
                assert mine[source].function == theirs[source].function
    for side in ("inputs", "outputs"):
        for mine, theirs in zip(getattr(found, side), getattr(expected, side), strict=True):
            assert mine.size == theirs.size
            assert [step.function for step in mine.processing] == [step.function for step in theirs.processing]
            for step, meant in zip(mine.processing, theirs.processing, strict=True):
                assert step.settings.keys() == meant.settings.keys()
                assert all(
                    np.array_equal(step.settings[key], meant.settings[key], equal_nan=True) for key in step.settings
                )


@pytest.mark.parametrize("harmless", HARMLESS, ids=[harmless.edit for harmless in HARMLESS])
def test_accepted_as_the_same_network(harmless: Harmless) -> None:
    original = read(FIXTURES / f"{harmless.file}.m")
    assert_same(read(edited(harmless.file, *harmless.edits)), original)


def test_a_body_decides_and_not_its_name() -> None:
    """tansig_apply with logsig's formula computes logsig."""
    found = read(edited("static_columns", ("2 ./ (1 + exp(-2*n)) - 1", "1 ./ (1 + exp(-n))")))
    assert [layer.transfer for layer in found.layers] == ["logsig", "purelin"]
    x = np.array([[0.5, 25.0, 0.004]])
    net, original = Network(found), Network(read(FIXTURES / "static_columns.m"))
    first, second = found.layers
    scaled = (x - [-2.5, 10, 0.001]) * [0.444444444444444, 0.0333333333333333, 222.222222222222] - 1
    a = 1 / (1 + np.exp(-(scaled @ first.input_weights[0].value.T + first.bias)))
    n = a @ second.layer_weights[0].value.T + second.bias
    y = (n + 1) / [0.0142857142857143, 4.54545454545455e-05] + [-40, 1250]
    assert np.allclose(net(x), y, rtol=1e-14)
    assert np.abs(net(x) - original(x)).max() > 1


def test_settings_are_taken_by_what_the_body_does_with_them() -> None:
    swapped = ("x1_step1_gain,x1_step1_xoffset,x1_step1_ymin", "x1_step1_xoffset,x1_step1_gain,x1_step1_ymin")
    settings = read(edited("static_flat", swapped)).inputs[0].processing[0].settings
    assert settings["gain"].tolist() == [15.0, -0.75]
    assert settings["xoffset"].tolist() == [0.08, 1.14285714285714]


def test_a_layer_takes_what_the_statement_says() -> None:
    found = read(edited("static_columns", ("IW1_1*xp1", "IW1_1*x1")))
    assert found.inputs[0].processing == ()


def test_delays_are_those_of_the_statement() -> None:
    found = read(edited("narx_open", ("[1 3]", "[1 2]")))
    assert found.layers[0].input_weights[0].delays == (1, 2)
    assert found.layers[0].input_weights[1].delays == (2,)
    assert found.input_delay == 2


def test_the_size_of_an_input_without_processing_is_that_of_one_tap() -> None:
    text = (FIXTURES / "delay_matrix.m").read_text("latin-1")
    kept = [line for line in text.splitlines() if not line.startswith("x1_step1")]
    text = "\n".join(kept).replace("mapminmax_apply(xi1,x1_step1)", "xi1").replace("xd1 = xi1;\n", "")
    text = text.replace("mapminmax_apply(x1(:,ts),x1_step1)", "x1(:,ts)").replace("[xd1 zeros", "[xi1 zeros")
    start = text.index("function y = mapminmax_apply")
    Path("net.m").write_text(text[:start] + text[text.index("end\n", start) + 4 :])
    found = read(Path("net.m"))
    assert (found.input_size, found.layers[0].input_weights[0].delays) == (2, (0, 1, 2))


def test_a_distance_without_its_sign() -> None:
    found = read(edited("competitive_new", ("z = -sqrt(z);", "z = sqrt(z);")))
    assert found.layers[0].input_weights[0].function == "dist"


def test_what_a_gpu_would_do_does_not_matter() -> None:
    original = read(FIXTURES / "static_rows.m")
    assert_same(read(edited("static_rows", ("a = numerator ./ denominator;", "a = numerator;"))), original)
