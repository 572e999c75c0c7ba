"""Frameworks: a network as an object of PyTorch, JAX or CasADi, with the rows' own derivatives."""
