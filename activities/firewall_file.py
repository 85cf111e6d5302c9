"""The ruleset file: which it is, and how its text is read and replaced without a reader ever seeing half of it.

- `HITL_FIREWALL_RULESET` names it (relative to `HITL_PROJECT`, else to the working directory);
- without it, it is `firewall.nft` in `HITL_STATE` (`.hitl/`), copied on first use from the ruleset shipped beside the
  flow. The shipped one is never edited.

Each change is a draft in the same folder, checked by `nft -c -f` where that may run, then renamed over the file: a
reader sees the old ruleset or the new one, whatever is killed when. A lock file keeps two changes apart.

Must not know: what a ruleset says, which change is made.
"""

import errno
import fcntl
import os
import shutil
import stat
import subprocess
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Final

from hitl_temporal.ports import PermanentError, TemporaryError

from .nftables import RulesetError

__all__ = [
    "LOCK_WAIT",
    "NFT_TIMEOUT",
    "SHIPPED",
    "exclusively",
    "existing_file",
    "explained",
    "read_text",
    "replace_text",
    "ruleset_file",
]

SHIPPED: Final = Path("workflows/firewall_change/ruleset.nft")
"""The ruleset that a project starts from."""


def ruleset_file() -> Path:
    """Return the ruleset that the settings name, with symbolic links followed: a rename would replace the link."""
    project = Path(os.environ.get("HITL_PROJECT") or ".")
    named = os.environ.get("HITL_FIREWALL_RULESET")
    return (project / (named or Path(os.environ.get("HITL_STATE") or ".hitl", "firewall.nft"))).resolve()


def existing_file() -> Path:
    """Return the ruleset's file, made from the shipped one where no other is named and none is there.

    Raises:
        PermanentError: The settings name one that is not there, or the shipped one cannot be read.
    """
    file = ruleset_file()
    if file.exists():
        return file
    if os.environ.get("HITL_FIREWALL_RULESET"):
        raise PermanentError(f"{file}: no such ruleset; put one there or set HITL_FIREWALL_RULESET to another")
    shipped = Path(os.environ.get("HITL_PROJECT") or ".", SHIPPED).resolve()
    text = read_text(shipped)
    with explained(file):
        file.parent.mkdir(parents=True, exist_ok=True)
    with exclusively(file), explained(file):
        if not file.exists():  # another process may have been first
            replace_text(file, text, like=shipped)
    return file


def read_text(file: Path) -> str:
    """Return what stands in the file.

    Raises:
        PermanentError: It cannot be read, or is not UTF-8.
    """
    try:
        return file.read_bytes().decode()
    except UnicodeDecodeError as error:
        raise PermanentError(f"{file}: byte {error.start} is not UTF-8; save the ruleset as UTF-8") from None
    except OSError as error:
        problem = f"{file}: cannot be read ({error.strerror})"
        raise PermanentError(f"{problem}; set HITL_FIREWALL_RULESET to a ruleset that the worker may read") from None


@contextmanager
def explained(file: Path) -> Generator[None]:
    """Turn what goes wrong with this ruleset into the platform's two errors."""
    try:
        yield
    except RulesetError as error:
        where = f"{file}:{error.line}" if error.line else f"{file}"
        raise PermanentError(f"{where}: {error}") from None
    except OSError as error:
        problem = f"{file}: cannot be written ({error.strerror})"
        if error.errno in {errno.EACCES, errno.EPERM, errno.EROFS, errno.ELOOP}:
            raise PermanentError(f"{problem}; let the worker write this file and its folder") from None
        raise TemporaryError(problem) from None


LOCK_WAIT: Final = timedelta(seconds=10)
"""How long a change waits for another: each takes milliseconds, so a longer wait means that something hangs."""


@contextmanager
def exclusively(file: Path) -> Generator[None]:
    """Keep other changes of this file out, those of other processes included.

    The lock is on a file beside it, which is never renamed; the system lets go of it when the process dies.

    Raises:
        TemporaryError: Another change holds it for longer than `LOCK_WAIT`.
    """
    with explained(file):
        lock = os.open(
            file.with_name(f".{file.name}.lock"), os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600
        )
    try:
        give_up = time.monotonic() + LOCK_WAIT.total_seconds()
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > give_up:
                    raise TemporaryError(f"{file}: another change has held it for {LOCK_WAIT}", LOCK_WAIT) from None
                time.sleep(0.02)
        yield
    finally:
        os.close(lock)


def replace_text(file: Path, text: str, *, like: Path) -> str:
    """Put `text` in the place of `file` once `nft` has no objection, and return what `nft` said.

    Args:
        file: Held exclusively, so the draft's name is ours and a draft left by a killed process is overwritten.
        text: All of it.
        like: Whose owner and mode it gets.

    Raises:
        PermanentError: `nft` refuses the text.
        TemporaryError: `nft` does not answer.
        OSError: It cannot be written; `explained` tells why.
    """
    draft = file.with_name(f".{file.name}.new")
    model = like.stat()
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        with os.fdopen(os.open(draft, flags, 0o600), "wb") as out:
            with suppress(PermissionError):  # only root may give a file away; anyone else keeps it
                os.fchown(out.fileno(), model.st_uid, model.st_gid)
            os.fchmod(out.fileno(), stat.S_IMODE(model.st_mode))
            out.write(text.encode())
            out.flush()
            os.fsync(out.fileno())
        checked = _checked(draft, file)
        draft.replace(file)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    folder = os.open(file.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)  # without it a power cut may bring the old name back
    finally:
        os.close(folder)
    return checked


NFT_TIMEOUT: Final = timedelta(seconds=10)


def _checked(draft: Path, file: Path) -> str:
    """Return what `nft -c` says of a draft: it reads, resolves and refuses as a load would, and loads nothing.

    Source: nft(8) of nftables 1.0.6, `--check`, read 2026-11-22; the words of a refused privilege were observed.

    Raises:
        PermanentError: It refuses the draft.
        TemporaryError: It does not answer.
    """
    nft = shutil.which("nft") or shutil.which("nft", path="/usr/sbin:/sbin")  # not on the PATH of plain users
    if nft is None:
        return "not checked: nft is not installed"
    try:
        run = subprocess.run(  # noqa: S603  no shell, and nothing of the command comes from outside
            [nft, "-c", "-f", str(draft)],
            capture_output=True,
            check=False,
            text=True,
            timeout=NFT_TIMEOUT.total_seconds(),
        )
    except subprocess.TimeoutExpired:
        raise TemporaryError(f"{file}: nft did not answer within {NFT_TIMEOUT}") from None
    if run.returncode == 0:
        return "checked by nft"
    said = run.stderr.replace(str(draft), str(file)).strip()
    first = said.partition("\n")[0]  # its own words; what follows quotes the ruleset, which may say anything
    if first.endswith("Operation not permitted") or "Unable to initialize Netlink socket" in first:
        return "not checked: nft may not run here; it needs CAP_NET_ADMIN"
    reason = " ".join(said.split())[:500]
    raise PermanentError(f"nft refuses the changed ruleset, so {file} stays as it was: {reason}")
