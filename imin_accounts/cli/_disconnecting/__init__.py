"""``disconnect-all``: the run, its journal, and what it would do.

Not to be taken for erasure, which imin offers at an endpoint of its own: that deletes a customer.
"""
