"""Asyncio client for imin's Seller Accounts API."""

__version__ = "0.1.0"
