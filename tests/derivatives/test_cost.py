"""Performance and its gradient: MATLAB's own number, mpmath, and differences of the performance itself."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from typing import Any

import mpmath
import numpy as np
import pytest
from numpy.typing import NDArray

import matnet
from matnet import Network, ShapeError, UnsupportedError
from matnet.derivatives.cost import cost_of, without_unknown_inputs
from matnet.functions.performance import CLIP, PERFORMANCE
from matnet.importers.arrays import read_array
from matnet.model.structure import Input, Layer, Output, Performance, Process, Structure, Weight
from matnet.simulate import lay_out
from precise_rows import PRECISE_PERFORMANCE, difference

STEP = 1e-6
ROWS = [(name, row.form or None) for name, rows in PERFORMANCE.items() for row in rows]


def softmax_network(outputs: int = 4, transfer: str = "softmax", gain: float = 1.0, form: str = "targets") -> Network:
    rng = np.random.default_rng(0)
    hidden = Layer(5, "tansig", {0: Weight(rng.normal(size=(5, 3)))}, bias=rng.normal(size=5))
    last = Layer(outputs, transfer, {}, {0: Weight(gain * rng.normal(size=(outputs, 5)))}, rng.normal(size=outputs))
    return Network(
        Structure((Input(3),), (hidden, last), (Output(1, outputs),), Performance("crossentropy", 0.2, form=form))
    )


def two_outputs() -> Network:
    rng = np.random.default_rng(1)
    first = Layer(1, "logsig", {0: Weight(rng.normal(size=(1, 3)))}, bias=rng.normal(size=1))
    second = Layer(3, "softmax", {0: Weight(rng.normal(size=(3, 3)))}, bias=rng.normal(size=3))
    return Network(Structure((Input(3),), (first, second), (Output(0, 1), Output(1, 3))))


def data(
    net: Network, name: str | None = "crossentropy"
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Inputs with an unknown one, targets with an unknown one where the function takes it, and error weights."""
    rng = np.random.default_rng(2)
    x, t = rng.normal(size=(12, net.input_size)), rng.uniform(size=(12, net.output_size))
    t[1], t[2] = np.round(t[1]), 0.0
    x[5, 1] = np.nan
    if name != "crossentropy":
        t[3, 0] = np.nan
    return x, t, rng.uniform(0.1, 2.0, size=t.shape)


def assert_gradient(net: Network, x: Any, t: Any, wrt: str, **options: Any) -> None:
    found = net.performance_gradient(x, t, wrt=wrt, **options)
    start = x if wrt == "inputs" else net.parameters
    assert found.shape == start.shape
    for place in np.ndindex(start.shape):
        step = np.zeros_like(start)
        step[place] = STEP
        above, below = (
            (net if wrt == "inputs" else net.with_parameters(start + sign * step)).performance(
                start + sign * step if wrt == "inputs" else x, t, **options
            )
            for sign in (1, -1)
        )
        expected = (above - below) / (2 * STEP)
        assert found[place] == pytest.approx(expected, rel=1e-6, abs=1e-8 * max(1.0, abs(above))), (wrt, place)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("wrt", ["inputs", "parameters"])
@pytest.mark.parametrize(("name", "form"), [(None, None), *ROWS])
@pytest.mark.parametrize("net", [softmax_network(), softmax_network(1, "logsig"), two_outputs()], ids=["4", "1", "1+3"])
def test_gradient_against_differences(
    net: Network, name: str | None, form: str | None, wrt: str, weighted: bool
) -> None:
    if name is None and net.structure.performance is None:
        name = "mse"
    x, t, weights = data(net, name or "crossentropy")
    assert_gradient(net, x, t, wrt, name=name, form=form, error_weights=weights if weighted else None)


@pytest.mark.parametrize("form", ["targets", "both"])
@pytest.mark.parametrize("transfer", ["radbasn", "satlin", "logsig", "radbas"])
@pytest.mark.parametrize("wrt", ["inputs", "parameters"])
def test_crossentropy_through_outputs_that_are_neither_softmax_nor_plain_logsig(
    wrt: str, transfer: str, form: str
) -> None:
    """Through another row, or a logsig with processing after it, the slope with respect to y is what enters."""
    rng = np.random.default_rng(4)
    hidden = Layer(5, "tansig", {0: Weight(rng.normal(size=(5, 3)))}, bias=rng.normal(size=5))
    weights, bias = 0.1 * rng.normal(size=(2, 5)), np.array([0.4, 0.6])
    scaled = Process.from_matlab("mapminmax", {"gain": [2.0, 4.0], "xoffset": [0.3, 0.6], "ymin": 0.0})
    output = Output(1, 2, (scaled,) if transfer == "logsig" else ())
    last = Layer(2, transfer, {}, {0: Weight(weights)}, bias)
    net = Network(Structure((Input(3),), (hidden, last), (output,), Performance("crossentropy", form=form)))
    x, t, error_weights = data(net)
    assert ((net(x[[0, 1, 2]]) > 0.01) & (net(x[[0, 1, 2]]) < 0.99)).all()
    assert_gradient(net, x, t, wrt, error_weights=error_weights)


def test_an_unknown_error_leaves_its_element_out_and_gives_no_gradient() -> None:
    net = softmax_network()
    x, t, _ = data(net, "mse")
    known = ~np.isnan(x).any(axis=1) & ~np.isnan(t).any(axis=1)
    t[~known] = np.nan
    assert net.performance(x, t, name="mse") == pytest.approx(
        net.performance(x[known], t[known], name="mse"), rel=1e-15
    )
    gradient = net.performance_gradient(x, t, name="mse")
    assert (gradient[~known] == 0).all()
    assert np.isfinite(net.performance_gradient(x, t, wrt="parameters", name="mse")).all()


def test_no_known_error_at_all_is_nan() -> None:
    net = softmax_network()
    for name, form in ROWS:
        nothing: dict[str, Any] = {"x": np.full((2, 3), np.nan), "t": np.full((2, 4), 0.5), "name": name, "form": form}
        assert np.isnan(net.performance(**nothing)), name
        assert (net.performance_gradient(**nothing) == 0.0).all(), name


@pytest.mark.parametrize("form", ["targets", "both"])
def test_crossentropy_refuses_a_target_that_is_not_known(form: str) -> None:
    """MATLAB's training leaves it out, its perform counts it as 1: neither is right for everybody."""
    net = softmax_network(form=form)
    x, t, _ = data(net)
    t[3, 0] = np.nan
    message = (
        "t has NaN in it, for which MATLAB has two answers with crossentropy: its training leaves these elements out, "
        "its perform counts them as t = 1; leave those samples out, or write 1 for perform's number"
    )
    for call in (net.performance, net.performance_gradient):
        with pytest.raises(UnsupportedError, match=f"^{re.escape(message)}$"):
            call(x, t)
    assert np.isfinite(net.performance(x, t, name="mse"))


def test_values_against_50_digits() -> None:
    mpmath.mp.dps = 50
    net = two_outputs()
    x, t, _ = data(net)
    x[5, 1] = 0.3
    y = net(x)

    elements = [(mpmath.mpf(float(t[i, j])), mpmath.mpf(float(y[i, j])), j == 0) for i in range(12) for j in range(4)]
    keys = {(name, form or "") for name, form in ROWS}
    assert set(PRECISE_PERFORMANCE) == keys, difference(keys, PRECISE_PERFORMANCE, "PRECISE_PERFORMANCE")
    for (name, form), copy in PRECISE_PERFORMANCE.items():
        total = mpmath.fsum(copy.cost(*element) for element in elements)
        expected = float(total / len(elements) if copy.mean else total)
        assert net.performance(x, t, name=name, form=form or None) == pytest.approx(expected, rel=1e-14), (name, form)


def test_regularization() -> None:
    net = softmax_network()
    x, t, _ = data(net)
    own, plain = net.performance(x, t), net.performance(x, t, name="crossentropy", form="targets")
    assert own == pytest.approx(0.8 * plain + 0.2 * np.mean(net.parameters**2), rel=1e-15)
    assert net.performance(x, t, name="crossentropy", regularization=1.0) == np.mean(net.parameters**2)
    assert_gradient(net, x, t, "parameters", name="mse", regularization=0.5)


@pytest.mark.parametrize(("transfer", "count"), [("softmax", 4), ("softmax", 2), ("logsig", 1)])
def test_crossentropy_of_a_saturated_output_keeps_its_gradient(transfer: str, count: int) -> None:
    """At outputs of 0 and 1 the derivative with respect to the net input is still a − t, never 0·∞."""
    net = softmax_network(count, transfer, gain=30000.0)
    x = np.random.default_rng(3).normal(size=(6, 3))
    y = net(x)
    assert ((y == 0) | (y == 1)).all()
    wrong = np.roll(y, 1, axis=1) if count > 1 else 1.0 - y
    gradient = net.performance_gradient(x, wrong, wrt="parameters", regularization=0.0)
    bias = net.structure.layers[1].size
    start = len(net.parameters) - bias - net.structure.layers[1].layer_weights[0].value.size
    np.testing.assert_allclose(gradient[start : start + bias], (y - wrong).sum(axis=0) / y.size, rtol=1e-14)


def test_gradient_norm_is_the_one_that_matlab_stored(corpus: Path) -> None:
    """‖d mse/d wb‖ at the weights that training ended with, over its training samples, is tr.gradient there."""
    file = corpus / "static_pump_nan_samples.mat"
    net = matnet.load(file)
    x, t = read_array(file, "Input_Training"), read_array(file, "Output_Training")
    mask = read_array(file, "tr.trainMask").T
    epoch = int(read_array(file, "tr.best_epoch")[0, 0])
    stored = read_array(file, "tr.gradient").reshape(-1)[epoch]
    found = np.linalg.norm(net.performance_gradient(x, t * mask, wrt="parameters"))
    assert found == pytest.approx(stored, rel=1e-12)


def test_gradient_of_a_series_by_reverse_accumulation() -> None:
    source = Path(__file__).with_name("test_time.py")
    spec = importlib.util.spec_from_file_location("series_networks", source)
    assert spec is not None
    assert spec.loader is not None
    networks = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(networks)
    net = networks.recurrent()
    given = networks.series(net)
    x, states = given.pop("x"), given
    rng = np.random.default_rng(6)
    t = rng.normal(size=(2, 6, 6))
    t[0, 2, 1] = np.nan
    options = {"error_weights": rng.uniform(size=t.shape)}
    for wrt in ("inputs", "parameters", "input_states", "layer_states"):
        found = net.performance_gradient(x, t, wrt=wrt, **options, **states)
        start = {"inputs": x, "parameters": net.parameters, **states}[wrt]
        for place in np.ndindex(start.shape):
            step = np.zeros_like(start)
            step[place] = STEP
            values = []
            for moved in (start + step, start - step):
                at = net.with_parameters(moved) if wrt == "parameters" else net
                arguments = {**states, **({wrt: moved} if wrt in states else {})}
                values.append(at.performance(moved if wrt == "inputs" else x, t, **options, **arguments))
            assert found[place] == pytest.approx((values[0] - values[1]) / (2 * STEP), abs=1e-8), (wrt, place)


def test_an_input_taken_up_by_fixunknowns_keeps_its_derivative() -> None:
    settings = {"xrows": 2, "yrows": 3, "unknown": [2.0], "known": [1.0], "shift": [0.0, 0.0], "xmeans": [0.5, 0.25]}
    rng = np.random.default_rng(7)
    layer = Layer(1, "tansig", {0: Weight(rng.normal(size=(1, 3)))}, bias=rng.normal(size=1))
    filled = Input(2, (Process.from_matlab("fixunknowns", settings),))
    net = Network(Structure((filled,), (layer,), (Output(0, 1),)))
    x, t = np.array([[0.2, np.nan], [0.1, 0.7], [np.nan, 0.3]]), np.array([[0.5], [0.2], [0.1]])
    gradient = net.performance_gradient(x, t, name="mse")
    slope = net.jacobian(x)[:, 0]
    expected = -2.0 * (t - net(x)) / 2.0 * slope
    np.testing.assert_allclose(gradient[:2], expected[:2], rtol=1e-14)
    assert gradient[0, 1] == 0.0
    assert (gradient[2] == 0.0).all()


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        (
            {"name": "mape"},
            UnsupportedError,
            f"unknown performance function 'mape'; known: {', '.join(sorted(PERFORMANCE))}",
        ),
        ({"form": "all"}, UnsupportedError, "form is 'all', expected 'targets' or 'both'"),
        ({"name": "mse", "form": "both"}, UnsupportedError, "form is 'both', but mse has only one form: leave it out"),
        ({"regularization": 1.5}, ShapeError, "regularization is 1.5, expected a number from 0 to 1"),
        ({"regularization": -0.5}, ShapeError, "regularization is -0.5, expected a number from 0 to 1"),
        ({"lag": 2}, ShapeError, "unknown argument lag; expected input_states or layer_states"),
    ],
)
def test_refusals(options: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=f"^{re.escape(message)}$"):
        softmax_network().performance(np.zeros((2, 3)), np.zeros((2, 4)), **options)


def test_more_refusals() -> None:
    net = softmax_network()
    x, t = np.zeros((2, 3)), np.zeros((2, 4))
    with pytest.raises(ShapeError, match=re.escape("t has shape (4,), expected (2, 4)")):
        net.performance(x, np.zeros(4))
    with pytest.raises(
        ShapeError,
        match=r"^wrt is 'x', expected 'inputs', 'parameters', 'input_states', 'layer_states' or the names of inputs "
        r"\(x1, x2, x3\)$",
    ):
        net.performance_gradient(x, t, wrt="x")
    with pytest.raises(ShapeError, match=r"^wrt is 'layer_states', but the network is static and has no states$"):
        net.performance_gradient(x, t, wrt="layer_states")
    with pytest.raises(
        UnsupportedError, match=r"^the network has no performance function of its own; name one, such as 'mse'$"
    ):
        two_outputs().performance(x, t)
    refused = Structure(
        net.structure.inputs,
        net.structure.layers,
        net.structure.outputs,
        Performance("mse", 0.0, "normalization 'standard'"),
    )
    with pytest.raises(UnsupportedError, match=r"^performParam: normalization 'standard'$"):
        Network(refused).performance(x, t)


FORMS = (
    "say form='targets' for sum(-t ln y) / N or form='both' for sum(-t ln y - (1 - t) ln(1 - y)) / N (files of 2017 "
    "and 2018 follow the first, a file of 2019 follows the second)"
)


def test_a_sample_without_outputs_has_no_seed() -> None:
    net = softmax_network(3, form="both")
    cost = cost_of(net.structure, lay_out(net.structure), None, 0.0, None)
    y = np.array([[0.2, 0.3, 0.5], [np.nan] * 3])
    seeds = cost.seeds(np.full((2, 3), 0.25), y, None, [np.log(y)])
    assert (seeds[0] != 0.0).all()
    assert seeds[1].tolist() == [0.0, 0.0, 0.0]


@pytest.mark.parametrize("count", [2, 4])
def test_a_form_that_is_not_known_is_asked_for(count: int) -> None:
    net = softmax_network(count, form="")
    x, t, _ = data(net)
    message = (
        "crossentropy of an output of several elements has two forms, and no training record shows which one is the "
        f"network's: {FORMS}"
    )
    for call in (net.performance, net.performance_gradient):
        with pytest.raises(UnsupportedError, match=f"^{re.escape(message)}$"):
            call(x, t)
    assert net.performance(x, t, form="targets") < net.performance(x, t, form="both")
    net = softmax_network(form="")
    x, t, _ = data(net)
    assert softmax_network(form="both").performance(x, t) == net.performance(x, t, form="both")
    # the form that the record proves holds for the function by its name, too
    by_name: dict[str, Any] = {"name": "crossentropy", "regularization": 0.2}
    assert softmax_network(form="both").performance(x, t, **by_name) == net.performance(x, t, form="both")


def test_one_element_alone_needs_no_form_unless_it_has_gone_to_0_or_1() -> None:
    net = softmax_network(1, "logsig", form="")
    x, t, _ = data(net)
    assert net.performance(x, t) == net.performance(x, t, form="targets")
    saturated = softmax_network(1, "logsig", gain=30000.0, form="")
    x = np.random.default_rng(3).normal(size=(6, 3))
    y = saturated(x)
    assert np.isfinite(saturated.performance(x, y))
    message = (
        "crossentropy has two forms, which give inf and 36.0437 here, where outputs are 0 or 1, and no training "
        f"record shows which one is the network's: {FORMS}"
    )
    for call in (saturated.performance, saturated.performance_gradient):
        with pytest.raises(UnsupportedError, match=f"^{re.escape(message)}$"):
            call(x, 1.0 - y, regularization=0.0)
    # an output that is as wrong as the clip allows no longer moves the cost
    assert (saturated.performance_gradient(x, 1.0 - y, form="both") == 0.0).all()


def test_the_gradient_of_a_nearly_certain_softmax_keeps_its_digits() -> None:
    """Where one output is 1 - 1e-12, 1 - y has four digits left; its derivative keeps all of them."""
    mpmath.mp.dps = 50
    net = softmax_network(3, gain=0.0, form="both")
    bias = np.array([27.0, 0.0, -1.0])
    net = net.with_parameters(np.concatenate([net.parameters[:20], bias, np.zeros(15)]))
    t = np.array([[0.2, 0.7, 0.1]])
    n = [mpmath.mpf(float(value)) for value in bias]

    def cost(*n: Any) -> Any:
        a = [mpmath.e**value / mpmath.fsum(mpmath.e**other for other in n) for value in n]
        pairs = list(zip(map(float, t[0]), a, strict=True))
        terms = [-ti * mpmath.log(ai) - (1 - ti) * mpmath.log(1 - ai) for ti, ai in pairs]
        return mpmath.fsum(terms) / 3

    expected = [float(mpmath.diff(cost, n, tuple(int(k == j) for k in range(3)))) for j in range(3)]
    found = net.performance_gradient(np.zeros((1, 3)), t, wrt="parameters", regularization=0.0)[20:23]
    np.testing.assert_allclose(found, expected, rtol=1e-14)


def test_where_an_output_counts_as_gone_to_0_or_1() -> None:
    """The clipped form is flat beyond 2^-52 from 0 and from 1; at that distance it is not."""
    net = softmax_network(1, "logsig", form="both")
    cost = cost_of(net.structure, lay_out(net.structure), None, 0.0, None)
    y = np.array([CLIP / 2, CLIP, 2 * CLIP, 0.5, 1.0 - CLIP, 1.0])[:, None]
    seeds = cost.seeds(np.full((6, 1), 0.25), y, None, [np.log(y) - np.log1p(-np.minimum(y, 1.0 - CLIP))])
    assert (seeds != 0.0).ravel().tolist() == [False, True, True, True, True, False]
    np.testing.assert_allclose(seeds[1:5], (y - 0.25)[1:5] / 6.0, rtol=1e-12)


def test_a_softmax_of_one_element_is_1() -> None:
    net, x = softmax_network(1, form="targets"), np.ones((2, 3))
    assert (net.performance_gradient(x, [[1.0], [1.0]]) == 0.0).all()
    assert net.performance(x, [[1.0], [0.5]]) == np.inf
    assert np.isnan(net.performance_gradient(x, [[1.0], [0.5]])).tolist() == [[False] * 3, [True] * 3]


def test_regularization_may_be_all_or_nothing() -> None:
    net = softmax_network()
    x, t, _ = data(net)
    assert net.performance(x, t, regularization=1) == np.mean(net.parameters**2)
    assert net.performance(x, t, regularization=0) == net.performance(x, t, name="crossentropy", form="targets")


def test_forms_that_nearly_agree_are_told_apart() -> None:
    """At y = 1e-20 one form counts -ln y = 46, the other one 36; where both count the same, none has to be named."""
    net = softmax_network(1, "logsig", gain=0.0, form="")
    for n, told in ((-46.0, True), (-36.1, True), (-35.9, False)):
        parameters = np.zeros_like(net.parameters)
        parameters[-6] = n
        moved = net.with_parameters(parameters)
        x, t = np.zeros((1, 3)), np.ones((1, 1))
        assert moved(x)[0, 0] == pytest.approx(np.exp(n), rel=1e-12)
        if told:
            with pytest.raises(UnsupportedError, match=r"^crossentropy has two forms, which give "):
                moved.performance(x, t, regularization=0.0)
        else:
            assert moved.performance(x, t, regularization=0.0) == pytest.approx(-n, rel=1e-12)
    assert np.isnan(net.performance(np.full((2, 3), np.nan), np.ones((2, 1))))


def test_components_of_an_output_are_no_identity_though_they_keep_lines() -> None:
    """The slope through softmax is not taken past a matrix, here one that leaves equal and evenly spaced rows alone."""
    matrix = np.array([[2.0, -2.0, 1.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
    settings = {"transform": np.linalg.inv(matrix), "inverseTransform": matrix, "xrows": 3, "yrows": 3}
    net = softmax_network(3)
    turned = Output(1, 3, (Process.from_matlab("processpca", settings),))
    net = Network(Structure(net.structure.inputs, net.structure.layers, (turned,), net.structure.performance))
    x = np.random.default_rng(2).normal(size=(40, 3))
    x = x[((net(x) > 0.05) & (net(x) < 0.95)).all(axis=1)][:3]
    assert len(x) == 3
    assert_gradient(net, x, np.full((3, 3), 0.25), "parameters")


def grnn() -> Network:
    """A network whose output far from every centre is 0/0."""
    centres = np.array([[0.0, 0.0], [1.0, 1.0], [2.0, 0.0]])
    first = Layer(3, "radbas", {0: Weight(centres, "dist")}, bias=np.ones(3), net_input="netprod")
    last = Layer(1, "purelin", {}, {0: Weight([[1.0, 2.0, 3.0]], "normprod")})
    return Network(Structure((Input(2),), (first, last), (Output(1, 1),)))


@pytest.mark.parametrize("name", ["mse", "sse", "mae"])
@pytest.mark.parametrize("target", [2.0, np.nan])
def test_a_sample_that_does_not_count_leaves_the_gradient_as_it_is(name: str, target: float) -> None:
    net, x = grnn(), np.array([[0.5, 0.5], [60.0, 60.0]])
    assert np.isnan(net(x[1])).all()
    for wrt in ("inputs", "parameters"):
        found = net.performance_gradient(x, [[1.0], [target]], name=name, wrt=wrt)
        alone = net.performance_gradient(x[:1], [[1.0]], name=name, wrt=wrt)
        assert np.isfinite(alone).all()
        assert (alone != 0.0).any()
        np.testing.assert_array_equal(found, alone if wrt == "parameters" else [*alone, [0.0, 0.0]])


def test_a_step_that_does_not_count_leaves_the_gradient_of_a_series_as_it_is() -> None:
    structure = grnn().structure
    centres = np.hstack([structure.layers[0].input_weights[0].value] * 2)
    first = Layer(3, "radbas", {0: Weight(centres, "dist", (0, 1))}, bias=np.ones(3), net_input="netprod")
    net = Network(Structure(structure.inputs, (first, structure.layers[1]), structure.outputs))
    x = np.array([[0.5, 0.5], [0.7, 0.1], [0.2, 0.2], [60.0, 60.0]])
    y = net.run(x).outputs
    assert np.isfinite(y[:3]).all()
    assert np.isnan(y[3]).all()
    t = np.array([[1.0], [2.0], [1.5], [1.0]])
    for wrt in ("parameters", "inputs"):
        found = net.performance_gradient(x, t, name="mse", wrt=wrt)
        alone = net.performance_gradient(x[:3], t[:3], name="mse", wrt=wrt)
        assert np.isfinite(alone).all()
        np.testing.assert_allclose(found if wrt == "parameters" else found[:3], alone, rtol=1e-14)


def test_an_output_that_is_unknown_leaves_the_gradient_of_the_others_as_it_is() -> None:
    """Two outputs, of which one is 0/0 in one sample: the other one counts there, and alone."""
    structure = grnn().structure
    beside = Layer(1, "tansig", {0: Weight([[0.01, 0.02]])}, bias=[0.1])
    net = Network(Structure(structure.inputs, (*structure.layers, beside), (Output(1, 1), Output(2, 1))))
    x, t = np.array([[0.5, 0.5], [60.0, 60.0], [0.2, 0.1]]), np.array([[1.0, 0.3], [2.0, 0.4], [1.5, 0.1]])
    assert np.isnan(net(x)).tolist() == [[False, False], [True, False], [False, False]]
    for name in ("sse", "mae"):
        for wrt in ("inputs", "parameters"):
            found = net.performance_gradient(x, t, name=name, wrt=wrt)
            assert np.isfinite(found).all()
            start = x if wrt == "inputs" else net.parameters
            for place in np.ndindex(start.shape):
                step = np.zeros_like(start)
                step[place] = STEP
                above, below = (
                    (net if wrt == "inputs" else net.with_parameters(start + sign * step)).performance(
                        start + sign * step if wrt == "inputs" else x, t, name=name
                    )
                    for sign in (1, -1)
                )
                assert found[place] == pytest.approx((above - below) / (2 * STEP), rel=1e-5, abs=1e-7)


def test_a_removed_output_row_leaves_the_gradient_of_the_others_as_it_is() -> None:
    removed = Process.from_matlab("removerows", {"xrows": 2.0, "keep": [2.0], "remove": [1.0]})
    layer = Layer(1, "tansig", {0: Weight([[0.3, -0.2]])}, bias=[0.1])
    net = Network(Structure((Input(2),), (layer,), (Output(0, 2, (removed,)),)))
    alone = Network(Structure((Input(2),), (layer,), (Output(0, 1),)))
    x, t = np.array([[0.5, 0.5], [1.0, -1.0]]), np.array([[1.0, 0.3], [2.0, 0.4]])
    assert np.isnan(net(x)).tolist() == [[True, False], [True, False]]
    for wrt in ("inputs", "parameters"):
        found = net.performance_gradient(x, t, name="mse", wrt=wrt)
        np.testing.assert_allclose(found, alone.performance_gradient(x, t[:, 1:], name="mse", wrt=wrt), rtol=1e-14)


def test_which_unknown_inputs_are_taken_up_by_the_processing() -> None:
    """Those that a fixunknowns replaces, wherever it stands, unless it changes nothing."""
    unknowns = {"known": [1], "unknown": [2], "shift": [0, 0], "xmeans": [9.0, 4.5], "xrows": 2, "yrows": 3}
    minmax = {"xmin": [0.0] * 3, "xmax": [1.0] * 3, "ymin": -1.0, "ymax": 1.0}
    fix, same = (Process.from_matlab("fixunknowns", {**unknowns, "no_change": flag}) for flag in (0, 1))
    scale, no_scale = (Process.from_matlab("mapminmax", {**minmax, "no_change": flag}) for flag in (0, 1))
    two = Process.from_matlab("mapminmax", {**minmax, "xmin": [0.0] * 2, "xmax": [1.0] * 2})
    nan = np.nan
    for processing, kept in (
        ((fix,), [0.0, nan]),
        ((fix, scale), [0.0, nan]),
        ((fix, no_scale), [0.0, nan]),
        ((same,), [0.0, 0.0]),
        ((same, two), [0.0, 0.0]),
        ((two, fix), [nan, nan]),
        ((), [0.0, 0.0]),
    ):
        entry = Input(2, processing)
        layer = Layer(1, "purelin", {0: Weight(np.ones((1, entry.processed_size)))})
        structure = Structure((entry,), (layer,), (Output(0, 1),))
        found = without_unknown_inputs(structure, np.array([[nan, nan], [1.0, nan], [3.0, 4.0]]))
        np.testing.assert_array_equal(found, [kept, [1.0, kept[1]], [3.0, 4.0]])
