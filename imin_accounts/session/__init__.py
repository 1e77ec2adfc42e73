"""The session: the only place that decides whether, when and how often a request goes out.

``_session`` has what is called, and carries out what the table in ``_retry`` says of each event.
``_attempt`` makes one attempt, for which ``_key`` has the key, and which ``_gate`` lets through. ``_call``
keeps what is told of a call, ``_watch`` ends what takes too long, ``_lifetime`` knows where a session may
be used, ``_bulk`` makes one call for each of many inputs, ``_pace`` what it does when imin throttles it,
``_waiting`` reads until an account shows as connected, ``_arguments`` refuses what can't be used, ``_env``
reads the environment, and ``_runtime`` has time and dice.
"""

from imin_accounts.session._attempt import KeySource
from imin_accounts.session._call import OnAttempt
from imin_accounts.session._gate import Limiter
from imin_accounts.session._retry import RetryPolicy
from imin_accounts.session._runtime import Clock, Runtime, Sleep
from imin_accounts.session._session import AccountsSession

__all__ = [
    "AccountsSession",
    "Clock",
    "KeySource",
    "Limiter",
    "OnAttempt",
    "RetryPolicy",
    "Runtime",
    "Sleep",
]
