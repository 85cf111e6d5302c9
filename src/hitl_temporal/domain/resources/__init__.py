"""Counted resources: who holds how many units of what there are a few of, and who is next."""
