"""From a form of an approval's page to the body of a verb.

A field of a value says in its name how its text is to be read, `form.json.amount` or `form.text.note`, so that what
was typed can be sent on without looking at the approval again: an answer may be kept even while no worker runs.

Must not know: HTTP, markup, how a verb is judged.
"""

from collections.abc import Iterator, Mapping

from hitl_temporal.api.pages.questions import chosen, read
from hitl_temporal.domain.value import Json

FIELDS: Mapping[str, tuple[str, ...]] = {
    "decide": ("outcome", "comment", "digest", "on_behalf_of", "confirm"),
    "comment": ("text",),
    "request_info": ("text", "to"),
    "provide_info": ("text",),
    "delegate": ("to", "reason"),
    "reassign": ("from", "to", "reason"),
    "add_approver": ("to", "reason"),
    "claim": (),
    "release_claim": (),
    "withdraw": ("reason",),
    "amend": ("reason",),
    "override": ("outcome", "reason"),
    "extend": ("by", "reason"),
    "retract": ("reason",),
}
"""What a form sends of each verb as it is; the door adds who and how. A test compares it with the table of verbs."""

_NAMES = frozenset({"to", "from", "by", "on_behalf_of"})
"""What nobody means to begin or end with a blank."""

WAS = "was."
"""Before the name of a field: the text that stood in it."""


def field(group: str, name: str, *, is_text: bool) -> str:
    """Return the name of the field of a value: `form` for the form's, `edit` and `set` for changes, by path."""
    return f"{group}.{'text' if is_text else 'json'}.{name}"


def body(verb: str, form: Mapping[str, str]) -> dict[str, Json]:
    """Return what a form says to an approval; empty fields say nothing.

    Its key is that of the page with the verb, and the outcome: one click sent twice counts once, while another click
    on the same page is another one.
    """
    said: dict[str, Json] = {n: form[n].strip() if n in _NAMES else form[n] for n in FIELDS[verb] if form.get(n)}
    if form.get("key"):
        said["key"] = ".".join(filter(None, (form["key"], verb, form.get("outcome"))))
    match verb:
        case "decide":
            values: dict[str, dict[str, Json]] = {
                "form": dict(_values("form", form)),
                "edit": dict(_changed("edit", form)),
            }
            return {**said, **{group: found for group, found in values.items() if found}}
        case "amend":
            return {**said, "set": dict(_changed("set", form))}
        case "comment" | "provide_info" if form.get("attach.url", "").strip():
            url = form["attach.url"].strip()
            return {**said, "attachments": [{"name": form.get("attach.name", "").strip() or url[:200], "url": url}]}
        case _:
            return said


def _values(group: str, form: Mapping[str, str]) -> Iterator[tuple[str, Json]]:
    """Yield the values that were filled in, by name; of what may be chosen several times, a list.

    Where nobody has touched anything there are none: with most answers a form is left alone, and what merely stood in
    it would have to fit.
    """
    fields = list(_fields(group, form))
    if all(text == before for _, _, text, before in fields):
        return
    for name, is_text, text, _ in fields:
        several, dot, _ = name.partition(".")
        if dot:
            yield several, [read(one) for one in chosen(field(group, several, is_text=False), form)]
        elif text:
            yield name, text if is_text else read(text)


def _changed(group: str, form: Mapping[str, str]) -> Iterator[tuple[str, Json]]:
    """Yield the values that are not what they were; what was emptied is null, or the empty text."""
    for name, is_text, text, before in _fields(group, form):
        if text != before:
            yield name, text if is_text else read(text) if text else None


def _fields(group: str, form: Mapping[str, str]) -> Iterator[tuple[str, bool, str, str]]:
    for name, text in form.items():
        head, _, rest = name.partition(".")
        kind, _, path = rest.partition(".")
        if head == group and path:
            yield path, kind == "text", text, form.get(f"{WAS}{name}", "")
