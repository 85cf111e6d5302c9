"""One line for a person out of a validation error.

Must not know: files, lines (`definition` does).
"""

from pydantic import ValidationError


def first_problem(error: ValidationError) -> str:
    """Return the first problem as `where: what`, and how many more there are."""
    problems = error.errors(include_url=False, include_input=False)
    first = problems[0]
    where = ".".join(str(part) for part in first["loc"]) or "input"
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    return f"{where}: {first['msg'].removeprefix('Value error, ')}"[:500] + more
