"""The processes: a worker, the HTTP service, and `up`, which runs everything and supervises.

Must not know: terminals, what is served.
"""
