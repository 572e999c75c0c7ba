"""The evaluator as machine code: a network's tapes printed as C, built once, checked, cached and called."""
