"""Benchmarks: figures of this machine, in one run; medians, and ratios to a reference of the same run."""
