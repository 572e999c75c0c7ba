"""diff: equal networks are equal, planted errors are found, and the 15 digits of genFunction files are named."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import matnet
from matnet.cli.entry import run
from matnet.exporters.archive import archive_text
from matnet.functions.namespace import FloatArray
from matnet.model.structure import Input, Layer, Output, Process, Structure, Weight
from matnet.network import Network
from matnet.proof import diff
from matnet.proof.diff import compare, ulps_between
from matnet.proof.parts import Parts
from recurrent_networks import load, recurrent, sequences

if TYPE_CHECKING:
    from conftest import ListedNetwork

FIXTURES = Path(__file__).parent.parent.parent / "fixtures"


@pytest.fixture(scope="module")
def pump() -> Network:
    return matnet.load(FIXTURES / "pump.mat")


def test_every_network_of_the_corpus_equals_its_archive(
    listed_network: ListedNetwork, corpus: Path, tmp_path: Path
) -> None:
    net = matnet.load(corpus / listed_network.file, network=listed_network.path)
    (tmp_path / "net.json").write_text(archive_text(net))
    found = compare(net, matnet.load(tmp_path / "net.json"))
    assert (found.verdict, found.facts, found.numbers, found.remarks) == ("equal", (), (), ())
    assert found.outputs is not None
    assert found.outputs.largest == 0.0


def test_a_changed_weight_is_named_with_its_numbers(pump: Network) -> None:
    weights = pump.structure.layers[1].layer_weights[0].value
    changed = weights.copy()
    changed[0, 6] = np.nextafter(np.nextafter(changed[0, 6], np.inf), np.inf)
    layer = replace(pump.structure.layers[1], layer_weights={0: Weight(changed)})
    second = Network(replace(pump.structure, layers=(pump.structure.layers[0], layer)))
    (found,) = compare(pump, second).numbers
    assert (found.place, found.differing, found.of, found.index) == ("LW{2,1}", 1, 10, (1, 7))
    assert (found.first, found.second, found.ulps) == (weights[0, 6], changed[0, 6], 2)
    assert found.largest == abs(changed[0, 6] - weights[0, 6])


def test_ulps_are_counted_across_zero_and_powers_of_two() -> None:
    assert ulps_between(0.0, -0.0) == 0
    assert ulps_between(-5e-324, 5e-324) == 2
    assert ulps_between(1.0, np.nextafter(1.0, 2.0)) == ulps_between(-1.0, np.nextafter(-1.0, 0.0)) == 1
    assert ulps_between(1.0, 2.0) == 2**52


@pytest.mark.parametrize(("bias", "expected"), [(0.0, 1e-3 / 4.0), (1e6, 1e-3 / 4.0)])
def test_outputs_differ_by_a_share_of_the_range_that_they_have(bias: float, expected: float) -> None:
    """Of the width of 4 that 2 x has over the inputs' range, wherever it lies; of a constant, of its size."""

    def net(more: float, slope: float = 2.0) -> Network:
        layer = Layer(1, "purelin", {0: Weight([[slope]])}, bias=[bias + more])
        return Network(Structure((Input(1, range=np.array([[-1.0, 1.0]])),), (layer,), (Output(0, 1),)))

    found = compare(net(0.0), net(1e-3)).outputs
    assert found is not None
    assert found.largest == pytest.approx(1e-3, rel=1e-6)
    assert found.relative == pytest.approx(expected, rel=1e-6)
    constant = compare(net(1.0, 0.0), net(1.5, 0.0)).outputs
    assert constant is not None
    assert constant.relative == pytest.approx(0.5 / (bias + 1.0))


def test_a_stated_range_without_a_width_says_nothing() -> None:
    def net(low: float, high: float) -> Network:
        limits = np.array([[low, high]])
        layer = Layer(1, "purelin", {0: Weight([[1.0]])})
        return Network(Structure((Input(1),), (layer,), (Output(0, 1, range=limits),)))

    y = np.array([[10.0], [np.inf], [14.0]])
    for first, second, width in (
        (net(1.0, 1.0), net(1.0, 1.0), 4.0),
        (net(1.0, 1.0), net(0.0, 3.0), 3.0),
        (net(0.0, 5.0), net(np.nan, np.nan), 5.0),
        (net(0.0, 0.5), net(0.0, 0.25), 0.5),
        (net(np.nan, np.nan), net(np.nan, np.nan), 4.0),
    ):
        assert diff._ranges(first, second, y).tolist() == [width]
    small = diff._ranges(net(1.0, 1.0), net(1.0, 1.0), np.array([[0.25], [0.375]]))
    assert small.tolist() == [0.125]
    assert diff._ranges(net(1.0, 1.0), net(1.0, 1.0), y[[0, 0, 1]]).tolist() == [10.0]


def function_file_and_its_source() -> tuple[Network, Network]:
    """A genFunction file, and a network of full digits that it could have been written from."""
    written = matnet.load(FIXTURES / "genfunction" / "static_columns.m")
    (entry,) = written.structure.inputs

    def full(value: float) -> float:
        """A float beside it that has the same 15 digits."""
        return next(
            near
            for toward in (np.inf, -np.inf)
            for near in [float(np.nextafter(value, toward))]
            if float(f"{near:.15g}") == value
        )

    steps = [
        Process(
            step.function,
            {
                key: np.array([full(v) for v in value]) if key == "gain" else value
                for key, value in step.settings.items()
            },
        )
        for step in entry.processing
    ]
    source = replace(written.structure, inputs=(replace(entry, processing=tuple(steps)),))
    return written, Network(source)


def test_the_15_digits_of_a_genfunction_file_are_named_as_the_cause() -> None:
    written, source = function_file_and_its_source()
    for first, second in ((written, source), (source, written)):
        found = compare(first, second)
        assert found.verdict == "equal to 15 digits"
        assert found.numbers
        assert all(entry.rounded for entry in found.numbers)


def test_15_digits_excuse_no_weight_and_no_file_of_another_kind() -> None:
    written, source = function_file_and_its_source()
    for first, second in ((Network(written.structure), source), (source, Network(written.structure))):
        assert compare(first, second).verdict == "different"
    theta = source.parameters.copy()
    theta[0] = float(f"{theta[0]:.15g}") * (1.0 + 2**-52)
    assert compare(written, source.with_parameters(theta)).verdict == "different"


def test_steps_that_change_nothing_have_no_effect() -> None:
    idle = Process.from_matlab("removeconstantrows", {"xrows": 1.0, "keep": [1.0], "remove": [], "constants": []})
    layer = Layer(1, "tansig", {0: Weight([[2.0]])}, bias=[0.5])
    plain = Network(Structure((Input(1),), (layer,), (Output(0, 1),)))
    with_step = Network(Structure((Input(1, (idle,)),), (layer,), (Output(0, 1, (idle,)),)))
    found = compare(plain, with_step)
    assert found.verdict == "equal"
    assert [entry.place for entry in found.remarks] == [
        "inputs{1}.processFcns that change nothing",
        "outputs{1}.processFcns that change nothing",
    ]


@pytest.mark.parametrize(
    ("first", "second"), list(itertools.permutations(["pump.mat", "cascade.mat", "two_by_two.mat"], 2))
)
def test_other_networks_are_different(first: str, second: str) -> None:
    assert compare(matnet.load(FIXTURES / first), matnet.load(FIXTURES / second)).verdict == "different"


def test_the_command_says_what_differs(pump: Network, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    second = tmp_path / "second.json"
    theta = pump.parameters.copy()
    theta[0] = 2.0 * theta[0]
    second.write_text(archive_text(pump.with_parameters(theta)))
    assert run(["diff", str(FIXTURES / "pump.mat"), str(second)]) == 1
    shown = capsys.readouterr()
    assert shown.err == ""
    lines = shown.out.splitlines()
    assert lines[:2] == [f"1  {FIXTURES / 'pump.mat'}  (network object)", f"2  {second}  (network object)"]
    b = float(pump.parameters[0])
    assert lines[3:5] == [
        "numbers:",
        f"  b{{1}}: 1 of 10 differ, most by {abs(b):.3g} at (1): {b!r} | {2 * b!r}, up to 4.504e+15 ulps",
    ]
    assert lines[-3] == "10 matrices compared, 1 with differences"
    assert lines[-2].startswith("outputs: largest difference ")
    assert lines[-1] == "different"


def test_the_command_finds_equal_networks_equal(
    pump: Network, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "net.json").write_text(archive_text(pump))
    assert run(["diff", f"{FIXTURES / 'pump.mat'}:net", str(tmp_path / "net.json")]) == 0
    assert capsys.readouterr().out.splitlines()[-2:] == [
        "outputs: no difference over 1,000 points of the input range",
        "equal",
    ]


def test_the_command_names_the_15_digits(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "net.json").write_text(archive_text(function_file_and_its_source()[1]))
    assert run(["diff", str(FIXTURES / "genfunction" / "static_columns.m"), str(tmp_path / "net.json")]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == (
        "equal to 15 digits: genFunction wrote the settings of the processing with 15 digits, which accounts for every "
        "difference"
    )


def test_many_differences_are_cut_short_unless_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    files = [str(FIXTURES / "pump.mat"), str(FIXTURES / "two_by_two.mat")]
    assert run(["diff", *files]) == 1
    assert "  and 24 more; --all shows them" in capsys.readouterr().out.splitlines()
    assert run(["diff", "--all", *files]) == 1
    assert "more; --all" not in capsys.readouterr().out


def test_a_file_that_is_not_there_is_bad_input(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["diff", "none.mat", str(FIXTURES / "pump.mat")]) == 2
    assert capsys.readouterr().err == "matnet: none.mat: cannot be read: No such file or directory\n"


def pair(first: FloatArray, second: FloatArray) -> tuple[Network, Network]:
    """Two networks y = W p with other weights, p from -1 to 1, y over the range of the first."""
    size = np.abs(first).sum(axis=1)
    outer = Output(0, len(first), range=np.stack([-size, size], axis=1))

    def net(value: FloatArray) -> Network:
        inner = Input(value.shape[1], range=np.tile([-1.0, 1.0], (value.shape[1], 1)))
        return Network(Structure((inner,), (Layer(len(first), "purelin", {0: Weight(value)}),), (outer,)))

    return net(first), net(second)


def test_every_number_of_a_matrix_is_compared() -> None:
    first = np.array([[1.0, -0.0, 3.0], [4.0, 5.0, 6.0]])
    second = np.array([[1.0, 0.0, 3.25], [4.0, 5.0 + 2.0**-50, 5.0]])
    found = compare(*pair(first, second))
    (number,) = found.numbers
    assert (number.place, number.differing, number.of, number.rounded) == ("IW{1,1}", 3, 6, False)
    assert (number.index, number.first, number.second, number.largest) == ((2, 3), 6.0, 5.0, 1.0)
    # from 5 to 6 there are 2^50 floats
    assert number.ulps == 2**50
    assert (found.verdict, found.compared, found.facts) == ("different", 1, ())
    # y1 differs by 0.25 of p3 over a width of 2 * 4, y2 by 1 of 2 * 15
    assert found.outputs is not None
    assert (found.outputs.points, found.outputs.series) == (1000, False)
    assert found.outputs.relative == found.outputs.largest / (8.0 if found.outputs.output == 1 else 30.0)
    same = compare(*pair(first, np.array(first)))
    assert same.verdict == "equal"
    assert same.outputs is not None
    assert (same.outputs.largest, same.outputs.relative, same.outputs.output) == (0.0, 0.0, 1)
    # both zeros are the same number
    assert compare(*pair(first, np.where(first == 0.0, 0.0, first))).verdict == "equal"


def test_the_output_that_differs_most_of_its_range_is_named() -> None:
    """y1 has a hundred times the range of y2 and differs by more, but by less of it."""
    first = np.array([[100.0], [1.0]])
    found = compare(*pair(first, first + np.array([[0.02], [0.01]]))).outputs
    assert found is not None
    assert found.output == 2
    assert found.relative == pytest.approx(0.005, rel=1e-3)
    assert found.largest == pytest.approx(0.01, rel=1e-3)


def test_outputs_of_any_size_differ_by_a_share_of_it() -> None:
    """Of nothing but zeros, or nothing known, any difference is beyond all measure."""
    found = compare(*pair(np.array([[1e-6]]), np.array([[1.5e-6]]))).outputs
    assert found is not None
    assert found.relative == pytest.approx(0.25, rel=1e-2)

    def net(weight: float) -> Network:
        layer = Layer(1, "purelin", {0: Weight([[weight]])})
        return Network(Structure((Input(1, range=np.array([[-1.0, 1.0]])),), (layer,), (Output(0, 1),)))

    found = compare(net(0.0), net(2.0)).outputs
    assert found is not None
    assert found.relative == pytest.approx(2e300, rel=0.1)
    found = compare(net(np.nan), net(2.0)).outputs
    assert found is not None
    assert (found.largest, found.relative) == (np.inf, np.inf)


def test_sizes_that_differ_are_told_in_rows_and_columns() -> None:
    wide, narrow = pair(np.ones((2, 3)), np.ones((2, 2)))
    found = compare(wide, narrow)
    told = {(entry.place, entry.first, entry.second) for entry in found.facts}
    assert told == {("inputs{1}.size", "3", "2"), ("IW{1,1}", "2 by 3", "2 by 2")}
    assert (found.numbers, found.compared, found.outputs, found.verdict) == ((), 0, None, "different")
    layer = replace(wide.structure.layers[0], bias=np.ones(2))
    found = compare(Network(replace(wide.structure, layers=(layer,))), wide)
    assert [(entry.place, entry.first, entry.second) for entry in found.facts] == [("b{1}", "2 by 1", "absent")]
    found = compare(wide, Network(replace(wide.structure, layers=(layer,))))
    assert [(entry.place, entry.first, entry.second) for entry in found.facts] == [("b{1}", "absent", "2 by 1")]


def test_a_part_that_changes_no_output_is_a_difference_all_the_same() -> None:
    """Also where the digits of a function file account for every number."""
    written, source = function_file_and_its_source()
    aside = Layer(1, "tansig", {0: Weight(np.ones((1, source.input_size)))})
    structure = replace(source.structure, layers=(*source.structure.layers, aside))
    for first, second in ((written, Network(structure)), (source, Network(structure)), (Network(structure), source)):
        found = compare(first, second)
        assert found.facts
        assert found.outputs is not None
        assert found.outputs.relative <= 1e-12
        assert found.verdict == "different"


def test_outputs_are_compared_over_the_range_that_either_states() -> None:
    """x and 2 x differ by 50 at the ends of -50 to 50; the range of the first network comes first."""

    def net(limits: list[list[float]] | None, weight: float) -> Network:
        layer = Layer(1, "purelin", {0: Weight([[weight]])})
        stated = None if limits is None else np.array(limits)
        return Network(Structure((Input(1, range=stated),), (layer,), (Output(0, 1),)))

    known = [[-50.0, 50.0]]
    for first, second in ((known, known), (known, None), (None, known)):
        found = compare(net(first, 1.0), net(second, 2.0)).outputs
        assert found is not None
        assert found.largest == pytest.approx(50.0, rel=0.02)
    found = compare(net(known, 1.0), net([[-2.0, 2.0]], 2.0)).outputs
    assert found is not None
    assert found.largest == pytest.approx(50.0, rel=0.02)


def test_a_series_is_compared_step_by_step_and_one_without_inputs_too() -> None:
    def net(feedback: float, inputs: bool) -> Network:
        own = {0: Weight([[0.5]])} if inputs else {}
        layer = Layer(1, "tansig", own, {0: Weight([[feedback]], delays=(1,))}, [0.25])
        given = (Input(1, range=np.array([[-1.0, 1.0]])),) if inputs else ()
        return Network(Structure(given, (layer,), (Output(0, 1),)))

    for inputs in (True, False):
        found = compare(net(0.5, inputs), net(0.75, inputs))
        assert found.outputs is not None
        assert (found.outputs.points, found.outputs.series, found.verdict) == (100, True, "different")
        assert found.outputs.largest > 0.01
        assert compare(net(0.5, inputs), net(0.5, inputs)).verdict == "equal"


def test_two_function_files_do_not_excuse_each_other() -> None:
    written, source = function_file_and_its_source()
    both = Network(source.structure, written.provenance)
    for first, second in ((written, both), (both, written)):
        found = compare(first, second)
        assert found.verdict == "different"
        assert not any(entry.rounded for entry in found.numbers)


def test_15_digits_that_move_the_outputs_too_far_are_no_excuse() -> None:
    """After a weight of 10⁶ the last digits of a gain are more than 1e-12 of the outputs' range; in a series that may
    be so without an error."""
    written, source = function_file_and_its_source()

    def steep(net: Network, delays: tuple[int, ...] = (0,)) -> Network:
        weight = replace(net.structure.layers[0].input_weights[0], delays=delays)
        first = replace(net.structure.layers[0], input_weights={0: replace(weight, value=1e6 * weight.value)})
        layers = (first, *net.structure.layers[1:])
        return Network(replace(net.structure, layers=layers), net.provenance)

    assert compare(steep(written), steep(source)).verdict == "different"
    assert compare(steep(written, (1,)), steep(source, (1,))).verdict == "equal to 15 digits"


def test_recurrent_layers_differ_in_their_states_and_directions(tmp_path: Path) -> None:
    """And in the steps that are taken of them."""
    ones, zeros = np.ones((2, 1)), np.zeros((2, 1))

    def net(**more: Any) -> Network:
        return load(tmp_path, [sequences(2), recurrent("LSTM", "a", 1, 2, 2, **more)])

    def states(cell: FloatArray) -> Network:
        return net(InitialCellState=cell, CellState={"Value": cell})

    plain, started = net(), states(ones)
    assert compare(plain, states(zeros)).verdict == "equal"
    found = compare(plain, started)
    (fact,) = found.facts
    assert (fact.place.partition(".")[2], fact.first, fact.second) == ("initial states", "absent", "2 by 1")
    assert found.verdict == "different"
    (number,) = compare(started, states(2.0 * ones)).numbers
    assert (number.place.partition(".")[2], number.first, number.second, number.rounded) == (
        "initial states", 1.0, 2.0, False,
    )  # fmt: skip
    layers = tuple(replace(layer, backward=True) for layer in plain.structure.layers)
    found = compare(plain, Network(replace(plain.structure, layers=layers)))
    assert {(fact.place.partition(".")[2], fact.first, fact.second) for fact in found.facts} == {
        ("direction", "absent", "backward")
    }
    assert found.verdict == "different"
    both = [load(tmp_path, [sequences(2), recurrent("BiLSTM", "a", 1, 2, 2, last=last)]) for last in (True, False)]
    found = compare(*both)
    assert {(fact.place.partition(".")[2], fact.first, fact.second) for fact in found.facts} == {
        ("steps", "the last one", "absent")
    }
    assert found.verdict == "different"


@pytest.mark.parametrize(("share", "verdict"), [(0.9e-12, "equal"), (1.1e-12, "different")])
def test_networks_whose_outputs_differ_are_never_equal(
    share: float, verdict: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the parts of them are that are compared."""
    monkeypatch.setattr(diff, "parts_of", lambda structure: Parts())
    first = np.array([[4.0, 2.0]])
    found = compare(*pair(first, first * (1.0 + share)))
    assert found.outputs is not None
    monkeypatch.setattr(diff, "_outputs", lambda *_: replace(found.outputs, relative=share))
    assert compare(*pair(first, first)).verdict == verdict
    monkeypatch.setattr(diff, "_outputs", lambda *_: None)
    assert compare(*pair(first, first)).verdict == "equal"
