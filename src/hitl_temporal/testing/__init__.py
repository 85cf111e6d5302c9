"""What authors of flows test with: scenarios played on the pure core, by `hitl test` and by pytest.

Must not know: HTTP, the command line.
"""
