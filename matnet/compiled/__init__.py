"""The evaluator as machine code: a network's tapes as C, built once, checked, cached and called."""
