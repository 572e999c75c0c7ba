"""How well a network classifies: the confusion matrix and the receiver operating characteristic."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from matnet.errors import ShapeError, counted
from matnet.functions.namespace import FloatArray
from matnet.plots.style import (
    BLACK,
    GREEN,
    GREY,
    SMALL,
    VERMILION,
    legend_below,
    line_style,
    names,
    new_axes,
    panel,
    plain,
    title,
    x_label,
    y_label,
)
from matnet.sensitivity.samples import Model, matrix, outputs_of, samples

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_CLASSES = 25
"""The most classes of a confusion matrix; a larger matrix would be illegible."""


FEWEST_CLASSIFIED = 10
"""The fewest samples for which two distinct target values are assumed to be classes."""


@dataclass(frozen=True, eq=False)
class Classes:
    """Targets and outputs of a classifier, for the samples at which all of them are known.

    ``names`` (C,) are the classes; ``target`` and ``output`` (N,) the class of each sample, from 0; ``scores`` (N, C)
    the outputs that decide the class; ``kept`` (N',) flags the known samples among all.
    """

    names: tuple[str, ...]
    target: NDArray[np.intp]
    output: NDArray[np.intp]
    scores: FloatArray
    kept: NDArray[np.bool_]

    @property
    def matrix(self) -> NDArray[np.intp]:
        """(C, C): element [i, j] is the number of samples of output class i and target class j."""
        count = len(self.names)
        flat = np.bincount(self.output * count + self.target, minlength=count * count)
        return flat.reshape(count, count)


def are_classes(t: FloatArray) -> bool:
    """Whether targets (N, S) are classes: one element of each row highest and the others alike, or two values."""
    known = t[np.isfinite(t).all(axis=1)] if t.size else t
    if not len(known):
        return False
    values = np.unique(known)
    if len(values) != 2:
        return False
    return known.shape[1] == 1 or bool(((known == values[1]).sum(axis=1) == 1).all())


def classes(net: Model, x: Any, t: Any, outputs: Sequence[str] | None = None) -> Classes:
    """The classes of outputs and targets.

    With several outputs the class of a sample is that of its largest output; with one output there are two classes,
    divided midway between the two values of the targets.

    Raises
    ------
    ShapeError
        x and t do not fit each other or the network, the network is dynamic, or the targets are not classes.
    """
    given, targets = samples(net, x), matrix(t, outputs_of(net), "t", outputs)
    if len(targets) != len(given):
        raise ShapeError(f"t has {counted(len(targets), 'row')}, but x has {len(given):,}")
    if not are_classes(targets):
        raise ShapeError(
            "the targets are not classes: expected two values, and with several outputs one element of each row at the "
            "higher of them; use parity or residuals for other targets"
        )
    y = np.asarray(net(given))
    kept = np.isfinite(y).all(axis=1) & np.isfinite(targets).all(axis=1)
    y, targets = y[kept], targets[kept]
    if not len(y):
        raise ShapeError("no sample has known outputs and targets: there is nothing to compare")
    if net.output_size > 1:
        known = names(outputs, outputs_of(net))
        return Classes(known, targets.argmax(axis=1), y.argmax(axis=1), y, kept)
    low, high = np.unique(targets) if len(np.unique(targets)) == 2 else (targets.min(), targets.min() + 1.0)
    return Classes(
        tuple(plain(f"{value:g}") for value in (low, high)),
        (targets[:, 0] == high).astype(np.intp),
        (y[:, 0] > (low + high) / 2.0).astype(np.intp),
        np.stack([low + high - y[:, 0], y[:, 0]], axis=1),
        kept,
    )


def confusion(
    net: Model,
    x: Any,
    t: Any,
    members: NDArray[np.bool_] | None = None,
    outputs: Sequence[str] | None = None,
    ax: Axes | None = None,
    name: str = "all samples",
) -> Axes:
    """The confusion matrix: how many samples of each target class got each output class, as plotconfusion draws it.

    Rows are output classes, columns target classes, the diagonal is right. The share at the right of each row is that
    output's precision, the one under each column that target's recall.

    Parameters
    ----------
    net
        A static classifier.
    x, t
        Samples (N, R) and targets (N, S), raw scale; samples with NaN in outputs or targets are left out.
    members
        Flags (N,): which samples count; None for all.
    outputs
        Names of the classes (default: y1 .. yS). With one output the classes are called by their target values.
    ax
        Where to draw; None for a new figure.
    name
        The name of the samples in the title.

    Returns
    -------
    The Axes.

    Raises
    ------
    ShapeError
        x or t do not fit, the targets are not classes, or there are more than MOST_CLASSES of them.
    MissingExtraError
        matplotlib is not installed.
    """
    classified = classes(net, x, t, outputs)
    count = len(classified.names)
    if count > MOST_CLASSES:
        raise ShapeError(f"a confusion matrix is drawn for up to {MOST_CLASSES} classes, the network has {count}")
    if members is not None:
        chosen = np.asarray(members, dtype=bool)[classified.kept]
        classified = Classes(
            classified.names,
            classified.target[chosen],
            classified.output[chosen],
            classified.scores[chosen],
            classified.kept,
        )
    numbers = classified.matrix
    ax = new_axes(ax, *confusion_size(count))
    total = max(int(numbers.sum()), 1)
    ax.set_xlim(-0.5, count + 0.5)
    ax.set_ylim(count + 0.5, -0.5)
    for i, j in np.ndindex(count, count):
        share = float(numbers[i, j] / total)
        colour = GREEN if i == j else VERMILION
        ax.axhspan(i - 0.5, i + 0.5, (j) / (count + 1), (j + 1) / (count + 1), color=colour, alpha=_shade(share))
        words = f"{numbers[i, j]:,}" + (f"\n{share:.1%}" if count <= 10 else "")
        ax.text(j, i, words, ha="center", va="center", fontsize=SMALL - 1)
    for k in range(count):
        _share(ax, count, k, numbers[k, k], numbers[k].sum())
        _share(ax, k, count, numbers[k, k], numbers[:, k].sum())
    _share(ax, count, count, np.trace(numbers), numbers.sum())
    for level in np.arange(count) + 0.5:
        ax.axhline(level, color="white", linewidth=1.0)
        ax.axvline(level, color="white", linewidth=1.0)
    turned = 90 if max(map(len, classified.names)) > 5 else 0
    ax.set_xticks(range(count), classified.names, fontsize=SMALL, rotation=turned)
    ax.set_yticks(range(count), classified.names, fontsize=SMALL)
    ax.tick_params(length=0)
    for spine in ax.spines.values():
        spine.set_visible(False)
    x_label(ax, "target class")
    y_label(ax, "output class")
    title(ax, f"{name}: {counted(int(numbers.sum()), 'sample')}")
    return ax


def _shade(share: float) -> float:
    return 0.08 + 0.5 * float(np.sqrt(share))


def _share(ax: Axes, x: float, y: float, right: int, total: int) -> None:
    words = f"{right / total:.1%}" if total else "–"
    ax.text(x, y, words, ha="center", va="center", fontsize=SMALL - 1, color=GREY, weight="bold")


def confusion_size(count: int) -> tuple[float, float]:
    """Width and height of a confusion matrix of that many classes, in inches."""
    side = min(9.0, 0.55 * (count + 1))
    return side + 1.6, side + 1.3


def roc(
    net: Model,
    x: Any,
    t: Any,
    outputs: Sequence[str] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """The receiver operating characteristic of each class: true against false positives over all thresholds.

    A curve near the upper left corner means good discrimination; the diagonal is chance. The legend gives
    the area under each curve. The parameters, returns and errors are those of ``confusion``; with one output the curve
    is that of the higher class.
    """
    classified = classes(net, x, t, outputs)
    ax = panel(ax, 5.0, 5.2)
    shown = range(len(classified.names)) if net.output_size > 1 else (1,)
    for number, k in enumerate(shown):
        positive = classified.target == k
        if positive.all() or not positive.any():
            continue
        false, true, area = roc_curve(classified.scores[:, k], positive)
        ax.plot(
            false,
            true,
            linewidth=1.5,
            label=f"{classified.names[k]}: area {area:.4f}",
            **line_style(number, marked=False),
        )
    ax.plot([0.0, 1.0], [0.0, 1.0], color=BLACK, linewidth=0.8, zorder=1)
    ax.set_xlim(-0.02, 1.02)
    ax.set_ylim(-0.02, 1.02)
    x_label(ax, "false positive rate")
    y_label(ax, "true positive rate")
    title(ax, f"Receiver operating characteristic: {counted(len(classified.target), 'sample')}")
    legend_below(ax, 3)
    return ax


def roc_curve(scores: FloatArray, positive: NDArray[np.bool_]) -> tuple[FloatArray, FloatArray, float]:
    """False and true positive rates over all thresholds, from (0, 0) to (1, 1), and the area under the curve.

    Samples of equal score are counted together, so that the area is the share of (positive, negative) pairs in which
    the positive one has the higher score, with ties counted half.
    """
    order = np.argsort(-scores, kind="stable")
    ends = np.append(np.diff(scores[order]) != 0.0, True)
    true = np.append(0.0, np.cumsum(positive[order])[ends] / max(int(positive.sum()), 1))
    false = np.append(0.0, np.cumsum(~positive[order])[ends] / max(int((~positive).sum()), 1))
    return false, true, float(np.trapezoid(true, false))
