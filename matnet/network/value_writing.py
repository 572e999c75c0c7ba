"""How each value of a trace is computed, with its numbers, as a person types it into a pocket calculator."""

from __future__ import annotations

import numpy as np

from matnet.functions.channels import spread_channels
from matnet.functions.maps import Multiply, Restore, Scale, Shift, Unscale
from matnet.functions.namespace import FloatArray
from matnet.functions.transfer_rows import MinusSquareTransfer, Softmax, TransferFunction
from matnet.network.stages import Route, ValueStage
from matnet.network.written import Computation, Largest, Line, Sum, Sums, factor, number, substituted
from matnet.simulate import BiasStep, NetInputStep, ProcessingStep, TransferStep, WeightStep


class ValueWriting:
    """How the elements of value stages are computed; None where it is given, or too long to be written."""

    def __init__(self, route: Route) -> None:
        self._route = route

    def written(self, stage: ValueStage, element: int) -> Computation | None:
        """The computation of one element."""
        step = stage.step
        if step is None:
            source = self._route.names.get(stage.signal, ())
            return Line(f"= {source[element]}") if source != stage.names else None
        if isinstance(step, ProcessingStep):
            return self._processed(step, element)
        if isinstance(step, WeightStep):
            return self._weighted(step, element)
        if isinstance(step, NetInputStep):
            return self._net_input(step, element)
        if isinstance(step, BiasStep):
            return Line("b")
        return self._transferred(step, element) if isinstance(step, TransferStep) else None

    def _value(self, signal: int) -> FloatArray:
        return np.asarray(self._route.reached[signal], dtype=np.float64)

    def _processed(self, step: ProcessingStep, k: int) -> Computation | None:
        x, own = self._value(step.sources[0]), step.map
        if isinstance(own, Scale):
            scaled = f"({number(x[k])} - {factor(own.offset[k])}) * {factor(own.gain[k])}"
            return Line(f"{scaled} + {factor(own.base[k])}")
        if isinstance(own, Unscale):
            scaled = f"({number(x[k])} - {factor(own.base[k])}) / {factor(own.gain[k])}"
            return Line(f"{scaled} + {factor(own.offset[k])}")
        if isinstance(own, Shift):
            return Line(f"{number(x[k])} - {factor(own.offset[k])}")
        places, weights = self._route.entries(step, k)
        if isinstance(own, Multiply):
            return _products(weights, x[places])
        if weights.tolist() == [1.0]:
            return Line(f"= {self._route.names[step.sources[0]][places[0]]}")
        return Line(f"constant of {self._route.processes[step.target].function}") if isinstance(own, Restore) else None

    def _weighted(self, step: WeightStep, k: int) -> Computation | None:
        p, row = self._value(step.sources[0]), step.row
        if row.linear:
            return self._linear(step, p, k)
        w = np.asarray(step.w, dtype=np.float64)
        if row.name in ("dist", "negdist"):
            squares = Sum((w[k] - p) ** 2, lambda j: f"({number(w[k, j])} - {factor(p[j])})²")
            return Sums((squares,), "sqrt({})" if row.name == "dist" else "-sqrt({})")
        if row.name in ("mandist", "boxdist"):
            kind = Sum if row.name == "mandist" else Largest
            return Sums((kind(np.abs(w[k] - p), lambda j: f"|{number(w[k, j])} - {factor(p[j])}|"),))
        if row.name == "normprod":
            above = Sum(w[k] * p, lambda j: f"{factor(w[k, j])} * {factor(p[j])}")
            return Sums((above, Sum(p, lambda j: factor(p[j]))), "({}) / ({})")
        if row.name == "maxpool":
            # of a window with NaN, every element counts
            places = self._route.entries(step, k)[0].tolist()
            return Line(f"= {self._route.names[step.sources[0]][places[0]]}") if len(places) == 1 else None
        return None

    def _linear(self, step: WeightStep, p: FloatArray, k: int) -> Computation:
        """Products of weights and elements, and a constant where the function has one."""
        places, weights = self._route.entries(step, k)
        constant = self._route.constants(step)[k]
        if weights.tolist() == [1.0] and not constant and step.row.name != "dotprod":
            return Line(f"= {self._route.names[step.sources[0]][places[0]]}")
        return _products(weights, p[places], constant)

    def _net_input(self, step: NetInputStep, k: int) -> Computation:
        sources = [self._value(source) for source in step.sources]
        terms = [source[k] for source in sources]
        if step.bias is not None:
            bias = np.asarray(step.bias, dtype=np.float64)
            terms.insert(0, spread_channels(bias, len(sources[0]))[k])
        if len(terms) == 1:
            return Line(f"= {self._route.names[step.sources[0]][k]}")
        if step.row.name == "netsum":
            return Sums((Sum(np.asarray(terms), lambda j: factor(terms[j])),))
        return Line(" * ".join(map(factor, terms)))

    def _transferred(self, step: TransferStep, k: int) -> Computation | None:
        n, row = self._value(step.sources[0]), step.row
        if row.coupled:
            return _coupled(row, n, k)
        formula = row.formula.rpartition(" = ")[2]
        if formula == "n":
            return Line(f"= {self._route.names[step.sources[0]][k]}")
        return Line(substituted(formula, {"n": n[k], **row.settings}))


def _products(weights: FloatArray, p: FloatArray, constant: float = 0.0) -> Computation:
    """The sum of products, and of a constant that is not 0."""
    values = [*(weights * p).tolist(), *([constant] if constant else [])]

    def term(j: int) -> str:
        return f"{factor(weights[j])} * {factor(p[j])}" if j < len(p) else factor(constant)

    return Sums((Sum(np.asarray(values), term),)) if values else Line("0")


def _coupled(row: TransferFunction, n: FloatArray, k: int) -> Computation | None:
    """A share of a sum over the layer."""
    if isinstance(row, Softmax):
        largest = n.max(initial=-np.inf)
        exponents, written = n - largest, [f"exp({number(value)} - {factor(largest)})" for value in n]
    elif isinstance(row, MinusSquareTransfer):
        exponents, written = -(n**2), [f"exp(-({factor(value)}²))" for value in n]
    else:
        return None
    with np.errstate(under="ignore"):
        terms = np.exp(exponents)
    # radbasn is computed another way where all of its terms underflow
    return Sums((Sum(terms, written.__getitem__),), f"{written[k]} / ({{}})") if terms.sum() > 0.0 else None
