"""Figures of a network, on matplotlib: what it is, what drives it, how well it fits.

Each function returns the Axes it drew on, those given as ``ax`` or of a new pyplot figure.
"""

from matnet.plots.courses import lags, series
from matnet.plots.diagram import network
from matnet.plots.fits import parity, residuals, training
from matnet.plots.responses import contour, response
from matnet.plots.sensitivities import alpha_curves, sensitivity, sensitivity_map

__all__ = [
    "alpha_curves",
    "contour",
    "lags",
    "network",
    "parity",
    "residuals",
    "response",
    "sensitivity",
    "sensitivity_map",
    "series",
    "training",
]
