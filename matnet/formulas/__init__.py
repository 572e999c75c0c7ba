"""A network as formulas: its tape expanded to expressions of single numbers, named and printed in several languages."""
