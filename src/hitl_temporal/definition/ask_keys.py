"""What each key of an ask, and of all that may stand in one, is for: one line, and an example.

Editors show it, by way of the JSON Schema, and docs/approvals.md has it in its tables; a test holds the three together.

Must not know: the rules that the models check.
"""

from collections.abc import Mapping

from pydantic import BaseModel

from hitl_temporal.domain.approval.ask import Ask, Attachment, Auto, BreakGlass, Outcome, Review
from hitl_temporal.domain.approval.routes import Routed, Row, Table
from hitl_temporal.domain.approval.stage import Alternative, Escalation, Parallel, Stage

from .keys import Keys, keys_from

__all__ = ["ASK_KEYS"]

_ASK = """
title | "Spend {{inputs.amount}} on {{inputs.purpose}}" | one line: what is asked
body | "For **{{inputs.purpose}}**" | more about it, in Markdown
show | {amount: "{{inputs.amount}}"} | name to value: what people must see to decide
attachments | [{name: Offer, url: "https://files.example/offer.pdf"}] | documents by reference, part of what is decided
stages | [{name: lead, who: manager:requester, due: 2bd}] | who decides, one entry after the other; or a route; or \
the keys of a single stage beside these
outcomes | {later: {label: Not now}} | name to outcome, beside `approved` and `rejected`
auto | [{if: inputs.amount < 100, outcome: approved}] | rules that decide without people, judged once at the opening
shadow | true | the rules are judged and recorded, but people decide; the result says whether they agreed
sample | 10% | this share of the positive automatic outcomes is decided by people all the same
form | {code: {type: string, maxLength: 8}} | name to field, written like an input: what a positive answer must tell
edit | [inputs.amount] | paths that an approver may change with a positive answer; of a run inputs.* and vars.*
comment | on_reject | who must say why: `optional` nobody, `required` everybody, `on_reject` who does not agree
subject | "{{inputs.purpose}}" | what it is about: a newer request of the flow about the same withdraws older open ones
beneficiary | "{{inputs.beneficiary}}" | who profits, by id; barred like the requester
author | user:gus | who made what is asked about, by id; barred like the requester
material | [inputs.amount, inputs.cost_centre] | expressions whose values decisions are bound to: a change asks again
rework | 2 | how often the request may be sent back to its requester, at most 20; above 0 there is the outcome `rework`
cooling_off | 30m | how long the deciding vote may be taken back before the outcome holds
break_glass | {who: group:it-leads, review: {who: group:security-leads}} | who may decide alone in an emergency
calendar | office-nl | in which business time counts; null: the flow's, else the site's
pick | least_loaded | for every stage that does not say otherwise: only so many of `who` are asked
quiet | true | for every stage that does not say otherwise: who may act without being told
weights | {"group:secops": 2} | for every stage that does not say otherwise: how many votes people have
"""

_STAGE = """
name | security | unique in its ask
when | inputs.amount >= 1000 | an expression; where it is false the stage is skipped
who | [manager:requester, group:secops] | selectors of those who decide
any_of | [{who: group:secops, approve: 2}, {who: group:security-leads}] | instead of `who` and `approve`: the first \
of these ways that is met passes the stage
not | [group:network] | selectors of those who may not, beside requester, beneficiary and author
fallback | [group:it-leads] | asked where `who` names nobody who may act; without it the stage parks
approve | 60% | how many must agree: `any`, `all`, `each` (one of every entry of `who`), a number, a percentage
reject | 2 | how many refusals end it, in the same words
wait_for_all | true | nothing is settled before everybody has answered; then refusals are looked at first
distinct | false | whether those who have decided another stage are kept from this one
allow_requester | true | lifts the bar on requester, beneficiary and author
weights | {"group:secops": 2} | selector to the number of votes its people have, 1 to 1000; 1 where none names them, \
the largest where several do
pick | 2 by round_robin | so many of those who could act are asked: `random`, `round_robin`, `least_loaded`, \
`experienced`, one or `N by` one of them
quiet | [role:admin] | `true`: nobody is told; or selectors of those who may act, too, without being told
assurance | medium | how sure the door must be of who answers: `low`, `medium`, `high`
remind | [1bd, 4bd] | one duration repeats; a list is once each, counted from the opening
escalate | [{after: 2bd, to: group:security-leads}] | what happens while nobody has decided
due | 5bd | until when; null: for ever
at_due | reject | how the stage ends then: `expire`, `reject`, or an outcome
at_due_positive | true | must be true where `at_due`, or an escalation, ends with a positive outcome
lease | 2bh | for how long a claim keeps the others from deciding
calendar | office-nl | in which business time counts; null: the ask's, else the flow's, else the site's
via | [slack, email] | channels in order of preference; where a person prefers some, those instead
material | [inputs.amount] | expressions whose change asks this stage again; null: the ask's
"""

_ESCALATION = """
after | 2bd | how long after the stage's opening; must come before it is due
to | [group:security-leads] | selectors: whom; needed by all but `decide`
how | notify | `add`: they may decide, too; `replace`: instead of those who were asked; `notify`: they are told; \
`decide`: the stage ends
outcome | rejected | of `how: decide` alone: with which outcome
"""

_ALTERNATIVE = """
who | [group:secops] | selectors of those who decide on this way
approve | 2 | how many of them must agree, in the words of a stage
"""

_PARALLEL = """
name | review | for messages
when | inputs.amount >= 1000 | an expression; where it is false all of them are skipped
parallel | [{name: legal, who: group:controllers, due: 2bd}, {name: security, who: group:secops, due: 2bd}] | stages \
that are open at the same time; all must be passed
"""

_ROUTED = """
route | spend | the name of a decision table in site.yaml, or a table itself
"""

_TABLE = """
hit | all | `first`: the first row that holds; `all`: every row that holds, one after the other
rows | [{stages: [{who: group:finance, due: 2bd}]}] | rows, in order; a request for which none holds parks
"""

_ROW = """
if | inputs.amount < 1000 | an expression; without it the row always holds
stages | [{name: lead, who: manager:requester, due: 2bd}] | the stages of requests for which it holds
"""

_OUTCOME = """
label | Not now | what the button says
positive | true | whether the work goes on
comment | required | whether it needs a comment: `optional` or `required`
"""

_AUTO = """
if | inputs.amount < 100 | an expression over the context
outcome | approved | what it decides, as `system:auto`; a negative rule that holds wins, else the first
reason | small change | recorded with it
"""

_ATTACHMENT = """
name | Offer | what people see
url | "https://files.example/{{inputs.purpose}}.pdf" | where it is: \
`http://` or `https://`, or a name, which is shown as text; no other scheme
digest | 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08 | SHA-256 of its content in hex: which \
version of it
"""

_BREAK_GLASS = """
who | [group:it-leads, group:network] | selectors of those who may `override`, with a reason
review | {who: group:security-leads} | the question whether it was right, put to others at once
"""

_REVIEW = """
who | [group:security-leads] | selectors of those who look at it
due | 2bd | until when
"""

ASK_KEYS: Mapping[type[BaseModel], Keys] = {
    Ask: keys_from(_ASK),
    Stage: keys_from(_STAGE),
    Escalation: keys_from(_ESCALATION),
    Alternative: keys_from(_ALTERNATIVE),
    Parallel: keys_from(_PARALLEL),
    Routed: keys_from(_ROUTED),
    Table: keys_from(_TABLE),
    Row: keys_from(_ROW),
    Outcome: keys_from(_OUTCOME),
    Auto: keys_from(_AUTO),
    Attachment: keys_from(_ATTACHMENT),
    BreakGlass: keys_from(_BREAK_GLASS),
    Review: keys_from(_REVIEW),
}
"""One entry for each model of an ask, one line for each of its keys."""
