"""The losses and scores that a fitrnet or fitcnet model carries of its own training, computed again."""

from __future__ import annotations

import numpy as np

from matnet.functions.namespace import FloatArray
from matnet.importers.stored import StoredValues
from matnet.importers.successors import StoredLoss, in_session
from matnet.network import Network
from matnet.proof.answers import InputData, Rounding, answers_with, unnoticed_change
from matnet.proof.candidates import Matrix
from matnet.proof.data import DataSource, NamedData
from matnet.proof.finding import Finding
from matnet.proof.outputs import OutputsCheck
from matnet.proof.records import AGREES, SMALL

_UNCERTAIN = "the loss differs, but it is not known whether MATLAB stored it for these weights"
_CHANGED = "the model or its data changed after this training"


class LossesCheck:
    """Compares the losses that a model carries, and the test scores that a session kept of it, with the network's.

    ``in_session`` says whether the model lies in a session, whose other scores are those of other models.
    """

    def __init__(self, rounding: Rounding, stored: StoredValues) -> None:
        self._net = rounding.net
        self._rounding = rounding
        self._stored = stored
        self.in_session = in_session(self._net.provenance.path)

    def findings(self) -> list[Finding]:
        """One for each loss and for the test scores; none if there are none, or scaling was added around the model."""
        path = self._net.provenance.path
        if not path or not _as_stored(self._net):
            return []
        losses = [self._loss(loss) for loss in self._stored.losses(path)]
        for scores in self._stored.scores(path):
            named = NamedData(inputs=Matrix("test data", scores.x.T), outputs=Matrix(scores.what, scores.y.T))
            losses += OutputsCheck(self._rounding, DataSource(self._net, None, named)).findings()
        return losses

    def _loss(self, loss: StoredLoss) -> Finding:
        data = InputData(loss.x)
        values = [loss_of(loss, y, net.parameters) for net, y in self._rounding.outputs(data).outputs]
        value, moved = values[0], max(abs(entry - values[0]) for entry in values)
        apart = abs(value - loss.expected)
        relative = apart / abs(loss.expected) if loss.expected else float(apart > 0.0)
        tolerance = AGREES * abs(loss.expected) + 4.0 * moved
        finding = Finding(loss.what, len(loss.x), apart, relative, "proved")
        if not apart <= tolerance:
            reason = f"MATLAB stored {loss.expected!r}, the network gives {value!r}"
            if loss.certain:
                return finding._replace(verdict="contradicted", reason=f"{reason}: {_CHANGED}")
            return finding._replace(verdict="unclear", reason=f"{reason}: {_UNCERTAIN}")
        if moved > SMALL * abs(loss.expected):
            return finding._replace(verdict="weak", reason="the loss is so small that it consists of rounding")

        def shows(theta: FloatArray) -> bool:
            other = loss_of(loss, answers_with(self._net, theta, data), theta)
            return not abs(other - loss.expected) <= tolerance

        block = unnoticed_change(self._net, shows)
        if block:
            return finding._replace(verdict="weak", reason=f"a change of {block} by 1 % would not have shown")
        return finding


def loss_of(loss: StoredLoss, y: FloatArray, theta: FloatArray) -> float:
    """The loss of outputs y (Q, S), w being the observation weights: Σ w‖y − t‖² / Σ w, or −Σ w ln p / Σ w / S.

    p is the score of the true class. The squares of the parameters `theta` count ``decay / 2``.
    """
    with np.errstate(all="ignore"):
        if loss.classifier:
            per_sample = -np.log((y * loss.t).sum(axis=1)) / y.shape[1]
        else:
            per_sample = ((y - loss.t) ** 2).sum(axis=1)
        mean = float(loss.weights @ per_sample / loss.weights.sum())
        return mean + 0.5 * loss.decay * float(theta @ theta) if loss.decay else mean


def _as_stored(net: Network) -> bool:
    """Whether the network has only the processing of its model."""
    inputs, outputs = net.structure.inputs, net.structure.outputs
    steps = [step.function for entry in inputs for step in entry.processing]
    return steps in ([], ["standardize"]) and not any(entry.processing for entry in outputs)
