"""SciPy: an objective function of a network's outputs with exact gradient and Hessian, for
``scipy.optimize.minimize``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from matnet.errors import ShapeError, UnsupportedError
from matnet.exporters.frameworks.requirements import static_network
from matnet.functions.namespace import Array, FloatArray
from matnet.model.ranges import middle
from matnet.network import Ensemble, Network
from matnet.network.arguments import numbers, real
from matnet.network.names import Names, element_numbers, listed

if TYPE_CHECKING:
    from scipy.optimize import Bounds, NonlinearConstraint


class Objective:
    """A number f(x) to be minimized over a network's inputs, made by ``matnet.objective``.

    x (n,) holds the inputs that are not fixed, in the network's order, raw scale.
    """

    def __init__(
        self,
        net: Network | Ensemble,
        rows: Sequence[int],
        weights: FloatArray,
        target: FloatArray | None,
        fixed: Mapping[int, float],
        limits: FloatArray,
    ) -> None:
        self._net = net
        self._rows = list(rows)
        self._weights, self._target = weights, target
        self._free = [j for j in range(net.input_size) if j not in fixed]
        self._inputs = np.zeros(net.input_size)
        self._inputs[list(fixed)] = list(fixed.values())
        self._limits = limits[self._free]
        self._last: tuple[bytes, FloatArray, FloatArray] | None = None

    def __repr__(self) -> str:
        chosen = ", ".join(self._net.output_names[i] for i in self._rows)
        return f"Objective({chosen} over {', '.join(self.variables)})"

    @property
    def variables(self) -> tuple[str, ...]:
        """The names of the n inputs that x holds."""
        return tuple(self._net.input_names[j] for j in self._free)

    def inputs(self, x: Array) -> FloatArray:
        """All inputs of the network (R,), raw scale: x (n,) and the fixed ones.

        Raises
        ------
        ShapeError
            x is not (n,).
        """
        given = real(numbers(x, "x"), "x")
        if given.shape != (len(self._free),):
            raise ShapeError(f"x has shape {given.shape}, expected ({len(self._free)},): {listed(self.variables)}")
        whole = self._inputs.copy()
        whole[self._free] = given
        return whole

    def __call__(self, x: Array) -> float:
        """f(x), one number."""
        y = self._value_and_jacobian(x)[0]
        if self._target is None:
            return float(self._weights @ y)
        return float(self._weights @ (y - self._target) ** 2)

    def jac(self, x: Array) -> FloatArray:
        """The gradient (n,), element [j] is df/dx_j."""
        y, jacobian = self._value_and_jacobian(x)
        return self._slopes(y) @ jacobian

    def hess(self, x: Array) -> FloatArray:
        """The second derivative (n, n), element [j, k] is d²f/dx_j dx_k."""
        y, jacobian = self._value_and_jacobian(x)
        curved = np.tensordot(self._slopes(y), self._hessian(x, self._rows), axes=1)
        if self._target is None:
            return np.asarray(curved)
        return np.asarray(curved + 2.0 * (jacobian.T * self._weights) @ jacobian)

    @property
    def bounds(self) -> Bounds:
        """The limits of x, for ``bounds=``: those that were given, else the ranges of the inputs.

        Raises
        ------
        UnsupportedError
            The range of an input is unknown.
        """
        from scipy.optimize import Bounds

        limits = self._known_limits()
        return Bounds(limits[:, 0], limits[:, 1])

    @property
    def start(self) -> FloatArray:
        """The middle of the bounds (n,), for ``x0``; the value closest to 0 where a given limit is infinite.

        Raises
        ------
        UnsupportedError
            The range of an input is unknown.
        """
        limits = self._known_limits()
        return middle(limits, np.clip(0.0, limits[:, 0], limits[:, 1]))

    def constraint(
        self, of: Names | None = None, low: float | None = None, high: float | None = None, hess: bool = True
    ) -> NonlinearConstraint:
        """Limits on outputs, low <= y <= high, with exact derivatives, for ``constraints=``.

        Parameters
        ----------
        of
            The name of an output, or several; None for all.
        low, high
            The limits, raw scale. With neither, the range of each output; with one, there is no other.
        hess
            Whether second derivatives are passed on; False for methods without them, such as SLSQP.

        Raises
        ------
        ShapeError
            There is no such output, or low is above high.
        UnsupportedError
            The range of an output is unknown and no limit is given.
        """
        from scipy.optimize import BFGS, NonlinearConstraint

        rows = _outputs(self._net, of)
        limits = self._net.output_extent.limits[rows].copy()
        if low is not None or high is not None:
            limits[:] = _limits((-np.inf if low is None else low, np.inf if high is None else high), "(low, high)")
        _check_known(limits, [self._net.output_names[i] for i in rows], "low or high")

        def second(x: Array, v: FloatArray) -> FloatArray:
            return np.asarray(np.tensordot(v, self._hessian(x, rows), axes=1))

        return NonlinearConstraint(
            lambda x: self._on_outputs(x)[0][rows],
            limits[:, 0],
            limits[:, 1],
            jac=lambda x: self._on_outputs(x)[1][rows],
            hess=second if hess else BFGS(),
        )

    def _slopes(self, y: FloatArray) -> FloatArray:
        """df/dy of the chosen outputs."""
        return self._weights if self._target is None else 2.0 * self._weights * (y - self._target)

    def _value_and_jacobian(self, x: Array) -> tuple[FloatArray, FloatArray]:
        y, jacobian = self._on_outputs(x)
        return y[self._rows], jacobian[self._rows]

    def _on_outputs(self, x: Array) -> tuple[FloatArray, FloatArray]:
        """All outputs (S,) and their derivatives with respect to x (S, n), kept for the next call at the same x."""
        whole = self.inputs(x)
        key, last = whole.tobytes(), self._last
        if last is None or last[0] != key:
            y, jacobian = self._net.value_and_jacobian(whole)
            self._last = last = key, y, np.ascontiguousarray(jacobian[:, self._free])
        return last[1], last[2]

    def _hessian(self, x: Array, rows: Sequence[int]) -> FloatArray:
        """The second derivatives (rows, n, n) of outputs with respect to x."""
        return np.asarray(self._net.hessian(self.inputs(x))[np.ix_(rows, self._free, self._free)])

    def _known_limits(self) -> FloatArray:
        _check_known(self._limits, self.variables, "bounds by name")
        return self._limits.copy()


def objective(
    net: Network | Ensemble,
    of: Names | None = None,
    *,
    target: float | Sequence[float] | FloatArray | None = None,
    weights: Sequence[float] | FloatArray | None = None,
    maximize: bool = False,
    fixed: Mapping[str, float] | None = None,
    bounds: Mapping[str, tuple[float, float]] | None = None,
) -> Objective:
    """What ``scipy.optimize.minimize`` needs to optimize a network's inputs, with exact gradient and Hessian.

    f = Σ_i w_i y_i, or with `target` f = Σ_i w_i (y_i − t_i)².

    Parameters
    ----------
    net
        A static network, or an ensemble, whose mean it is then.
    of
        The name of an output, or several; None for all.
    target
        Desired values t of these outputs, one number or one for each, raw scale.
    weights
        A factor w for each of these outputs; 1 by default.
    maximize
        Whether f = −Σ_i w_i y_i, so that the minimum of f is the maximum of the outputs.
    fixed
        Values of inputs that are not varied, by name.
    bounds
        Limits (low, high) of inputs by name; those of the others are the network's ``input_range``.

    Returns
    -------
    Objective: called with x (n,) it gives f; its methods ``jac`` and ``hess`` give (n,) and (n, n), its attributes
    ``start`` and ``bounds`` the middle and the limits of the ranges, and ``constraint(...)`` limits on outputs.

    Raises
    ------
    ShapeError
        There is no such output or input, or a number or limit is missing.
    UnsupportedError
        The network is dynamic; or there are several outputs, and neither `of`, `target` nor `weights` says what is to
        be minimized.

    Notes
    -----
    Derivatives are matnet's, also in saturation. Where a function has a kink they are its pinned values, and a
    minimizer that expects smooth functions may stop there; an output of compet or hardlim has the derivative 0.

    Examples
    --------
    >>> import numpy as np
    >>> from scipy.optimize import minimize
    >>> from matnet import Network, objective
    >>> from matnet.model.structure import Input, Layer, Output, Structure, Weight
    >>> layer = Layer(1, "radbas", {0: Weight([[2.0]])}, bias=[-1.0])
    >>> goal = objective(Network(Structure((Input(1),), (layer,), (Output(0, 1),))), maximize=True)
    >>> best = minimize(goal, [0.3], jac=goal.jac, hess=goal.hess, method="trust-exact")
    >>> bool(np.isclose(best.x[0], 0.5))
    True
    """
    if isinstance(net, Network) or not isinstance(net, Ensemble):
        static_network(net, "objective")
    elif any(member.dynamic for member in net.networks):
        raise UnsupportedError("objective: a member is dynamic, so that y is not a function of x alone")
    rows = _outputs(net, of)
    if len(rows) > 1 and of is None and target is None and weights is None:
        raise UnsupportedError(
            f"the network has {len(rows)} outputs ({listed(net.output_names)}): choose what is to be minimized with "
            "of, or give weights or a target"
        )
    if maximize and target is not None:
        raise UnsupportedError("a distance from a target is minimized: leave out maximize=True")
    factors = np.ones(len(rows)) if weights is None else _one_each(weights, rows, "weights")
    desired = None if target is None else _one_each(target, rows, "target")
    values = {j: _number(value, f"fixed['{name}']") for name, j, value in _by_name(net, fixed, "fixed")}
    limits = np.array(net.input_extent.limits)
    for name, j, pair in _by_name(net, bounds, "bounds"):
        limits[j] = _limits(pair, f"bounds['{name}']")
    if len(values) == net.input_size:
        raise ShapeError("fixed names all inputs, so nothing is left to vary")
    return Objective(net, rows, -factors if maximize else factors, desired, values, limits)


def _outputs(net: Network | Ensemble, of: Names | None) -> list[int]:
    """The positions of the chosen outputs."""
    if of is None:
        return list(range(net.output_size))
    rows = list(element_numbers(of, net.output_names, "y", "of", "an output"))
    if not rows:
        raise ShapeError("of names no output")
    return rows


def _by_name(net: Network | Ensemble, given: Any, parameter: str) -> list[tuple[str, int, Any]]:
    """Name, position and value of inputs given by name."""
    if given is None:
        return []
    if not isinstance(given, Mapping):
        raise ShapeError(f"{parameter} is of type {type(given).__name__}, expected a mapping of input names")
    positions = element_numbers(list(given), net.input_names, "x", parameter, "an input")
    return [(name, j, given[name]) for name, j in zip(given, positions, strict=True)]


def _one_each(values: Any, rows: Sequence[int], parameter: str) -> FloatArray:
    """A finite number for each chosen output; a single one for all."""
    array = real(numbers(values, parameter), parameter)
    if array.shape not in ((), (len(rows),)):
        raise ShapeError(f"{parameter} has shape {array.shape}, expected ({len(rows)},), one for each output")
    if not np.isfinite(array).all():
        raise ShapeError(f"{parameter} has values that are not finite")
    return np.array(np.broadcast_to(array, (len(rows),)))


def _number(value: Any, parameter: str) -> float:
    array = real(numbers(value, parameter), parameter)
    if array.shape != () or not np.isfinite(array):
        raise ShapeError(f"{parameter} is {value!r}, expected a number")
    return float(array)


def _limits(pair: Any, parameter: str) -> FloatArray:
    """Two limits, which may be infinite."""
    limits = real(numbers(pair, parameter), parameter)
    if limits.shape != (2,) or not limits[0] <= limits[1]:
        raise ShapeError(f"{parameter} is {pair!r}, expected (low, high) with low not above high")
    return limits


def _check_known(limits: FloatArray, names: Sequence[str], advice: str) -> None:
    """Refuses limits that are unknown, or empty because the members of an ensemble have no common range."""
    known: NDArray[np.bool_] = limits[:, 0] <= limits[:, 1]
    if not known.all():
        missing = listed([name for name, flag in zip(names, known, strict=True) if not flag])
        raise UnsupportedError(f"the range of {missing} is unknown; give its limits with {advice}")
