"""What the documentation leaves open, each as a switch."""

from typing import Literal

import attrs

from imin_accounts.fake._replies import ErrorBody
from imin_accounts.fake._validation import choice, flag, number, text

__all__ = ["Undocumented"]


@attrs.frozen(kw_only=True)
class Undocumented:
    """How the emulator behaves where imin's pages don't say. A client should cope with every setting.

    Attributes:
        unknown_customer: Status of a GET for a customer nobody added: 404, or 200 with no account
            anywhere.
        unconnected_delete: Status of a DELETE for an account that is not connected: 404 or 204.
        not_found: Body of those 404s.
        bad_request: Body of a 400.
        unauthorized: Body of the 401 for a wrong key. Without any key a gateway answers, with
            ``{"message": …}``.
        link_lifetime: Seconds that a connect link may be used, and that the visit it opens may last.
        completed_query: Query to append to ``redirectUri`` after connecting; none if empty.
        declined_query: The same after declining.
        decline_returns: Whether declining leads back to ``redirectUri``, or ends on the seller's page.
        own_delete_notifies: Whether the broker's own DELETE causes a notification too. imin's page says "has
            been disconnected", not by whom.
        rejected_evidence: Whether a request whose evidence was rejected stays listed, as failed, or goes
            with its entitlement.
    """

    unknown_customer: Literal[404, 200] = attrs.field(default=404, validator=choice(404, 200))
    unconnected_delete: Literal[404, 204] = attrs.field(default=404, validator=choice(404, 204))
    not_found: ErrorBody = attrs.field(default=ErrorBody.OPENACTIVE, converter=ErrorBody)
    bad_request: ErrorBody = attrs.field(default=ErrorBody.NESTED, converter=ErrorBody)
    unauthorized: ErrorBody = attrs.field(default=ErrorBody.BARE, converter=ErrorBody)
    link_lifetime: float = attrs.field(default=600.0, validator=number(0))
    completed_query: str = attrs.field(default="", validator=text())
    declined_query: str = attrs.field(default="", validator=text())
    decline_returns: bool = attrs.field(default=True, validator=flag())
    own_delete_notifies: bool = attrs.field(default=True, validator=flag())
    rejected_evidence: Literal["stays", "goes"] = attrs.field(
        default="stays", validator=choice("stays", "goes")
    )
