"""What a session is made of, and a call: an unusable part is refused by name, before anything is sent."""

from functools import partial
from inspect import isasyncgenfunction, iscoroutinefunction

from imin_accounts.errors import InvalidRequest
from imin_accounts.session._retry import RetryPolicy
from imin_accounts.session._runtime import Runtime


def check_types(
    transport: object, retry: object, on_attempt: object, runtime: object, verify_customer: object
) -> None:
    """Return if a session can be made of these.

    Raises:
        InvalidRequest: It can't.
    """
    if transport is not None and not callable(getattr(transport, "send", None)):
        raise InvalidRequest("transport must have `async send()`")
    check_retry(retry)
    if on_attempt is not None and (not callable(on_attempt) or _is_async(on_attempt)):
        raise InvalidRequest("on_attempt must be callable, and not async: nobody awaits it")
    if not isinstance(runtime, Runtime):
        raise InvalidRequest("runtime must be a Runtime")
    if not isinstance(verify_customer, bool):  # an empty text from a configuration would switch it off
        raise InvalidRequest("verify_customer must be a bool")


def check_retry(retry: object) -> RetryPolicy:
    """``retry``, if it is a policy.

    Raises:
        InvalidRequest: It is none.
    """
    if not isinstance(retry, RetryPolicy):
        raise InvalidRequest("retry must be a RetryPolicy")
    return retry


def _is_async(hook: object) -> bool:
    while isinstance(hook, partial):
        hook = hook.func
    called = (hook, type(hook).__call__)
    return any(iscoroutinefunction(each) or isasyncgenfunction(each) for each in called)
