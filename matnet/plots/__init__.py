"""Figures of a network, drawn with matplotlib: its structure, sensitivities, responses, fit and training.

Each function returns the Axes it drew on: ``ax``, or those of a new pyplot figure.
"""

from matnet.plots.classes import confusion, roc
from matnet.plots.courses import error_autocorrelation, lags, series
from matnet.plots.diagram import network
from matnet.plots.fits import error_histogram, parity, residuals
from matnet.plots.images import sensitivity_image
from matnet.plots.responses import contour, response
from matnet.plots.sensitivities import alpha_curves, sensitivity, sensitivity_map
from matnet.plots.training_record import training, training_state

__all__ = [
    "alpha_curves",
    "confusion",
    "contour",
    "error_autocorrelation",
    "error_histogram",
    "lags",
    "network",
    "parity",
    "residuals",
    "response",
    "roc",
    "sensitivity",
    "sensitivity_image",
    "sensitivity_map",
    "series",
    "training",
    "training_state",
]
