"""Frameworks: a network as an object of PyTorch, JAX, CasADi, OpenMDAO, Pyomo, scikit-learn or SciPy."""

from matnet.exporters.frameworks.bridges import to_jax, to_openmdao, to_pyomo, to_sklearn, to_torch
from matnet.exporters.frameworks.casadi_function import to_casadi
from matnet.exporters.frameworks.objective import objective

__all__ = ["objective", "to_casadi", "to_jax", "to_openmdao", "to_pyomo", "to_sklearn", "to_torch"]
