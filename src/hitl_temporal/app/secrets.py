"""Secrets from files, else from the environment; never from documents.

A file is read each time, so that a secret may be changed under a running worker.
"""

import asyncio
import os
import re
from pathlib import Path

from pydantic import SecretStr

from hitl_temporal.ports import PermanentError, TemporaryError

PREFIX = "HITL_SECRET_"
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,99}", re.ASCII)


class LocalSecrets:
    """The port `Secrets`, from this machine."""

    def __init__(self, folder: Path | None) -> None:
        """Take the folder that holds one file for each secret; None: there is no such folder."""
        self._folder = folder

    async def secret(self, name: str) -> SecretStr:
        """Return the text of a file without the line's end, else of a variable."""
        if not _NAME.fullmatch(name):
            raise PermanentError(f"{name[:60]!r} is no name of a secret; letters, digits and . _ - make one")
        value = await asyncio.to_thread(self._in_file, name)
        variable = PREFIX + re.sub(r"[^A-Z0-9]", "_", name.upper())
        if value is None:
            value = os.environ.get(variable)
        if value is None:
            where = "" if self._folder is None else f"the file {name} into HITL_SECRETS, or "
            raise PermanentError(f"this machine has no secret {name!r}; put {where}the variable {variable} in place")
        return SecretStr(value)

    def _in_file(self, name: str) -> str | None:
        if self._folder is None:
            return None
        try:
            return (self._folder / name).read_text().removesuffix("\n")
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError) as error:
            why = getattr(error, "strerror", None) or type(error).__name__
            raise TemporaryError(f"the file of the secret {name!r} can't be read ({why}); mend its rights") from None
