"""What changed, for ``imin-accounts changes``: two exports compared, and a change as a line of JSON."""
