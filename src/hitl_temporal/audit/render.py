"""The trail for people and programs: a table for the terminal, JSON, and one HTML page that needs nothing else.

Times are UTC everywhere. What people wrote is never trusted: control characters do not reach the terminal, and the page
escapes everything and forbids itself scripts and requests.

Must not know: stores, exporters, who asks.
"""

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from jinja2 import Environment, StrictUndefined
from rich.cells import cell_len, set_cell_size

from hitl_temporal.audit.verify import Report, abandoned
from hitl_temporal.domain.audit import Fact
from hitl_temporal.domain.value import Json, canonical

__all__ = ["as_json", "html", "table"]

WHO = ("hitl.actor", "hitl.by", "hitl.person", "hitl.people", "hitl.who", "hitl.requester")
"""Where a fact names people, the one who acted first."""

_FIRST = ("outcome", "status", "step", "stage", "reason", "title", "flow", "call", "holds", "rule")
"""What is told first, in this order; everything else follows by name."""

_DIGEST = re.compile(r"[0-9a-f]{32,64}")

_HEADINGS = ("time (UTC)", "workflow", "event", "who", "what")
_WHO_CELLS = 30
_WHAT_CELLS = 100


class _Row(NamedTuple):
    time: str
    workflow: str
    event: str
    who: str
    what: str


def table(facts: Sequence[Fact]) -> str:
    """Return the timeline as aligned lines of plain text, without a newline at the end; long cells are cut."""
    rows = [
        row._replace(who=_cut(row.who, _WHO_CELLS), what=_cut(row.what, _WHAT_CELLS))
        for row in (_Row(*map(_printable, row)) for row in (_Row(*_HEADINGS), *_rows(facts)))
    ]
    widths = [max(map(cell_len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(set_cell_size(cell, width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def as_json(facts: Sequence[Fact]) -> list[dict[str, Json]]:
    """Return the facts in the given order, each as it is hashed, with its hash."""
    return [{**fact.content(), "hash": fact.hash} for fact in facts]


def html(facts: Sequence[Fact], report: Report) -> str:
    """Return one self-contained page: what verification found, then the timeline."""
    first = min(
        facts, key=lambda fact: fact.seq if fact.parent_span_id is None else len(facts) + fact.seq, default=None
    )
    return _PAGE.render(
        title=f"Audit trail of {first.workflow_id}" if first else "Audit trail",
        trace=first.trace_id if first else "",
        headings=_HEADINGS,
        rows=tuple(_rows(facts)),
        report=report,
        verdict=_VERDICTS[report.status],
    )


def _rows(facts: Sequence[Fact]) -> Iterator[_Row]:
    root = next((fact.workflow_id for fact in facts if fact.parent_span_id is None), "")
    left = {(fact.span_id, fact.run_id) for fact in abandoned(facts)}
    for fact in sorted(facts, key=lambda fact: (fact.at, fact.workflow_id, fact.seq)):
        yield _Row(
            time=fact.at.strftime("%Y-%m-%d %H:%M:%S"),
            # An approval of a run is `<run>.<step>.<attempt>`: the run's name once is enough.
            workflow=fact.workflow_id.removeprefix(root) or fact.workflow_id,
            event=fact.name if (fact.span_id, fact.run_id) not in left else f"{fact.name} (abandoned)",
            who=", ".join(_who(fact)),
            what=" ".join(_what(fact)),
        )


def _who(fact: Fact) -> tuple[str, ...]:
    for name in WHO:
        match fact.attributes.get(name):
            case str(person) if person:
                return (person,)
            case list(people) if people:
                return tuple(map(str, people))
            case _:
                continue
    return ()


def _what(fact: Fact) -> Iterator[str]:
    """Yield what a reader looks for first: the outcome, why, where; digests last and short, JSON has them whole."""
    told = next((name for name in WHO if fact.attributes.get(name)), None)
    rest = [(name.removeprefix("hitl."), value) for name, value in fact.attributes.items() if name != told]
    for name, value in sorted(rest, key=lambda pair: (_digest(pair[1]) is not None, _rank(pair[0]), pair[0])):
        yield f"{name}={_digest(value) or (value if isinstance(value, str) else canonical(value))}"


def _rank(name: str) -> int:
    return _FIRST.index(name) if name in _FIRST else len(_FIRST)


def _digest(value: Json) -> str | None:
    """Return the short form of a digest, None for anything else."""
    return f"{value[:12]}…" if isinstance(value, str) and _DIGEST.fullmatch(value) else None


def _printable(text: str) -> str:
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)


def _cut(text: str, cells: int) -> str:
    return text if cell_len(text) <= cells else set_cell_size(text, cells - 1).rstrip() + "…"


_VERDICTS = {
    "ok": "Verified: complete and unchanged.",
    "incomplete": "Unchanged as far as it goes, but without its end: still open, or cut off.",
    "broken": "Broken: this trail is not as it was written.",
}

# Jinja2 escapes every value; the policy forbids scripts and requests should a reader not trust that.
_PAGE = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True).from_string("""\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>{{ title }}</title>
<style>
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif }
body { max-width: 80rem; margin: 2rem auto; padding: 0 1rem }
table { border-collapse: collapse; width: 100% }
caption { text-align: start; padding-block: .5rem }
th, td { text-align: start; vertical-align: top; padding: .25rem .5rem; border-block-end: 1px solid GrayText }
td { overflow-wrap: anywhere }
td:first-child { white-space: nowrap; font-variant-numeric: tabular-nums }
.verdict { border-inline-start: .5rem solid; padding-inline-start: 1rem }
.wide { overflow-x: auto }
</style>
</head>
<body>
<main>
<h1>{{ title }}</h1>
<section aria-labelledby="verdict">
<h2 id="verdict">Verification</h2>
<p class="verdict"><strong>{{ verdict }}</strong></p>
<p>{{ report.events }} facts of {{ report.workflows }} workflows; {{ report.abandoned }} abandoned by a reset or retry.
{% if trace %}Trace <code>{{ trace }}</code>.{% endif %}</p>
{% if report.problems %}
<ul>
{% for problem in report.problems %}
<li><strong>{{ problem.what }}</strong> at {{ problem.workflow_id }}, fact {{ problem.seq }}
{% if problem.name %}(<code>{{ problem.name }}</code>){% endif %}: {{ problem.detail }}</li>
{% endfor %}
</ul>
{% endif %}
</section>
<section aria-labelledby="timeline">
<h2 id="timeline">Timeline</h2>
<div class="wide" role="region" aria-labelledby="timeline" tabindex="0">
<table>
<caption>What happened, in the order of time; times are UTC.</caption>
<thead><tr>{% for heading in headings %}<th scope="col">{{ heading }}</th>{% endfor %}</tr></thead>
<tbody>
{% for row in rows %}
<tr><td><time datetime="{{ row.time | replace(' ', 'T') }}Z">{{ row.time }}</time></td>\
<td>{{ row.workflow }}</td><th scope="row">{{ row.event }}</th><td>{{ row.who }}</td><td>{{ row.what }}</td></tr>
{% endfor %}
</tbody>
</table>
</div>
</section>
</main>
</body>
</html>
""")
