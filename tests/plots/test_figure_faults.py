"""Every kind of figure of very different networks: nothing is cut, nothing runs into something else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

import matnet
from figure_faults import faults
from matnet.errors import ShapeError
from matnet.importers.arrays import read_array
from matnet.importers.training_record import read_training_record
from matnet.model.structure import Input, Layer, Output, Structure, Weight
from matnet.network import Network
from matnet.plots import style
from matnet.plots.figures import KINDS, Request, draw

if TYPE_CHECKING:
    from matplotlib.figure import Figure

pytestmark = pytest.mark.usefixtures("figures")

FIXTURES = Path(__file__).parent.parent.parent / "fixtures"


def chemical(corpus: Path) -> Request:
    file = corpus / "static_chemical_workspace.mat"
    record = read_training_record(file)
    x, t = read_array(file, "x").T, read_array(file, "t").T
    return Request(matnet.load(file), x, t, sets=record.members, record=record)


def pump_with_nan(corpus: Path) -> Request:
    file = corpus / "static_pump_nan_samples.mat"
    x = read_array(file, "Input_Training")
    x = x if x.shape[1] == 16 else x.T
    record = read_training_record(file)
    return Request(matnet.load(file), x, read_array(file, "Output_Training").reshape(-1, 1), record=record)


def softmax(corpus: Path) -> Request:
    file = corpus / "static_softmax_workspace.mat"
    return Request(matnet.load(file), read_array(file, "input").T, read_array(file, "target").T)


def many_inputs(corpus: Path) -> Request:
    file = corpus / "static_logsig_256_inputs.mat"
    (net,) = [net for net in matnet.load_all(file).values() if net.input_size == 256 and net.output_size == 10][:1]
    return Request(net, read_array(file, "P2").T[:200], read_array(file, "matrizTargetOutputs").T[:200])


def with_samples(net: Network, count: int = 200) -> Request:
    """Samples over the known ranges, and targets a little beside the outputs."""
    rng = np.random.default_rng(0)
    low, high = np.where(np.isfinite(net.input_range), net.input_range, [-1.0, 1.0]).T
    x = low + (high - low) * rng.random((count, net.input_size))
    states = np.zeros((net.structure.input_delay, net.input_size))
    y = net.run(x, input_states=states).outputs if net.dynamic else np.asarray(net(x))
    return Request(net, x, y + 0.1 * np.nanstd(y, axis=0) * rng.normal(size=y.shape))


def long_names(corpus: Path) -> Request:
    """A network whose inputs and outputs have the longest names and numbers of many digits."""
    rng = np.random.default_rng(2)
    hidden = Layer(6, "tansig", {0: Weight(rng.normal(size=(6, 9)) * 1e-5)}, bias=rng.normal(size=6))
    linear = Layer(3, "purelin", layer_weights={0: Weight(rng.normal(size=(3, 6)) * 1e6)}, bias=np.zeros(3))
    inputs = Input(9, range=np.tile([123456.0, 123457.5], (9, 1)))
    net = Network(Structure((inputs,), (hidden, linear), (Output(1, 3, range=np.tile([-2e6, 3e6], (3, 1))),)))
    names = [f"temperature of the inlet {number} [degrees Celsius]" for number in range(9)]
    made = with_samples(net)
    outputs = [f"concentration at outlet {number} [kg/(m³ s)]" for number in range(3)]
    return Request(net, made.x, made.t, inputs=names, outputs=outputs, title="A title that is very long " * 6)


CASES: dict[str, Callable[[Path], Request]] = {
    "static_chemical_workspace": chemical,
    "static_pump_nan_samples": pump_with_nan,
    "static_softmax_workspace": softmax,
    "static_logsig_256_inputs": many_inputs,
    "rbf_newrb": lambda corpus: with_samples(matnet.load(corpus / "rbf_newrb.mat")),
    "rbf_pnn": lambda corpus: with_samples(matnet.load(corpus / "rbf_pnn.mat")),
    "dynamic_narx_open": lambda corpus: with_samples(matnet.load(corpus / "dynamic_narx_open.mat")),
    "cascade": lambda corpus: with_samples(matnet.load(FIXTURES / "cascade.mat")),
    "long names": long_names,
}
MEANINGLESS = (
    "is a plot of dynamic networks",
    "this network is dynamic",
    "the targets are not classes",
    "needs a training record",
    "is a step function",
    "this plot shows images",
)


def drawn_or_refused(kind: str, request: Request) -> Figure | None:
    """The figure, None where it is refused because the network is of another kind or its data are others."""
    try:
        return draw(kind, request)
    except ShapeError as error:
        if any(reason in str(error) for reason in MEANINGLESS):
            return None
        raise


SLOW = ("static_pump_nan_samples", "static_softmax_workspace", "static_logsig_256_inputs")


@pytest.mark.parametrize(
    "case", [pytest.param(case, marks=pytest.mark.slow) if case in SLOW else case for case in CASES]
)
def test_nothing_is_cut_or_overlaps(case: str, corpus: Path) -> None:
    """Each kind of figure of the network is drawn without a fault, or refused because it would mean nothing."""
    request = CASES[case](corpus)
    drawn = []
    for kind in KINDS:
        made = drawn_or_refused(kind, request)
        if made is not None:
            drawn.append(kind)
            assert faults(made) == [], kind
    assert len(drawn) >= 5


def test_a_title_that_is_cut_is_found() -> None:
    made = style.figure(2.0, 2.0)
    ax = made.add_subplot()
    ax.set_axis_off()
    ax.set_title("a title that is much longer than its figure is wide")
    assert faults(made) == ["cut: 'a title that is much longer than its figure is wide'"]


def test_tick_labels_that_run_into_each_other_are_found() -> None:
    made = style.figure(2.0, 2.0)
    ax = made.add_subplot()
    ax.set_xticks([0.0, 0.1], ["first long label", "second long label"])
    ax.set_xlim(-1.0, 1.0)
    assert [fault.split(":")[0] for fault in faults(made)] == ["run into each other"]


def test_a_label_on_a_point_is_found() -> None:
    made = style.figure(3.0, 3.0)
    ax = made.add_subplot()
    ax.scatter([0.0, 1.0], [0.0, 1.0])
    ax.annotate("label", (0.0, 0.0), xytext=(1.0, 1.0), ha="center", va="center")
    assert [fault.split(":")[0] for fault in faults(made)] == ["on a point"]


def test_a_legend_over_the_title_is_found() -> None:
    made = style.figure(3.0, 3.0)
    ax = made.add_subplot()
    ax.plot([0.0, 1.0], label="a curve of the figure")
    ax.set_title("a title of the figure")
    ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), borderaxespad=0.2)
    assert "run into each other" in {fault.split(":")[0] for fault in faults(made)}
