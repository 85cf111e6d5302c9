"""A command that may be run twice: it asks the ledger by its key."""

import json
import os
import sqlite3
import time
from contextlib import closing

key = os.environ["HITL_KEY"]
with closing(sqlite3.connect("ledger.db", timeout=30)) as ledger:
    ledger.execute("CREATE TABLE IF NOT EXISTS attempts (key TEXT NOT NULL)")
    ledger.execute("CREATE TABLE IF NOT EXISTS effects (key TEXT PRIMARY KEY, amount INTEGER NOT NULL)")
    with ledger:
        ledger.execute("INSERT INTO attempts VALUES (?)", (key,))
    time.sleep(0.3)
    with ledger:
        ledger.execute("INSERT OR IGNORE INTO effects VALUES (?, 0)", (key,))
time.sleep(0.3)
print(json.dumps({"key": key}))  # noqa: T201 - it is a command
