"""What an activity would refuse is told before any run, at its line and with a mend."""

from typing import Annotated

import pytest
from pydantic import AliasChoices, BaseModel, ConfigDict, Field, SecretStr, model_validator

from hitl_temporal.definition.documents import Document, parse
from hitl_temporal.definition.lint.calls import Call, check_calls


class Part(BaseModel, frozen=True, extra="forbid"):
    """A part of it."""

    user: str
    token: SecretStr | None = None


class Opening(BaseModel, frozen=True, extra="forbid"):
    """What the activity takes."""

    source: str
    port: int = Field(ge=1, le=65535)
    auth: Part | None = None
    parts: tuple[Part, ...] = ()
    kind: Annotated[str, Field(alias="as")] = "tcp"


class Loose(BaseModel, frozen=True):
    """What ignores what it does not know."""

    model_config = ConfigDict(populate_by_name=True)

    name: str = Field(default="", alias="called")
    other: str = Field(default="", validation_alias=AliasChoices("other", "else"))


class Open(BaseModel, frozen=True, extra="allow"):
    """What takes anything."""


class Odd(BaseModel, frozen=True):
    """What raises what it should not."""

    port: int

    @model_validator(mode="before")
    @classmethod
    def _sum(cls, given: dict[str, object]) -> object:
        return {"port": 1 + given["port"]}  # type: ignore[operator]


MODELS = {"fw.open": Opening, "fw.loose": Loose, "fw.any": Open, "fw.odd": Odd}


def problems(arguments: str, activity: str = "fw.open") -> list[str]:
    """Return what is wrong with these arguments; they begin in line 3."""
    lines = "\n".join(f"    {line}" for line in arguments.strip().splitlines())
    document, wrong = parse(f"steps:\n- with:\n{lines}\n", "flow.yaml")
    assert isinstance(document, Document), wrong
    given = document.data["steps"][0]["with"]
    return [str(p) for p in check_calls([Call(("steps", 0, "with"), activity, given)], document, MODELS)]


@pytest.mark.parametrize(
    "arguments",
    [
        "source: x\nport: 443",
        'source: "{{inputs.source}}"\nport: "{{inputs.port}}"\nauth: "{{vars.auth}}"',
        "source: x\nport: 443\nauth: {user: ann, token: \"{{secret('fw')}}\"}\nas: udp",
        'source: x\nport: 443\nparts: [{user: "{{item}}"}]',
        'source: x\nport: 443\nparts: "{{inputs.parts}}"',
    ],
)
def test_what_fits_has_no_problems(arguments: str) -> None:
    """What an expression gives is known only in a run."""
    assert problems(arguments) == []


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (
            "source: x\nprot: 443",
            ["flow.yaml:4: 'fw.open' takes no `prot`; did you mean 'port'?"],
        ),
        (
            "source: x\nport: 1\ncolour: red",
            ["flow.yaml:5: 'fw.open' takes no `colour`; it takes as, auth, parts, port, source"],
        ),
        ("source: x", ["flow.yaml:2: 'fw.open' needs `port`; write it below `with`"]),
        (
            "source: x\nport: 70000",
            ["flow.yaml:4: `port` does not fit 'fw.open': input should be less than or equal to 65535"],
        ),
        ("source: [x]\nport: 1", ["flow.yaml:3: `source` does not fit 'fw.open': input should be a valid string"]),
        (
            "source: x\nport: 1\nauth:\n  usr: ann",
            ["flow.yaml:6: 'fw.open' takes no `auth.usr`; did you mean 'user'?"],
        ),
        (
            'source: x\nport: 1\nparts:\n- token: "{{x}}"\n- {user: a, tokn: b}',
            [
                "flow.yaml:7: 'fw.open' takes no `parts.1.tokn`; did you mean 'token'?",
                "flow.yaml:6: 'fw.open' needs `parts.0.user`; write it below `with`",
            ],
        ),
        (
            'source: "{{x}}"\nport: none',
            [
                (
                    "flow.yaml:4: `port` does not fit 'fw.open': "
                    "input should be a valid integer, unable to parse string as an integer"
                )
            ],
        ),
        (
            "source: x\nport: 1\nauth: {user: a, zzz: b}",
            ["flow.yaml:5: 'fw.open' takes no `auth.zzz`; it takes token, user"],
        ),
    ],
)
def test_what_does_not_fit_is_told_at_its_line(arguments: str, told: list[str]) -> None:
    """A key that was meant for a missing one is told once."""
    assert problems(arguments) == told


def test_an_activity_that_ignores_keys_is_checked_for_them_too() -> None:
    """They would be ignored silently; any of a field's names will do."""
    assert problems("called: x\nelse: y", "fw.loose") == []
    assert problems("name: x\nother: y", "fw.loose") == []
    assert problems("calld: x", "fw.loose") == ["flow.yaml:3: 'fw.loose' takes no `calld`; did you mean 'called'?"]


def test_what_is_not_known_is_not_checked() -> None:
    """Another worker's activity, one that takes anything, one whose model fails on expressions."""
    assert problems("zzz: 1", "other.do") == []
    assert problems("zzz: 1", "fw.any") == []
    assert problems('port: "{{x}}"', "fw.odd") == []
    assert problems("port: 1", "fw.odd") == []
