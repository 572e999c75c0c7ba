"""A network on one self-contained page of HTML: a summary, origin, proof, derivatives, sensitivities and fit."""

from matnet.report.material import Material
from matnet.report.page import page
from matnet.report.several import Member, overview

__all__ = ["Material", "Member", "overview", "page"]
