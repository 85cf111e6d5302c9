"""`file.transfer` over a real SFTP server on loopback, and between folders: whole or not at all."""

import asyncio
import hashlib
import os
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import asyncssh
import pytest
from pydantic import ValidationError

from hitl_temporal.integrations.transfer import Transfer, Transferred, connector
from hitl_temporal.integrations.transfer.sides import Local, OverSftp
from hitl_temporal.ports import PermanentError, TemporaryError
from tests.fakes import FakePlaces
from tests.ssh import House, ssh_server

CONTENT = os.urandom(600_000)
DIGEST = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """Return the project's folder, with one file."""
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "a.bin").write_bytes(CONTENT)
    return tmp_path / "here"


@pytest.fixture
def there(tmp_path: Path) -> Path:
    """Return the folder that the server shows."""
    (tmp_path / "there" / "in").mkdir(parents=True)
    return tmp_path / "there"


async def copied(here: Path, source: str, target: str, house: House | None = None, **given: Any) -> Transferred:
    """Return what a copy gives."""
    login = {} if house is None else {"login": {"key": house.key, "known_hosts": house.known_hosts}}
    transfer = Transfer.model_validate({"from": source, "to": target, **login, **given})
    return await connector(FakePlaces(here)).run(transfer, "k")


def at(house: House, path: str) -> str:
    """Return the URL of a file there."""
    return f"sftp://ann@127.0.0.1:{house.port}/{path}"


def names(folder: Path) -> set[str]:
    """Return what is in a folder, drafts too."""
    return {str(f.relative_to(folder)) for f in folder.rglob("*") if f.is_file()}


async def test_a_file_goes_there_and_comes_back(here: Path, there: Path) -> None:
    """With its size and digest; no draft is left."""
    async with ssh_server(root=there) as house:
        sent = await copied(here, "a.bin", at(house, "in/a%20b.bin"), house)
        assert sent == Transferred(bytes=len(CONTENT), sha256=DIGEST, changed=True)
        assert (there / "in" / "a b.bin").read_bytes() == CONTENT
        back = await copied(here, at(house, "in/a%20b.bin"), "back.bin", house, sha256=DIGEST)
        assert (back, (here / "back.bin").read_bytes()) == (sent, CONTENT)
        await copied(here, at(house, "in/a%20b.bin"), at(house, "in/c.bin"), house)
    assert (names(here), names(there)) == ({"a.bin", "back.bin"}, {"in/a b.bin", "in/c.bin"})


async def test_the_same_again_is_a_success_that_changes_nothing(here: Path, there: Path) -> None:
    """As after a try whose answer was lost."""
    async with ssh_server(root=there) as house:
        for target in (at(house, "in/x"), "copy.bin"):
            found = [await copied(here, "a.bin", target, house) for _ in range(2)]
            assert [f.changed for f in found] == [True, False]
            assert {f.sha256 for f in found} == {DIGEST}


async def test_another_file_is_replaced_only_where_that_is_written(here: Path, there: Path) -> None:
    """It stays as it was until the new one is whole."""
    async with ssh_server(root=there) as house:
        for file, target in ((there / "in" / "x", at(house, "in/x")), (here / "y", "y")):
            file.write_text("old")
            with pytest.raises(PermanentError, match="overwrite: true"):
                await copied(here, "a.bin", target, house)
            assert file.read_text() == "old"
            assert (await copied(here, "a.bin", target, house, overwrite=True)).changed
            assert file.read_bytes() == CONTENT
    assert (names(here), names(there)) == ({"a.bin", "y"}, {"in/x"})


async def test_a_file_that_appears_meanwhile_is_not_replaced(here: Path, there: Path, monkeypatch: Any) -> None:
    """Nobody can look and rename in one step, but a rename that replaces nothing can."""

    async def absent(_self: object) -> bool:
        return False

    async with ssh_server(root=there) as house:
        for side, file, target in ((OverSftp, there / "in" / "x", at(house, "in/x")), (Local, here / "y", "y")):
            file.write_text("old")
            looks = side.is_there
            monkeypatch.setattr(side, "is_there", absent)
            if side is OverSftp:
                answers = iter([False, True])

                async def then_there(_self: object, answers: Any = answers) -> bool:
                    return next(answers)

                monkeypatch.setattr(side, "is_there", then_there)
            with pytest.raises(PermanentError, match="another file is there"):
                await copied(here, "a.bin", target, house)
            monkeypatch.setattr(side, "is_there", looks)
            assert file.read_text() == "old"
    assert (names(here), names(there)) == ({"a.bin", "y"}, {"in/x"})


@pytest.mark.parametrize(
    ("source", "target", "given", "said"),
    [
        ("none.bin", "x", {}, "No such file"),
        ("a.bin", "none/x", {}, "No such file"),
        ("a.bin", "../x", {}, "outside"),
        ("/etc/passwd", "x", {}, "outside"),
        ("a.bin", "x", {"sha256": "0" * 64}, "not the one it should be"),
        ("a.bin", "x", {"max_bytes": 1000}, "more than 1000 bytes"),
    ],
)
async def test_what_cannot_be_copied_is_refused_for_good(
    here: Path, source: str, target: str, given: dict[str, Any], said: str
) -> None:
    """Nothing is left of it."""
    with pytest.raises(PermanentError, match=said):
        await copied(here, source, target, **given)
    assert names(here) == {"a.bin"}


async def test_the_other_side_has_its_say(here: Path, there: Path) -> None:
    """No such file there, an unknown host, a login that is not let in."""
    strange = asyncssh.generate_private_key("ssh-ed25519")
    async with ssh_server(root=there) as house:
        for source, target in ((at(house, "none"), "x"), ("a.bin", at(house, "none/x"))):
            with pytest.raises(PermanentError, match="No such file"):
                await copied(here, source, target, house)
        login = {"key": strange.export_private_key().decode(), "known_hosts": house.known_hosts}
        with pytest.raises(PermanentError, match=r"[Pp]ermission denied"):
            await copied(here, "a.bin", at(house, "in/x"), login=login)
        with pytest.raises(PermanentError, match=r"[Pp]ermission denied"):
            await copied(here, "a.bin", at(house, "in/x"), login={"password": "x", "known_hosts": house.known_hosts})
        with pytest.raises(PermanentError, match="can't be read"):
            await copied(here, "a.bin", at(house, "in/x"), login={"key": "x", "known_hosts": house.known_hosts})
        unknown = f"elsewhere {strange.export_public_key().decode()}"
        with pytest.raises(PermanentError, match="Host key"):
            await copied(here, "a.bin", at(house, "in/x"), login={"key": house.key, "known_hosts": unknown})
    with pytest.raises(TemporaryError):
        await copied(here, "a.bin", at(house, "in/x"), house)
    assert names(there) == set()


async def test_a_copy_that_takes_too_long_is_tried_again(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its draft is taken away."""

    async def stuck(_self: object, *, draft: bool = False) -> AsyncGenerator[bytes]:
        yield b"x"
        await asyncio.Event().wait()

    monkeypatch.setattr(Local, "read", stuck)
    with pytest.raises(TemporaryError, match="within 1s"):
        await copied(here, "a.bin", "x", timeout="1s")
    assert names(here) == {"a.bin"}


async def test_what_was_written_is_compared_with_what_was_read(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that says yes and means no is noticed before the file has its name."""
    honest = Local.read

    async def forgetful(self: Local, *, draft: bool = False) -> AsyncGenerator[bytes]:
        async for part in honest(self, draft=draft):
            yield part[1:] if draft else part

    monkeypatch.setattr(Local, "read", forgetful)
    with pytest.raises(TemporaryError, match="not what was read"):
        await copied(here, "a.bin", "x")
    assert names(here) == {"a.bin"}


@pytest.mark.parametrize(
    "given",
    [
        {"to": "sftp://ann@h/x"},
        {"to": "ftp://ann@h/x", "login": {"password": "p", "known_hosts": "h k"}},
        {"to": "sftp://ann:pw@h/x", "login": {"password": "p", "known_hosts": "h k"}},
        {"to": "sftp://h/x", "login": {"password": "p", "known_hosts": "h k"}},
        {"to": "sftp://ann@h/x/", "login": {"password": "p", "known_hosts": "h k"}},
        {"to": "sftp://ann@-oProxy/x", "login": {"password": "p", "known_hosts": "h k"}},
        {"to": "sftp://ann@h:99999/x", "login": {"password": "p", "known_hosts": "h k"}},
        {"login": {"password": "p"}},
        {"login": {"known_hosts": "h k"}},
        {"sha256": "abc"},
    ],
)
def test_what_cannot_be_asked_is_not_taken(given: dict[str, Any]) -> None:
    """No password in a URL, no host without its key."""
    with pytest.raises(ValidationError):
        Transfer.model_validate({"from": "a", "to": "b", **given})
