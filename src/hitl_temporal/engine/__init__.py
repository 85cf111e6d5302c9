"""Temporal workflows: thin shells that turn messages and timers into events, and effects into activities.

Must not know: HTTP, files, vendors. What is decided is decided in `domain`.
"""
