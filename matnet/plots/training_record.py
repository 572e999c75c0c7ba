"""Training: the performance by epoch, and the state of the training function."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from matnet.errors import ShapeError
from matnet.importers.training_record import TrainingRecord
from matnet.plots.style import (
    BLACK,
    BLUE,
    DASHES,
    GREY,
    MARKERS,
    SET_COLOURS,
    legend_below,
    panel,
    title,
    x_label,
    y_label,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def training(record: TrainingRecord, ax: Axes | None = None) -> Axes:
    """The performance by epoch on the training, validation and test set, with the epoch whose weights were kept.

    Parameters
    ----------
    record
        A training record, from ``matnet.importers.training_record.read_training_record``.
    ax
        Where to draw; None for a new figure.

    Returns
    -------
    The Axes.

    Raises
    ------
    ShapeError
        The record keeps no curves.
    MissingExtraError
        matplotlib is not installed.
    """
    if not record.curves:
        raise ShapeError(f"the training record {record.path} keeps no curve of the performance")
    ax = panel(ax, 6.0, 4.0)
    for number, (name, values) in enumerate(record.curves.items()):
        few = len(values) <= 40
        ax.plot(
            record.epochs,
            values,
            label=name,
            color=SET_COLOURS.get(name, GREY),
            linestyle=DASHES[number % len(DASHES)],
            linewidth=1.5,
            marker=MARKERS[number % len(MARKERS)] if few else "",
            markersize=3.5,
        )
    if record.best_epoch is not None:
        ax.axvline(record.best_epoch, color=BLACK, linewidth=0.9, linestyle=":", label="weights kept")
    if all((values[np.isfinite(values)] > 0.0).all() for values in record.curves.values()):
        ax.set_yscale("log")
    x_label(ax, "epoch")
    y_label(ax, record.performance or "performance")
    kept = "" if record.best_epoch is None else f"; weights of epoch {record.best_epoch} kept"
    title(ax, f"Performance during training{kept}")
    legend_below(ax, len(record.curves) + 1)
    return ax


def training_state(record: TrainingRecord, of: str, ax: Axes | None = None) -> Axes:
    """A quantity that the training function recorded by epoch, as plottrainstate draws it.

    Parameters
    ----------
    record
        A training record, from ``matnet.importers.training_record.read_training_record``.
    of
        The quantity: a key of ``record.states``, as gradient, mu or val_fail.
    ax
        Where to draw; None for a new figure.

    Returns
    -------
    The Axes.

    Raises
    ------
    ShapeError
        The record has no such quantity.
    MissingExtraError
        matplotlib is not installed.
    """
    if of not in record.states:
        known = ", ".join(record.states) or "none"
        raise ShapeError(f"the training record {record.path} has no quantity '{of}'; it has {known}")
    values = record.states[of]
    ax = panel(ax, 6.0, 2.6)
    ax.plot(record.epochs, values, color=BLUE, linewidth=1.5)
    known_values = values[np.isfinite(values)]
    if len(known_values) and (known_values > 0.0).all() and known_values.max() > 10.0 * known_values.min():
        ax.set_yscale("log")
    if record.best_epoch is not None:
        ax.axvline(record.best_epoch, color=BLACK, linewidth=0.9, linestyle=":")
    x_label(ax, "epoch")
    y_label(ax, of)
    last = f"; last {known_values[-1]:.4g}" if len(known_values) else ""
    title(ax, f"{of} during training{last}")
    return ax
