"""Function files that MATLAB's genFunction writes: read as data, recognised statement by statement."""

from matnet.importers.genfunction.file import NoGeneratedFunctionError, load_genfunction

__all__ = ["NoGeneratedFunctionError", "load_genfunction"]
