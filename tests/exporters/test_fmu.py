"""FMUs in FMPy: validated, simulated, their derivatives compared, their states saved; and what is refused."""

from __future__ import annotations

import ctypes
import re
import shutil
import subprocess
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

import matnet
from exported_networks import disagreement, row_networks, write
from matnet.cli.entry import run
from matnet.errors import FormatError, UnsupportedError
from matnet.exporters.fmu.description import starts
from matnet.exporters.fmu.sources import Compiler, compiler
from matnet.exporters.recording import Options, Recording
from matnet.exporters.save import rendered
from matnet.exporters.target import Job, targets
from matnet.model.provenance import Provenance
from matnet.model.structure import Input, Layer, Output, Process, Structure, Weight
from matnet.network import Network
from matnet.proof.exported import check_written
from random_networks import network
from series_networks import only_feedback

PROJECT = Path(__file__).parent.parent.parent
FIXTURES = PROJECT / "fixtures"
NARX = FIXTURES / "genfunction" / "narx_closed.m"
PUMP = matnet.load(FIXTURES / "pump.mat")
VERSIONS = ["3.0", "2.0"]


@pytest.fixture(autouse=True)
def needs() -> None:
    missing = targets()[".fmu"].missing()
    if missing:
        pytest.skip(f"{missing} is not installed")


@pytest.fixture
def only_sources(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a binary, which takes most of the time."""
    monkeypatch.setenv("CC", "no-such-compiler")


@pytest.fixture(params=VERSIONS)
def fmi(request: pytest.FixtureRequest) -> str:
    found: str = request.param
    return found


class Unit:
    """An FMU in FMPy; the same calls for both versions of FMI."""

    def __init__(self, path: Path) -> None:
        import fmpy

        self.fmpy: Any = fmpy
        self.description: Any = fmpy.read_model_description(str(path))
        self.fmi2 = self.description.fmiVersion == "2.0"
        self.folder = fmpy.extract(str(path))
        variables = self.description.modelVariables
        self.inputs = [entry.valueReference for entry in variables if entry.causality == "input"]
        self.outputs = [entry.valueReference for entry in variables if entry.causality == "output"]
        self.said: list[str] = []
        self.instances: list[Any] = []

    def create(self, exchange: bool = False, token: str | None = None) -> Any:
        from fmpy import fmi2, fmi3

        kinds = (fmi2.FMU2Slave, fmi2.FMU2Model) if self.fmi2 else (fmi3.FMU3Slave, fmi3.FMU3Model)
        identifier = (self.description.coSimulation or self.description.modelExchange).modelIdentifier
        instance = kinds[exchange](
            guid=token or self.description.guid,
            unzipDirectory=self.folder,
            modelIdentifier=identifier,
            instanceName=f"unit {len(self.instances)}",
        )
        if self.fmi2:
            callbacks = fmi2.fmi2CallbackFunctions()
            callbacks.logger = fmi2.fmi2CallbackLoggerTYPE(lambda *said: self.said.append(said[4].decode()))
            instance.instantiate(callbacks=callbacks)
        else:
            instance.instantiate(logMessage=lambda *said: self.said.append(said[3].decode()))
        self.instances.append(instance)
        return instance

    def begin(self, instance: Any, start: float = 0.0) -> Any:
        if self.fmi2:
            instance.setupExperiment(startTime=start)
            instance.enterInitializationMode()
        else:
            instance.enterInitializationMode(startTime=start)
        instance.exitInitializationMode()
        return instance

    def set(self, instance: Any, x: Any, references: list[int] | None = None) -> None:
        call = instance.setReal if self.fmi2 else instance.setFloat64
        call(self.inputs if references is None else references, [float(value) for value in x])

    def get(self, instance: Any, references: list[int] | None = None) -> list[float]:
        call = instance.getReal if self.fmi2 else instance.getFloat64
        found: list[float] = call(self.outputs if references is None else references)
        return found

    def refused(self, call: Callable[[], Any]) -> str:
        """What the FMU says when it refuses a call."""
        from fmpy.fmi1 import FMICallException

        self.said.clear()
        with pytest.raises(FMICallException) as raised:
            call()
        assert raised.value.status == 3
        (message,) = self.said
        return message

    def close(self) -> None:
        for instance in self.instances:
            instance.freeInstance()
        shutil.rmtree(self.folder)


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Callable[..., Unit]]:
    units: list[Unit] = []

    def open_unit(net: Network, fmi: str, **options: Any) -> Unit:
        from fmpy.validation import validate_fmu

        path = tmp_path / f"unit_{len(units)}.fmu"
        matnet.save(net, path, fmi=fmi, **options)
        assert validate_fmu(str(path)) == []
        units.append(Unit(path))
        return units[-1]

    yield open_unit
    for unit in units:
        unit.close()


def dynamic() -> Network:
    """Two inputs, one of them seen at once and late, feedback, and two outputs."""
    rng = np.random.default_rng(3)
    first = Layer(
        3,
        "tansig",
        {0: Weight(rng.normal(size=(3, 4)), delays=(0, 2)), 1: Weight(rng.normal(size=(3, 1)), delays=(1,))},
        {1: Weight(0.5 * rng.normal(size=(3, 2)), delays=(1,))},
        rng.normal(size=3),
    )
    second = Layer(2, "purelin", layer_weights={0: Weight(rng.normal(size=(2, 3)))}, bias=rng.normal(size=2))
    return Network(Structure((Input(2), Input(1)), (first, second), (Output(1, 2),)))


def interface(unit: Unit, kind: str) -> dict[str, str]:
    """The attributes of an interface, as they stand in the file: FMPy does not read all of them."""
    root = ElementTree.parse(Path(unit.folder) / "modelDescription.xml").getroot()
    found = root.find(kind)
    assert found is not None
    return dict(found.attrib)


LEAN = ["several", "transfer_softmax", "nothing_left", "constant", "small_bias"]


def test_rows_and_a_random_seed(fmi: str, tmp_path: Path) -> None:
    """A few networks; every row, random networks and the corpus are in test_files.py."""
    jobs, expected = [], []
    for name in LEAN:
        net = row_networks()[name]
        x = np.random.default_rng(0).normal(size=(5, net.input_size))
        x[-1] = np.nan
        write(net, tmp_path / f"{name}.fmu", Options(fmi=fmi))
        y, jacobian = net.value_and_jacobian(x)
        for function, results in (("value", [y]), ("value_and_jacobian", [y, jacobian])):
            shapes = tuple(result.shape[1:] for result in results)
            jobs.append(Job(tmp_path / f"{name}.fmu", name, function, (x,), shapes))
            expected.append(results)
    for job, got, wanted in zip(jobs, targets()[".fmu"].run(jobs, tmp_path), expected, strict=True):
        assert max(disagreement(*pair) for pair in zip(got, wanted, strict=True)) <= 1e-14, job


@pytest.mark.parametrize("kind", ["ModelExchange", "CoSimulation"])
def test_a_static_network_is_simulated(fmi: str, kind: str, tmp_path: Path) -> None:
    import fmpy

    path = tmp_path / "pump.fmu"
    matnet.save(PUMP, path, fmi=fmi, inputs=["flow", "speed"], outputs=["head"])
    steps = np.linspace(0.0, 1.0, 11)
    signal = np.array(
        [(time, 100 * time, 1500 + 1000 * time) for time in steps],
        dtype=[("time", float), ("flow", float), ("speed", float)],
    )
    result = fmpy.simulate_fmu(
        str(path), fmi_type=kind, stop_time=1.0, output_interval=0.1, input=signal, output=["flow", "speed", "head"]
    )
    assert len(result) >= 11
    x = np.stack([result["flow"], result["speed"]], axis=1)
    assert np.ptp(x, axis=0).min() > 50
    np.testing.assert_allclose(result["head"], PUMP(x)[:, 0], rtol=1e-13)


def test_a_dynamic_network_is_simulated_as_it_runs(fmi: str, tmp_path: Path) -> None:
    """The first number is that before the first step, which the first step gives again."""
    import fmpy

    net, path = dynamic(), tmp_path / "dynamic.fmu"
    matnet.save(net, path, fmi=fmi, step=0.5)
    x = np.random.default_rng(4).normal(size=(12, 3))
    names = ["time", "x1", "x2", "x3"]
    rows = [(0.5 * k, *row) for k, row in enumerate(x)]
    result = fmpy.simulate_fmu(
        str(path), stop_time=6.0, output_interval=0.5, input=np.array(rows, dtype=[(name, float) for name in names])
    )
    y = np.stack([result["y1"], result["y2"]], axis=1)
    expected = net.run(x).outputs
    np.testing.assert_allclose(y[1:], expected, rtol=1e-13, atol=1e-14)
    np.testing.assert_array_equal(y[0], y[1])


@pytest.mark.parametrize("parts", [2, 5, 7])
def test_steps_that_are_shorter_or_longer_than_the_networks(fmi: str, parts: int, opened: Callable[..., Unit]) -> None:
    """The network does its steps at their own times, whatever the size of the calls."""
    net, start = dynamic(), 100.0
    unit = opened(net, fmi, step=0.1)
    x = np.random.default_rng(5).normal(size=(40, 3))
    expected = net.run(x).outputs
    short = unit.begin(unit.create(), start)
    for k in range(40 * parts):
        unit.set(short, x[k // parts])
        short.doStep(start + 0.1 * k / parts, 0.1 / parts)
        np.testing.assert_allclose(unit.get(short), expected[k // parts], rtol=1e-13, atol=1e-14)
    held = np.repeat(x[:8], parts, axis=0)
    expected = net.run(held).outputs
    long = unit.begin(unit.create(), start)
    for k in range(8):
        unit.set(long, x[k])
        long.doStep(start + 0.1 * parts * k, 0.1 * parts)
        np.testing.assert_allclose(unit.get(long), expected[(k + 1) * parts - 1], rtol=1e-13, atol=1e-14)


def test_directional_and_adjoint_derivatives(fmi: str, opened: Callable[..., Unit]) -> None:
    net, rng = row_networks()["several"], np.random.default_rng(6)
    unit = opened(net, fmi)
    for exchange in (True, False):
        instance = unit.begin(unit.create(exchange))
        for _ in range(4):
            x, v, u = rng.normal(size=3), rng.normal(size=3), rng.normal(size=5)
            unit.set(instance, x)
            got = instance.getDirectionalDerivative(unit.outputs, unit.inputs, v.tolist())
            np.testing.assert_allclose(got, net.jvp(x, v), rtol=1e-12, atol=1e-13)
            some, of = [2, 0], [4, 1, 1]
            got = instance.getDirectionalDerivative(
                [unit.outputs[i] for i in of], [unit.inputs[j] for j in some], v[:2].tolist()
            )
            np.testing.assert_allclose(got, net.jacobian(x)[of][:, some] @ v[:2], rtol=1e-12, atol=1e-13)
            if not unit.fmi2:
                got = instance.getAdjointDerivative(unit.outputs, unit.inputs, u.tolist(), 3)
                np.testing.assert_allclose(got, net.vjp(x, u), rtol=1e-12, atol=1e-13)


def test_the_slope_in_saturation(fmi: str, opened: Callable[..., Unit]) -> None:
    for name in ("tansig", "logsig"):
        net = network(Layer(1, name, {0: Weight([[1.0]])}))
        unit = opened(net, fmi)
        instance = unit.begin(unit.create())
        unit.set(instance, [20.0])
        (slope,) = instance.getDirectionalDerivative(unit.outputs, unit.inputs, [1.0])
        assert slope == pytest.approx({"tansig": 4 * np.exp(-40), "logsig": np.exp(-20)}[name], rel=1e-8)
        np.testing.assert_allclose(slope, net.jacobian([20.0])[0, 0], rtol=1e-14)


def test_the_derivative_of_a_step_holds_the_states(fmi: str, opened: Callable[..., Unit]) -> None:
    net = dynamic()
    unit = opened(net, fmi)
    x = np.random.default_rng(7).normal(size=(6, 3))
    total = net.run_jacobian(x)[:, 0]
    instance = unit.begin(unit.create())
    for k, row in enumerate(x):
        unit.set(instance, row)
        instance.doStep(float(k), 1.0)
        columns = [instance.getDirectionalDerivative(unit.outputs, [known], [1.0]) for known in unit.inputs]
        np.testing.assert_allclose(np.transpose(columns), total[k], rtol=1e-12, atol=1e-14)
    assert np.abs(total[:, :, :2]).min() > 0
    assert (total[:, :, 2] == 0).all()


def test_y_follows_the_inputs_in_every_mode(fmi: str, opened: Callable[..., Unit]) -> None:
    unit, points = opened(PUMP, fmi), [[50.0, 2400.0], [10.0, 1500.0], [np.nan, 2000.0], [500.0, 9000.0]]

    def follows(instance: Any) -> None:
        for x in points:
            unit.set(instance, x)
            np.testing.assert_allclose(unit.get(instance), PUMP(x), rtol=1e-14)

    for exchange in (True, False):
        instance = unit.create(exchange)
        middle = [50.0, 2175.0]
        assert unit.get(instance, unit.inputs) == middle
        np.testing.assert_allclose(unit.get(instance), PUMP(middle), rtol=1e-14)
        if unit.fmi2:
            instance.setupExperiment(startTime=2.0)
            instance.enterInitializationMode()
        else:
            instance.enterInitializationMode(startTime=2.0)
            assert unit.get(instance, [0]) == [2.0]
        follows(instance)
        instance.exitInitializationMode()
        follows(instance)
        if exchange:
            instance.enterContinuousTimeMode()
            instance.setTime(2.5)
            follows(instance)
            assert instance.completedIntegratorStep() == (False, False)
            instance.enterEventMode()
        else:
            instance.doStep(2.0, 0.25)
        follows(instance)
        instance.terminate()


def test_y_of_a_dynamic_network_follows_until_the_first_step_and_then_holds(
    fmi: str, opened: Callable[..., Unit]
) -> None:
    net = dynamic()
    unit, points = opened(net, fmi), np.random.default_rng(10).normal(size=(3, 3))
    zeros = np.zeros((2, 3))
    instance = unit.create()
    if unit.fmi2:
        instance.setupExperiment(startTime=0.0)
    instance.enterInitializationMode()
    for k in range(2):
        for x in points:
            unit.set(instance, x)
            np.testing.assert_allclose(unit.get(instance), net.run(x[None], zeros).outputs[0], rtol=1e-13)
        if k == 0:
            instance.exitInitializationMode()
    instance.doStep(0.0, 1.0)
    for x in points:
        unit.set(instance, x)
        np.testing.assert_allclose(unit.get(instance), net.run(points[-1:], zeros).outputs[0], rtol=1e-13)
    instance.doStep(1.0, 1.0)
    np.testing.assert_allclose(unit.get(instance), net.run(points[[-1, -1]]).outputs[1], rtol=1e-13)


def test_states_are_saved_and_restored(fmi: str, opened: Callable[..., Unit]) -> None:
    net = dynamic()
    unit = opened(net, fmi)
    x = np.random.default_rng(8).normal(size=(6, 3))
    expected = net.run(x).outputs

    def steps(instance: Any, first: int, last: int) -> None:
        for k in range(first, last):
            unit.set(instance, x[k])
            instance.doStep(float(k), 1.0)
            np.testing.assert_allclose(unit.get(instance), expected[k], rtol=1e-13, atol=1e-14)

    instance = unit.begin(unit.create())
    steps(instance, 0, 3)
    state = instance.getFMUState()
    stored = instance.serializeFMUState(state)
    steps(instance, 3, 6)
    instance.setFMUState(state)
    np.testing.assert_allclose(unit.get(instance), expected[2], rtol=1e-13)
    steps(instance, 3, 6)
    other = unit.create()  # not even initialized: that is part of the state too
    restored = other.deserializeFMUState(stored)
    other.setFMUState(restored)
    steps(other, 3, 6)
    assert instance.serializeFMUState(restored) == stored
    wrong = "these bytes are no state of this FMU"
    assert unit.refused(lambda: other.deserializeFMUState(stored[:-1])) == wrong
    assert unit.refused(lambda: other.deserializeFMUState(b"x" + stored[1:])) == wrong
    other_net = opened(dynamic().with_parameters(net.parameters * 1.5), fmi)
    third = other_net.create()
    assert other_net.refused(lambda: third.deserializeFMUState(stored)) == wrong
    instance.freeFMUState(state)
    other.freeFMUState(restored)


def test_instances_do_not_disturb_each_other_and_can_be_reset(fmi: str, opened: Callable[..., Unit]) -> None:
    net = dynamic()
    unit = opened(net, fmi)
    x = np.random.default_rng(9).normal(size=(2, 5, 3))
    expected = net.run(x).outputs
    two = [unit.begin(unit.create()) for _ in range(2)]
    for k in range(5):
        for number, instance in enumerate(two):
            unit.set(instance, x[number, k])
            instance.doStep(float(k), 1.0)
        for number, instance in enumerate(two):
            np.testing.assert_allclose(unit.get(instance), expected[number, k], rtol=1e-13, atol=1e-14)
    two[0].reset()
    unit.begin(two[0])
    assert unit.get(two[0], unit.inputs) == [0.0, 0.0, 0.0]
    for k in range(5):
        unit.set(two[0], x[1, k])
        two[0].doStep(float(k), 1.0)
        np.testing.assert_allclose(unit.get(two[0]), expected[1, k], rtol=1e-13, atol=1e-14)
    np.testing.assert_allclose(unit.get(two[1]), expected[1, 4], rtol=1e-13, atol=1e-14)


def test_what_an_instance_refuses(fmi: str, opened: Callable[..., Unit]) -> None:
    unit = opened(PUMP, fmi)
    instance = unit.create()
    assert unit.refused(lambda: instance.doStep(0.0, 1.0)) == (
        "a step is done after the initialization and before the end only"
    )
    unit.begin(instance)
    before = unit.get(instance, unit.inputs)
    assert unit.refused(lambda: unit.set(instance, [1.0, 2.0], [1, 3])) == "this is not an input: value reference 3"
    assert unit.refused(lambda: unit.get(instance, [1, 4])) == "there is no such variable: value reference 4"
    assert unit.get(instance, unit.inputs) == before
    wrong = "derivatives are those of outputs, and this is none: value reference 1"
    assert unit.refused(lambda: instance.getDirectionalDerivative([1], [1], [1.0])) == wrong
    wrong = "this is not an input: value reference 3"
    assert unit.refused(lambda: instance.getDirectionalDerivative([3], [3], [1.0])) == wrong
    integers = instance.getInteger if unit.fmi2 else instance.getInt32
    assert unit.refused(lambda: integers([1])) == "there are no variables of this type"
    for size in (0.0, -1.0, float("nan"), float("inf")):
        wrong = "a step must have a positive size and a finite end"
        assert unit.refused(partial(instance.doStep, 0.0, size)) == wrong
    wrong = "this function is not allowed in the present mode"
    assert unit.refused(lambda: instance.exitInitializationMode()) == wrong
    instance.terminate()
    wrong = "inputs cannot be set after the simulation was terminated"
    assert unit.refused(lambda: unit.set(instance, [1.0, 2.0])) == wrong
    unit.said.clear()
    with pytest.raises(Exception, match="Failed to instantiate"):
        unit.create(token="{another}")
    assert unit.said == ["the model description is not that of this FMU"]


def test_what_a_dynamic_instance_refuses(fmi: str, opened: Callable[..., Unit]) -> None:
    unit = opened(dynamic(), fmi, jacobian=False)
    assert unit.description.modelExchange is None
    with pytest.raises(Exception, match="Failed to instantiate"):
        unit.create(exchange=True)
    assert unit.said == ["the network is dynamic: it supports co-simulation only"]
    instance = unit.begin(unit.create(), 5.0)
    assert unit.refused(lambda: instance.doStep(4.0, 1.0)) == "a step must begin where the last ended"
    instance.doStep(5.0, 1.0)
    assert unit.refused(lambda: instance.doStep(5.0, 1.0)) == "a step must begin where the last ended"
    wrong = "the time is too large for the network's step"
    assert unit.refused(lambda: instance.doStep(6.0, 1e18)) == wrong
    wrong = "this FMU was written without derivatives"
    assert unit.refused(lambda: instance.getDirectionalDerivative(unit.outputs, unit.inputs[:1], [1.0])) == wrong
    told = {value for name, value in interface(unit, "CoSimulation").items() if name.startswith("provides")}
    assert told == {"false"}


@pytest.mark.usefixtures("only_sources")
def test_variables_say_what_the_network_knows(fmi: str, opened: Callable[..., Unit]) -> None:
    names = ['flow <a & "b">', "time"], ["é 网络 'y'"]
    net = PUMP.with_names(*names, units={"time": "rpm", names[1][0]: "m<sup>2</sup>"})
    unit = opened(net, fmi)
    found = [entry for entry in unit.description.modelVariables if entry.causality != "independent"]
    assert [entry.name for entry in found] == [*names[0], *names[1]]
    assert [entry.causality for entry in found] == ["input", "input", "output"]
    assert [entry.unit for entry in found] == [None, "rpm", "m<sup>2</sup>"]
    assert [float(entry.min) for entry in found] == [0.0, 1450.0, net.output_range[0, 0]]
    assert [float(entry.max) for entry in found] == [100.0, 2900.0, net.output_range[0, 1]]
    assert [entry.start and float(entry.start) for entry in found] == [50.0, 2175.0, None]
    for kind in ("ModelExchange", "CoSimulation"):
        given = interface(unit, kind)
        state, plural = ("state", "") if unit.fmi2 else ("State", "s")
        wanted = [f"canGetAndSetFMU{state}", f"canSerializeFMU{state}", f"providesDirectionalDerivative{plural}"]
        wanted += [] if unit.fmi2 else ["providesAdjointDerivatives"]
        assert [given.get(name) for name in wanted] == ["true"] * len(wanted)
    unknown = opened(row_networks()["several"], fmi).description.modelVariables
    assert {(entry.min, entry.max) for entry in unknown} == {(None, None)}


@pytest.mark.parametrize("wrong", [0, 1])
def test_a_wrong_step_is_not_accepted(wrong: int) -> None:
    """The check of an export covers the step and its derivatives."""
    export = rendered(dynamic(), Path("dynamic.fmu"), Options())
    assert check_written(export, "dynamic.fmu").agrees

    def run(jobs: Sequence[Job], folder: Path) -> list[list[Any]]:
        found = export.target.run(jobs, folder)
        found[wrong][1] = found[wrong][1] * 1.01
        return found

    spoilt = check_written(replace(export, target=replace(export.target, run=run)), "dynamic.fmu")
    assert [name for name, size in spoilt.differences.items() if size > spoilt.tolerance] == [
        ("next_states", "dydx")[wrong]
    ]


def test_what_is_checked_of_an_fmu() -> None:
    """y and its derivatives are one computation of a static network; a step gives the next states as well."""
    for net, jacobian, names in (
        (PUMP, True, ["value_and_jacobian"]),
        (PUMP, False, ["value"]),
        (dynamic(), True, ["step", "step_and_jacobian"]),
        (dynamic(), False, ["step"]),
    ):
        found = targets()[".fmu"].checked(Recording(net, "unit", Options(jacobian=jacobian)))
        assert [function.name for function in found] == names


@pytest.mark.usefixtures("only_sources")
def test_only_dynamic_networks_have_a_step_size(fmi: str, opened: Callable[..., Unit]) -> None:
    assert opened(PUMP, fmi).description.defaultExperiment is None
    for step, size in ((None, 1.0), (0.25, 0.25)):
        unit = opened(dynamic(), fmi, step=step)
        assert float(unit.description.defaultExperiment.stepSize) == size
        assert {entry.variability for entry in unit.description.modelVariables if entry.causality == "output"} == {
            "discrete"
        }


def test_the_same_network_gives_the_same_bytes(fmi: str, tmp_path: Path) -> None:
    def token(path: Path) -> str:
        text = zipfile.ZipFile(path).read("modelDescription.xml").decode()
        found = re.search(r'(?:instantiationToken|guid)="(\{[0-9a-f-]{36}\})"', text)
        assert found is not None
        return found[1]

    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        matnet.save(PUMP, tmp_path / folder / "pump.fmu", fmi=fmi)
    one, two = (tmp_path / folder / "pump.fmu" for folder in ("one", "two"))
    assert one.read_bytes() == two.read_bytes()
    matnet.save(PUMP.with_parameters(PUMP.parameters * 1.01), two, fmi=fmi)
    assert token(one) != token(two)
    matnet.save(PUMP, two, fmi=fmi, inputs=["flow", "speed"])
    assert token(one) != token(two)


def test_the_files_inside(fmi: str, tmp_path: Path) -> None:
    import fmpy

    matnet.save(PUMP, tmp_path / "pump.fmu", fmi=fmi)
    members = zipfile.ZipFile(tmp_path / "pump.fmu").namelist()
    units = ["network.c", "network.h", "instance.h", f"fmi{fmi[0]}.c"]
    build = ["sources/buildDescription.xml"] if fmi == "3.0" else []
    folder = fmpy.platform_tuple if fmi == "3.0" else fmpy.platform
    binary = f"binaries/{folder}/pump{fmpy.sharedLibraryExtension}"
    assert sorted(members) == sorted(["modelDescription.xml", *build, binary, *(f"sources/{unit}" for unit in units)])


@pytest.mark.usefixtures("only_sources")
@pytest.mark.parametrize("net", [PUMP, dynamic(), row_networks()["constant"]], ids=["static", "dynamic", "constant"])
def test_the_sources_compile_without_a_warning(fmi: str, net: Network, tmp_path: Path) -> None:
    if shutil.which("gcc") is None:
        pytest.skip("gcc is not installed")
    for jacobian in (True, False):
        matnet.save(net, tmp_path / "unit.fmu", fmi=fmi, jacobian=jacobian)
        with zipfile.ZipFile(tmp_path / "unit.fmu") as archive:
            archive.extractall(tmp_path)
        flags = ["-std=c99", "-O2", "-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Werror"]
        prefix = [f"-DFMI{fmi[0]}_FUNCTION_PREFIX=unit_", "-c"]
        command = ["gcc", *flags, *prefix, f"fmi{fmi[0]}.c", "network.c"]
        done = subprocess.run(command, cwd=tmp_path / "sources", capture_output=True, text=True, check=False)
        assert done.stderr == ""
        command = ["nm", "-g", "--defined-only", f"fmi{fmi[0]}.o", "network.o"]
        listed = subprocess.run(command, cwd=tmp_path / "sources", capture_output=True, text=True, check=True).stdout
        symbols = re.findall(r"^[0-9a-f]+ \w (\w+)$", listed, flags=re.MULTILINE)
        assert f"unit_fmi{fmi[0]}DoStep" in symbols
        assert [name for name in symbols if not name.startswith("unit_")] == []


def test_the_functions_that_the_standard_names(fmi: str, tmp_path: Path) -> None:
    """Every function that FMPy can call is there."""
    import fmpy

    matnet.save(PUMP, tmp_path / "pump.fmu", fmi=fmi)
    folder = fmpy.extract(str(tmp_path / "pump.fmu"), str(tmp_path / "unit"))
    (library,) = Path(folder).glob("binaries/*/*")
    loaded = ctypes.CDLL(str(library))
    module = Path(fmpy.__file__).with_name(f"fmi{fmi[0]}.py").read_text(encoding="utf-8")
    names = set(re.findall(rf'_call\(\s*"(fmi{fmi[0]}\w+)"', module))
    assert len(names) > 40
    assert [name for name in sorted(names) if not hasattr(loaded, name)] == []


@pytest.mark.usefixtures("only_sources")
def test_without_a_compiler_there_is_source_code(fmi: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place = tmp_path / "pump.fmu"
    assert run(["convert", str(FIXTURES / "pump.mat"), str(place), "--fmi", fmi]) == 0
    out, err = capsys.readouterr()
    reason = "the variable CC names 'no-such-compiler', which is not there"
    assert out == f"{place}: written; not run, as a C compiler is not installed\n"
    assert err == f"matnet: note: {place}: the FMU contains source code only, as {reason}\n"
    assert not [name for name in zipfile.ZipFile(place).namelist() if name.startswith("binaries")]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Implicitly cleaning up:ResourceWarning")  # FMPy's own folder
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.usefixtures("only_sources")
def test_another_tool_compiles_the_source_code(fmi: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if shutil.which("cmake") is None:
        pytest.skip("cmake is not installed")
    import fmpy
    from fmpy.build import build_platform_binary

    matnet.save(PUMP, tmp_path / "pump.fmu", fmi=fmi)
    monkeypatch.delenv("CC")
    folder = fmpy.extract(str(tmp_path / "pump.fmu"), str(tmp_path / "unit"))
    build_platform_binary(folder, cmake_options={"CMAKE_SHARED_LINKER_FLAGS:STRING": "-lm"})
    result = fmpy.simulate_fmu(folder, stop_time=1.0, start_values={"x1": 50.0, "x2": 2400.0})
    np.testing.assert_allclose(result["y1"], PUMP([50.0, 2400.0])[0], rtol=1e-13)


def test_a_compiler_that_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = tmp_path / "mycc"
    script.write_text(
        f'#!/bin/sh\ncase "$*" in *-dM*) exec {shutil.which("cc")} "$@";; esac\necho broken >&2\nexit 7\n'
    )
    script.chmod(0o755)
    monkeypatch.setenv("CC", str(script))
    with pytest.raises(FormatError) as raised:
        matnet.save(PUMP, tmp_path / "pump.fmu")
    assert str(raised.value) == f"{tmp_path / 'pump.fmu'}: {script} fails (7): broken"
    assert not (tmp_path / "pump.fmu").exists()


def test_what_a_compiler_says_is_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = tmp_path / "mycc"
    failing = "printf 'x%.0s' $(seq 2500) >&2; exit 7\n"
    script.write_text(f'#!/bin/sh\ncase "$*" in *-dM*) exec {shutil.which("cc")} "$@";; esac\n{failing}')
    script.chmod(0o755)
    monkeypatch.setenv("CC", str(script))
    with pytest.raises(FormatError) as raised:
        matnet.save(PUMP, tmp_path / "pump.fmu")
    assert str(raised.value) == f"{tmp_path / 'pump.fmu'}: {script} fails (7): {'x' * 2000}"
    script.write_text(f"#!/bin/sh\ncat > /dev/null\n{failing}")
    monkeypatch.setenv("CC", f"{script} -m32")
    assert compiler() == Compiler(reason=f"the C compiler {script} -m32 does not work: {'x' * 300}")


@pytest.mark.parametrize(
    ("net", "options", "message"),
    [
        (PUMP, {"fmi": "1.0"}, "fmi is '1.0', expected 3.0 or 2.0"),
        (PUMP, {"step": 0.5}, "step: the network is static and has no steps; leave it out"),
        (dynamic(), {"step": 0.0}, "step is 0.0, expected a positive number"),
        (dynamic(), {"step": float("nan")}, "step is nan, expected a positive number"),
        (
            PUMP,
            {"inputs": ["a", "b"], "outputs": ["b"]},
            "an input and an output are both called 'b', and the variables of an FMU need different names; "
            "give others with inputs and outputs",
        ),
        (
            row_networks()["several"],
            {"inputs": ["a", "b", "c"], "outputs": ["c", "d", "b", "e", "f"]},
            "an input and an output are both called 'b', and the variables of an FMU need different names; "
            "give others with inputs and outputs",
        ),
        (dynamic(), {"step": float("inf")}, "step is inf, expected a positive number"),
    ],
)
def test_refused(net: Network, options: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(UnsupportedError) as raised:
        matnet.save(net, tmp_path / "a.fmu", **options)
    assert str(raised.value) == f"{tmp_path / 'a.fmu'}: {message}"
    assert list(tmp_path.iterdir()) == []


def test_the_derivative_of_compet_in_a_step(tmp_path: Path) -> None:
    layer = Layer(2, "compet", {0: Weight(np.ones((2, 2)), delays=(0, 1))})
    net = Network(Structure((Input(1),), (layer,), (Output(0, 2),)))
    with pytest.raises(UnsupportedError, match="passes through compet"):
        matnet.save(net, tmp_path / "a.fmu")
    matnet.save(net, tmp_path / "a.fmu", jacobian=False)


def test_the_command_line(fmi: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place = tmp_path / "narx-1.fmu"
    assert run(["convert", str(NARX), str(place), "--fmi", fmi, "--step", "0.1"]) == 0
    out, err = capsys.readouterr()
    size = r"\d[\d.e-]* in"
    assert re.fullmatch(
        rf"{re.escape(str(place))}: written; run by FMPy at 101 points; largest difference, of the range: "
        rf"{size} y, {size} the next states, {size} dy/dx\n",
        out,
    )
    assert "the function is called narx_1" in err
    assert b'stepSize="0.1"' in zipfile.ZipFile(place).read("modelDescription.xml")
    assert run(["convert", str(FIXTURES / "pump.mat"), str(place), "--inputs", "a,b", "--outputs", "a"]) == 2
    assert capsys.readouterr().err == (
        f"matnet: {place}: an input and an output are both called 'a', and the variables of an FMU need different "
        "names; give others with --inputs and --outputs\n"
    )
    assert run(["convert", str(FIXTURES / "pump.mat"), str(place), "--step", "0.1"]) == 2
    assert capsys.readouterr().err == f"matnet: {place}: --step: the network is static and has no steps; leave it out\n"


def test_a_removed_input_moves_nothing(fmi: str, opened: Callable[..., Unit]) -> None:
    """A constant input that the processing removes is a variable all the same, of derivative 0."""
    removed = Process.from_matlab(
        "removeconstantrows", {"keep": [1], "remove": [2], "constants": [3.0], "xrows": 2, "yrows": 1}
    )
    layer = Layer(1, "tansig", {0: Weight([[0.5]])}, bias=[0.25])
    net = Network(Structure((Input(2, (removed,)),), (layer,), (Output(0, 1),)))
    unit = opened(net, fmi)
    instance = unit.begin(unit.create())
    unit.set(instance, [0.5, 8.0])
    slopes = [instance.getDirectionalDerivative(unit.outputs, [known], [1.0])[0] for known in unit.inputs]
    np.testing.assert_allclose(slopes, net.jacobian([0.5, 8.0])[0], rtol=1e-14)


MIXED = Network(
    Structure(
        (Input(3, range=np.array([[-4.0, 10.0], [2.5, 2.5], [np.nan, np.nan]])),),
        (Layer(1, "purelin", {0: Weight([[1.0, 2.0, 3.0]])}),),
        (Output(0, 1, range=np.array([[-1.0, np.inf]])),),
    ),
    Provenance(file="plant.mat", path="nets{2}"),
)
"""Inputs with a range, with a single value and without; an output of which only one limit is known."""


def described(path: Path) -> dict[str, list[dict[str, str]]]:
    """The attributes of all elements of a model description, by their names."""
    found: dict[str, list[dict[str, str]]] = {}
    for element in ElementTree.fromstring(zipfile.ZipFile(path).read("modelDescription.xml")).iter():
        found.setdefault(element.tag, []).append(dict(element.attrib))
    return found


@pytest.mark.usefixtures("only_sources")
def test_the_whole_description(fmi: str, tmp_path: Path) -> None:
    path = tmp_path / "plant.fmu"
    net = MIXED.with_names(["flow", "time", "time_0"], ["head"], units={"time": "s", "head": "m"})
    matnet.save(net, path, fmi=fmi)
    found = described(path)
    (root,) = found["fmiModelDescription"]
    assert re.fullmatch(
        r"\{[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\}", root.pop("guid", "") or root.pop("instantiationToken")
    )
    events = {"numberOfEventIndicators": "0"} if fmi == "2.0" else {}
    assert root == {
        "fmiVersion": fmi,
        "modelName": "plant",
        "description": "network: nets{2}; file: plant.mat",
        "generationTool": "matnet",
        "variableNamingConvention": "flat",
        **events,
    }
    assert found["Unit"] == [{"name": "s"}, {"name": "m"}]
    assert "DefaultExperiment" not in found
    shared = {"variability": "continuous"}
    variables = [
        {"name": "flow", "valueReference": "1", "causality": "input", **shared},
        {"name": "time", "valueReference": "2", "causality": "input", **shared},
        {"name": "time_0", "valueReference": "3", "causality": "input", **shared},
        {"name": "head", "valueReference": "4", "causality": "output", **shared},
    ]
    numbers = [
        {"min": "-4.0", "max": "10.0", "start": "3.0"},
        {"unit": "s", "min": "2.5", "max": "2.5", "start": "2.5"},
        {"start": "0.0"},
        {"unit": "m"},
    ]
    if fmi == "2.0":
        assert found["ScalarVariable"] == variables
        assert found["Real"] == numbers
        # of the outputs, and of what is unknown at the beginning
        assert found["Unknown"] == [{"index": "4"}, {"index": "4"}]
        assert found["File"] == [{"name": "fmi2.c"}, {"name": "network.c"}] * 2
    else:
        time = {"name": "time_1", "valueReference": "0", "causality": "independent", **shared}
        assert found["Float64"] == [time, *(name | more for name, more in zip(variables, numbers, strict=True))]
        assert found["Output"] == found["InitialUnknown"] == [{"valueReference": "4"}]
        build = ElementTree.fromstring(zipfile.ZipFile(path).read("sources/buildDescription.xml"))
        assert [file.get("name") for file in build.iter("SourceFile")] == ["fmi3.c", "network.c"]
    matnet.save(net, path)
    assert described(path)["fmiModelDescription"][0]["fmiVersion"] == "3.0"
    # without a file nothing is said of one
    matnet.save(Network(MIXED.structure), path, fmi=fmi)
    assert "description" not in described(path)["fmiModelDescription"][0]
    matnet.save(dynamic(), path, fmi=fmi, step=0.25)
    found = described(path)
    assert found["DefaultExperiment"] == [{"stepSize": "0.25"}]
    told = [entry["variability"] for entry in found["ScalarVariable" if fmi == "2.0" else "Float64"]]
    assert told[-5:] == ["continuous"] * 3 + ["discrete"] * 2


@pytest.mark.usefixtures("only_sources")
def test_what_the_code_of_an_fmu_knows_of_its_network(fmi: str, tmp_path: Path) -> None:
    def defined(net: Network, **options: Any) -> tuple[dict[str, str], list[float]]:
        matnet.save(net, tmp_path / "a.fmu", fmi=fmi, **options)
        text = zipfile.ZipFile(tmp_path / "a.fmu").read("sources/network.h").decode()
        start = re.search(r"static const double network_start\[(\d+)\] = \{(.*?)\};", text, flags=re.DOTALL)
        assert start is not None
        numbers = [float(number) for number in start[2].split(",")]
        assert len(numbers) == int(start[1])
        return dict(re.findall(r"#define ([A-Z]+) (\S+)$", text, flags=re.MULTILINE)), numbers

    found, start = defined(MIXED)
    del found["TOKEN"]
    assert found == {"INPUTS": "3u", "OUTPUTS": "1u", "STATES": "0u", "DYNAMIC": "0", "STEP": "1.0", "DERIVATIVES": "1"}
    assert start == [3.0, 2.5, 0.0]
    assert defined(MIXED, jacobian=False)[0]["DERIVATIVES"] == "0"
    # three inputs two steps back, and five outputs of layers one step back
    found, start = defined(dynamic(), step=0.125)
    del found["TOKEN"]
    assert found == {
        "INPUTS": "3u",
        "OUTPUTS": "2u",
        "STATES": "11u",
        "DYNAMIC": "1",
        "STEP": "0.125",
        "DERIVATIVES": "1",
    }
    assert start == [0.0, 0.0, 0.0]
    # C has no arrays of length 0
    assert defined(only_feedback())[1] == [0.0]


@pytest.mark.parametrize(
    ("low", "high", "start"),
    [
        (-4.0, 10.0, 3.0),
        (2.0, 2.0, 2.0),
        (1e308, 1.6e308, 1.3e308),
        (5e-324, 5e-324, 5e-324),
        (-np.inf, 3.0, 0.0),
        (3.0, np.inf, 0.0),
        (np.nan, 3.0, 0.0),
        (5.0, 4.0, 0.0),
    ],
)
def test_an_input_starts_in_the_middle_of_its_range(low: float, high: float, start: float) -> None:
    assert starts(np.array([[low, high]])) == [pytest.approx(start, rel=1e-15)]


def test_members_have_no_times_of_their_own_and_a_library_can_be_run(fmi: str, tmp_path: Path) -> None:
    matnet.save(PUMP, tmp_path / "pump.fmu", fmi=fmi)
    for entry in zipfile.ZipFile(tmp_path / "pump.fmu").infolist():
        assert entry.date_time == (1980, 1, 1, 0, 0, 0)
        assert entry.external_attr >> 16 == (0o755 if entry.filename.startswith("binaries/") else 0o644)


@pytest.mark.parametrize(
    ("macros", "folders", "suffix"),
    [
        ("__aarch64__ __APPLE__", ("aarch64-darwin", "darwin64"), "dylib"),
        ("__x86_64__ __linux__", ("x86_64-linux", "linux64"), "so"),
        ("__i386__ __linux__", ("x86-linux", "linux32"), "so"),
        ("__x86_64__ _WIN64", None, ""),
        ("__riscv __linux__", None, ""),
    ],
)
def test_the_machine_is_the_compilers(
    macros: str, folders: tuple[str, str] | None, suffix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = tmp_path / "cross"
    lines = "".join(f"echo '#define {macro} 1'\n" for macro in ("__STDC__", *macros.split()))
    script.write_text(f"#!/bin/sh\ncat > /dev/null\necho\n{lines}")
    script.chmod(0o755)
    monkeypatch.setenv("CC", str(script))
    found = compiler()
    if folders is None:
        assert found == Compiler(reason=f"{script} builds for a system other than Linux or macOS")
    else:
        assert (found.folder("3.0"), found.folder("2.0")) == folders
        assert (found.suffix, found.reason, found.command) == (suffix, "", (str(script),))
    script.write_text("#!/bin/sh\ncat > /dev/null\necho no licence >&2\nexit 9\n")
    monkeypatch.setenv("CC", f"{script} -m32")
    assert compiler() == Compiler(reason=f"the C compiler {script} -m32 does not work: no licence")
