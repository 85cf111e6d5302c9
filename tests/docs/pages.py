"""Reading our own pages: sections, tables, blocks of code.

Must not know: what a page is about.
"""

import re
from pathlib import Path

from hitl_temporal.definition.documents import parse
from hitl_temporal.domain.value import Json

DOCS = Path(__file__).parents[2] / "docs"


def sections(page: str) -> dict[str, str]:
    """Return each section of a page by its heading."""
    parts = re.split(r"^##+ (.+)$", (DOCS / page).read_text(encoding="utf-8"), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def rows(section: str) -> list[list[str]]:
    """Return the cells of a section's tables, without the headings."""
    lines = [line for line in section.splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    dashes = [n for n, row in enumerate(cells) if set(row[0]) == {"-"}]
    return [row for n, row in enumerate(cells) if n not in dashes and n + 1 not in dashes]


def blocks(page: str, language: str) -> list[str]:
    """Return the blocks of code in a language."""
    text = (DOCS / page).read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def code(cell: str) -> str:
    """Return what stands in a cell between backticks."""
    found = re.fullmatch(r"`(.*)`", cell)
    assert found, f"{cell!r} is not code"
    return found[1]


def plain(cell: str) -> str:
    """Return a cell without its links."""
    return re.sub(r"\[([^\]]+)\]\([^)]*\)", r"\1", cell)


def yaml(text: str) -> Json:
    """Return the value that a text is."""
    document, problems = parse(text, "page")
    assert document is not None, problems
    return document.data
