"""What came of one thing that the doctor looked at."""

from typing import Any, Literal, TypeAlias

import attrs

Status: TypeAlias = Literal["ok", "warning", "failed"]


@attrs.frozen
class Check:
    """One line of what the doctor says. It holds no key, no identifier and no word of a reply.

    Attributes:
        name: What was looked at.
        text: What was found.
        advice: What to do; ``""`` where there is nothing to do.
        facts: The same as JSON values by name.
        exit_code: Of the command, if nothing before failed; 0 where this is well.
    """

    name: str
    status: Status
    text: str
    advice: str = ""
    facts: dict[str, Any] = attrs.field(factory=dict)
    exit_code: int = 0

    def as_json(self) -> dict[str, Any]:
        """Its values by name."""
        said = {"check": self.name, "status": self.status, "text": self.text, "advice": self.advice or None}
        return {**said, **self.facts}
