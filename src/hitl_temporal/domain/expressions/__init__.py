"""What `{{ expr }}` means: CEL over one scope of JSON, made bounded and repeatable.

The CEL library is fast but trusting, so three things are done around it, in this order:

1. *Before it sees a text* (`reading`): length, nesting and macros are bounded, since it can exhaust the thread's
   stack, and it cannot be interrupted.
2. *Before it sees values* (`guarding`): it gets only the part of the scope that the text names, within bounds.
3. *While it iterates* (`guarding`): each macro gets its items from `Hooks`. The library walks maps in a random order,
   which would break replays, and copies what `map` and `filter` have built at each item, which would stall a workflow
   task (0.10.0 took 55 s to filter 10,000 maps of eight values, 1.4 s in chunks).

`evaluating` puts them together; `templates` finds the expressions in a document. Whatever goes wrong is an
`ExpressionError`; it is never false and never nothing.

Must not know: YAML, files, secrets' values, clocks, Temporal.
"""

from hitl_temporal.domain.expressions.errors import ExpressionError
from hitl_temporal.domain.expressions.evaluating import evaluate, is_true
from hitl_temporal.domain.expressions.guarding import MAX_ITEMS
from hitl_temporal.domain.expressions.reading import MAX_LENGTH, check, checked, references
from hitl_temporal.domain.expressions.templates import (
    as_text,
    expressions_in,
    is_secret,
    pieces,
    render,
    secrets_in,
)

__all__ = [
    "MAX_ITEMS",
    "MAX_LENGTH",
    "ExpressionError",
    "as_text",
    "check",
    "checked",
    "evaluate",
    "expressions_in",
    "is_secret",
    "is_true",
    "pieces",
    "references",
    "render",
    "secrets_in",
]
