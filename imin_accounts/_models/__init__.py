"""What the models are made of: JSON values, links, the base of all nodes, an account's parts, the vocabulary.

What users name of it stands in ``imin_accounts.models``.
"""
