"""What an error means to whoever typed the command: an exit code and a text."""

from imin_accounts import IminError, InvalidRequest, NotFound, OutcomeUnknown, SnapshotsError
from imin_accounts.cli._failures import Kind, kind_of, status_of


def explain(error: IminError) -> tuple[int, str]:
    """The exit code and the text for ``error``; the text says what to do where that is known."""
    kind = kind_of(type(error).__name__, status_of(error))
    match error:
        case InvalidRequest():
            text = f"{error}."
        case OutcomeUnknown():
            text = f"{error}. List the accounts later: only that can tell."
        case SnapshotsError(reason=reason):  # a file of the user's own: nothing that imin can help with
            text = " ".join(filter(None, (f"{error}.", _ABOUT_SNAPSHOTS.get(reason))))
        case NotFound():
            text = f"{error}: no such customer, or no such account. Check both, and the address asked."
        case _:
            advice = _ADVICE.get(kind)
            text = f"{error}. {advice}" if advice else f"{error}."
    return kind.exit_code, text


_ADVICE = {
    Kind.KEY: "Check the API key.",
    Kind.UNREACHABLE: "Check the network and the address asked (--base-url).",
    Kind.THROTTLED: "Repeat it later.",
    Kind.UNREADABLE: "Repeat it later; if it stays so, tell imin.",
    Kind.ERROR: "Repeat it later; if it stays so, tell imin.",
}
_ABOUT_SNAPSHOTS = {
    "full": "Make room, then repeat it.",
    "in use": "Repeat it when that has ended.",
    "damaged": "Check which file --snapshots names; if it is the right one, put a backup in its place: end "
    "whatever has it open, remove what stands beside it with -wal, -shm or -journal at the end of its name, "
    "then move the backup there.",
    "failed": "Check the file that --snapshots names, its folder and the disk, then repeat it.",
}
