"""What changes the world: one effect at a time, carried out through a port so that doing it twice does no harm.

Must not know: which integration stands behind a port, and what a workflow will do with the answer.
"""
