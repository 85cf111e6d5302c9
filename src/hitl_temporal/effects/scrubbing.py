"""Takes the values of secrets out of what a command wrote, and makes it readable.

A secret is replaced wherever it stands as it is, or as JSON writes it; of one with several lines each long line is a
secret, too. What a command makes of a secret (its base64, half of it) can't be known.

Must not know: where secrets come from, processes.
"""

import json
import re
from collections.abc import Iterable, Iterator
from typing import Final

from hitl_temporal.domain.value import Json

__all__ = ["Scrubber", "readable"]

MASK: Final = "***"
_LONG_LINE = 8
_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\^_])")
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


class Scrubber:
    """Knows the secrets of one command."""

    def __init__(self, secrets: Iterable[str]) -> None:
        forms = {form for secret in secrets for form in _forms(secret)}
        self._forms = sorted((form.encode() for form in forms), key=lambda form: (-len(form), form))
        self._found = re.compile(b"|".join(map(re.escape, self._forms))) if self._forms else None
        self.margin = max((len(form) for form in self._forms), default=1) - 1
        """How many bytes before a cut are needed to see a secret that the cut goes through."""

    def scrubbed(self, written: bytes, skip: int = 0) -> bytes:
        """Return what was written without secrets, and without its first bytes; a secret at the cut goes as a whole."""
        if self._found is None:
            return written[skip:]
        clean = bytearray()
        at = skip
        for secret in self._found.finditer(written):
            if secret.end() > skip:
                clean += written[at : secret.start()] + MASK.encode()
                at = secret.end()
        return bytes(clean + written[at:])

    def withheld(self, written: bytes) -> bytes:
        """Return what may be shown while more is coming: an end that may begin a secret is held back."""
        longest = max((_overlap(written, form) for form in self._forms), default=0)
        return written[: len(written) - longest]

    def text(self, text: str) -> str:
        """Return a text without secrets."""
        return text if self._found is None else self.scrubbed(text.encode()).decode()

    def value(self, value: Json) -> Json:
        """Return a value without secrets in its texts and keys."""
        match value:
            case str():
                return self.text(value)
            case list():
                return [self.value(item) for item in value]
            case dict():
                return {self.text(key): self.value(item) for key, item in value.items()}
            case _:
                return value


def readable(written: bytes) -> str:
    """Return what was written as text for a page or a terminal: UTF-8, lines, no colours, no control characters.

    What is none of that is shown as U+FFFD.
    """
    text = written.decode(errors="replace").replace("\r\n", "\n").replace("\r", "\n")
    return _CONTROLS.sub("\ufffd", _ESCAPES.sub("", text))


def _forms(secret: str) -> Iterator[str]:
    for text in (secret, *(line.strip() for line in secret.splitlines() if len(line.strip()) >= _LONG_LINE)):
        if text:
            yield text
            yield json.dumps(text)[1:-1]
            yield json.dumps(text, ensure_ascii=False)[1:-1]


def _overlap(written: bytes, form: bytes) -> int:
    """Return how many of the last bytes are the beginning of a secret, but not all of it."""
    for length in range(min(len(form) - 1, len(written)), 0, -1):
        if written.endswith(form[:length]):
            return length
    return 0
