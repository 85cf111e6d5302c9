"""One line for a person out of a validation error.

Must not know: files, lines (`definition` does).
"""

from pydantic import ValidationError


def first_problem(error: ValidationError) -> str:
    """Return the first problem as `where: what`, and how many more there are."""
    more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
    return refused(error, "input") + more


def refused(error: ValidationError, whole: str = "") -> str:
    """Return the first problem of a command as `where: what`; `whole` stands for what is wrong as a whole."""
    first = error.errors(include_url=False, include_input=False)[0]
    where = ".".join(str(part) for part in first["loc"]) or whole
    said = first["msg"].removeprefix("Value error, ")
    return (f"{where}: {said}" if where else said)[:500]


def key_of(raw: object) -> str:
    """Return the key that came with a payload, however broken that is; empty: it had none."""
    key = raw.get("key") if isinstance(raw, dict) else None  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
    return key[:200] if isinstance(key, str) else ""
