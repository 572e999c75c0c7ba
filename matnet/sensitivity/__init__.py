"""Sensitivity: which inputs drive the outputs over data, and how strongly, in numbers."""
