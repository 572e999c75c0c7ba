"""The interactive page: a network and its derivatives in the browser, with a slider for each input."""

from matnet.explore.page import Live, live, page
from matnet.explore.subject import Address, Subject

__all__ = ["Address", "Live", "Subject", "live", "page"]
