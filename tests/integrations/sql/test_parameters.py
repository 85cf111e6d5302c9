"""Parameters of a statement: found where they are, and nowhere else."""

import pytest

from hitl_temporal.integrations.sql.parameters import placeholders


@pytest.mark.parametrize(
    ("sql", "written"),
    [
        ("select :a", "select %(a)s"),
        ("select :a, :a || :b", "select %(a)s, %(a)s || %(b)s"),
        ("select :a::int, '1'::text", "select %(a)s::int, '1'::text"),
        ("select ':a', 'it''s :a'", "select ':a', 'it''s :a'"),
        ("select E'\\':a', :a", "select E'\\':a', %(a)s"),
        ('select ":a", "x"":a"', 'select ":a", "x"":a"'),
        ("select $$ :a $$, $t$ :a $$ $t$, :a", "select $$ :a $$, $t$ :a $$ $t$, %(a)s"),
        ("select 1 -- :a\n, :a", "select 1 -- :a\n, %(a)s"),
        ("select /* :a /* :b */ :a */ :a", "select /* :a /* :b */ :a */ %(a)s"),
        ("select /* :a", "select /* :a"),
        ("select 'x' like '%', 5 % 2", "select 'x' like '%%', 5 %% 2"),
        ("select x[1:2], x[1]:a", "select x[1:2], x[1]:a"),
        ("select '12:30', 12:a", "select '12:30', 12:a"),
    ],
)
def test_a_parameter_is_a_name_after_a_colon(sql: str, written: str) -> None:
    """Not in texts, names, comments, casts; a percent sign means itself."""
    assert placeholders(sql, {"a", "b"}) == written


def test_an_unknown_one_is_named() -> None:
    """Before anything is sent."""
    with pytest.raises(KeyError, match="c"):
        placeholders("select :a, :c", {"a"})
