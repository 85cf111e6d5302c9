"""`hitl simulate`: how long a flow takes, and what it waits for."""

# ruff: noqa: PLC0415 what a command needs is imported when it runs: `hitl --help` loads typer alone

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from hitl_temporal.cli import output, values
from hitl_temporal.cli.command import local
from hitl_temporal.cli.errors import CommandError
from hitl_temporal.cli.inputs import FlowName, Inputs
from hitl_temporal.cli.session import Session

if TYPE_CHECKING:
    from hitl_temporal.domain.simulation.forecast import Forecast

app = typer.Typer()


@local(app)
def simulate(
    session: Session,
    flow: FlowName,
    *,
    inputs: Inputs = None,
    scenario: Annotated[
        str | None,
        typer.Option(
            "--scenario",
            metavar="NAME",
            help="The scenario that says what is given; default: the first that ends completed.",
        ),
    ] = None,
    runs: Annotated[
        int, typer.Option("--runs", metavar="NUMBER", min=1, max=10_000, help="How many runs; default: 200.")
    ] = 200,
    seed: Annotated[
        str, typer.Option("--seed", metavar="TEXT", help="What is drawn from: the same seed tells the same.")
    ] = "1",
    took: Annotated[
        list[str] | None,
        typer.Option(
            "--took",
            metavar="STEP=TYPICAL..SLOW",
            help="How long a step takes, such as apply=10m..2h: half of the times, nine of ten; as often as needed.",
        ),
    ] = None,
) -> None:
    """Forecast how long a flow takes, by many simulated runs in which whoever is asked agrees."""
    from hitl_temporal.testing.forecasting import ForecastError, foretell

    try:
        found = foretell(
            session.settings.project,
            flow,
            inputs=values.loose(values.pairs("-i", inputs or ())),
            scenario=scenario,
            runs=runs,
            seed=seed,
            took=values.pairs("--took", took or ()),
        )
    except ForecastError as error:
        raise CommandError(str(error)) from error
    if session.as_json:
        output.as_json(found.model_dump(mode="json"))
        return
    _tell(found)


def _tell(found: "Forecast") -> None:
    output.fields(
        (
            ("runs", ", ".join(f"{number} {status}" for status, number in found.statuses.items())),
            ("half within", _length(found.p50)),
            ("90% within", _length(found.p90)),
        )
    )
    for stuck in found.stuck:
        output.note(f"{stuck.step} parked in {stuck.runs} of {found.runs} runs: {stuck.reason}")
    if found.stuck:
        output.note("let a scenario say what its steps give: scenarios/NAME.yaml of the flow, by --scenario NAME")
    rows = [(p.step, p.who, f"{p.share:.0%}", _length(p.p50), _length(p.p90)) for p in found.path]
    output.table(("WAITS FOR", "WHO", "OF RUNS", "HALF WITHIN", "90% WITHIN"), rows)


def _length(seconds: float | None) -> str:
    """Return a length of time in its two largest units; empty for none."""
    if seconds is None:
        return ""
    whole = timedelta(seconds=round(seconds))
    hours, rest = divmod(whole.seconds, 3600)
    minutes, second = divmod(rest, 60)
    parts = [(whole.days, "d"), (hours, "h"), (minutes, "m"), (second, "s")]
    first = next((n for n, (number, _) in enumerate(parts) if number), 3)
    return "".join(f"{number}{unit}" for number, unit in parts[first : first + 2] if number) or "0s"
