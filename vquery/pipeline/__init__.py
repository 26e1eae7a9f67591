"""One file that says how a collection comes about, and what brings it up to date.

``keys`` and ``kinds`` say what the file may hold, ``steps`` what is done for it, ``running`` what
of that is due, ``tuning`` searches values that were left open, ``loop`` asks people.
"""
