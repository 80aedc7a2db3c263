"""Misuse, as an exception: one message that names everything wrong, for people to read.

The command prints the message alone and ends with the exit code USAGE; a traceback of one is a defect.
"""

from __future__ import annotations


class UsageError(Exception):
    """What was asked for cannot be done as asked: a bad configuration, a bad option, a bad path."""
