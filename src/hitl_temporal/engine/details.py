"""What Temporal UI shows of a workflow right now: Markdown, in words for operators."""

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from hitl_temporal.domain.approval.eligibility import may_act
    from hitl_temporal.domain.approval.state import Approval
    from hitl_temporal.domain.approval.tally import in_words
    from hitl_temporal.domain.flow.state import Run
    from hitl_temporal.domain.flow.views import why

MAX_DETAILS = 15_000


def approval_details(state: Approval) -> str:
    """Return who is asked, since when, until when, and what would happen next."""
    lines = [f"**{_plain(state.shown.title)}**", "", f"State: **{state.state}**. Requester: {state.requester}."]
    for stage in state.stages:
        lines.append(f"- stage `{stage.name}`: {stage.state}; {in_words(state, stage)}")
        if stage.is_live and stage.opened_at:
            acting = ", ".join(may_act(state, stage)) or "nobody"
            lines.append(f"  - may act: {acting}, since {stage.opened_at.isoformat()}")
            if stage.claim:
                lines.append(f"  - claimed by {stage.claim.holder} until {stage.claim.until.isoformat()}")
            if stage.due_at:
                lines.append(f"  - due {stage.due_at.isoformat()}, then: {stage.document.at_due}")
    if state.info:
        lines.append(f"- waits for {state.info.to} since {state.info.since.isoformat()}; the clocks stand still")
    if state.cooling:
        lines.append(f"- decided {state.cooling.outcome}; may be taken back until {state.cooling.until.isoformat()}")
    lines.extend(f"- decided: {d.actor} {d.outcome} ({d.stage}) at {d.at.isoformat()}" for d in state.decisions)
    lines.extend(f"- not delivered to {d.person}: {_plain(d.reason)}" for d in state.deliveries if d.state == "failed")
    if state.reason:
        lines.append(f"\n{_plain(state.reason)}")
    return "\n".join(lines)[:MAX_DETAILS]


def run_details(run: Run) -> str:
    """Return where the run is, and why each open step waits."""
    lines = [f"**{run.definition.flow}** is **{run.state}**", ""]
    lines.extend(f"- `{name}`: {s.state}" + (f" ({s.outcome})" if s.outcome else "") for name, s in run.steps.items())
    reasons = why(run)
    if reasons:
        lines.extend(["", "Why it waits:"])
        lines.extend(f"- `{r.step}`: {_plain(r.reason)}; released by {_plain(r.releases)}" for r in reasons)
    if run.reason:
        lines.append(f"\n{_plain(run.reason)}")
    return "\n".join(lines)[:MAX_DETAILS]


def _plain(text: str) -> str:
    """Take the markup out of somebody's words: the UI renders Markdown."""
    return "".join("\\" + c if c in "\\`*_{}[]<>()#+!|~" else " " if c == "\n" else c for c in text)[:500]
