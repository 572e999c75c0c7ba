"""Sensitivity measures: how strongly the outputs depend on each input over a set of samples."""
