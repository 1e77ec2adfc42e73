"""Asyncio client for imin's Seller Accounts API."""

from imin_accounts._version import __version__

__all__ = ["__version__"]
