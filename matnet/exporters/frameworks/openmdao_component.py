"""OpenMDAO: a network as an explicit component with exact partial derivatives."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import openmdao.api as om
from openmdao.utils.units import valid_units

from matnet.errors import ShapeError, UnsupportedError
from matnet.exporters.names import documented
from matnet.functions.namespace import Array
from matnet.model.ranges import middle
from matnet.network import Network
from matnet.network.arguments import analytic_throughout, whole
from matnet.network.names import listed

_FORBIDDEN = re.compile(r"[.*?!\[\]]")
"""The characters that OpenMDAO reserves for paths and patterns."""

_POWER = r"(?:\*\*-?\d)?"
_ATOM = rf"(?:1|[A-Za-z]\w*){_POWER}"
_FACTOR = rf"(?:{_ATOM}|\({_ATOM}(?:[*/]{_ATOM})*\){_POWER})"
_UNIT = re.compile(rf"{_FACTOR}(?:[*/]{_FACTOR})*", re.ASCII)


class NetworkComponent(om.ExplicitComponent):  # type: ignore[misc]
    """The network as a component: one variable (vec_size,) for each input and output element, under its name.

    Inputs begin in the middle of their ranges (1 where unknown), outputs at the network's answer there. The partial
    derivatives are the network's, declared as diagonals, for outputs that depend on the input only.

    Parameters
    ----------
    net
        A static network.
    vec_size
        The number of samples.
    """

    def __init__(self, net: Network, vec_size: int, **options: Any) -> None:
        self._net = net
        self._dependences = tuple(_dependences(net))
        super().__init__(vec_size=vec_size, **options)

    def initialize(self) -> None:
        """Declares the option vec_size."""
        self.options.declare("vec_size", types=int, lower=1, desc="Number of samples")

    def setup(self) -> None:
        """Declares the variables."""
        net, size = self._net, self.options["vec_size"]
        at = middle(net.input_range, 1.0)
        for name, unit, text, value in zip(
            net.input_names,
            net.input_units,
            documented(net.input_names, net.input_units, net.input_extent),
            at,
            strict=True,
        ):
            self.add_input(name, np.full(size, value), units=unit or None, desc=text)
        for name, unit, text, value in zip(
            net.output_names,
            net.output_units,
            documented(net.output_names, net.output_units, net.output_extent),
            net(at),
            strict=True,
        ):
            self.add_output(name, np.full(size, value), units=unit or None, desc=text)

    def setup_partials(self) -> None:
        """Declares which outputs depend on which inputs, sample by sample."""
        samples = np.arange(self.options["vec_size"])
        for i, j in self._dependences:
            y, x = self._net.output_names[i], self._net.input_names[j]
            self.declare_partials(y, x, rows=samples, cols=samples)

    def _samples(self, inputs: Mapping[str, Array]) -> Array:
        """x (vec_size, R)."""
        return np.stack([inputs[name] for name in self._net.input_names], axis=-1)

    def compute(
        self, inputs: Any, outputs: Any, discrete_inputs: object = None, discrete_outputs: object = None
    ) -> None:
        """The network's outputs; in a complex step of a network that is not analytic, y + i J·Im(x)."""
        net, x = self._net, self._samples(inputs)
        if np.iscomplexobj(x) and not analytic_throughout(net.program):
            real, step = np.ascontiguousarray(x.real), np.ascontiguousarray(x.imag)
            y = net(real) + 1j * net.jvp(real, step)
        else:
            y = net(x)
        for name, column in zip(net.output_names, y.T, strict=True):
            outputs[name] = column

    def compute_partials(self, inputs: Any, partials: Any, discrete_inputs: object = None) -> None:
        """The network's Jacobian."""
        net = self._net
        jacobian = net.jacobian(self._samples(inputs))
        for i, j in self._dependences:
            partials[net.output_names[i], net.input_names[j]] = jacobian[:, i, j]


def _dependences(net: Network) -> Iterator[tuple[int, int]]:
    """The outputs and inputs that a path connects, as positions of elements."""
    program = net.program
    owners = np.repeat(program.outputs, [program.sizes[signal] for signal in program.outputs])
    start = 0
    for leaf in program.leaves:
        reached = program.reached(leaf.signal)
        rows = [i for i, signal in enumerate(owners) if signal in reached]
        yield from ((i, j) for j in range(start, start + leaf.size) for i in rows)
        start += leaf.size


def component(net: Network, vec_size: int) -> NetworkComponent:
    """The component, after a check of names and units."""
    _check_names(net.input_names, net.output_names)
    for names, units in ((net.input_names, net.input_units), (net.output_names, net.output_units)):
        for name, unit in zip(names, units, strict=True):
            if unit and not _known(unit):
                raise UnsupportedError(
                    f"to_openmdao: '{unit}', the unit of {name}, is not one that OpenMDAO knows; write it as OpenMDAO "
                    f"does (m**3/h, degC, 1/min) with net.with_names(units={{'{name}': ...}}), or '' to leave it out"
                )
    size = whole(vec_size, "vec_size")
    if size < 1:
        raise ShapeError(f"vec_size is {size}, expected 1 or more")
    return NetworkComponent(net, size)


def _check_names(inputs: Sequence[str], outputs: Sequence[str]) -> None:
    illegal = [name for name in (*inputs, *outputs) if _FORBIDDEN.search(name)]
    if illegal:
        raise UnsupportedError(
            f"to_openmdao: {listed(illegal)}: OpenMDAO allows none of . * ? ! [ ] in a name; rename with net.with_names"
        )
    both = [name for name in inputs if name in outputs]
    if both:
        raise UnsupportedError(
            f"to_openmdao: {listed(both)}: an input and an output have the same name, which OpenMDAO does not allow; "
            "rename with net.with_names"
        )


def _known(unit: str) -> bool:
    """Whether OpenMDAO knows a unit.

    OpenMDAO evaluates the text as Python, and it may come from a file: only products of names and small powers pass.
    """
    if not _UNIT.fullmatch(unit):
        return False
    try:
        return bool(valid_units(unit))
    except (SyntaxError, TypeError, NameError):
        return False
