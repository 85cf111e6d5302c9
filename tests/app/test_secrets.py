"""Secrets of this machine: from a file, else from the environment."""

from pathlib import Path

import pytest

from hitl_temporal.app.secrets import LocalSecrets
from hitl_temporal.ports import PermanentError, TemporaryError


async def test_a_file_goes_before_a_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the line's end that an editor leaves; the file is read each time."""
    monkeypatch.setenv("HITL_SECRET_DB_MAIN", "of the environment")
    file = tmp_path / "db-main"
    file.write_text("of the file\n")
    secrets = LocalSecrets(tmp_path)
    assert (await secrets.secret("db-main")).get_secret_value() == "of the file"
    file.unlink()
    found = await secrets.secret("db-main")
    assert found.get_secret_value() == "of the environment"
    assert "of the" not in repr(found)
    assert (await LocalSecrets(None).secret("db.main")).get_secret_value() == "of the environment"


@pytest.mark.parametrize("name", ["../x", "/etc/passwd", "", ".hidden", "a b", "é", "x" * 101])
async def test_a_name_leads_nowhere_else(tmp_path: Path, name: str) -> None:
    """Whatever a document says."""
    with pytest.raises(PermanentError, match="is no name of a secret"):
        await LocalSecrets(tmp_path).secret(name)


async def test_a_secret_that_is_not_there_says_where_to_put_it(tmp_path: Path) -> None:
    """By the names of the file and of the variable."""
    with pytest.raises(
        PermanentError, match="no secret 'db'; put the file db into HITL_SECRETS, or the variable HITL_SECRET_DB"
    ):
        await LocalSecrets(tmp_path).secret("db")
    with pytest.raises(PermanentError, match="put the variable HITL_SECRET_DB in place"):
        await LocalSecrets(None).secret("db")


async def test_a_file_that_can_not_be_read_is_tried_again(tmp_path: Path) -> None:
    """Somebody may mend it."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "binary").write_bytes(b"\xff")
    for name in ("folder", "binary"):
        with pytest.raises(TemporaryError, match=f"the file of the secret '{name}' can't be read"):
            await LocalSecrets(tmp_path).secret(name)
