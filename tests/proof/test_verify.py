"""verify on made-up files: what is found by shape, and what an agreement is worth."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.io

import matnet
from matnet.cli.entry import run
from matnet.errors import ShapeError
from matnet.exporters.archive import archive_text
from matnet.functions.namespace import FloatArray
from matnet.importers.mat.paths import container
from matnet.importers.stored import StoredValues
from matnet.importers.training_record import BestPerformance, TrainingRecord
from matnet.model.structure import Input, Layer, Output, Performance, Process, Structure, Weight
from matnet.network import Network
from matnet.proof.agreement import Verdict
from matnet.proof.candidates import Matrix
from matnet.proof.data import NamedData
from matnet.proof.digits import decimal_digits
from matnet.proof.finding import Finding
from matnet.proof.verify import verdict_of, verify
from series_networks import open_network

FIXTURES = Path(__file__).parent.parent.parent / "fixtures"


def network(R: int = 3, S: int = 2, seed: int = 0, transfer: str = "purelin") -> Network:
    rng = np.random.default_rng(seed)
    hidden = Layer(4, "tansig", {0: Weight(rng.normal(size=(4, R)))}, bias=rng.normal(size=4))
    last = Layer(S, transfer, layer_weights={0: Weight(rng.normal(size=(S, 4)))}, bias=rng.normal(size=S))
    limits = np.tile([-1.0, 1.0], (R, 1))
    return Network(Structure((Input(R, range=limits),), (hidden, last), (Output(1, S),)))


def samples(net: Network, count: int = 30, seed: int = 1) -> FloatArray:
    return np.random.default_rng(seed).uniform(-1.0, 1.0, (count, net.input_size))


def beside(folder: Path, variables: Mapping[str, Any]) -> StoredValues:
    scipy.io.savemat(folder / "data.mat", dict(variables))
    return StoredValues(folder / "data.mat")


def summary(rows: tuple[Finding, ...]) -> list[tuple[str, str, str]]:
    return [(row.what, row.verdict, row.reason) for row in rows]


NOTHING = "no stored answers were found for 3 inputs and 2 outputs"
UNEXPLAINED = "the stored numbers are not this network's answers: they may be targets or another network's answers"


@pytest.mark.parametrize("x_in_rows", [False, True])
@pytest.mark.parametrize("y_in_rows", [False, True])
def test_samples_are_found_in_rows_and_in_columns(tmp_path: Path, x_in_rows: bool, y_in_rows: bool) -> None:
    net = network()
    x = samples(net)
    y = net(x)
    rng = np.random.default_rng(9)
    variables = {
        "a": x if x_in_rows else x.T,
        "b": y if y_in_rows else y.T,
        "t": y.T + 0.1 * rng.normal(size=y.T.shape),
    }
    (row,) = verify(net, beside(tmp_path, {**variables, "noise": rng.normal(size=(2, 30)), "n": 3.0}))
    assert row.what == f"a{chr(39) * x_in_rows} -> b{chr(39) * y_in_rows}"
    assert (row.samples, row.verdict) == (30, "proved")


def test_square_matrices_are_tried_both_ways(tmp_path: Path) -> None:
    net = network(6, 6)
    x = samples(net, 6)
    for name, stored_x in (("columns", x.T), ("rows", x)):
        assert verify(net, beside(tmp_path, {"x": stored_x, "y": net(x)}))[0].verdict == "proved", name


def test_targets_alone_are_no_contradiction(tmp_path: Path) -> None:
    net = network()
    x = samples(net)
    t = net(x) + 0.01 * np.random.default_rng(2).normal(size=(30, 2))
    assert summary(verify(net, beside(tmp_path, {"x": x.T, "y": t.T}))) == [("x -> y", "unclear", UNEXPLAINED)]


def test_targets_that_a_network_learnt_nearly_perfectly_are_no_contradiction(tmp_path: Path) -> None:
    net = network()
    x = samples(net, 200)
    t = net(x) + 1e-9 * np.random.default_rng(2).normal(size=(200, 2))
    assert summary(verify(net, beside(tmp_path, {"x": x.T, "y": t.T}))) == [("x -> y", "unclear", UNEXPLAINED)]


def test_targets_that_a_smooth_function_gives_are_no_contradiction(tmp_path: Path) -> None:
    net = network(1, 1)
    x = np.linspace(-1.0, 1.0, 300)[:, None]
    # such differences lie nearly in the span of the derivatives with respect to the weights
    for difference in (x**2, np.exp(x), np.sin(5.0 * x)):
        for size in (1e-3, 1e-5, 1e-7, 1e-9, 1e-10):
            (row,) = verify(net, beside(tmp_path, {"x": x.T, "t": (net(x) + size * difference).T}))
            assert row.verdict in ("weak", "unclear"), size


def test_exactly_linear_targets_of_a_linear_network_are_no_contradiction(tmp_path: Path) -> None:
    layer = Layer(1, "purelin", {0: Weight([[1.0, 2.0]])}, bias=[0.5])
    net = Network(Structure((Input(2),), (layer,), (Output(0, 1),)))
    x = samples(net)
    expected = {"unclear": x @ [[1.0 + 1e-7], [2.0 - 1e-7]] + 0.5, "weak": (1.0 + 1e-7) * net(x)}
    for verdict, t in expected.items():
        (row,) = verify(net, beside(tmp_path, {"x": x.T, "t": t.T}))
        assert row.verdict == verdict


def test_answers_in_single_precision_are_compared_as_such(tmp_path: Path) -> None:
    net = network()
    x = samples(net)
    y = net(x).astype(np.float32)
    (row,) = verify(net, beside(tmp_path, {"x": x.T, "y": y.T}))
    assert row.verdict == "proved"
    assert row.reason == "the answers were stored in single precision, so only 6 digits are compared"
    other = net.with_parameters(net.parameters * (1.0 + 1e-4))
    told = NamedData(inputs=Matrix("x", x.T), outputs=Matrix("y", other(x).astype(np.float32).astype(float).T))
    assert verify(net, None, told)[0].verdict == "contradicted"


@pytest.mark.parametrize("digits", [5, 8, 15])
def test_data_that_were_written_with_few_digits_are_compared_to_these(digits: int) -> None:
    net = network()
    exact = samples(net, 40)
    y = written(net(exact), digits)
    told = NamedData(inputs=Matrix("x", written(exact, digits).T), outputs=Matrix("y", y.T))
    (row,) = verify(net, None, told)
    assert row.verdict == "proved"
    assert row.reason == f"the answers were written with {digits} digits, and these are compared"
    y[7, 1] += 20.0 * 10.0**-digits * np.abs(net.jacobian(exact)).sum(axis=-1).max()
    (row,) = verify(net, None, replace(told, outputs=Matrix("y", written(y, digits).T)))
    assert row.verdict == "contradicted"


def written(values: FloatArray, digits: int) -> FloatArray:
    return np.array([[float(f"{value:.{digits}g}") for value in row] for row in values])


def test_targets_of_few_digits_are_no_answers() -> None:
    net = network()
    x = samples(net, 40)
    told = NamedData(inputs=Matrix("x", x.T), outputs=Matrix("t", written(net(x), 1).T))
    assert verify(net, None, told)[0].verdict == "contradicted"


def test_decimal_digits_are_counted() -> None:
    counts = {0.1: 1, 123.45: 5, 1e300: 1, 0.1 + 0.2: 17, 1 / 3: 16, 0.0: 0, -2500.0: 2, 1.25e-7: 3}
    assert {value: decimal_digits(np.array([[value]])) for value in counts} == counts


def test_answers_of_another_network_in_the_file_are_no_contradiction(tmp_path: Path) -> None:
    net, other = network(), network(seed=5)
    x = samples(net)
    assert verify(net, beside(tmp_path, {"x": x.T, "y": other(x).T}))[0].verdict == "unclear"


@pytest.mark.parametrize("count", [1, 2])
def test_few_samples_are_weak(tmp_path: Path, count: int) -> None:
    net = network()
    x = samples(net, count)
    told = NamedData(inputs=Matrix("x", x.T), outputs=Matrix("y", net(x).T))
    (row,) = verify(net, None, told)
    assert (row.verdict, row.reason) == ("weak", f"only {count} different sample{'s'[: count - 1]} to compare")


def test_one_sample_many_times_is_weak(tmp_path: Path) -> None:
    net = network()
    x = np.tile(samples(net, 1), (50, 1))
    (row,) = verify(net, beside(tmp_path, {"x": x.T, "y": net(x).T}))
    assert (row.verdict, row.reason) == ("weak", "only 1 different sample to compare")


def test_constant_answers_are_weak(tmp_path: Path) -> None:
    dead = Layer(2, "poslin", {0: Weight(np.ones((2, 3)))}, bias=[-10.0, -10.0])
    net = Network(Structure((Input(3),), (dead,), (Output(0, 2),)))
    x = samples(net)
    (row,) = verify(net, beside(tmp_path, {"x": x.T, "y": np.zeros((2, 30))}))
    assert (row.verdict, row.reason) == ("weak", "the stored answers are the same for all samples")


def test_a_network_that_gives_back_its_input_is_weak(tmp_path: Path) -> None:
    layer = Layer(2, "purelin", {0: Weight(np.eye(2))})
    net = Network(Structure((Input(2),), (layer,), (Output(0, 2),)))
    x = samples(net)
    told = NamedData(inputs=Matrix("x", x.T), outputs=Matrix("y", x.T.copy()))
    (row,) = verify(net, None, told)
    assert (row.verdict, row.reason) == ("weak", "the stored answers are the inputs themselves")


def test_few_answers_of_two_kinds_could_be_chance(tmp_path: Path) -> None:
    layer = Layer(1, "hardlim", {0: Weight([[1.0, 1.0]])}, bias=[0.1])
    net = Network(Structure((Input(2),), (layer,), (Output(0, 1),)))
    x = samples(net, 8)
    told = NamedData(inputs=Matrix("x", x.T), outputs=Matrix("y", net(x).T))
    (row,) = verify(net, None, told)
    reason = "could be chance: 8 samples, 2 different answers of the network"
    assert (row.verdict, row.reason) == ("weak", reason)
    x = samples(net, 11)
    told = NamedData(inputs=Matrix("x", x.T), outputs=Matrix("y", net(x).T))
    (row,) = verify(net, None, told)
    assert (row.verdict, row.reason) == ("weak", "a change of b{1} by 1 % would not have shown")
    variables = {"x": x.T, "y": net(x).T} | {f"v{k}": samples(net, 11, 10 + k).T for k in range(5)}
    (row,) = verify(net, beside(tmp_path, variables))
    reason = "could be chance: 11 samples, 2 different answers of the network, and 6 pairs of variables were tried"
    assert (row.verdict, row.reason) == ("weak", reason)


def test_where_rounding_decides_a_difference_says_nothing() -> None:
    # at 0.1 + 0.2 − 0.3 hardlim stands on its step: one machine says 1, another 0
    layer = Layer(1, "hardlim", {0: Weight([[0.1, 0.2]])}, bias=[-0.3])
    net = Network(Structure((Input(2),), (layer,), (Output(0, 1),)))
    x = np.concatenate([[[1.0, 1.0]], 3.0 * samples(net, 300)])
    y = net(x)
    y[0] = 1.0 - y[0]
    told = NamedData(inputs=Matrix("x", x.T), outputs=Matrix("y", y.T))
    (row,) = verify(net, None, told)
    assert (row.samples, row.verdict) == (300, "proved")
    assert row.reason == "at 1 more samples rounding decides"
    y[1] = 1.0 - y[1]
    assert verify(net, None, NamedData(inputs=Matrix("x", x.T), outputs=Matrix("y", y.T)))[0].verdict == "contradicted"


def test_nan_is_met_by_nan_and_by_nothing_else() -> None:
    net = network()
    x = samples(net)
    x[3, 0] = np.nan
    y = net(x)
    assert np.isnan(y[3]).all()
    told = NamedData(inputs=Matrix("x", x.T), outputs=Matrix("y", y.T))
    assert verify(net, None, told)[0].verdict == "proved"
    y[3] = 0.0
    (row,) = verify(net, None, replace(told, outputs=Matrix("y", y.T)))
    assert (row.verdict, row.largest) == ("contradicted", np.inf)


def test_matrices_that_do_not_fit_are_refused() -> None:
    net = network()
    x = Matrix("x", samples(net).T)
    with pytest.raises(ShapeError) as caught:
        verify(net, None, NamedData(inputs=Matrix("x", np.zeros((4, 5))), outputs=Matrix("y", np.zeros((2, 5)))))
    assert str(caught.value) == "x is 4 by 5, but an input of 3 elements needs 3 rows or columns"
    with pytest.raises(ShapeError) as caught:
        verify(net, None, NamedData(inputs=x, outputs=Matrix("y", np.zeros((2, 7)))))
    assert str(caught.value) == "y has 7 samples, but the inputs have 30 samples"


def test_complex_numbers_and_text_beside_the_network_do_no_harm(tmp_path: Path) -> None:
    net = network()
    x = samples(net)
    variables = {"z": x.T + 1j, "x": x.T, "y": net(x).T, "s": "text", "c": np.array([["a"]], dtype=object)}
    assert verify(net, beside(tmp_path, variables))[0].verdict == "proved"


def test_a_file_of_many_vectors_is_searched_in_seconds(tmp_path: Path) -> None:
    net = network(1, 1)
    x = samples(net, 50)
    variables = {f"v{k}": samples(net, 50, 100 + k).T for k in range(250)}
    (row,) = verify(net, beside(tmp_path, {**variables, "x": x.T, "y": net(x).T}))
    assert (row.what, row.verdict) == ("x -> y", "proved")


def series_network() -> Network:
    rng = np.random.default_rng(3)
    hidden = Layer(3, "tansig", {0: Weight(rng.normal(size=(3, 4)), delays=(1, 2))}, bias=rng.normal(size=3))
    last = Layer(1, "purelin", layer_weights={0: Weight(rng.normal(size=(1, 3)))}, bias=[0.2])
    return Network(Structure((Input(2, range=np.tile([-1.0, 1.0], (2, 1))),), (hidden, last), (Output(1, 1),)))


def test_a_series_is_found_with_its_states(tmp_path: Path) -> None:
    net = series_network()
    whole = samples(net, 40)
    y = net.run(whole[2:], input_states=whole[:2]).outputs
    stored = beside(tmp_path, {"Xs": whole[2:].T, "Xi": whole[:2].T, "Y": y.T})
    assert summary(verify(net, stored)) == [("Xs, Xi -> Y", "proved", "")]
    stored = beside(tmp_path, {"X": whole.T, "Y": y.T})
    assert summary(verify(net, stored)) == [("X from step 3 on -> Y", "proved", "")]
    stored = beside(tmp_path, {"Xs": whole[2:].T, "Y": net.run(whole[2:]).outputs.T})
    assert summary(verify(net, stored)) == [("Xs, from zeros -> Y", "proved", "")]


def test_states_that_do_not_fit_are_refused() -> None:
    net = series_network()
    x = Matrix("x", samples(net, 40).T)
    told = NamedData(inputs=x, outputs=Matrix("y", np.zeros((1, 40))), input_states=Matrix("xi", np.zeros((2, 3))))
    with pytest.raises(ShapeError) as caught:
        verify(net, None, told)
    assert str(caught.value) == "xi is 2 by 3, but the input states are 2 by 2"


def test_a_genfunction_file_is_measured_by_its_15_digits() -> None:
    settings = {"xoffset": 0.1 + 0.2, "gain": 1 / 3, "ymin": -1.0}
    hidden = Layer(2, "tansig", {0: Weight([[1.0], [-2.0]])}, bias=[0.1, 0.2])

    def with_settings(values: Mapping[str, float]) -> Network:
        step = Process.from_matlab("mapminmax", dict(values))
        net = Structure((Input(1, (step,)),), (hidden,), (Output(0, 2),))
        return Network(net)

    exact = with_settings(settings)
    written = with_settings({key: float(f"{value:.15g}") for key, value in settings.items()})
    from_file = Network(written.structure, replace(written.provenance, stored_as="genFunction file"))
    x = samples(exact, 50)
    told = NamedData(inputs=Matrix("x", x.T), outputs=Matrix("y", exact(x).T))
    (row,) = verify(from_file, None, told)
    assert row.verdict == "proved"
    assert row.largest is not None
    assert 0.0 < row.largest < 1e-14


def test_containers_are_what_a_path_lies_in() -> None:
    paths = {"net": "", "results.Network": "results", "nets{3}": "nets", "a.b(2).c": "a.b(2)", "s{1,2}": "s"}
    assert {path: container(path) for path in paths} == paths


def test_no_row_at_all_is_nothing_to_compare() -> None:
    assert verdict_of(()) == "nothing to compare"
    nothing = Finding("", 0, None, None, "nothing to compare", NOTHING, ("inputs", "outputs"))
    assert verify(network(), None) == (nothing,)
    assert nothing.size == np.inf
    assert nothing._replace(relative=0.25).size == 0.25


def test_a_contradiction_outweighs_a_proof_and_a_proof_what_is_weak() -> None:
    order: tuple[Verdict, ...] = ("contradicted", "proved", "weak", "unclear", "nothing to compare")
    for number, verdict in enumerate(order):
        rows = [Finding("", 0, None, None, other) for other in order[number:]]
        assert verdict_of(rows) == verdict_of(rows[::-1]) == verdict


def pump_data(folder: Path) -> list[str]:
    """The pump as an archive, and its data as CSV."""
    net = matnet.load(FIXTURES / "pump.mat")
    (folder / "pump.json").write_text(archive_text(net))
    variables = scipy.io.loadmat(FIXTURES / "pump.mat", variable_names=["x", "y"])
    for name in ("x", "y"):
        header = ",".join(f"{name}{k + 1}" for k in range(len(variables[name])))
        np.savetxt(folder / f"{name}.csv", variables[name].T, delimiter=",", header=header, comments="", fmt="%.17g")
    return ["--inputs", str(folder / "x.csv"), "--outputs", str(folder / "y.csv")]


def test_data_may_lie_in_csv_files_and_the_network_in_an_archive(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = pump_data(tmp_path)
    assert run(["verify", str(tmp_path / "pump.json"), *data]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "proved"
    assert run(["verify", str(FIXTURES / "pump.mat"), *data]) == 0


def test_data_may_be_columns_of_a_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As in a sheet of everything: inputs and outputs beside each other, with decimal commas."""
    pump_data(tmp_path)
    x, y = (np.loadtxt(tmp_path / f"{name}.csv", delimiter=",", skiprows=1, ndmin=2) for name in "xy")
    rows = [f"{k};{a!r};{b!r};{c!r}".replace(".", ",") for k, (a, b, c) in enumerate(np.hstack([x, y]).tolist())]
    for name in ("de.csv", "de.txt"):
        (tmp_path / name).write_text("\n".join(["point;flow;speed;head", *rows]) + "\n")
        place = tmp_path / name
        for inputs in ("flow,speed", "flow:speed"):
            named = ["--inputs", f"{place}:{inputs}", "--outputs", f"{place}:head"]
            assert run(["verify", str(tmp_path / "pump.json"), *named]) == 0
            assert capsys.readouterr().out.splitlines()[-1] == "proved"
            assert run(["verify", str(FIXTURES / "pump.mat"), *named]) == 0
            capsys.readouterr()
    place = tmp_path / "de.csv"
    assert run(["verify", str(tmp_path / "pump.json"), "--inputs", f"{place}:flow,rpm"]) == 2
    message = f"matnet: {place}: there is no column rpm; there are 'point', 'flow', 'speed', 'head'\n"
    assert capsys.readouterr().err == message
    xlsxwriter = pytest.importorskip("xlsxwriter")
    pytest.importorskip("fastexcel")
    with xlsxwriter.Workbook(tmp_path / "data.xlsx") as book:
        book.add_worksheet("Info").write(0, 0, "nothing")
        sheet = book.add_worksheet("Data")
        for number, row in enumerate([["flow", "speed", "head"], *np.hstack([x, y]).round(12).tolist()]):
            sheet.write_row(number, 0, row)
    place = tmp_path / "data.xlsx"
    named = ["--inputs", f"{place}:Data:flow,speed", "--outputs", f"{place}:Data:head"]
    assert run(["verify", str(tmp_path / "pump.json"), *named]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "proved"


def test_data_may_lie_in_another_mat_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pump_data(tmp_path)
    place = FIXTURES / "pump.mat"
    named = ["--inputs", f"{place}:x", "--targets", f"{place}:t", "--record", f"{place}:tr"]
    assert run(["verify", str(tmp_path / "pump.json"), *named]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "proved"


COMPLAINTS = {
    ("--inputs", "none", "--outputs", "y"): "there is no variable none",
    ("--record", "x"): "x is a double 2x165, expected the training record that train returned",
    ("--inputs", "none.csv", "--outputs", "y"): "none.csv: cannot be read: No such file or directory",
}


@pytest.mark.parametrize("options", COMPLAINTS)
def test_what_is_named_and_not_there_is_bad_input(options: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["verify", str(FIXTURES / "pump.mat"), *options]) == 2
    assert COMPLAINTS[options] in capsys.readouterr().err


def test_an_archive_alone_has_nothing_to_compare(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pump_data(tmp_path)
    assert run(["verify", str(tmp_path / "pump.json")]) == 3
    assert capsys.readouterr().out.splitlines()[-1] == "nothing to compare"
    assert run(["verify", str(tmp_path / "pump.json"), "--record", "tr"]) == 2
    assert capsys.readouterr().err == (
        "matnet: --record tr: the network's file holds no records; name one as in FILE.mat:tr\n"
    )


def known_only(net: Network, x: FloatArray, known: int) -> FloatArray:
    """Answers of another network, of which only the first so many are stored."""
    y = np.array(net.with_parameters(1.01 * net.parameters)(x))
    y[known:] = np.nan
    return y


@pytest.mark.parametrize("known", [1, 2, 4])
def test_few_known_samples_contradict_nothing(tmp_path: Path, known: int) -> None:
    net = network(2, 1)
    x = samples(net, 20)
    (row,) = verify(net, beside(tmp_path, {"x": x.T, "t": known_only(net, x, known).T}))
    assert (row.what, row.samples, row.verdict) == ("x -> t", known, "unclear")


@pytest.mark.parametrize("distinct", [1, 2, 4])
def test_repeated_samples_count_once(tmp_path: Path, distinct: int) -> None:
    net = network(2, 1)
    x = np.tile(samples(net, distinct), (20, 1))
    y = net.with_parameters(1.01 * net.parameters)(x)
    (row,) = verify(net, beside(tmp_path, {"x": x.T, "t": y.T}))
    assert (row.what, row.samples, row.verdict) == ("x -> t", 20 * distinct, "unclear")


def test_targets_of_two_values_contradict_nothing(tmp_path: Path) -> None:
    net = network(2, 1)
    x = np.repeat(samples(net, 2), 10, axis=0)
    for t in (np.full((20, 1), 21.0), np.repeat([[20.6581], [20.3334]], 10, axis=0)):
        (row,) = verify(net, beside(tmp_path, {"x": x.T, "t": t.T}))
        assert (row.verdict, row.reason.partition("; ")[0]) == ("unclear", UNEXPLAINED)


def test_masked_answers_are_compared_where_they_are_stored(tmp_path: Path) -> None:
    net = network()
    x = samples(net)
    y = np.array(net(x))
    y[::2] = np.nan
    note = "30 stored numbers are NaN and were not compared"
    for stored, named in (
        (beside(tmp_path, {"x": x.T, "y": y.T}), None),
        (None, NamedData(inputs=Matrix("x", x.T), outputs=Matrix("y", y.T))),
    ):
        (row,) = verify(net, stored, named)
        assert (row.samples, row.verdict, row.reason) == (15, "proved", note)
    y[1] += 1e-9
    (row,) = verify(net, None, NamedData(inputs=Matrix("x", x.T), outputs=Matrix("y", y.T)))
    assert row.verdict == "contradicted"


@pytest.mark.parametrize("unknown", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("of", ["all", "one output", "one sample"])
def test_rows_that_are_not_finite_end_nothing(tmp_path: Path, of: str, unknown: float) -> None:
    """An array of the outputs' shape whose samples, or one output of them, are NaN or infinite."""
    net = network()
    x = samples(net)
    y = np.array(net(x))
    where = {"all": np.s_[:, :], "one output": np.s_[:, 1:], "one sample": np.s_[3:4, :]}[of]
    y[where] = unknown
    (row,) = verify(net, None, NamedData(inputs=Matrix("x", x.T), outputs=Matrix("y", y.T)))
    expected = {"all": "nothing to compare", "one output": "weak", "one sample": "proved"}[of]
    assert row.verdict == (expected if np.isnan(unknown) else "contradicted")
    (row,) = verify(net, beside(tmp_path, {"x": x.T, "targets": y.T}))
    automatic = {"all": "nothing to compare", "one output": "weak", "one sample": "proved"}[of]
    assert row.verdict == (automatic if np.isnan(unknown) else {"all": "nothing to compare"}.get(of, "unclear"))
    # beside the answers themselves it is passed over
    (row,) = verify(net, beside(tmp_path, {"x": x.T, "y": net(x).T, "other": y.T + 1e-3}))
    assert (row.what, row.verdict) == ("x -> y", "proved")


def test_a_saturated_network_is_not_proved(tmp_path: Path) -> None:
    """Its outputs are 0 and 1 to the last digit, whatever the first layer's weights are."""
    rng = np.random.default_rng(0)
    value = 500.0 * np.array([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0]])
    hidden = Layer(4, "tansig", {0: Weight(value)}, bias=rng.normal(size=4))
    last = Layer(2, "purelin", layer_weights={0: Weight(rng.normal(size=(2, 4)))}, bias=rng.normal(size=2))
    net = Network(Structure((Input(2),), (hidden, last), (Output(1, 2),)))
    x = np.sign(samples(net, 40)) * rng.integers(1, 4, (40, 2)).astype(float)
    told = NamedData(inputs=Matrix("x", x.T), outputs=Matrix("y", net(x).T))
    (row,) = verify(net, None, told)
    assert (row.verdict, row.reason) == ("weak", "a change of b{1} by 1 % would not have shown")


def test_class_labels_alone_are_weak(tmp_path: Path) -> None:
    net = network(2, 3, seed=6, transfer="compet")
    x = samples(net, 60)
    told = NamedData(inputs=Matrix("x", x.T), outputs=Matrix("y", net(x).T))
    for other in (net, net.with_parameters(1.01 * net.parameters)):
        (row,) = verify(other, None, told)
        assert row.verdict == "weak"
        assert re.fullmatch(r"a change of (b|IW|LW)\{[\d,]+\} by 1 % would not have shown", row.reason)


def test_targets_that_were_learnt_exactly_are_weak(tmp_path: Path) -> None:
    # the exclusive or, learnt to rounding
    hidden = Layer(2, "poslin", {0: Weight([[1.0, 1.0], [1.0, 1.0]])}, bias=[0.0, -1.0])
    last = Layer(1, "purelin", layer_weights={0: Weight([[1.0, -2.0 + 2**-52]])}, bias=[2**-53])
    net = Network(Structure((Input(2, range=np.tile([0.0, 1.0], (2, 1))),), (hidden, last), (Output(1, 1),)))
    x = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]] * 5) + np.repeat(np.arange(5.0), 4)[:, None] / 8
    t = np.round(net(x), 3)
    (row,) = verify(net, beside(tmp_path, {"x": x.T, "t": t.T}))
    reason = "the stored numbers have few digits, as targets have: the network may have learnt them exactly"
    assert (row.verdict, row.reason) == ("weak", reason)


def test_a_radial_network_with_a_neuron_for_each_sample_learns_any_targets(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    x = rng.uniform(-1.0, 1.0, (12, 2))
    hidden = Layer(12, "radbas", {0: Weight(x, "dist")}, bias=np.full(12, 2.0), net_input="netprod")
    first = Network(Structure((Input(2),), (hidden,), (Output(0, 12),)))
    t = rng.normal(size=(12, 1))
    value = np.linalg.solve(first(x), t).T
    last = Layer(1, "purelin", layer_weights={0: Weight(value)}, bias=[0.0])
    net = Network(Structure((Input(2),), (hidden, last), (Output(1, 1),)))
    stored = beside(tmp_path, {"x": x.T, "t": net(x).T})
    (row,) = verify(net, stored)
    reason = "these may be targets: a radial network with as many weights as there are samples learns them exactly"
    assert (row.verdict, row.reason) == ("weak", reason)
    named = NamedData(inputs=Matrix("x", x.T), outputs=Matrix("t", net(x).T))
    assert verify(net, stored, named)[0].verdict == "proved"


def test_linear_targets_of_a_linear_network_are_weak(tmp_path: Path) -> None:
    layer = Layer(1, "purelin", {0: Weight([[1.0 / 3.0, 2.0 / 7.0]])}, bias=[0.5])
    net = Network(Structure((Input(2),), (layer,), (Output(0, 1),)))
    x = samples(net)
    (row,) = verify(net, beside(tmp_path, {"x": x.T, "t": net(x).T}))
    reason = "these may be targets: a linear network learns linear targets exactly"
    assert (row.verdict, row.reason) == ("weak", reason)


@pytest.mark.parametrize("form", ["targets", "both"])
def test_the_record_says_which_form_of_crossentropy_it_follows(form: str) -> None:
    net = network(2, 3, transfer="softmax")
    structure = replace(net.structure, performance=Performance("crossentropy"))
    net = Network(structure)
    x = samples(net, 40)
    t = np.eye(3)[np.random.default_rng(3).integers(0, 3, 40)]
    mask = np.where(np.arange(40) % 4 > 0, 1.0, np.nan)[:, None] * np.ones((1, 3))
    known = mask[:, 0] == 1.0
    value = net.performance(x[known], t[known], form=form)
    record = TrainingRecord("tr", x[:0], {}, 3, {}, "crossentropy", (BestPerformance("best_perf", value, mask.T),))
    named = NamedData(inputs=Matrix("x", x.T), targets=Matrix("t", t.T), record=record)
    (row,) = verify(net, None, named)
    assert (row.what, row.samples, row.verdict) == ("tr.best_perf (x -> t)", 30, "proved")
    assert row.reason == f"crossentropy in the form '{form}'"
    (row,) = verify(net.with_parameters(1.01 * net.parameters), None, named)
    assert row.verdict == "contradicted"


def test_a_chain_scaled_outside_the_network_is_verified_with_its_scaling() -> None:
    net = network()
    settings = {"name": "mapminmax", "xmin": [0.0, -5.0, 10.0], "xmax": [2.0, 5.0, 40.0], "ymin": -1.0, "ymax": 1.0}
    whole = net.with_scaling(inputs=settings)
    x = np.random.default_rng(2).uniform([0.0, -5.0, 10.0], [2.0, 5.0, 40.0], (30, 3))
    told = NamedData(inputs=Matrix("x", x.T), outputs=Matrix("y", whole(x).T))
    assert verify(whole, None, told)[0].verdict == "proved"
    assert verify(net, None, told)[0].verdict == "contradicted"


def test_a_chain_whose_scaling_lies_in_another_file_is_verified(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    net = network()
    low, high = np.array([0.0, -5.0, 10.0]), np.array([2.0, 5.0, 40.0])
    settings = {"name": "mapminmax", "xmin": low[:, None], "xmax": high[:, None], "ymin": -1.0, "ymax": 1.0}
    x = np.random.default_rng(2).uniform(low, high, (30, 3))
    y = net(2.0 * (x - low) / (high - low) - 1.0)
    (tmp_path / "net.json").write_text(archive_text(net))
    scipy.io.savemat(tmp_path / "data.mat", {"x": x.T, "y": y.T, "ps": settings})
    data = tmp_path / "data.mat"
    line = ["verify", str(tmp_path / "net.json"), "--inputs", f"{data}:x", "--outputs", f"{data}:y"]
    assert run([*line, "--input-scaling", f"{data}:ps"]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "proved"
    assert run(line) == 1
    assert capsys.readouterr().out.splitlines()[-1] == "contradicted"


def test_states_are_asked_for_only_where_there_are_delays() -> None:
    cases: list[tuple[dict[int, Weight], tuple[str, ...]]] = [
        ({}, ("outputs",)),
        ({0: Weight(np.eye(2), delays=(1,))}, ("outputs", "layer_states")),
    ]
    for weights, undecided in cases:
        layer = Layer(2, "tansig", layer_weights=weights, bias=[0.5, -0.25])
        (finding,) = verify(Network(Structure((), (layer,), (Output(0, 2),))), None)
        assert (finding.verdict, finding.undecided) == ("nothing to compare", undecided)
        assert finding.reason == "no stored answers were found for 2 outputs"


@pytest.mark.parametrize("closed", [False, True], ids=["open", "closed"])
def test_a_series_is_found_that_starts_from_the_first_inputs_and_targets(closed: bool, tmp_path: Path) -> None:
    opened = open_network()
    net = opened.close_loop() if closed else opened
    rng = np.random.default_rng(5)
    x, t = rng.normal(size=(40, 2)), rng.normal(size=(40, 2))
    data = net.prepare(x, t)
    y = net.run(data.x, data.input_states, data.layer_states).outputs
    stored = beside(tmp_path, {"X": x.T, "T": t.T, "Y": y.T})
    for states in (None, "first-rows"):
        (row,) = verify(net, stored, None if states is None else NamedData(states="first-rows"))
        assert (row.what, row.verdict) == ("X, T from step 4 on -> Y", "proved")
    told = NamedData(inputs=Matrix("X", x.T), outputs=Matrix("Y", y.T), targets=Matrix("T", t.T))
    (row, *_) = verify(net, None, told)
    assert (row.what, row.verdict) == ("X, T from step 4 on -> Y", "proved")
    with pytest.raises(ShapeError, match=r"^Y has 37 samples, but the inputs have 40 samples$"):
        verify(opened.close_loop(), None, replace(told, states="zeros"))
