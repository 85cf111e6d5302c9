"""A ledger that is asked for every effect by its key, and keeps it once; it remembers how often it was asked."""

import asyncio
import os
import sqlite3
from contextlib import closing
from pathlib import Path

from pydantic import BaseModel
from temporalio import activity

from hitl_temporal.ports import PermanentError

SLOW_SECONDS = 0.15
"""Before the effect and after it, so that a worker can die with the effect not done, and done but not told."""

SCHEMA = """
    CREATE TABLE IF NOT EXISTS attempts (key TEXT NOT NULL);
    CREATE TABLE IF NOT EXISTS effects (key TEXT PRIMARY KEY, amount INTEGER NOT NULL);
"""


class Entry(BaseModel):
    """How much is booked."""

    amount: int


class Voyage(BaseModel):
    """How it ends."""

    ending: str


class Booked(BaseModel):
    """Under which key the ledger has it."""

    key: str


@activity.defn(name="ledger.book")
async def book(entry: Entry) -> Booked:
    """Book an amount once for each key."""
    return Booked(key=await _effect(entry.amount))


@activity.defn(name="ledger.sail")
async def sail(voyage: Voyage) -> Booked:
    """Sail, unless that ends in a wreck.

    Raises:
        PermanentError: It does.
    """
    if voyage.ending == "wrecked":
        raise PermanentError("the ship is wrecked")
    return Booked(key=await _effect(0))


async def _effect(amount: int) -> str:
    info = activity.info()
    key = f"{info.workflow_id}.{info.activity_id}"
    await asyncio.to_thread(_ask, key)
    await asyncio.sleep(SLOW_SECONDS)
    await asyncio.to_thread(_keep, key, amount)
    await asyncio.sleep(SLOW_SECONDS)
    return key


def _ask(key: str) -> None:
    with closing(_ledger()) as ledger, ledger:
        ledger.execute("INSERT INTO attempts VALUES (?)", (key,))


def _keep(key: str, amount: int) -> None:
    with closing(_ledger()) as ledger, ledger:
        ledger.execute("INSERT OR IGNORE INTO effects VALUES (?, ?)", (key, amount))


def _ledger() -> sqlite3.Connection:
    ledger = sqlite3.connect(Path(os.environ["HITL_PROJECT"]) / "ledger.db", timeout=30)
    ledger.executescript(SCHEMA)
    return ledger
