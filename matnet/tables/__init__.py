"""Tables of samples through a network: sources, blocks of rows, sinks. Nothing here prints."""

from matnet.tables.rasters import apply

__all__ = ["apply"]
