"""What a run over many customers came to, and the exit code that says so."""

import attrs

from imin_accounts import Failed, Fetched
from imin_accounts.cli._failures import FAILED, PARTLY_DONE, UNREACHABLE, explain


@attrs.define
class Result:
    """Counts of customers.

    Attributes:
        read: Those whose accounts were read.
        failed: Those who could not be read.
        unreachable: Those among them for whom no reply came.
        left: Those who were not asked for, since the run was interrupted.
    """

    read: int = 0
    failed: int = 0
    unreachable: int = 0
    left: int = 0

    def add(self, outcome: Fetched | Failed) -> None:
        """Count one more."""
        if isinstance(outcome, Fetched):
            self.read += 1
        else:
            self.failed += 1
            self.unreachable += explain(outcome.error)[0] == UNREACHABLE

    @property
    def exit_code(self) -> int:
        """0 where every customer was read, 3 where some were, else why none was."""
        if self.left or (self.failed and self.read):
            return PARTLY_DONE
        if not self.failed:
            return 0
        return UNREACHABLE if self.unreachable == self.failed else FAILED
