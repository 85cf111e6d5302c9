"""The exit codes, and the two errors that end a command.

CommandError      failed or refused: exit 1
└── UsageError    the command line is wrong: exit 2
"""

from typing import ClassVar, Final

DONE: Final = 0
FAILED: Final = 1
USAGE: Final = 2
NEGATIVE: Final = 3
PARKED: Final = 4
TIMED_OUT: Final = 5


class CommandError(Exception):
    """The command did not do it; the message is one line with the cause and what to do."""

    code: ClassVar = FAILED


class UsageError(CommandError):
    """The command line, or the environment it stands in, is wrong."""

    code: ClassVar = USAGE
