"""Models of the functions that followed the class `network`: fitrnet and fitcnet."""

from matnet.importers.successors.evidence import StoredLoss, StoredScores, in_session, stored_losses, stored_scores
from matnet.importers.successors.fitted import is_fitted, read_fitted

__all__ = ["StoredLoss", "StoredScores", "in_session", "is_fitted", "read_fitted", "stored_losses", "stored_scores"]
