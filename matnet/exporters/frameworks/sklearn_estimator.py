"""scikit-learn: a network as a fitted regressor or classifier."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils.metaestimators import available_if

from matnet.errors import Parameter, ShapeError, UnsupportedError, counted
from matnet.functions.namespace import FloatArray
from matnet.network import Network
from matnet.network.arguments import real_array
from matnet.network.names import listed

_PROBABILITIES = ("softmax", "compet")
"""The transfer functions whose outputs sum to 1."""

_ROUNDING = 1e-9


class _FittedNetwork(BaseEstimator):  # type: ignore[misc]
    """The base of regressor and classifier, which are fitted from the start."""

    net: Network

    @property
    def n_features_in_(self) -> int:
        """R."""
        return self.net.input_size

    @property
    def feature_names_in_(self) -> NDArray[np.object_]:
        """The names of the inputs; absent if they have none of their own."""
        if self.net.input_names == self.net.evaluation.inputs.numbered:
            raise AttributeError("the network's inputs have no names")
        return np.array(self.net.input_names, dtype=object)

    def fit(self, X: Any, y: Any = None) -> Self:
        """Checks that X fits, and changes nothing: the network stays as MATLAB trained it.

        Raises
        ------
        ShapeError
            X is not (N, R).
        """
        self._samples(X)
        return self

    def _samples(self, X: Any) -> FloatArray:
        x = real_array(X, self.net.evaluation.inputs, "X")
        if x.ndim != 2:
            raise ShapeError(f"X has shape {x.shape}, expected (N, {self.net.input_size})")
        return x

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def __sklearn_clone__(self) -> Self:
        return type(self)(**self.get_params(deep=False))  # a network never changes, so it is not copied

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.requires_fit = False
        tags.input_tags.allow_nan = True
        return tags


class NetworkRegressor(RegressorMixin, _FittedNetwork):  # type: ignore[misc]
    """The network as a regressor that is fitted from the start; see ``matnet.to_sklearn``.

    Parameters
    ----------
    net
        A static network.
    """

    def __init__(self, net: Network) -> None:
        self.net = net

    def predict(self, X: Any) -> FloatArray:
        """y at raw scale: (N,) for one output, else (N, S).

        Raises
        ------
        ShapeError
            X is not (N, R).
        """
        y: FloatArray = self.net(self._samples(X))
        return y[:, 0] if y.shape[1] == 1 else y

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = self.net.output_size > 1
        return tags


def _has_probabilities(estimator: NetworkClassifier) -> bool:
    return _gives_probabilities(estimator.net)


class NetworkClassifier(ClassifierMixin, _FittedNetwork):  # type: ignore[misc]
    """The network as a classifier that is fitted from the start, one output for each class; see ``matnet.to_sklearn``.

    Parameters
    ----------
    net
        A static network.
    classes
        The labels of the classes, in the order of the outputs; None for the names of the outputs, or 1, 2, … if they
        have none.
    """

    def __init__(self, net: Network, classes: Sequence[Any] | None = None) -> None:
        self.net = net
        self.classes = classes

    @property
    def classes_(self) -> NDArray[Any]:
        """(S,): the labels of the classes, sorted, as the measures of scikit-learn take for granted."""
        return np.sort(self._labels)

    @property
    def _labels(self) -> NDArray[Any]:
        """(S,): the label of each output."""
        if self.classes is not None:
            return np.asarray(self.classes)
        names, numbered = self.net.output_names, self.net.evaluation.outputs.numbered
        return np.arange(1, len(names) + 1) if names == numbered else np.array(names)

    def predict(self, X: Any) -> NDArray[Any]:
        """(N,): the label of each sample's largest output, the first of equal ones.

        Raises
        ------
        ShapeError
            X is not (N, R), or an output of a sample is NaN.
        """
        y: FloatArray = self.net(self._samples(X))
        unknown = np.flatnonzero(np.isnan(y).any(axis=1))
        if unknown.size:
            raise ShapeError(f"X: row {unknown[0]} has outputs that are NaN, so that it belongs to no class")
        labels: NDArray[Any] = self._labels[y.argmax(axis=1)]
        return labels

    @available_if(_has_probabilities)  # type: ignore[untyped-decorator]
    def predict_proba(self, X: Any) -> FloatArray:
        """(N, S): the outputs, which are the probabilities of the classes, in the order of ``classes_``.

        Only for layers of softmax and compet.

        Raises
        ------
        ShapeError
            X is not (N, R).
        UnsupportedError
            The outputs do not sum to 1, because of their processing.
        """
        y: FloatArray = self.net(self._samples(X))
        total = y.sum(axis=1)
        wrong = np.flatnonzero((np.abs(total - 1.0) > _ROUNDING) | (y < -_ROUNDING).any(axis=1))
        if wrong.size:
            raise UnsupportedError(
                f"the outputs are not probabilities: those of row {wrong[0]} sum to {total[wrong[0]]:.6g}"
            )
        return y[:, np.argsort(self._labels)]


def estimator(net: Network, kind: str | None, classes: Sequence[Any] | None) -> NetworkRegressor | NetworkClassifier:
    """A classifier if that is asked for, or labels are given, or the outputs are probabilities; else a regressor."""
    if kind not in (None, "regressor", "classifier"):
        raise UnsupportedError(Parameter("kind"), f"={kind!r}, expected 'regressor' or 'classifier'")
    if kind == "regressor" and classes is not None:
        raise UnsupportedError("a regressor has no classes")
    if kind == "regressor" or (kind is None and classes is None and not _gives_probabilities(net)):
        return NetworkRegressor(net)
    if net.output_size < 2:
        raise UnsupportedError("a classifier has one output for each class, and this network has one output in all")
    if classes is not None:
        _check_labels(classes, net.output_size)
    return NetworkClassifier(net, classes)


def _gives_probabilities(net: Network) -> bool:
    if len(net.structure.outputs) != 1:
        return False
    (output,) = net.structure.outputs
    return output.size > 1 and net.structure.layers[output.layer].transfer in _PROBABILITIES


def _check_labels(classes: Any, size: int) -> None:
    if isinstance(classes, str) or not isinstance(classes, (Sequence, np.ndarray)):
        raise ShapeError(f"classes is of type {type(classes).__name__}, expected a label for each output")
    labels = list(classes)
    if len(labels) != size:
        raise ShapeError(
            f"classes has {counted(len(labels), 'label')} ({listed(labels)}), expected {size}, one for each output"
        )
    if np.asarray(labels).dtype.kind in "US" and not all(isinstance(label, str) for label in labels):
        raise ShapeError(f"classes mixes text and numbers: {listed(labels)}")
    if len(set(labels)) < size:
        raise ShapeError(f"classes has a label twice: {listed(labels)}")
