"""Derivatives of a Program, a module a topic; all of them walk the same steps as the simulation."""
