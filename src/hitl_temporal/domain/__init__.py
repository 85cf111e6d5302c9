"""The pure core: what a run and an approval are, and what each event does to them.

Must not know: clocks, randomness, environment, I/O, Temporal. `event.at` carries the time.
"""
