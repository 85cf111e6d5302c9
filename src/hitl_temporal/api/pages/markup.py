"""What somebody wrote in Markdown, as safe HTML: paragraphs, **bold** and `code`; anything else stays as written.

Escaping comes first, so all tags in the result are ours.

Must not know: where the text is from.
"""

import re

from markupsafe import Markup, escape

_MARKS = re.compile(r"`(?P<code>[^`\n]+)`|\*\*(?P<bold>[^*\n]+)\*\*")
_BLANK_LINES = re.compile(r"\n[ \t]*\n\s*")


def paragraphs(text: str) -> Markup:
    """Return the text as paragraphs; line ends inside one are kept by the stylesheet."""
    parts = (part.strip("\n") for part in _BLANK_LINES.split(text.replace("\r\n", "\n")))
    return Markup("\n").join(Markup("<p dir=auto>{}</p>").format(_marked(part)) for part in parts if part.strip())


def _marked(text: str) -> Markup:
    return Markup(_MARKS.sub(_tagged, str(escape(text))))  # noqa: S704 - escaped, then tagged by us


def _tagged(found: re.Match[str]) -> str:
    tag = "code" if found["code"] is not None else "strong"
    return f"<{tag}>{found['code'] or found['bold']}</{tag}>"
