"""Frameworks: a network as an object of PyTorch, JAX or CasADi, with the rows' own derivatives."""

from matnet.exporters.frameworks.bridges import to_jax, to_torch
from matnet.exporters.frameworks.casadi_function import to_casadi

__all__ = ["to_casadi", "to_jax", "to_torch"]
