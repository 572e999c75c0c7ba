"""The public face: a Structure with a name and a provenance, every method one call downwards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from matnet.derivatives import parameters as by_parameters
from matnet.derivatives import products, quantities
from matnet.derivatives.quantities import Scale
from matnet.errors import ShapeError
from matnet.functions.namespace import Array, FloatArray
from matnet.model import loops
from matnet.model.provenance import Provenance
from matnet.model.ranges import Extent, input_extent, output_extent
from matnet.model.structure import Structure
from matnet.network.arguments import (
    in_range,
    natural,
    numbers,
    propagation_arguments,
    real,
    real_array,
    series_arguments,
)
from matnet.network.evaluation import Evaluation
from matnet.network.frames import frame_input, frame_like
from matnet.network.names import (
    Names,
    chosen,
    derivative_name,
    differentiated,
    element_numbers,
    lags_shown,
    layer_number,
    parameter_names,
    selection,
    units_of,
    with_names,
)
from matnet.network.scaling import Scaling, with_scaling
from matnet.simulate import Program

if TYPE_CHECKING:  # many programs that open a network do not need them
    from matnet.derivatives.time import Run, Series
    from matnet.network.assessment import Assessment
    from matnet.network.forecast import Forecaster, SeriesData
    from matnet.network.trace import Trace


class Network:
    """A shallow network of MATLAB's ``network`` class, with its outputs and exact derivatives at real scale.

    Samples are rows: the last axis holds the network's elements, all axes before it are the batch. R is the number of
    elements of all inputs, S that of all outputs. NumPy arrays of integers and of float32 are computed in float64;
    PyTorch and JAX arrays remain arrays of their library, with their own type and on their own device.

    Parameters
    ----------
    structure
        Layers, weights and processing.
    provenance
        The file that it came from, as far as known.
    name
        A name for display.
    """

    def __init__(self, structure: Structure, provenance: Provenance | None = None, name: str = "") -> None:
        self.structure = structure
        self.provenance = provenance or Provenance()
        self.name = name

    def __getstate__(self) -> dict[str, Any]:
        return {"structure": self.structure, "provenance": self.provenance, "name": self.name}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(**state)  # type: ignore[misc]

    def __repr__(self) -> str:
        from matnet.network.overview import line

        return line(self.structure, self.name)

    def _repr_html_(self) -> str:
        """The table of inputs, layers and outputs that a notebook shows."""
        from matnet.network.overview import html

        return html(self.structure, self.name)

    @cached_property
    def evaluation(self) -> Evaluation:
        """The network's steps and the tapes recorded from them."""
        return Evaluation(self.structure)

    @property
    def program(self) -> Program:
        """The network's steps."""
        return self.evaluation.program

    @property
    def input_size(self) -> int:
        """R: the number of elements of all inputs."""
        return self.structure.input_size

    @property
    def output_size(self) -> int:
        """S: the number of elements of all outputs."""
        return self.structure.output_size

    @property
    def input_names(self) -> tuple[str, ...]:
        """The names of the R input elements; x1, x2, … if they have none."""
        return self.evaluation.inputs.names

    @property
    def output_names(self) -> tuple[str, ...]:
        """The names of the S output elements; y1, y2, … if they have none."""
        return self.evaluation.outputs.names

    @property
    def input_units(self) -> tuple[str, ...]:
        """The units of the R input elements; "" for those without one."""
        return units_of(self.structure.inputs)

    @property
    def output_units(self) -> tuple[str, ...]:
        """The units of the S output elements; "" for those without one."""
        return units_of(self.structure.outputs)

    @property
    def layer_names(self) -> tuple[str, ...]:
        """The names of the layers, in order."""
        return tuple(layer.name for layer in self.structure.listed)

    def layer_shape(self, layer: int | str) -> tuple[int, ...]:
        """The shape of a layer's output: (height, width, channels) of an image, else (S,).

        Its elements are in MATLAB's column-major order: height fastest, channels slowest.

        Parameters
        ----------
        layer
            The layer's number, from 1, or name.

        Raises
        ------
        ShapeError
            There is no such layer.
        """
        entry = self.structure.layers[layer_number(self.structure, layer, "layer")]
        return entry.shape or (entry.size,)

    @property
    def parameter_names(self) -> tuple[str, ...]:
        """The name of each entry of ``parameters``, as MATLAB writes it.

        ``b{1}(2)``, ``IW{1,1}(2,3)``; of a network of layers ``fc_1.Weights(2,3)``, ``fc_1.Bias(2)``.
        """
        return parameter_names(self.program, self.structure)

    def with_names(
        self,
        inputs: Names | None = None,
        outputs: Names | None = None,
        units: Mapping[str, str] | None = None,
    ) -> Network:
        """The network with names for its elements: data frames, `of` and `wrt`, tables and archives use them.

        Parameters
        ----------
        inputs, outputs
            R and S names, in the order of the elements; None leaves them unchanged.
        units
            Units by name, such as ``{"speed": "1/min"}``; the others are unchanged.

        Raises
        ------
        ModelError
            There are more or fewer names than elements, a name is repeated or is not one line of printable text, or a
            unit belongs to no name.
        """
        return Network(with_names(self.structure, inputs, outputs, units), self.provenance, self.name)

    @property
    def dynamic(self) -> bool:
        """Whether an output depends on earlier inputs or outputs; then the network is run over a series by ``run``."""
        return self.structure.dynamic

    @property
    def input_range(self) -> FloatArray:
        """(R, 2): the smallest and largest value of each input element, raw scale; NaN where unknown.

        The range of the training data if the file contains it; else the range of the scaling, or that of the centres of
        a radial layer: ``input_extent.origin`` says which.
        """
        return self.input_extent.limits

    @property
    def output_range(self) -> FloatArray:
        """(S, 2): the smallest and largest value of each output element, raw scale; NaN where unknown."""
        return self.output_extent.limits

    @cached_property
    def input_extent(self) -> Extent:
        """The range of the inputs with its origin; see ``matnet.model.ranges``."""
        return input_extent(self.structure)

    @cached_property
    def output_extent(self) -> Extent:
        """The range of the outputs with its origin; see ``matnet.model.ranges``."""
        return output_extent(self.structure)

    def in_range(self, x: Array) -> NDArray[np.bool_]:
        """Whether all inputs of a sample are within ``input_range``.

        Parameters
        ----------
        x
            (..., R), raw scale.

        Returns
        -------
        (...,) of bool: element [q] is whether sample q is within the range; False if an input is NaN.

        Raises
        ------
        ShapeError
            x does not fit the network.
        UnsupportedError
            The range of an input is unknown, and no known range decides the answer.
        """
        return in_range(self.input_extent, real_array(x, self.evaluation.inputs, "x"), self.evaluation.inputs.names)

    def __call__(self, x: Array) -> Array:
        """The network's outputs, y = reverse(layers(apply(x))).

        Parameters
        ----------
        x
            (..., R), raw scale.

        Returns
        -------
        (..., S), raw scale: element [..., i] is output i of the sample.

        Raises
        ------
        ShapeError
            The last axis of x is not R long, or the network is dynamic.

        Examples
        --------
        >>> import numpy as np
        >>> from matnet import Network
        >>> from matnet.model.structure import Input, Layer, Output, Structure, Weight
        >>> layer = Layer(1, "tansig", {0: Weight([[2.0]])}, bias=[0.5])
        >>> net = Network(Structure((Input(1),), (layer,), (Output(0, 1),)))
        >>> float(net(np.array([0.25]))[0]) == float(np.tanh(1.0))
        True
        """
        return self.evaluation.on_samples(quantities.VALUE, (x,))

    def value_and_jacobian(self, x: Array) -> tuple[Array, Array]:
        """``net(x)`` and ``net.jacobian(x)`` in one pass.

        Parameters
        ----------
        x
            (..., R), raw scale.

        Returns
        -------
        y (..., S) and J (..., S, R).
        """
        y, jacobian = self.evaluation.on_samples(quantities.VALUE_AND_JACOBIAN, (x,))
        return y, jacobian

    def jacobian(
        self, x: Array, of: int | Names | None = None, scale: Scale = "real", wrt: Names | None = None
    ) -> Array:
        """The derivative of the outputs with respect to the inputs.

        dy/dx = (reverse processing)' · dny/dnx · (processing)'; with mapminmax on both sides this is
        dny/dnx · gain_in / gain_out. Accumulated forward or backward, whichever needs fewer directions.

        Parameters
        ----------
        x
            (..., R), raw scale.
        of
            A layer's number, from 1, or name: its output (layer scale) replaces the network's. Or the name of an
            output, or several: S is then the number of these, in that order.
        scale
            "real": raw outputs with respect to raw inputs. "normalized": dny/dnx, the output layers' values with
            respect to the processed inputs, without any processing.
        wrt
            The name of an input, or several: R is then the number of these, in that order.

        Returns
        -------
        (..., S, R), element [..., i, j] is dy_i/dx_j.

        Raises
        ------
        ShapeError
            The last axis of x is not R long, there is no such layer, output or input, or the network is dynamic.

        Notes
        -----
        At a kink the derivative is the pinned value of the function, as in MATLAB: 1 for poslin at 0. The derivative of
        compet and hardlim is 0 wherever it exists, and 0 is returned everywhere.
        """
        if of is None and wrt is None and scale == "real":  # as in an optimizer's loop: nothing is looked up
            return self.evaluation.on_samples(quantities.JACOBIAN, (x,))
        if scale not in ("real", "normalized"):
            raise ShapeError(f"scale is '{scale}', expected 'real' or 'normalized'")
        selected = selection(self.structure, of, wrt)
        if scale == "normalized" and not (selected.rows is None and selected.columns is None):
            raise ShapeError("scale='normalized' is for processed values, which have no names; select with an index")
        return selected.of(self.evaluation.on_samples(quantities.Jacobian(selected.layer, scale), (x,)))

    def hessian(self, x: Array, of: int | Names | None = None, wrt: Names | None = None) -> Array:
        """The second derivative of the outputs with respect to the inputs.

        Parameters
        ----------
        x
            (..., R), raw scale.
        of, wrt
            As in ``jacobian``; `wrt` selects on both axes.

        Returns
        -------
        (..., S, R, R), element [..., i, j, k] is d²y_i/dx_j dx_k; symmetric in j and k to the bit.

        Raises
        ------
        ShapeError
            As in ``jacobian``.
        """
        selected = selection(self.structure, of, wrt)
        return selected.of(self.evaluation.on_samples(quantities.Hessian(selected.layer), (x,)), axes=2)

    def jvp(self, x: Array, v: Array) -> Array:
        """J v without forming J: how the outputs change when the inputs move along v.

        Parameters
        ----------
        x, v
            (..., R) each, raw scale.

        Returns
        -------
        (..., S), element [..., i] is Σ_j dy_i/dx_j v_j.

        Raises
        ------
        ShapeError
            The last axis of x or v is not R long, or their batches differ.
        """
        return self.evaluation.on_samples(
            quantities.JVP, (x, v), (self.evaluation.inputs, self.evaluation.inputs), names=("x", "v")
        )

    def vjp(self, x: Array, u: Array) -> Array:
        """u J without forming J: the gradient of u·y with respect to the inputs.

        Parameters
        ----------
        x
            (..., R), raw scale.
        u
            (..., S).

        Returns
        -------
        (..., R), element [..., j] is Σ_i u_i dy_i/dx_j.

        Raises
        ------
        ShapeError
            The last axis of x is not R long or that of u not S, or their batches differ.
        """
        return self.evaluation.on_samples(
            quantities.VJP, (x, u), (self.evaluation.inputs, self.evaluation.outputs), names=("x", "u")
        )

    def layer_outputs(self, x: Array) -> tuple[Array, ...]:
        """Every layer's output a, at layer scale.

        Parameters
        ----------
        x
            (..., R), raw scale.

        Returns
        -------
        One array (..., S_i) per layer.

        Raises
        ------
        ShapeError
            The last axis of x is not R long, or the network is dynamic.
        """
        return tuple(self.evaluation.on_samples(quantities.LAYER_OUTPUTS, (x,)))

    def trace(
        self,
        x: Array | None = None,
        step: int | None = None,
        input_states: Array | None = None,
        layer_states: Array | None = None,
    ) -> Trace:
        """Every intermediate number of one sample, in the order of computation: to compare with one's own program.

        Raw, after each processing step, weighted inputs z, net input n and output a of each layer, after the reverse
        processing; then each factor of the derivatives, and dy/dx at real scale.

        Parameters
        ----------
        x
            (R,), raw scale; for a dynamic network a series (T, R).
        step
            Dynamic networks: the time step, from 1; None for the last. T, for a network without inputs.
        input_states, layer_states
            Dynamic networks: as in ``run``.

        Returns
        -------
        A Trace: ``trace["n{1}(2)"]`` is one number, ``for name, value in trace`` gives all, ``print(trace)`` a table.
        Derivatives of a dynamic network are with respect to the inputs of the same step.

        Raises
        ------
        ShapeError
            x is not one sample, or one series, of the network.

        Examples
        --------
        >>> import matnet
        >>> trace = matnet.load("fixtures/pump.mat").trace([60.0, 2400.0])
        >>> round(trace["n{1}(1)"], 6)
        0.385584
        """
        from matnet.network.trace import trace

        return trace(self.structure, self.series, x, step, input_states, layer_states)

    @property
    def parameters(self) -> FloatArray:
        """The weight vector (P,): for each layer b, then IW, then LW, each column-major: MATLAB's getwb order.

        Of a network of layers, and of a fitrnet or fitcnet model: layer by layer Weights, then Bias, or Offset, then
        Scale, each column-major. ``parameter_names`` has the name of each entry.
        """
        return by_parameters.parameter_vector(self.program, by_parameters.parameter_arrays(self.structure))

    def with_parameters(self, theta: Array) -> Network:
        """The network with another weight vector, as MATLAB's setwb.

        Parameters
        ----------
        theta
            (P,), in the order of ``parameters``.

        Raises
        ------
        ShapeError
            theta is not (P,).
        """
        vector = real(numbers(theta, "theta"), "theta")
        return Network(by_parameters.with_parameters(self.structure, self.program, vector), self.provenance, self.name)

    def parameter_jacobian(self, x: Array, of: int | Names | None = None, sparse: bool = False) -> Any:
        """The derivative of the outputs with respect to all weights and biases, in one pass.

        Backward from the outputs, or forward from the parameters, whichever needs fewer directions. Where a layer of a
        network of images has channels that depend on one filter each, the parameters of all filters vary together.

        Parameters
        ----------
        x
            (..., R), raw scale.
        of
            As in ``jacobian``.
        sparse
            Whether the result is a sparse matrix, which leaves out numbers that are 0.

        Returns
        -------
        With ``sparse=True`` a ``scipy.sparse.csr_array`` of (N·S, P): row q·S + i is output i of sample q of N. Else
        (..., S, P), element [..., i, k] is the derivative of y_i with respect to entry k of ``parameters``; 0 for the
        parameters of layers after `of`. Of a layer of a network of layers (or of a fitrnet or fitcnet model) only the
        parameters of the layers up to `of` are there: the first entries of ``parameters``.

        Raises
        ------
        ShapeError
            As in ``jacobian``.
        """
        selected = selection(self.structure, of)
        from matnet.network.parameter_jacobian import parameter_jacobian

        return parameter_jacobian(self.evaluation, self.structure, selected, x, sparse)

    def propagate(self, x: Array, covariance: Array) -> Array:
        """The outputs' covariance from the inputs', to first order: J Σ Jᵀ.

        Parameters
        ----------
        x
            (..., R), raw scale.
        covariance
            Σ, (R, R) or (..., R, R), raw scale squared.

        Returns
        -------
        (..., S, S), element [..., i, k] is the covariance of outputs i and k.

        Raises
        ------
        ShapeError
            As in ``jacobian``, or the covariance is not R by R.
        """
        return products.propagated(*propagation_arguments(self.evaluation.inputs, self.jacobian(x), covariance))

    def performance(
        self,
        x: Array,
        t: Array,
        name: str | None = None,
        error_weights: Array | None = None,
        regularization: float | None = None,
        form: str | None = None,
        **states: Array,
    ) -> float:
        """The cost of the network's outputs for targets t, with its own performance function or the one named.

        (1 − r)·cost + r·mean(all weights and biases squared); elements whose error is NaN do not count, as in MATLAB.
        With crossentropy a NaN target is refused: MATLAB's training leaves it out, but its perform counts it as t = 1.

        Parameters
        ----------
        x
            (..., R), raw scale; a series (..., T, R) for a dynamic network.
        t
            (..., S) targets, raw scale; NaN where there is none, except for crossentropy.
        name
            mse, sse, mae, sae or crossentropy; None for the network's own.
        error_weights
            Factors of the elements' costs, broadcast to the shape of t.
        regularization
            r, from 0 to 1; None for the network's own, or 0 with `name`.
        form
            "targets" or "both", for crossentropy alone: whether an output of several elements counts -t ln y, or
            -t ln y - (1 - t) ln(1 - y) with y clipped to [2.2e-16, 1 - 2.2e-16]. MATLAB has used both; None takes the
            one that the training record in the network's file proves.
        states
            ``input_states`` and ``layer_states`` of a dynamic network, see ``run``.

        Returns
        -------
        One number; NaN if no error is known.

        Raises
        ------
        ShapeError
            x or t does not fit the network.
        UnsupportedError
            The function is unknown, the network's own has settings that are not supported, or it is crossentropy in
            an unknown form, or with a target that is NaN.
        """
        return self._assessment(x, t, name, error_weights, regularization, form, states).value()

    def _assessment(self, *arguments: Any) -> Assessment:
        from matnet.network.assessment import Assessment

        return Assessment(self.structure, self.evaluation, self.series, *arguments)

    def performance_gradient(
        self,
        x: Array,
        t: Array,
        wrt: Names = "inputs",
        name: str | None = None,
        error_weights: Array | None = None,
        regularization: float | None = None,
        form: str | None = None,
        **states: Array,
    ) -> FloatArray:
        """The derivative of ``performance`` with respect to inputs, parameters, or a dynamic network's initial states.

        By one backward pass; over a series by reverse accumulation in time. A softmax or logsig output with
        crossentropy is differentiated with respect to its net input, so that a saturated one loses no digit.

        Parameters
        ----------
        x, t, name, error_weights, regularization, form, states
            As in ``performance``.
        wrt
            "inputs", "parameters", "input_states" or "layer_states"; or the names of some inputs.

        Returns
        -------
        The shape of what it is with respect to: that of x (its last axis the inputs named, where some are), (P,) in the
        order of ``parameters``, or that of a state. 0 for samples whose errors are not known.

        Raises
        ------
        ShapeError, UnsupportedError
            As in ``performance``, or `wrt` is none of these.
        """
        kind, columns = differentiated(self.structure, wrt, ("inputs", "parameters", "input_states", "layer_states"))
        gradient = self._assessment(x, t, name, error_weights, regularization, form, states).gradient(kind)
        return gradient if columns is None else gradient[..., columns]

    def run(
        self,
        x: Array | None = None,
        input_states: Array | None = None,
        layer_states: Array | None = None,
        steps: int | None = None,
    ) -> Run:
        """A dynamic network over a series, or a static one over each of its steps.

        Parameters
        ----------
        x
            (..., T, R), raw scale; None for a network without inputs.
        input_states
            (..., ID, R): the inputs before the series, raw scale, oldest first; None for zeros.
        layer_states
            (..., LD, N): all layers' outputs before the series, layer scale, oldest first; None for the network's
            initial states, which are zeros unless it was saved with others. Entries that no weight uses may be NaN.
            For a layer that runs backward in time they are its outputs after the series, the nearest last. States are
            taken as they are, at any scale: only the commands, which read them from files, look at it and warn.
        steps
            T, for a network without inputs.

        Returns
        -------
        A Run: outputs (..., T, S) and the states after the last step, which continue the series exactly. Those of a
        layer that runs backward are from the first step: such a network takes a series as a whole, and the parts of a
        series give other outputs. Where a layer takes the last step of a whole series, the outputs before are NaN.

        Raises
        ------
        ShapeError
            The series or a state does not fit, or the series is shorter than the longest input delay and there are no
            input states.
        """
        given = series_arguments(self.structure, x, input_states, layer_states, steps)
        return given.unflattened(self.series.run(given.x, given.input_states, given.layer_states))

    def run_jacobian(
        self,
        x: Array | None = None,
        lags: int | None = None,
        wrt: Names = "inputs",
        input_states: Array | None = None,
        layer_states: Array | None = None,
        steps: int | None = None,
        of: Names | None = None,
        leads: int = 0,
    ) -> FloatArray:
        """The total derivative of a series' outputs, through all taps and recurrences.

        Parameters
        ----------
        x, input_states, layer_states, steps
            As in ``run``.
        lags
            The largest lag for wrt="inputs"; None for the longest input delay.
        wrt
            "inputs", or the names of some: with respect to the input `lag` steps before. "input_states",
            "layer_states": with respect to the initial states.
        of
            The name of an output, or several: S is then the number of these, in that order.
        leads
            How many later steps wrt="inputs" includes. The derivatives with respect to these are 0 unless the network
            has layers that run backward in time.

        Returns
        -------
        wrt="inputs": (..., T, lags + 1 + leads, S, R), element [..., t, k, i, j] is dy_i(t)/dx_j(t − k), 0 if t − k is
        outside of the series. Lags below 0 stand at the end, so that Python's index −k is lag −k: [..., t, −1, i, j] is
        dy_i(t)/dx_j(t + 1). NaN where there is no output. wrt="input_states": (..., T, S, ID, R). wrt="layer_states":
        (..., T, S, LD, N). Initial states are held fixed under wrt="inputs"; an open loop's feedback input is an input
        like any other.

        Raises
        ------
        ShapeError
            As in ``run``, or `wrt` or `of` is none of these, or `lags` or `leads` is negative. Or the derivatives do
            not fit into memory.
        """
        kind, columns = differentiated(self.structure, wrt, ("inputs", "input_states", "layer_states"))
        rows = None if of is None else element_numbers(of, self.output_names, "y", "of", "an output")
        given = series_arguments(self.structure, x, input_states, layer_states, steps)
        lags = None if lags is None else natural(lags, "lags")
        ahead = natural(leads, "leads")
        derivative = self.series.jacobian(given.x, given.input_states, given.layer_states, kind, lags, ahead)
        derivative = derivative.reshape(given.lead + derivative.shape[1:])
        if rows is not None:
            derivative = np.take(derivative, rows, axis=-2 if kind == "inputs" else -3)
        return derivative if columns is None else derivative[..., columns]

    def close_loop(self) -> Network:
        """The network with every open loop closed, as MATLAB's ``closeloop``.

        The input that carries the feedback goes; its weight IW{i,fb} becomes LW{i,out}, the same numbers, with delays
        longer by the output's feedback_delay.

        Returns
        -------
        A network that computes its feedback itself: one input less for each loop.

        Raises
        ------
        ModelError
            There is no open loop, the feedback has a delay of 0, or it is not processed as the output is.
        UnsupportedError
            The layers are connected already, beside the loop.

        Examples
        --------
        >>> import matnet
        >>> net = matnet.load("fixtures/genfunction/narx_closed.m").open_loop()
        >>> net.input_size, net.close_loop().input_size
        (3, 2)
        """
        return Network(loops.closed_loop(self.structure), self.provenance, self.name)

    def open_loop(self) -> Network:
        """The network with every closed loop opened, as MATLAB's ``openloop``: what is fed back is one more input.

        LW{i,out} becomes IW{i,fb}, the same numbers. The new inputs come last, in the order of the outputs, with the
        names, units, range and processing of the outputs. Wherever a layer sees an output with a delay, that is a loop,
        also in a function file, which does not say so.

        Raises
        ------
        ModelError
            There is no closed loop.
        UnsupportedError
            A layer sees the output both with delays and without.

        Examples
        --------
        >>> import matnet
        >>> net = matnet.load("fixtures/genfunction/narx_closed.m")
        >>> net.input_size, net.open_loop().input_size
        (2, 3)
        """
        return Network(loops.opened_loop(self.structure), self.provenance, self.name)

    def remove_delay(self, n: int = 1) -> Network:
        """The network with every input delay shorter by `n`, as MATLAB's ``removedelay``.

        It behaves as before, but its outputs come n time steps earlier: y'(t) = y(t + n). An output that is fed back
        notes it in its feedback_delay.

        Parameters
        ----------
        n
            Time steps, 0 or more.

        Raises
        ------
        ModelError
            A delay is shorter than `n`, or the network has no inputs.
        ShapeError
            `n` is not a non-negative integer.

        Examples
        --------
        >>> import matnet
        >>> net = matnet.load("fixtures/genfunction/narx_closed.m").open_loop()
        >>> net.structure.input_delay, net.remove_delay().structure.input_delay
        (2, 1)
        """
        return Network(loops.delays_removed(self.structure, natural(n, "n")), self.provenance, self.name)

    def add_delay(self, n: int = 1) -> Network:
        """The network with every input delay longer by `n`, as MATLAB's ``adddelay``: its outputs come n steps later.

        Parameters
        ----------
        n
            Time steps, 0 or more. In a network with feedback at most as many as were removed.

        Raises
        ------
        ModelError
            An output that is fed back has a feedback_delay shorter than `n`, or the network has no inputs.
        ShapeError
            `n` is not a non-negative integer.
        UnsupportedError
            A delay becomes longer than a million time steps.

        Examples
        --------
        >>> import matnet
        >>> net = matnet.load("fixtures/genfunction/narx_closed.m").open_loop().remove_delay()
        >>> net.add_delay().structure.input_delay
        2
        """
        return Network(loops.delays_added(self.structure, natural(n, "n")), self.provenance, self.name)

    def prepare(self, x: Array | None, t: Array) -> SeriesData:
        """A series and the states before it from known inputs and outputs, as MATLAB's ``preparets``.

        The first steps, as many as the network's delays reach back, become the states; the series begins after them.
        Layers that no known output determines start from 0.

        Parameters
        ----------
        x
            (..., T, R'), raw scale: the inputs without those that are fed back; None where there are no others.
        t
            (..., T, S), raw scale: the outputs as measured at the same time steps. Only the commands check that they
            look as if they were.

        Returns
        -------
        A SeriesData (x, input_states, layer_states, targets): the first three are for ``run``, the targets (..., T', S)
        belong to its outputs. An output from which n delays were removed has the targets of n steps later, and NaN for
        the last n.

        Raises
        ------
        ShapeError
            x or t does not fit, or the series is shorter than the network looks back.

        Examples
        --------
        >>> import matnet, numpy as np
        >>> net = matnet.load("fixtures/genfunction/narx_closed.m")
        >>> data = net.prepare(np.zeros((10, 2)), np.ones((10, 1)))
        >>> data.targets.shape, net.run(*data[:3]).outputs.shape
        ((8, 1), (8, 1))
        """
        from matnet.network.forecast import prepared

        return prepared(self.structure, x, t)

    def forecast(
        self, x_past: Array | None, y_past: Array, x_future: Array | None = None, steps: int | None = None
    ) -> FloatArray:
        """The outputs after a known past: the network runs open over the past and closed over the future.

        Over the past what is fed back is `y_past`; over the future it is the network's own output. Open and closed
        networks give the same. Where delays were removed they are put back: the first output is that of the step after
        the past.

        Parameters
        ----------
        x_past
            (..., T, R'), raw scale: the inputs without those that are fed back; None where there are no others.
        y_past
            (..., T, S), raw scale: the outputs as measured; T at least as long as the network looks back. Outputs that
            are not fed back may be NaN.
        x_future
            (..., K, R'), raw scale: the inputs of the K steps after the past; None where there are no others.
        steps
            K, for a network without other inputs.

        Returns
        -------
        (..., K, S), raw scale: element [..., k, i] is output i at the (k + 1)th step after the past.

        Raises
        ------
        ShapeError
            An argument does not fit, or the past is shorter than the network looks back.
        ModelError
            The network feeds no output back.
        UnsupportedError
            A layer sees an output both through the feedback and inside the network.

        Examples
        --------
        >>> import matnet, numpy as np
        >>> net = matnet.load("fixtures/genfunction/narx_closed.m")
        >>> net.forecast(np.zeros((10, 2)), np.ones((10, 1)), np.zeros((5, 2))).shape
        (5, 1)
        """
        return self.forecaster.forecast(self.forecaster.known(x_past, y_past, x_future, steps))

    def forecast_jacobian(
        self,
        x_past: Array | None,
        y_past: Array,
        x_future: Array | None = None,
        wrt: str = "x_future",
        steps: int | None = None,
    ) -> FloatArray:
        """The total derivative of ``forecast``, through all taps and loops.

        Parameters
        ----------
        x_past, y_past, x_future, steps
            As in ``forecast``.
        wrt
            "x_past", "y_past" or "x_future".

        Returns
        -------
        (..., K, S, T, R') with respect to x_past, (..., K, S, T, S) to y_past, (..., K, S, K, R') to x_future: element
        [..., k, i, s, j] is the derivative of output i at step k of the future with respect to element j at step s.

        Raises
        ------
        ShapeError, ModelError, UnsupportedError
            As in ``forecast``, or `wrt` is none of these.

        Examples
        --------
        >>> import matnet, numpy as np
        >>> net = matnet.load("fixtures/genfunction/narx_closed.m")
        >>> net.forecast_jacobian(np.zeros((10, 2)), np.ones((10, 1)), np.zeros((5, 2)), wrt="y_past").shape
        (5, 1, 10, 1)
        """
        return self.forecaster.jacobian(self.forecaster.known(x_past, y_past, x_future, steps), wrt)

    def predict_frame(self, frame: Any, states: str = "first-rows") -> Any:
        """The outputs for a data frame, as a data frame.

        Parameters
        ----------
        frame
            A DataFrame of pandas or polars: one row per sample, or per time step of one series for a dynamic network.
            Columns are matched by the names of the inputs; exactly R numeric columns with other names, in order.
        states
            What a series starts from: "first-rows", which are then its states and have NaN for outputs; the columns
            named as the outputs hold what is fed back inside the network. Or "zeros".

        Returns
        -------
        A DataFrame of the same library, (N, S), its columns ``output_names``, with the index of `frame`.

        Raises
        ------
        ShapeError
            `frame` is not a data frame, or does not fit the network; or a series has too few rows, or lacks outputs.

        Examples
        --------
        >>> import matnet, polars
        >>> net = matnet.load("fixtures/pump.mat").with_names(inputs=["flow", "speed"], outputs="head")
        >>> net.predict_frame(polars.DataFrame({"speed": [2400.0], "flow": [60.0]}))["head"].round(2).to_list()
        [20.61]
        """
        if self.dynamic:
            from matnet.network.forecast import frame_series

            series = frame_series(self.structure, frame, states)
            y = _below(series.rows, self.run(series.x, **series.states).outputs)
        else:
            y = np.asarray(self(frame_input(frame, self.evaluation.inputs)))
        return frame_like(frame, self.output_names, y)

    def gradients_frame(
        self,
        frame: Any,
        of: Names | None = None,
        wrt: Names | None = None,
        lags: int | None = None,
        states: str = "first-rows",
        leads: int = 0,
    ) -> Any:
        """The outputs and their derivatives with respect to the inputs for a data frame, as a data frame.

        Parameters
        ----------
        frame
            As in ``predict_frame``.
        of, wrt
            The names of outputs and inputs; None for all.
        lags
            The largest lag of a dynamic network; None for the longest input delay.
        states
            As in ``predict_frame``.
        leads
            How many later steps the derivatives include, see ``run_jacobian``.

        Returns
        -------
        A DataFrame of the same library with the index of `frame`: the outputs, then per output ``dhead_dflow``, …;
        for a dynamic network all of lag 0, then ``dhead_dflow_lag1``, …, then ``dhead_dflow_lead1``, … as the command
        ``gradients`` writes them.

        Raises
        ------
        ShapeError
            As in ``predict_frame``; there is no such output or input; `lags` or `leads` is set for a static network.
        """
        outputs = self.output_names if of is None else chosen(of, self.output_names, "y", "of", "an output")
        inputs = self.input_names if wrt is None else chosen(wrt, self.input_names, "x", "wrt", "an input")
        if self.dynamic:
            from matnet.network.forecast import add_states, frame_series

            series = frame_series(self.structure, frame, states)
            y = _below(series.rows, self.run(series.x, **series.states).outputs)
            places = lags_shown(self.structure.input_delay if lags is None else lags, leads)
            derivatives = self.run_jacobian(series.x, lags=lags, leads=leads, **series.states)
            if series.rows:
                head = series.x[: max(places)]
                add_states(derivatives, self.run_jacobian(head, wrt="input_states", **series.states), max(places))
            kept = [self.output_names.index(name) for name in outputs], [self.input_names.index(j) for j in inputs]
            slopes = _below(series.rows, derivatives[:, places][:, :, kept[0]][..., kept[1]])
        elif lags is not None or leads:
            raise ShapeError(f"{'leads' if lags is None else 'lags'} is for dynamic networks, and this one is static")
        else:
            x = frame_input(frame, self.evaluation.inputs)
            y, slopes = np.asarray(self(x)), np.asarray(self.jacobian(x, of=outputs, wrt=inputs))[:, None]
            places = [0]
        names = [derivative_name(i, j, lag) for lag in places for i in outputs for j in inputs]
        y = y[:, [self.output_names.index(name) for name in outputs]]
        return frame_like(frame, [*outputs, *names], np.concatenate([y, slopes.reshape(len(y), len(names))], axis=1))

    def with_scaling(
        self,
        inputs: Scaling | Sequence[Scaling | None] | None = None,
        outputs: Scaling | Sequence[Scaling | None] | None = None,
    ) -> Network:
        """The network with external scaling included: x and y are then unscaled values.

        Parameters
        ----------
        inputs, outputs
            The settings that mapminmax or mapstd returned (or minp and maxp, meanp and stdp; mint … for outputs), as a
            mapping; a list with one for each if there are several inputs or outputs.

        Raises
        ------
        ModelError, UnsupportedError
            The settings do not fit, or do not belong to a known scaling function.
        """
        return Network(with_scaling(self.structure, inputs, outputs), self.provenance, self.name)

    def formula(
        self,
        of: int | Names | None = None,
        wrt: Names | None = None,
        format: str = "text",
        layout: str = "steps",
        digits: int | None = None,
    ) -> Any:
        """The network, or its derivative, as a formula.

        Constants are folded: the formula takes raw inputs and gives raw outputs. It is computed at 1,000 points of the
        range of the inputs and compared with the network before it is returned. It is for finite numbers.

        Parameters
        ----------
        of
            A layer's number, from 1, or name; or the names of outputs. None for all outputs.
        wrt
            The names of inputs: the formula is then that of the derivatives with respect to these. None for the values.
        format
            "text", "latex", "python" (a function for NumPy), "matlab" (a function), "c" (a function), "excel" (two rows
            of cells separated by tabs, to be pasted at A1) or "sympy".
        layout
            "steps": the layers' outputs, and what occurs more than once, are named steps. "nested": one line for each
            result. Expressions of SymPy are nested in any case.
        digits
            Significant digits of the numbers, 1 to 17; None for all that are needed, or 15 for "excel", which reads no
            more. With fewer, the text states the largest error at these points.

        Returns
        -------
        A str; for "sympy" a dict of SymPy expressions by the names of the results.

        Raises
        ------
        ShapeError
            There is no such layer, output, input, format or layout, or `digits` is out of range.
        UnsupportedError
            The network is too large for a formula, the format cannot express it, the formula does not compute what the
            network does, or a derivative of a network with feedback is wanted.
        MissingExtraError
            SymPy is not installed.

        Notes
        -----
        The formula of a dynamic network is that of one time step: ``x1_lag1`` is x1 one step before, ``a2_1_lag1`` the
        output of neuron 1 of layer 2 one step before, which is then a result too.

        Examples
        --------
        >>> from matnet.model.structure import Input, Layer, Output, Structure, Weight
        >>> layer = Layer(1, "tansig", {0: Weight([[2.0]])}, bias=[0.5])
        >>> net = Network(Structure((Input(1),), (layer,), (Output(0, 1),)))
        >>> print(net.formula())
        y1 = tanh(2*x1 + 0.5)
        >>> print(net.formula(wrt="x1", format="latex"))
        \\begin{aligned}
        a_{1,1} &= \\tanh\\left(2 \\, x_{1} + 0.5\\right) \\\\
        \\frac{\\partial y_{1}}{\\partial x_{1}} &= 2 \\, \\left(1 - a_{1,1}^{2}\\right)
        \\end{aligned}
        """
        from matnet.network.formula import formula_of

        return formula_of(self.structure, self.program, of, wrt, format, layout, digits).content

    @cached_property
    def series(self) -> Series:
        """The network's layout in time, for ``run`` and ``run_jacobian``."""
        from matnet.derivatives.time import Series

        return Series(self.structure, self.program, self.evaluation.on_rows)

    @cached_property
    def forecaster(self) -> Forecaster:
        """The network with its loops closed, and opened: what ``forecast`` runs."""
        from matnet.network.forecast import Forecaster

        return Forecaster(self.structure)


def _below(rows: int, values: FloatArray) -> FloatArray:
    """The values with rows of NaN above them."""
    return np.concatenate([np.full((rows, *values.shape[1:]), np.nan), values])
