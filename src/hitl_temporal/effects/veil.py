"""Finds values that must not be seen in whatever leaves an activity, and hides them.

The forms that are looked for are those in which texts travel: as it is, escaped, in URLs, in base64. Numbers show
nothing: any of them may be somebody's PIN.

Must not know: where the values come from.
"""

import base64
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, cast
from urllib.parse import quote, quote_plus

from pydantic_core import PydanticSerializationError, to_jsonable_python
from temporalio.exceptions import ApplicationError

from hitl_temporal.ports import PermanentError, TemporaryError

__all__ = ["Veil"]

_SHORTEST_LINE: Final = 8
"""A line of a value that has several, such as a key file, is hidden by itself if it is at least this long."""


class Veil:
    """Knows the values that must not be seen, and finds and hides them in texts."""

    def __init__(self, values: Mapping[str, str]) -> None:
        forms = [(form, name) for name, value in values.items() for form in _forms(value)]
        # The longest first: what is left of a value of which a part was taken out would be seen.
        self._forms = sorted(forms, key=lambda pair: -len(pair[0]))

    def seen_in(self, text: str) -> str | None:
        """Return the name of a secret that a text shows, None when it shows none."""
        return next((name for form, name in self._forms if form in text), None)

    def hide(self, text: str) -> str:
        """Return the text with a secret's name in place of each value."""
        for form, name in self._forms:
            text = text.replace(form, f"[secret {name!r}]")
        return text

    def seen_in_value(self, value: object) -> str | None:
        """Return the name of a secret that a value shows as it would travel; what can't travel shows nothing."""
        if not self._forms:  # a result may be large
            return None
        try:
            travelling = to_jsonable_python(value, fallback=str)
        except (PydanticSerializationError, ValueError, RecursionError):
            return None
        return next((name for text in _texts(travelling) if (name := self.seen_in(text)) is not None), None)

    def seen_in_error(self, error: BaseException) -> bool:
        """Tell whether an error, or one that it was raised from, shows a value: all of them go into the history."""
        return any(self.seen_in(_said(link)) is not None for link in _chain(error))

    def hide_in_error(self, error: BaseException) -> Exception:
        """Return an error that says the same without the values, and is of the same kind, as its causes are."""
        match error:
            case TemporaryError():
                clean: Exception = TemporaryError(self.hide(str(error)), error.retry_after)
            case PermanentError():
                clean = PermanentError(self.hide(error.reason))
            case ApplicationError():
                clean = ApplicationError(
                    self.hide(error.message),
                    *(detail for detail in error.details if self.seen_in_value(detail) is None),
                    type=error.type,
                    non_retryable=error.non_retryable,
                    next_retry_delay=error.next_retry_delay,
                    category=error.category,
                )
            case _:
                clean = ApplicationError(self.hide(str(error)), type=type(error).__name__)
        if error.__cause__ is not None:
            clean.__cause__ = self.hide_in_error(error.__cause__)
        return clean


def _forms(value: str) -> set[str]:
    lines = {line for line in value.splitlines() if len(line.strip()) >= _SHORTEST_LINE}
    plain = {value, value.strip(), *lines} - {""}
    encoded = {base64.b64encode(value.encode(errors="surrogatepass")).decode().rstrip("=")}
    for text in plain:
        encoded |= {repr(text)[1:-1], json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1]}
        encoded |= {quote(text, safe="", errors="replace"), quote_plus(text, errors="replace")}
    # Once more: the text of some errors is the written form of what they were given.
    written = {repr(text)[1:-1] for text in encoded} | {json.dumps(text)[1:-1] for text in encoded}
    return (plain | encoded | written) - {""}


def _texts(value: object) -> Iterator[str]:
    """Yield every text in a JSON value, keys too."""
    match value:
        case str():
            yield value
        case dict():
            for key, part in cast("dict[str, object]", value).items():
                yield key
                yield from _texts(part)
        case list():
            for part in cast("list[object]", value):
                yield from _texts(part)
        case _:
            return


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and what it was raised from: Temporal writes all of them into the history."""
    seen: set[int] = set()
    link: BaseException | None = error
    while link is not None and id(link) not in seen:
        seen.add(id(link))
        yield link
        link = link.__cause__ or link.__context__


def _said(error: BaseException) -> str:
    details = error.details if isinstance(error, ApplicationError) else ()
    notes: Sequence[str] = getattr(error, "__notes__", ())
    return "\n".join([str(error), repr(error), repr(details), *notes])
