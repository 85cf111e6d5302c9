"""Texts in the visibility query language.

Must not know: what is looked for.
"""


def literal(text: str) -> str:
    """Return a text as a literal of the visibility query language."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
