"""For those who write a transport: whether it keeps every promise of ``Transport``."""

from imin_accounts.testing._conformance import BrokenPromises, check_transport

__all__ = ["BrokenPromises", "check_transport"]
