"""A network on one page of HTML that needs nothing else: what it is, whence, proof, derivatives, sensitivities, fit."""

from matnet.report.page import Material, page

__all__ = ["Material", "page"]
