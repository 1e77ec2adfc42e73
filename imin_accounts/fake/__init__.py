"""An emulated imin: in memory as a Transport, and over HTTP with the seller's pages for a browser."""

from imin_accounts.fake._connect import ConnectRefused
from imin_accounts.fake._fake import FakeImin, Received
from imin_accounts.fake._replies import ErrorBody
from imin_accounts.fake._settings import Undocumented

__all__ = ["ConnectRefused", "ErrorBody", "FakeImin", "Received", "Undocumented"]
