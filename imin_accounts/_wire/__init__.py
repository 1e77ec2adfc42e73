"""Pure functions: calls become requests, replies become models. No I/O, no time, no API key.

``requests`` and ``replies`` are the two halves; ``problem`` reads what an error reply says. ``converter``
turns JSON-LD into models and back: ``fast`` reads the API's own form, ``careful`` every other one.
"""
