"""The check of annotations finds every value of another type, and says where it is."""

from typing import Any

import attrs

from tests.annotation_check import mistyped


@attrs.frozen
class Inner:
    names: tuple[str, ...]


@attrs.frozen
class Outer:
    inner: Inner | None
    number: int
    anything: Any = None


def test_exact_types_pass() -> None:
    """Optional and nested ones too, and anything where anything may be."""
    assert [*mistyped(Outer(Inner(("a",)), 1, object()), Outer)] == []
    assert [*mistyped(Outer(None, 1), Outer)] == []


def test_other_types_are_found() -> None:
    """A bool is no int here; inside an optional value the whole value is the place."""
    assert [*mistyped(Outer(None, True), Outer, "it")] == ["it.number"]
    assert [*mistyped(Outer("text", 1), Outer, "it")] == ["it.inner"]  # type: ignore[arg-type]
    assert [*mistyped(Inner(("a", 1, 2)), Inner, "it")] == ["it.names[1]", "it.names[2]"]  # type: ignore[arg-type]
