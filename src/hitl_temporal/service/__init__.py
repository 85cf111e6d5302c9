"""The use cases: start, list, show, decide, explain, operate; the only caller of the Temporal client.

Must not know: HTTP, terminals.
"""
