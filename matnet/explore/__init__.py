"""The page that computes: a network with its derivatives in the browser, moved by sliders."""

from matnet.explore.page import Live, live, page
from matnet.explore.subject import Address, Subject

__all__ = ["Address", "Live", "Subject", "live", "page"]
