"""How many random cases a test takes: all of them with --slow, a third without, and the same ones every time."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

_taken = {"all": False}


def take_all() -> None:
    """From now on the full numbers are taken; to be called before the tests are imported."""
    _taken["all"] = True


def trials(full: int) -> int:
    """The number of cases, of `full` with --slow."""
    return full if _taken["all"] else -(-full // 3)


def random_cases(full: int) -> settings:
    """Hypothesis draws the same `trials(full)` cases every time."""
    return settings(max_examples=trials(full), derandomize=True, database=None, suppress_health_check=list(HealthCheck))
