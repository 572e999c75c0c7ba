"""The rows: every toolbox function once, its value beside its derivatives."""
