"""A reply whose personal values are others of the same shape: what can be shown to somebody else.

``reply`` takes a document apart and puts it together again, ``forms`` knows what a date, a URL and a number
are made of, ``words`` draws what stands for each word. No I/O but for the dice.
"""
