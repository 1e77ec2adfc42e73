"""How the help of a command ends: with commands that could be typed as they are."""


def examples(*commands: str) -> str:
    """For a command's ``epilog``: one command a line, as it is typed."""
    return "\n".join(["\b", "Examples:", *(f"  {command}" for command in commands)])
