"""Function files that MATLAB's genFunction writes: read as data, recognised statement by statement.

All modules raise FormatError, ModelError and UnsupportedError at the place ``:LINE``, with the statement in the text.
"""

from matnet.importers.genfunction.file import NoGeneratedFunctionError, load_genfunction

__all__ = ["NoGeneratedFunctionError", "load_genfunction"]
