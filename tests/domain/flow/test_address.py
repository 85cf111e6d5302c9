"""Where a step is, and what of the world belongs to it."""

from hitl_temporal.domain.flow.address import child_id, started_of, undo_id


def test_what_was_started_belongs_to_a_step() -> None:
    """Each start, each try of a command, each compensation; what is no step's is left out."""
    addresses = ("a", "post[3].journal", "post[3].lines[0].book")
    for address in addresses:
        for name in (child_id("r", address, 2), undo_id("r", address, 2, 1), undo_id("r", address, 2, 3)):
            for suffix in ("", ".attempt.4"):
                started = name.removeprefix("r.") + suffix
                assert started_of(addresses, [started]) == {started: address}
    assert started_of(addresses, ["b.1", "a", "hitl.read_people", "post.4.journal.1", "a.1.extend.1"]) == {}
