"""What each key of flow.yaml, people.yaml and site.yaml is for, in one line.

Editors show it, by way of the JSON Schema, and docs/documents.md has it in its tables; a test holds the two together.
The keys of an ask have a file of their own.

Must not know: the rules that the models check.
"""

from collections.abc import Mapping
from typing import NamedTuple

from pydantic import BaseModel

from hitl_temporal.domain.calendar import CalendarDocument
from hitl_temporal.domain.flow.alerts import AlertEntry
from hitl_temporal.domain.flow.definition import Flow, Limit
from hitl_temporal.domain.flow.expect import Expect
from hitl_temporal.domain.flow.incident import Incident
from hitl_temporal.domain.flow.job import Job
from hitl_temporal.domain.flow.policies import Match, Policy
from hitl_temporal.domain.flow.step import Branch, Catch, Extend, Grant, Otherwise, Repair, Retry, Step, Undo
from hitl_temporal.domain.flow.verbs import Enough, EventWait, FileWait, Repeat, RunWait, Wait
from hitl_temporal.domain.inputs import Input
from hitl_temporal.domain.people import Group, People, Person
from hitl_temporal.domain.resources.document import Resource
from hitl_temporal.domain.rules import Part
from hitl_temporal.domain.schedules import (
    Blackout,
    EventTrigger,
    FileTrigger,
    RunTrigger,
    Schedule,
    Trigger,
    WebhookTrigger,
)

from .site import Site

__all__ = ["KEYS", "Key", "Keys", "keys_from"]


class Key(NamedTuple):
    """One key of a document.

    Attributes:
        meaning: One line, for people who write documents.
        example: Its value as YAML; empty when the meaning says enough.
    """

    meaning: str
    example: str = ""


Keys = Mapping[str, Key]


def keys_from(table: str) -> Keys:
    """Return the keys of a table with a line `key | example | meaning` each, or `key | meaning`."""
    rows = [line.split(" | ") for line in table.strip().splitlines()]
    return {key: Key(rest[-1], *rest[:-1]) for key, *rest in rows}


_FLOW = """
flow | the name, which is the Temporal workflow type and the folder's name
version | yours; shown, recorded
title | one line, may hold `{{ }}` over the inputs
description | for the catalogue
category | for the catalogue
owner | a selector: who answers for the flow; they see its runs
calendar | in which business time counts; default: the site's
start | selectors: who may start it over HTTP; default: any person of the directory
inputs | name to input
triggers | list of triggers: what starts it beside people and programs
blackouts | names of blackouts of the site: meanwhile its schedules start nothing
vars | name to value, evaluated at the start; an operator may change them with `set`
priority | 1 (first) to 5; default 3
concurrency | how many runs may have jobs under way at a time: a number, or a limit
expect | until when a run begins and ends, and how long it takes: expect
on_parked | the entry of the site's `notify` that is told, after the owner, when a step parks
incident | the ticket that is kept about each step that has none of its own: incident
steps | list of steps
outputs | name to value, evaluated when the run completes
"""

_TRIGGER = """
schedule | a clock: schedule
event | an event that somebody sends: event trigger
webhook | a signed message of another system: webhook trigger
file | a file that appears: file trigger
run | the end of a run of another flow: run trigger
"""

_SCHEDULE = """
name | tells the schedules of a flow apart; default: the number of the trigger, from 0. A new name is a new schedule
cron | five fields in quotes, such as `"0 18 * * MON-FRI"`: minute, hour, day of month, month, day of week
day | instead of `cron`: `last-business-day`, `first-business-day`, `{workday: 3}`, `{weekday: FRI, nth: 2}`, \
`MON-FRI`, a day of the month (`-1` is the last), or a list of such
at | with `day`: local times, `"18:00"` or a list
tz | time zone of these times; default: the calendar's, else UTC
calendar | whose days are worked on; default, where that matters: the flow's, else the site's
shift | what becomes of a run on a day off: `skip` (default when `calendar` is named), `previous` or `next` working day
overlap | while the run before is open: `skip` (default), `queue` after it, `cancel` it, `all` side by side
catchup | how late a run that was missed while Temporal was away is still started; default: a year
requester | who asks; default `system:schedule`, which has no manager
inputs | of the run; `{{ }}` sees `event.time`, the scheduled time in UTC
paused | true: made paused; an operator resumes it
"""

_EVENT_TRIGGER = """
type | its type
source | its source; default: any
subject | its subject; default: any
if | an expression over the `event`; one that fails starts nothing, and the sender is told
inputs | of the run; `{{ }}` sees the `event`
requester | who asks; default `system:event`, which has no manager
"""

_WEBHOOK_TRIGGER = """
source | messages to `/webhooks/SOURCE`
secret | the name of the secret that they are signed with; default: `webhook_` and the source
if | as of an event trigger
inputs | as of an event trigger; the message is `event.data`
requester | as of an event trigger
"""

_FILE_TRIGGER = """
path | where; may hold `*`, `?` and `**`; relative to the project's folder
stable | so long it must not have changed: who writes it has finished; default `10s`
inputs | as of an event trigger; `event.data` has `path`, `name`, `size_bytes` and `modified`
requester | as of an event trigger
"""

_RUN_TRIGGER = """
flow | its name
status | the status, or a list of them, with which a run of it has ended; default `completed`
inputs | as of an event trigger; `event.data` has `id`, `flow`, `status` and `outputs`
requester | as of an event trigger
"""

_EXPECT = """
start_by | "06:00" | when it has begun at the latest: a local time, or a duration since the start of the run
finish_by | "+1bd 06:00" | when it has ended at the latest: the same
longest | p95 * 1.5 | how long it takes at most: a duration, or `median` or `p95` of past runs, times a number
alert | `late` (default), or `projected`: people are told as soon as it is projected that `finish_by` will not be kept
route | the entry of the site's `notify` that is told; default: the flow's owner
"""

_INCIDENT = """
via | the ticket system; default: the first that is set up
key | what tickets are told apart by: there is one open ticket for each; `flow` and `step` are names in it; default \
`{{flow}}/{{step}}`
open_on | `parked` (default), `failed` (without parking), or both: what opens it
resolve_on | `recovery` (default): once the step has succeeded or was passed; `end`: when the run has ended, however
on_close | what closing the ticket does to a step that still can't go on: `rerun` or `skip`; default: nothing
fields | name to value: fields of the ticket, as its system calls them
"""

_ALERT_ENTRY = """
to | selectors: who is told
via | channels in order of preference; default: each person's own
after | how long after the alert began, unless somebody has acknowledged it; default: at once
"""

_LIMIT = """
limit | how many
key | what is counted apart, such as `{{inputs.region}}`; default: all runs together
"""

_INPUT = """
type | `string`, `integer`, `number`, `boolean`, `array`, `object`; an integer fits into 64 bits, and 3.0 is one
title | label in the form
description | help in the form
format | of JSON Schema, and `ipv4-network`, `ipv6-network`, `ip-network`
enum | the values allowed
pattern | a regular expression of RE2 that is found in the text, wherever; anchor it with `^` and `$` for the whole text
minimum | least number
maximum | largest number
exclusiveMinimum | the number must be more than this
exclusiveMaximum | the number must be less than this
multipleOf | the number must be a multiple of this: 0.01 for cents
minLength | fewest characters
maxLength | most characters
items | what each entry of an array must be, a part; `{type: array, items: {enum: [a, b]}, uniqueItems: true}` is a \
multiple choice
minItems | fewest entries
maxItems | most entries
uniqueItems | no entry stands twice
properties | name to what an object has under it, a part
default | used when it is not given
optional | may be left out, and is null then
sensitive | nobody is shown the value: status, pages, commands and what steps gave have `***` for it. An expression \
that fails on it tells no value. Later steps get it, and so does whatever shows it by an expression of its own
"""

_PART = """
type | as of an input; without it any value
title | for people
description | for people
format | as of an input
enum | the values allowed
pattern | as of an input
minimum | least number
maximum | largest number
exclusiveMinimum | the number must be more than this
exclusiveMaximum | the number must be less than this
multipleOf | the number must be a multiple of this
minLength | fewest characters
maxLength | most characters
items | what each entry of a list in it must be
minItems | fewest entries
maxItems | most entries
uniqueItems | no entry stands twice
properties | name to what an object in it has under it
required | the properties that may not be left out
"""

_STEP = """
id | `[a-z][a-z0-9_]*`, unique in the document
title | one line for people
needs | `[]` starts at once; else a list of `a`, `{b: failed}`, `{c: [approved, later]}`, `{any: [x, y], is: done}`, \
`{of: [x, y, z], count: 2}`, of a command also exit codes, `{d: "1,5-9"}`. It names steps of its own list only
if | an expression; false skips the step, and its followers go on
run | a command or a script: run
call | the name of an activity, with `pool` also of another worker; one of ours may not complete asynchronously
ask | a question to people: ask
wait | for the world: wait
each | an expression that gives a list, or a list: what is in `do` is done for every item
do | list of steps: a block, or what an `each` does with an item
choose | list of branches: the first whose `if` is true is done; last, perhaps, an otherwise
flow | the name of another flow of the project, or of this one: a run of it is done, to a depth of 20
with | what a `call` or a `flow` is given
repeat | how often a block is done: repeat
first | true: the first branch of a block to come to its end ends the others, and undoes what they did
limit | items of an `each` under way at a time; default 50
tolerate | how many items of an `each` may fail, a number or a percentage; default 0
enough | when an `each` need not go on: enough
retry | how a `run` or a `call` is tried again: retry
timeout | bounds one attempt of a `call` (default `5m`) or a `run` (default `1h`), or a whole `wait`
pool | the pool of workers that has the activity, the host of the job, or the file
uses | resource to number of units, taken while the step is under way
keep | true: units stay taken while only people and the world are waited for
priority | 1 (first) to 5, where units are waited for or a worker can't do all at once; default: the flow's
undo | what reverses the step when the run ends early, or when its grant has ended: undo
grant | what a `run` or a `call` gives is given for a time: grant. Needs an `undo`
expect | until when the step begins and ends, and how long it takes: expect
incident | the ticket that is kept about the step: incident; default: the flow's
demand | ids of asks whose decision a step carries out: it parks unless each has a positive outcome for which \
somebody has decided: people who were asked, a rule of `auto`, or one alone by `override` or break-glass. Silence \
(`at_due`, an escalation's `decide`) is no decision, nor is an operator's `skip` or `finish`. It parks, too, if what \
is `material` to one has changed since
on_failure | `park` (default: an operator decides), `ask` (the flow's owner is asked what to do), \
repair (others are), `fail` (the run ends, with undo), `continue`, catch (steps that mend it)
"""

_JOB = """
command | a program with its arguments: a list, or one text that is split as a shell would; no shell runs
script | instead: a file of the project, by its path below the project's folder
args | further arguments: a list, or one expression that gives a list
env | name to value; `{{secret('name')}}` as a whole value; a value that is null is not set
cwd | where it runs, from the project's folder on; default: there
pool | the agents that may run it; default: any worker
outputs | name to JSON path (`$.rows`) or regular expression (`/rows: ([0-9]+)/`), over stdout
log_limit | how much of the end of stdout, and as much of stderr, is kept; default `64KB`, at most `1MB`
idempotent | true: running it twice does no harm, so it is run again when its agent is lost; else the step parks
grace | how long it has to end by itself when it is stopped; default `10s`, at most `10m`
"""

_RETRY = """
max | attempts in all; default 5 of a `call`, 1 of a `run`, which starts 5 times at most if it is lost and `idempotent`
backoff | first and longest pause; default `1s..1m`
budget | bounds all attempts together; default: none
"""

_UNDO = """
call | the activity that reverses the step
run | or the command that does
flow | or the flow
with | what a `call` or a `flow` is given; `self.outputs` is what the step gave
retry | as for a step
timeout | as for a step
pool | as for a step
"""

_REPEAT = """
until | an expression, judged after each turn: once it is true, the block has succeeded
max | so many turns at most, then the block has failed; default 100, at most 1000
"""

_ENOUGH = """
count | so many items that have succeeded
rest | what becomes of those under way: `cancel` (default) or `continue`; no further one is begun
"""

_BRANCH = """
if | an expression
do | list of steps, done if it is true and that of no branch before
"""

_OTHERWISE = """
else | list of steps, done when no branch before was
"""

_CATCH = """
catch | list of steps; if they succeed, the step's followers go on, else it parks
"""

_REPAIR = """
ask | an ask whose `title`, `body`, `show`, `outcomes` and `form` may be left out
"""

_GRANT = """
for | how long, counted from the success of the call; may hold `{{ }}`, and `bh` and `bd` count in the flow's calendar
extend | whether more time may be had: extend; without it, never
"""

_EXTEND = """
max | how many extensions there may be, those being asked for included; a refused one leaves room for another; default 1
ask | the question to people: an ask whose `title` and `show` may be left out. Without it operators and admins extend \
at once, and nobody else may
"""

_WAIT = """
for | how long: a duration, or an expression that gives one
until | a moment such as `2026-12-24T18:00:00+01:00`, or an expression that gives one
event | an event: event
file | a file, by its path or more: file
run | another run, by its id or more: another run
"""

_EVENT_WAIT = """
type | its type
source | its source; default: any
subject | its subject; default: any
if | an expression over the scope of the step, with the event as `event`
"""

_FILE_WAIT = """
path | where; may hold `*` and `?`; relative to the project's folder
is | `present` (default), `absent` or `changed`
stable | so long its size and time must not change; default: not at all
every | how often it is looked at; default `5s`
"""

_RUN_WAIT = """
id | of the run
status | the status, or a list of them, to wait for; with another the step fails; default: any
"""

_PEOPLE = """
people | id to person; ids are bare here, prefixed only in selectors
groups | id to `{members: [...]}`; `group:other` nests
owners | name to the selector of who owns it
"""

_PERSON = """
name | for people
email | where mail goes
manager | an id
tz | time zone; default UTC
locale | default `en`
active | false: is not asked and may not act
roles | `operator` operates runs; `admin` overrides, too
via | channels in order of preference
ids | the person's id in other systems
"""

_GROUP = """
members | ids of people; `group:other` nests another group
"""

_SITE = """
calendars | name to calendar, and `default` naming one of them
routes | name to decision table `{hit: first or all, rows: [{if, stages}]}`, used by an ask as `stages: {route: NAME}`
resources | name to resource: what runs share, such as logins or licences
blackouts | name to list of blackouts; a flow that names them starts nothing by itself meanwhile
policies | list of policies: who may do what to a run, and who must agree; the first that matches counts
notify | name to list of alert entries: who is told of an alert, and whom after them
"""

_POLICY = """
match | which runs it is about; default: all
action | the name of an action, or a list of them; default: every action
who | selectors, without expressions: who may; default: operators and admins. `manager:requester` is the manager of \
who has started the run
reason | `required`: an action without one is refused; default `optional`
ask | an ask that may go without a title: the action is done only once people have agreed, if it may be done then. Its \
expressions see `operation`: `{action, step, what, actor, reason, changes}`
"""

_MATCH = """
flow | a glob over names of flows; default `*`
"""

_BLACKOUT = """
from | a date, a local time (`2026-12-24T18:00`), or a time with an offset
to | a date, which is the last day; or a time, which is the first moment after it
tz | time zone of dates and local times; default: that of the default calendar, else UTC
"""

_CALENDAR_DOCUMENT = """
tz | time zone
hours | `MON-FRI: "09:00-17:00"`, or a list of spells a day
holidays | a country, or a country with its subdivision (`DE-BY`)
closed | dates on which nobody works although the week says so
open | dates on which people work although week or holidays say not
"""

_RESOURCE = """
units | how many there are, for all runs together; default 1: a mutex
description | for people
"""

KEYS: Mapping[type[BaseModel], Keys] = {
    Flow: keys_from(_FLOW),
    Trigger: keys_from(_TRIGGER),
    Schedule: keys_from(_SCHEDULE),
    EventTrigger: keys_from(_EVENT_TRIGGER),
    WebhookTrigger: keys_from(_WEBHOOK_TRIGGER),
    FileTrigger: keys_from(_FILE_TRIGGER),
    RunTrigger: keys_from(_RUN_TRIGGER),
    Limit: keys_from(_LIMIT),
    Expect: keys_from(_EXPECT),
    Incident: keys_from(_INCIDENT),
    Input: keys_from(_INPUT),
    Part: keys_from(_PART),
    Step: keys_from(_STEP),
    Job: keys_from(_JOB),
    Retry: keys_from(_RETRY),
    Undo: keys_from(_UNDO),
    Repeat: keys_from(_REPEAT),
    Enough: keys_from(_ENOUGH),
    Branch: keys_from(_BRANCH),
    Otherwise: keys_from(_OTHERWISE),
    Catch: keys_from(_CATCH),
    Repair: keys_from(_REPAIR),
    Grant: keys_from(_GRANT),
    Extend: keys_from(_EXTEND),
    Wait: keys_from(_WAIT),
    EventWait: keys_from(_EVENT_WAIT),
    FileWait: keys_from(_FILE_WAIT),
    RunWait: keys_from(_RUN_WAIT),
    People: keys_from(_PEOPLE),
    Person: keys_from(_PERSON),
    Group: keys_from(_GROUP),
    Site: keys_from(_SITE),
    CalendarDocument: keys_from(_CALENDAR_DOCUMENT),
    Resource: keys_from(_RESOURCE),
    AlertEntry: keys_from(_ALERT_ENTRY),
    Blackout: keys_from(_BLACKOUT),
    Policy: keys_from(_POLICY),
    Match: keys_from(_MATCH),
}
"""One entry for each model, one line for each of its keys."""
