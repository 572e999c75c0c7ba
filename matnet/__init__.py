"""Networks saved by MATLAB, opened without MATLAB: outputs and exact derivatives at real scale."""
