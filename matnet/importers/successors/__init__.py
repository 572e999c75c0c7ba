"""Models of the classes that followed `network`: fitrnet and fitcnet (fitted.py), networks of layers (layered.py)."""

from matnet.importers.successors.evidence import StoredLoss, StoredScores, in_session, stored_losses, stored_scores
from matnet.importers.successors.fitted import is_fitted, read_fitted
from matnet.importers.successors.layered import is_layered, read_layered

__all__ = [
    "StoredLoss",
    "StoredScores",
    "in_session",
    "is_fitted",
    "is_layered",
    "read_fitted",
    "read_layered",
    "stored_losses",
    "stored_scores",
]
