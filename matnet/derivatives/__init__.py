"""Derivatives of a Program, one module per topic; all of them use the same steps as the simulation."""
