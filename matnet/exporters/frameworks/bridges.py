"""PyTorch, JAX, OpenMDAO, Pyomo and scikit-learn: imported on first use, or the extra named."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from matnet.exporters.frameworks.requirements import static_network
from matnet.exporters.recording import one_network
from matnet.exporters.stepping import check_step
from matnet.extras import need
from matnet.network import Network

if TYPE_CHECKING:
    import torch

    from matnet.exporters.frameworks.openmdao_component import NetworkComponent
    from matnet.exporters.frameworks.sklearn_estimator import NetworkClassifier, NetworkRegressor


def to_torch(net: Network) -> torch.nn.Module:
    """The network as a PyTorch module; a dynamic one as a module for one step.

    Parameters
    ----------
    net
        The network.

    Returns
    -------
    torch.nn.Module, x (..., R) -> y (..., S) at raw scale, in float64. Its parameters are the weights and biases:
    ``b1`` for b{1}, ``IW1_1`` for IW{1,1}, ``LW2_1`` for LW{2,1}; processing settings are constants.

    For a dynamic network x (..., R), states (..., n) -> y (..., S), next states (..., n); and for a series
    ``module.scan(x, states)``, x (..., T, R) -> y (..., T, S) and the states after it, differentiable through time. The
    states are ``net.prepare(x, t).states`` or ``net.run(x).states``, before a series ``net.run(x[:0]).states``;
    ``module.state_size`` is n.

    Raises
    ------
    MissingExtraError
        PyTorch or array-api-compat is not installed.
    UnsupportedError
        This is not a single network.

    Notes
    -----
    PyTorch's gradients are matnet's derivatives, at kinks, in saturation and at p = w too; so are second derivatives
    with respect to the inputs, in reverse mode (``torch.func.jacrev`` of itself). There is no forward mode.
    ``torch.save`` takes the module. ``torch.export`` does too, and what it makes has PyTorch's own derivatives.
    """
    need("to_torch", "torch", "torch", "array_api_compat")
    one_network(net, "to_torch")
    from matnet.exporters.frameworks.torch_module import NetworkModule, StepModule

    if net.dynamic:
        check_step(net)
    return StepModule(net) if net.dynamic else NetworkModule(net)


def to_jax(net: Network) -> tuple[Any, dict[str, Any]]:
    """The network as a pure function for JAX, and its parameters; a dynamic one as a function for one step.

    Parameters
    ----------
    net
        The network.

    Returns
    -------
    ``function(parameters, x)``, x (..., R) -> y (..., S) at raw scale, and the parameters, a dictionary of JAX arrays:
    ``b1`` for b{1}, ``IW1_1`` for IW{1,1}, ``LW2_1`` for LW{2,1}. ``jax.jit``, ``grad``, ``vmap`` and the like take it.

    For a dynamic network ``step(parameters, x, states)``, x (..., R), states (..., n) -> y (..., S), next states
    (..., n), and ``step.scan(parameters, x, states)`` for a series: x (..., T, R) -> y (..., T, S) and the states after
    it, by ``jax.lax.scan``. The states are ``net.prepare(x, t).states`` or ``net.run(x).states``, before a series
    ``net.run(x[:0]).states``; ``step.state_size`` is n.

    Raises
    ------
    MissingExtraError
        JAX is not installed.
    UnsupportedError
        This is not a single network.

    Notes
    -----
    JAX computes in float32 unless ``jax.config.update("jax_enable_x64", True)`` was called before. Its derivatives are
    matnet's, at kinks, in saturation and at p = w too. Second derivatives are in forward mode over itself; in reverse
    mode JAX differentiates the slope's formula, which is another number only where a second derivative does not exist
    (a distance at p = w).
    """
    need("to_jax", "jax", "jax")
    one_network(net, "to_jax")
    from matnet.exporters.frameworks.jax_function import network_function, step_function

    return step_function(net) if net.dynamic else network_function(net)


def to_openmdao(net: Network, vec_size: int = 1) -> NetworkComponent:
    """The network as an explicit component for OpenMDAO.

    Parameters
    ----------
    net
        A static network.
    vec_size
        The number of samples, N.

    Returns
    -------
    openmdao.api.ExplicitComponent with a variable (N,) for each input and output element, under its name and with its
    unit. Inputs begin in the middle of their ranges, or at 1 where these are unknown.

    Raises
    ------
    MissingExtraError
        OpenMDAO is not installed.
    ShapeError
        `vec_size` is not a positive integer.
    UnsupportedError
        The network is dynamic; OpenMDAO does not allow a name or does not know a unit; or an input and an output have
        the same name.

    Notes
    -----
    The partial derivatives are exact, and declared as diagonals over the samples. In a complex step (``method="cs"``) a
    network whose functions are not all analytic is continued by its own derivative.
    """
    need("to_openmdao", "openmdao", "openmdao")
    static_network(net, "to_openmdao")
    from matnet.exporters.frameworks.openmdao_component import component

    return component(net, vec_size)


def to_pyomo(net: Network, block: Any) -> None:
    """Writes the network into a block of a Pyomo model, with variables ``block.inputs[name]``, ``block.outputs[name]``.

    Parameters
    ----------
    net
        A static network.
    block
        A ``pyomo.environ.Block`` takes the network as expressions: ``block.equations[name]`` sets each output equal to
        its formula; what is used in it more than once is a variable in ``block.steps`` with its own equation in
        ``block.step_equations``. An ``ExternalGreyBoxBlock`` of ``pyomo.contrib.pynumero`` takes the network as an
        external model with exact Jacobian and Hessian.

    Raises
    ------
    MissingExtraError
        Pyomo is not installed.
    UnsupportedError
        `block` is not a block of a concrete model or has such components already; the network is dynamic; or, as
        expressions, it has too many terms, or an output that is NaN or Inf whatever the inputs are.

    Notes
    -----
    The inputs have their ranges as bounds, where these are known, and begin in the middle, else at 0. All values are
    raw, without units. Of expressions the solver takes its own derivatives: exact too, except at kinks and where a
    distance is 0. An expression has no value where exp overflows (logsig of a net input below −709).
    """
    need("to_pyomo", "pyomo", "pyomo")
    static_network(net, "to_pyomo")
    from matnet.exporters.frameworks.pyomo_block import write_network

    write_network(net, block)


def to_sklearn(
    net: Network, kind: str | None = None, classes: Sequence[Any] | None = None
) -> NetworkRegressor | NetworkClassifier:
    """The network as an estimator of scikit-learn that is fitted from the start.

    Parameters
    ----------
    net
        A static network.
    kind
        "regressor" or "classifier". None for a classifier if `classes` is given, or the output layer has several
        neurons of softmax or compet, as those of patternnet and fitcnet; else for a regressor.
    classes
        The labels of a classifier's classes, in the order of the outputs. None for the names of the outputs, or the
        numbers 1, 2, … if they have none, as in MATLAB's vec2ind.

    Returns
    -------
    An estimator with ``predict``, ``score`` and, for outputs of softmax or compet, ``predict_proba``. X is (N, R) at
    raw scale, or a data frame. A regressor's y is (N,) for one output, else (N, S).

    Raises
    ------
    MissingExtraError
        scikit-learn is not installed.
    ShapeError
        There is not one label for each output.
    UnsupportedError
        The network is dynamic, or `kind` does not fit it.

    Notes
    -----
    ``fit(X, y)`` checks the shape of X and changes nothing; so does the ``fit`` of a pipeline. To train, see
    ``net.with_parameters``. ``clone`` shares the network, which never changes.
    """
    need("to_sklearn", "sklearn", "sklearn")
    static_network(net, "to_sklearn")
    from matnet.exporters.frameworks.sklearn_estimator import estimator

    return estimator(net, kind, classes)
