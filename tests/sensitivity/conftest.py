"""Small networks and their data."""

from small_networks import arx, by_hand, x

__all__ = ["arx", "by_hand", "x"]
