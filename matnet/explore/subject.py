"""The data for the page's script: names, ranges, rows of the table, classes, and code that computes the same point."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matnet.derivatives.time import flat_states
from matnet.errors import counted
from matnet.exporters.recording import only_chooses
from matnet.functions.namespace import FloatArray
from matnet.model.points import input_box, points_in
from matnet.network import Network
from matnet.plots.classes import FEWEST_CLASSIFIED, are_classes
from matnet.plots.sensitivities import stepwise_layers
from matnet.sensitivity.lags import lag_widths
from matnet.sensitivity.measures import quantiles
from matnet.sensitivity.samples import matrix, outputs_of, samples, series
from matnet.sensitivity.widths import Widths

MOST_CELLS = 6_000
"""Numbers of the table that the page holds; of a longer table every k-th row is taken, of a series the first steps."""

_BEYOND = 0.2
"""How far a slider extends beyond each end of the range, as a fraction of its width."""

_POINTS = 500
_STEPS, _LAGS = 40, 50
"""Steps of a series where none is given, and the longest lag."""

_SCORES = frozenset({"softmax", "compet"})
"""Transfer functions of an output layer whose largest element is the class."""


@dataclass(frozen=True)
class Address:
    """How a reader opens the same network: the file's name, and the network's path if it must be named."""

    file: str
    network: str | None = None


@dataclass(frozen=True, eq=False)
class Subject:
    """A network with its samples, for a page.

    Parameters
    ----------
    net
        The network.
    x, t
        Samples (N, R) and targets (N, S), raw scale; for a dynamic network a series. None where there are none.
    inputs, outputs
        Names; by default the network's own.
    table
        The name of the samples.
    address
        How to open the network again; None if the file alone does not give it.
    states
        What came before the series of a dynamic network, as arguments of ``Network.run``; zeros if there are none.
    first_step
        The number of the first step of a series.
    """

    net: Network
    x: FloatArray | None = None
    t: FloatArray | None = None
    inputs: Sequence[str] | None = None
    outputs: Sequence[str] | None = None
    table: str = ""
    address: Address | None = None
    states: Mapping[str, Any] = field(default_factory=dict)
    first_step: int = 1

    @property
    def input_names(self) -> tuple[str, ...]:
        """The names of the inputs."""
        return tuple(self.inputs or self.net.evaluation.inputs.names)

    @property
    def output_names(self) -> tuple[str, ...]:
        """The names of the outputs."""
        return tuple(self.outputs or self.net.evaluation.outputs.names)

    @property
    def names(self) -> dict[str, Any]:
        """The names of inputs and outputs, as arguments of plots."""
        return {"inputs": self.input_names, "outputs": self.output_names}

    @property
    def title(self) -> str:
        """The title of the page: the network's name, else its variable in its file."""
        provenance = self.net.provenance
        if self.net.name and self.net.name != provenance.path:
            return self.net.name
        return (
            f"{provenance.file}: {provenance.path}"
            if provenance.file and provenance.path
            else self.net.name or "network"
        )

    @cached_property
    def data(self) -> dict[str, Any]:
        """Everything in JSON's types; numbers that are not finite remain, in JavaScript's notation."""
        return {
            "inputs": self._inputs(),
            "outputs": self._outputs(),
            "rows": self._rows(),
            "classes": self._classes(),
            "flat": self._flat(),
            "guessed": self._guessed(),
            "call": self._call(),
            "series": self._series() if self.net.dynamic else None,
        }

    @cached_property
    def _table(self) -> FloatArray | None:
        """The samples, or the series; None if there are none."""
        if self.x is None or not len(self.x):
            return None
        return series(self.net, self.x) if self.net.dynamic else samples(self.net, self.x)

    @cached_property
    def _targets(self) -> FloatArray | None:
        return None if self.t is None else matrix(self.t, outputs_of(self.net), "t")

    @cached_property
    def _box(self) -> FloatArray:
        """(R, 2): the range of each input if it is known, else that of the table, else the range from which points are
        taken."""
        box, known = input_box(self.net.structure), self.net.input_extent.known
        if self._table is None:
            return box
        return np.asarray(np.where((~known & self._varied)[:, None], self._ends, box))

    @property
    def _varied(self) -> NDArray[np.bool_]:
        """(R,): whether the table gives an input a range."""
        return np.asarray(self._ends[:, 0] < self._ends[:, 1])

    @cached_property
    def _ends(self) -> FloatArray:
        """(R, 2): the smallest and the largest finite number of each column of the table, NaN where there is none."""
        assert self._table is not None
        finite = np.where(np.isfinite(self._table), self._table, np.nan)
        return np.asarray(quantiles(finite, (0.0, 1.0)).T)

    @cached_property
    def _sliders(self) -> FloatArray:
        """(R, 2): the ends of the sliders: beyond the range, and as far as the table goes."""
        low, high = self._box.T
        pad = _BEYOND * (high - low)
        low, high = low - pad, high + pad
        if self._table is not None:
            low, high = np.fmin(low, self._ends[:, 0]), np.fmax(high, self._ends[:, 1])
        return np.stack([low, high], axis=1)

    @cached_property
    def _start(self) -> FloatArray:
        """(R,): the median of the table, else about the middle of the range, a number with few digits."""
        low, high = self._box.T
        middle = np.asarray([_short((a + b) / 2.0, b - a) for a, b in zip(low.tolist(), high.tolist(), strict=True)])
        if self._table is None:
            return middle
        median = quantiles(np.where(np.isfinite(self._table), self._table, np.nan), (0.5,))[0]
        return np.asarray(np.where(np.isfinite(median), median, middle))

    @cached_property
    def _widths(self) -> Widths:
        """The ranges by which derivatives are scaled; NaN where only a guess is known."""
        widths = Widths.of(self.net)
        if self.net.dynamic:
            return lag_widths(self.net, self._steps, **self.states) if self.net.input_size else widths
        if self._table is not None:
            widths.add(self._table, np.asarray(self.net(self._table)))
        elif self.net.input_size and self.net.input_extent.known.all():
            points = points_in(self._box, _POINTS)
            widths.add(points, np.asarray(self.net(points)))
        return widths

    def _inputs(self) -> list[dict[str, Any]]:
        limits, known = self.net.input_extent.limits, self.net.input_extent.known
        return [
            {
                "name": name,
                "unit": unit,
                "low": float(limits[j, 0]) if known[j] else None,
                "high": float(limits[j, 1]) if known[j] else None,
                "from": float(self._sliders[j, 0]),
                "to": float(self._sliders[j, 1]),
                "start": float(self._start[j]),
                "width": _width(self._widths.inputs[j]),
            }
            for j, (name, unit) in enumerate(zip(self.input_names, self.net.input_units, strict=True))
        ]

    def _outputs(self) -> list[dict[str, Any]]:
        return [
            {"name": name, "unit": unit, "width": _width(self._widths.outputs[i])}
            for i, (name, unit) in enumerate(zip(self.output_names, self.net.output_units, strict=True))
        ]

    def _rows(self) -> dict[str, Any] | None:
        if self._table is None or self.net.dynamic:
            return None
        x = self._table
        cells = x.size + (0 if self._targets is None else self._targets.size)
        step = max(1, -(-cells // MOST_CELLS))
        return {
            "of": self.table or "the table",
            "count": len(x),
            "numbers": list(range(1, len(x) + 1, step)),
            "x": x[::step].tolist(),
            "t": None if self._targets is None else self._targets[::step].tolist(),
        }

    @cached_property
    def _steps(self) -> FloatArray:
        """The series of a dynamic network, or its first steps; without one the inputs stay as they are."""
        x = np.tile(self._start, (_STEPS, 1)) if self._table is None else self._table
        return x[: max(1, MOST_CELLS // max(1, x.shape[1]))]

    @property
    def _before(self) -> FloatArray:
        """The states before the series, as one vector."""
        structure = self.net.structure
        sizes = {
            "input_states": (structure.input_delay, structure.input_size),
            "layer_states": (structure.layer_delay, structure.layer_elements),
        }
        inputs, layers = (np.asarray(self.states.get(name, np.zeros(size))) for name, size in sizes.items())
        return flat_states(inputs, layers)

    def _series(self) -> dict[str, Any]:
        x = self._steps
        return {
            "x": x.tolist(),
            "t": None if self._targets is None else self._targets[: len(x)].tolist(),
            "lags": min(_LAGS, len(x) - 1),
            "states": self._before.tolist(),
            "start": "given states" if self.states else "zero states",
            "first": self.first_step,
            "count": 0 if self._table is None else len(self._table),
        }

    def _classes(self) -> dict[str, Any] | None:
        """Whether the outputs are scores of classes, and between which values; of a single output the two classes."""
        net, t = self.net, self._targets
        if net.dynamic:
            return None
        classified = t is not None and len(t) >= FEWEST_CLASSIFIED and are_classes(t)
        if net.output_size > 1:
            last = {net.structure.layers[output.layer].transfer for output in net.structure.outputs}
            scores = classified or last <= _SCORES or only_chooses(net)
            return {"from": 0.0, "to": 1.0, "names": None} if scores else None
        if not classified or t is None:
            return None
        low, high = float(np.nanmin(t)), float(np.nanmax(t))
        return {"from": low, "to": high, "names": [f"{low:g}", f"{high:g}"]} if low < high else None

    def _flat(self) -> str:
        """Why every derivative is 0; empty if that is not so."""
        if self.net.dynamic or not only_chooses(self.net):
            return ""
        return (
            f"{stepwise_layers(self.net)}: the outputs change only in steps there, so every derivative is 0 and none "
            "is shown."
        )

    def _guessed(self) -> str:
        """The inputs whose range is unknown, so that the ends of their sliders are guessed."""
        known = self.net.input_extent.known
        if self._table is not None:
            known = known | self._varied
        count = int(np.count_nonzero(~known))
        if not count:
            return ""
        whose = "its slider" if count == 1 else "their sliders"
        return (
            f"The range of {counted(count, 'input')} is not known: the ends of {whose} are guessed. A table of samples "
            "would give them."
        )

    def _call(self) -> list[dict[str, str]] | None:
        """How to compute the same with matnet: the text before and after the point or the series."""
        if self.address is None:
            return None
        net, (file, network) = self.net, (self.address.file, self.address.network)
        named = "" if network is None else f", network={json.dumps(network, ensure_ascii=False)}"
        start = f"import matnet\n\nnet = matnet.load({json.dumps(file, ensure_ascii=False)}{named})\n"
        if net.dynamic:
            lags = min(_LAGS, len(self._steps) - 1)
            given = {name: np.asarray(state).tolist() for name, state in self.states.items()}
            start += f"states = {json.dumps(given)}\n" if given else ""
            named = ", **states" if given else ""
            calls = f"\ny = net.run(x{named}).outputs\ndydx = net.run_jacobian(x, lags={lags}{named})\n"
            if not net.input_size:
                start, calls = f"{start}y = net.run(None, steps={len(self._steps)}{named}).outputs\n", ""
            return [{"kind": "Python", "before": start, "after": calls}]
        flat = only_chooses(net)
        chosen = "" if network is None else f" --network {_quoted(network)}"
        command = f"matnet {'predict' if flat else 'gradients'} {_quoted(file)}{chosen} --at="
        return [
            {"kind": "Command line", "before": command, "after": ""},
            {
                "kind": "Python",
                "before": start,
                "after": f"\n{'y = net(x)' if flat else 'y, dydx = net.value_and_jacobian(x)'}\n",
            },
        ]


def _width(value: float) -> float | None:
    return float(value) if np.isfinite(value) and value > 0.0 else None


def _short(value: float, width: float) -> float:
    """A value to about a ten thousandth of a width."""
    return round(value, 4 - math.floor(math.log10(width))) if math.isfinite(value) and 0.0 < width < math.inf else value


def _quoted(text: str) -> str:
    """A name for a shell."""
    plain = all(char.isalnum() or char in "._-/" for char in text) and not text.startswith("-")
    return text if plain else json.dumps(text, ensure_ascii=False)
