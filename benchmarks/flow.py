"""The flow machine: what one `advance` costs, in a flow of a thousand steps and in an `each` of five thousand items.

The reference is what the same news costs at the least: to parse it and to digest what it brings.
"""

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from time import perf_counter
from typing import Any

from benchmarks.figures import Figure, figure
from hitl_temporal.domain.flow.definition import Flow
from hitl_temporal.domain.flow.effects import Effect, StartCall
from hitl_temporal.domain.flow.events import Begun, Event, JobSucceeded, StatisticsRead
from hitl_temporal.domain.flow.machine import advance, new_run
from hitl_temporal.domain.flow.state import Run
from hitl_temporal.domain.flow.views import waiting_reasons, why
from hitl_temporal.domain.flow.watch import Measure, Statistics
from hitl_temporal.domain.value import digest

LAYERS, WIDTH, ITEMS = 100, 10, 5_000
START = datetime(2026, 3, 2, 9, tzinfo=UTC)


def layered(layers: int = LAYERS, width: int = WIDTH) -> list[dict[str, Any]]:
    """Return layers of calls, each of which needs all of the layer before."""
    names = [[f"s{layer}x{index}" for index in range(width)] for layer in range(layers)]
    before: list[list[str]] = [[], *names]
    return [
        {"id": name, "call": "job.do", "needs": needs, "undo": {"call": "undo.do"}}
        for layer, needs in zip(names, before, strict=False)
        for name in layer
    ]


def watched(steps: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return these steps with something expected of each."""
    return [{**step, "expect": {"finish_by": "1d", "longest": "2h"}} for step in steps]


def items(count: int = ITEMS) -> list[dict[str, Any]]:
    """Return one call for each of many items."""
    return [{"id": "e", "each": [*range(count)], "do": [{"id": "x", "call": "job.do", "with": {"n": "{{ item }}"}}]}]


def begun(steps: list[dict[str, Any]], **rest: Any) -> tuple[Run, tuple[Effect, ...]]:
    """Return a run of these steps that has begun, and what it wants done."""
    flow = Flow.model_validate({"flow": "bench", "steps": steps, **rest})
    return advance(new_run("r", flow, {}, requester="ann", at=START), Begun(at=START))


def projected(steps: list[dict[str, Any]]) -> tuple[Run, tuple[Effect, ...]]:
    """Return such a run whose end is projected, since past runs tell how long each step takes."""
    took = Measure(count=9, median=timedelta(seconds=5), p95=timedelta(seconds=9))
    state, effects = begun(steps, expect={"finish_by": "7d", "alert": "projected"}, owner="user:ann")
    known = Statistics(runs=9, whole=took, steps={step["id"]: took for step in steps})
    state, told = advance(state, StatisticsRead(at=START, statistics=known))
    return state, (*effects, *told)


def life(
    steps: list[dict[str, Any]],
    begin: Callable[[list[dict[str, Any]]], tuple[Run, tuple[Effect, ...]]] = begun,
) -> Iterator[tuple[Run, Event]]:
    """Yield each state of a whole life with the event that comes next: the calls succeed in the order of starting."""
    state, effects = begin(steps)
    calls = [*_calls(effects)]
    for call in calls:  # it grows on the way
        event = JobSucceeded(at=START, step=call.step, n=call.n, outputs={"done": True})
        yield state, event
        state, effects = advance(state, event)
        calls += _calls(effects)
    assert state.status == "completed", state.state


def _calls(effects: Iterable[Effect]) -> Iterator[StartCall]:
    return (effect for effect in effects if isinstance(effect, StartCall))


def _timed(work: object, *arguments: object) -> float:
    assert callable(work)
    began = perf_counter()
    work(*arguments)
    return perf_counter() - began


def figures() -> Iterator[Figure]:
    """Yield the figures of the machine, each a median over a whole life."""
    news = JobSucceeded(at=START, step="s0x0", n=1, outputs={"done": True}).model_dump(mode="json")
    least = figure("reference: parse and digest the end of one call", [_timed(_least, news) for _ in range(500)])
    yield least
    steps = layered()
    times = [_timed(advance, state, event) for state, event in life(steps)]
    yield figure(f"flow: advance by one call, {LAYERS} layers of {WIDTH}", times, reference=least)
    times = [_timed(advance, state, event) for state, event in life([{"id": "b", "do": steps}])]
    yield figure("flow: advance by one call, the same within a block", times, reference=least)
    times = [_timed(advance, state, event) for state, event in life(watched(steps))]
    yield figure("flow: advance by one call, something is expected of each step", times, reference=least)
    times = [_timed(advance, state, event) for state, event in life(steps, projected)]
    yield figure("flow: advance by one call, its end is projected", times, reference=least)
    times = [_timed(advance, state, event) for state, event in life(items())]
    yield figure(f"flow: advance by one call, an each of {ITEMS:,} items", times, reference=least)
    *_, (middle, _) = zip(life(steps), range(LAYERS * WIDTH // 2), strict=False)
    run = middle[0]
    yield figure("flow: why it waits, in the middle of it", [_timed(why, run) for _ in range(50)], reference=least)
    reasons = [_timed(waiting_reasons, run) for _ in range(50)]
    yield figure("flow: its reasons of waiting", reasons, reference=least)
    yield figure("flow: its state as JSON", [_timed(run.model_dump_json) for _ in range(50)], reference=least)


def _least(payload: dict[str, Any]) -> str:
    return digest(JobSucceeded.model_validate(payload).outputs)
