"""Analytic against numerical derivatives: right ones pass, planted wrong ones do not, kinks are named."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

import matnet
from matnet import Network, ShapeError
from matnet.cli.entry import run
from matnet.functions import transfer
from matnet.functions.transfer_rows import ElementwiseTransfer
from matnet.functions.weight import WEIGHT
from matnet.importers.load import load_all
from matnet.model.structure import Input, Layer, Output, Structure, Weight
from matnet.network.arguments import analytic_throughout
from matnet.proof.check import Check, check


def network(function: str, weight: str = "dotprod", bias: float = 0.1) -> Network:
    rng = np.random.default_rng(0)
    hidden = Layer(4, function, {0: Weight(rng.normal(size=(4, 2)), weight)}, bias=np.full(4, bias))
    last = Layer(1, "purelin", {}, {0: Weight(rng.normal(size=(1, 4)))}, np.zeros(1))
    return Network(Structure((Input(2, range=np.array([[-1.0, 1.0], [-1.0, 1.0]])),), (hidden, last), (Output(1, 1),)))


FINITE = {name: row for name, row in transfer.TRANSFER.items() if not getattr(row, "poles", ())}
SMOOTH = [name for name, row in FINITE.items() if row.analytic]
OTHER = [name for name in FINITE if name not in SMOOTH]


@pytest.mark.parametrize("name", SMOOTH)
def test_an_analytic_network_is_checked_by_complex_step(name: str) -> None:
    found = check(network(name))
    assert analytic_throughout(network(name).program)
    assert (found.method, found.samples, len(found.elements), found.at_kinks) == ("complex step", 20, 2, 0)
    assert all(element.verdict == "agrees" and element.difference < 1e-12 for element in found.elements)


@pytest.mark.parametrize("weight", ["dotprod", *(name for name, row in WEIGHT.items() if not row.analytic)])
@pytest.mark.parametrize("name", OTHER)
def test_another_network_is_checked_by_differences(name: str, weight: str) -> None:
    found = check(network(name, weight))
    assert found.method == "central differences"
    assert found.agrees, found.elements
    assert {element.verdict for element in found.elements} <= {"agrees", "kink"}


@pytest.mark.parametrize("name", ["tansig", "elliotsig"])
def test_a_wrong_slope_is_caught(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A row whose slope is off by one part in ten thousand."""
    row = transfer.TRANSFER[name]
    assert isinstance(row, ElementwiseTransfer)
    right = row.da_dn
    wrong = dataclasses.replace(row, da_dn=lambda n, a: right(n, a) * 1.0001)
    monkeypatch.setitem(transfer.TRANSFER, name, wrong)
    found = check(network(name))
    assert not found.agrees
    assert {element.verdict for element in found.elements} == {"differs"}
    assert found.elements[0].difference == pytest.approx(1e-4 * abs(found.elements[0].analytic), rel=1e-2)


def test_a_sample_at_a_kink_is_named_and_proves_nothing() -> None:
    layer = Layer(1, "poslin", {0: Weight(np.array([[1.0, 0.5]]))}, bias=np.zeros(1))
    net = Network(Structure((Input(2),), (layer,), (Output(0, 1),)))
    found = check(net, np.array([[0.0, 0.0], [1.0, 1.0]]))
    assert found.agrees
    assert found.at_kinks == 1
    assert [element.verdict for element in found.elements] == ["kink", "kink"]
    assert [(element.sample, element.analytic) for element in found.elements] == [(0, 1.0), (0, 0.5)]
    assert found.elements[0].numerical == pytest.approx(0.5)


def test_p_equal_to_w_is_a_kink_of_dist() -> None:
    layer = Layer(1, "purelin", {0: Weight(np.array([[1.0, 0.5]]), "dist")})
    net = Network(Structure((Input(2),), (layer,), (Output(0, 1),)))
    assert check(net, np.array([[1.0, 0.5], [3.0, 2.0]])).at_kinks == 1


def test_unknown_inputs_give_unknown_derivatives_on_both_sides() -> None:
    assert check(network("tansig"), np.array([[np.nan, 0.0], [0.5, 0.5]])).agrees
    assert check(network("poslin"), np.array([[np.nan, 0.0], [0.5, 0.5]])).agrees


@pytest.mark.parametrize("name", SMOOTH)
@pytest.mark.parametrize("size", [1e2, 1e3, 1e4, 1e8, 1e150])
def test_far_samples_where_a_complex_exponential_overflows(name: str, size: float) -> None:
    x = size * np.array([[1.0, 1.0], [-1.0, 0.5], [0.3, -1.0], [1e-4, 1e-5]])
    found = check(network(name), x)
    assert found.agrees, found.elements
    assert found.undefined == 0


def test_a_wrong_slope_is_caught_where_the_complex_step_overflows(monkeypatch: pytest.MonkeyPatch) -> None:
    row = transfer.TRANSFER["logsig"]
    assert isinstance(row, ElementwiseTransfer)
    right = row.da_dn
    x = np.full((1, 2), 2000.0)
    assert check(network("logsig"), x).agrees
    wrong = dataclasses.replace(row, da_dn=lambda n, a: right(n, a) + 1e-3)
    monkeypatch.setitem(transfer.TRANSFER, "logsig", wrong)
    assert not check(network("logsig"), x).agrees


def summing(weight: str) -> Network:
    layer = Layer(2, "purelin", {0: Weight(np.array([[1.0, 0.25], [0.5, 2.0]]), weight)}, bias=np.zeros(2))
    return Network(Structure((Input(2, range=np.array([[-2.0, 2.0]] * 2)),), (layer,), (Output(0, 2),)))


def test_where_an_output_is_not_finite_nothing_is_compared() -> None:
    """normprod divides by the sum of the inputs: 0/0 in the second sample, 1/0 in the third."""
    found = check(summing("normprod"), np.array([[1.0, 2.0], [0.0, 0.0], [1.0, -1.0]]))
    assert [element.verdict for element in found.elements] == ["agrees"] * 4
    assert {element.sample for element in found.elements} == {0}
    assert (
        found.summary == "4 of 4 derivatives agree: complex step, 3 samples, 2 of them with outputs that are not finite"
    )


def test_a_network_without_a_finite_output_is_not_said_to_agree() -> None:
    found = check(summing("normprod"), np.array([[0.0, 0.0]]))
    assert [element.verdict for element in found.elements] == ["undefined"] * 4
    assert found.summary == (
        "0 of 4 derivatives agree, 4 have no sample with a finite output: complex step, 1 sample, 1 of them with "
        "outputs that are not finite"
    )


def test_a_derivative_that_is_infinite_on_one_side_only_differs(monkeypatch: pytest.MonkeyPatch) -> None:
    right = Network.jacobian

    def wrong(self: Network, x: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(np.asarray(right(self, x)) * np.array([1.0, np.inf]))

    monkeypatch.setattr(Network, "jacobian", wrong)
    found = check(network("tansig"))
    assert [(element.input, element.verdict) for element in found.elements] == [(1, "differs"), (0, "agrees")]


def test_values_that_overflow_in_the_longer_steps_leave_the_shorter_ones() -> None:
    """poslin is not analytic; 1e308 * (1.79 + 0.02) is Inf, 1e308 * (1.79 + 0.002) is not."""
    layer = Layer(1, "poslin", {0: Weight([[1e308]])})
    net = Network(Structure((Input(1, range=np.array([[0.0, 2.0]])),), (layer,), (Output(0, 1),)))
    (element,) = check(net, np.array([[1.79]])).elements
    assert (element.verdict, element.analytic) == ("agrees", 1e308)
    assert element.numerical == pytest.approx(1e308, rel=1e-9)


def test_a_network_whose_outputs_are_constants_has_nothing_to_check() -> None:
    net = Network(Structure((), (Layer(2, "tansig", bias=[0.5, -0.25]),), (Output(0, 2),)))
    found = check(net)
    assert (found, found.agrees) == (Check((), "", samples=0, at_kinks=0, undefined=0), True)
    assert found.summary == "there are no derivatives to check: the network has neither inputs nor delays"


def test_no_samples_are_refused() -> None:
    with pytest.raises(ShapeError, match=r"^there are no samples to check the derivatives on$"):
        check(network("tansig"), np.zeros((0, 2)))


@pytest.mark.parametrize("shape", [(3, 5), (3, 1), (2,), (1, 3, 2)])
def test_samples_of_another_size_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ShapeError) as caught:
        check(network("tansig"), np.zeros(shape))
    assert str(caught.value) == f"x has shape {shape}, expected (N, 2)"


def test_every_network_of_the_corpus(corpus_file: Path) -> None:
    """The Jacobian of every real network, static or dynamic, against its own values."""
    try:
        networks = load_all(corpus_file)
    except matnet.MatnetError:
        return  # files without a network that can be loaded: what is said of them is tested with the importers
    for path, net in networks.items():
        found = check(net)
        assert found.agrees, (path, found.elements[0])
        assert sum(element.verdict == "agrees" for element in found.elements) >= 0.9 * len(found.elements), path


@pytest.fixture
def pump() -> Path:
    return Path(__file__).parent.parent.parent / "fixtures" / "pump.mat"


def test_command(pump: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["check", str(pump), str(pump.with_name("pump_inputs.csv")), "--outputs", "head"]) == 0
    printed = capsys.readouterr().out.splitlines()
    assert printed[0].split() == ["derivative", "sample", "analytic", "numerical", "difference", "estimate", "verdict"]
    assert {line.split()[0] for line in printed[1:3]} == {"dhead_dx1", "dhead_dx2"}
    assert printed[3] == "2 of 2 derivatives agree: complex step, 24 samples"


def test_command_says_no_where_they_differ(
    pump: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    right = Network.jacobian

    def wrong(self: Network, x: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(np.asarray(right(self, x)) * np.array([1.0, 1.01]))

    monkeypatch.setattr(Network, "jacobian", wrong)
    assert run(["check", str(pump)]) == 1
    printed = capsys.readouterr().out.splitlines()
    assert printed[1].split()[0] == "dy1_dx2"
    assert printed[1].split()[-1] == "differs"
    assert printed[-1] == "1 of 2 derivatives agree, 1 differ: complex step, 20 samples"


def test_command_on_a_dynamic_network(corpus: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["check", str(corpus / "dynamic_narx_open.mat"), "--all"]) == 0
    printed = capsys.readouterr().out.splitlines()
    assert printed[-1] == "12 of 12 derivatives agree: central differences over a series, 7 samples"
    assert {line.split()[0] for line in printed[1:-1]} == {
        f"dy1_dx{j}" + (f"_lag{lag}" if lag else "") for j in range(1, 5) for lag in range(3)
    }


def test_commands_say_once_that_a_derivative_through_steps_is_0(
    corpus: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    file = str(corpus / "static_perceptrons_chained.mat")
    table = tmp_path / "table.csv"
    table.write_text(",".join(f"x{j}" for j in range(1, 5)) + "\n" + "1,0,1,0\n" * 3)
    remark = "matnet: note: layer 1 (hardlim): a step function, so every derivative through it is 0\n"
    assert run(["check", file, "--network", "net1"]) == 0
    assert capsys.readouterr().err.count(remark) == 1
    assert run(["gradients", file, str(table), "--network", "net1", "-o", str(tmp_path / "out.csv")]) == 0
    assert capsys.readouterr().err.count(remark) == 1
    assert run(["predict", file, str(table), "--network", "net1", "-o", str(tmp_path / "out.csv")]) == 0
    assert "steps" not in capsys.readouterr().err


IMAGES = Path(__file__).parents[2] / "fixtures" / "digits.mat"


def test_many_inputs_are_checked_along_random_directions(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["check", str(IMAGES)]) == 0
    printed = capsys.readouterr().out.splitlines()
    assert printed[-1] == (
        "30 of 30 derivatives along 3 random directions agree: central differences, 20 samples "
        "(and 10 more; --all shows them)"
    )
    assert printed[1].split()[1:4] == ["along", "direction", printed[1].split()[3]]
    assert run(["check", str(IMAGES), "--directions", "2", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)["networks"][0]
    assert document["random_directions"] == 2
    assert {entry["direction"] for entry in document["derivatives"]} == {1, 2}
    assert "input" not in document["derivatives"][0]


def test_directions_of_a_small_network() -> None:
    found = check(network("tansig"), directions=4)
    assert (found.directions, len(found.elements), found.method) == (4, 4, "complex step")
    assert all(element.verdict == "agrees" and element.difference < 1e-12 for element in found.elements)


@pytest.mark.parametrize("file", ["series_conv_seed.mat", pytest.param("series_conv_2018.mat", marks=pytest.mark.slow)])
def test_real_networks_of_images(successors: Path, file: str) -> None:
    found = check(matnet.load(successors / file))
    assert {element.verdict for element in found.elements} == {"agrees"}
    assert any(abs(element.analytic) > 1e-5 for element in found.elements)


def test_one_wrong_derivative_among_many_shows_along_directions(monkeypatch: pytest.MonkeyPatch) -> None:
    right = Network.jacobian
    net = matnet.load(IMAGES)
    size = float(np.abs(np.asarray(net.jacobian(np.full(784, 100.0)))[3]).max())

    def wrong(self: Network, x: NDArray[np.float64]) -> NDArray[np.float64]:
        found = np.array(right(self, x))
        found[..., 3, 500] += 0.01 * size
        return found

    monkeypatch.setattr(Network, "jacobian", wrong)
    found = check(net)
    assert {element.output for element in found.elements if element.verdict == "differs"} == {3}


def test_directions_are_for_static_networks() -> None:
    tapped = Layer(1, "tansig", {0: Weight(np.ones((1, 2)), delays=(0, 1))}, bias=np.zeros(1))
    net = Network(Structure((Input(1),), (tapped,), (Output(0, 1),)))
    with pytest.raises(ShapeError, match=r"^directions=2: a dynamic network is checked input by input$"):
        check(net, directions=2)
