"""YAML documents to checked, immutable values of the domain; every error names its file, its line and its mend.

Must not know: Temporal, environment, network; it reads files, nothing else.
"""
