"""What every blob store must do, run against each of them."""

import asyncio
import hashlib
import os
from pathlib import Path

import pytest

from hitl_temporal.integrations.file import FileBlobs
from hitl_temporal.ports import Blobs, PermanentError, TemporaryError
from tests.fakes import FakeBlobs

CONTENT = b'{"rows":[1,2,3]}'
DIGEST = f"sha256:{hashlib.sha256(CONTENT).hexdigest()}"


@pytest.fixture(params=[lambda path: FileBlobs(path / "out" / "blobs"), lambda _: FakeBlobs()])
def blobs(request: pytest.FixtureRequest, tmp_path: Path) -> Blobs:
    """Each store in turn."""
    made: Blobs = request.param(tmp_path)
    return made


def files_in(folder: Path) -> list[Path]:
    """Return the files of a store."""
    return [path for path in folder.rglob("*") if path.is_file()]


def file_of(folder: Path) -> Path:
    """Return its only one."""
    (file,) = files_in(folder)
    return file


async def test_what_was_kept_is_there_under_its_digest(blobs: Blobs) -> None:
    """Again and at the same moment, too; nothing at all is a content like any other."""
    assert await asyncio.gather(*(blobs.put(CONTENT) for _ in range(5))) == [DIGEST] * 5
    assert await blobs.get(DIGEST) == CONTENT
    assert await blobs.get(await blobs.put(b"")) == b""


async def test_what_was_never_kept_is_not_there(blobs: Blobs) -> None:
    """It will not come, so nobody waits for it."""
    with pytest.raises(PermanentError, match=DIGEST):
        await blobs.get(DIGEST)


async def test_another_process_finds_it_and_only_the_owner_may_read_it(tmp_path: Path) -> None:
    """No half of a file is left beside it."""
    await FileBlobs(tmp_path).put(CONTENT)
    assert await FileBlobs(tmp_path).get(DIGEST) == CONTENT
    assert file_of(tmp_path).stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("damage", [CONTENT.replace(b"1", b"9"), CONTENT[:-1], b""])
async def test_what_was_tampered_with_is_never_given_and_may_be_kept_anew(tmp_path: Path, damage: bytes) -> None:
    """Whoever does the step again mends it."""
    store = FileBlobs(tmp_path)
    await store.put(CONTENT)
    file_of(tmp_path).write_bytes(damage)
    with pytest.raises(PermanentError, match=f"{DIGEST}.* is damaged"):
        await store.get(DIGEST)
    await store.put(CONTENT)
    assert await store.get(DIGEST) == CONTENT


@pytest.mark.parametrize("name", ["sha256:../../../etc/passwd", "sha256:" + "A" * 64, "md5:" + "a" * 64, ""])
async def test_only_a_digest_names_a_file(tmp_path: Path, name: str) -> None:
    """Whatever else is asked for is looked for nowhere."""
    with pytest.raises(PermanentError, match="is no digest"):
        await FileBlobs(tmp_path).get(name)


async def test_a_folder_that_cannot_be_used_is_tried_again(tmp_path: Path) -> None:
    """Somebody may mend it; the setting is named, and nothing half written stays."""
    (tmp_path / "blobs").write_text("a file in its place")
    store = FileBlobs(tmp_path / "blobs")
    with pytest.raises(TemporaryError, match="HITL_BLOBS"):
        await store.put(CONTENT)
    with pytest.raises(TemporaryError, match="HITL_BLOBS"):
        await store.get(DIGEST)


async def test_a_write_that_fails_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk, for one."""

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(TemporaryError, match="No space left on device"):
        await FileBlobs(tmp_path).put(CONTENT)
    assert files_in(tmp_path) == []


async def test_what_is_kept_again_is_young_again(tmp_path: Path) -> None:
    """Else whoever deletes old files would delete what has just been given."""
    store = FileBlobs(tmp_path)
    await store.put(CONTENT)
    os.utime(file_of(tmp_path), (0, 0))
    await store.put(CONTENT)
    assert file_of(tmp_path).stat().st_mtime > 0
