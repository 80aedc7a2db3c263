"""The exit codes of the command, named in one place."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """What the command's exit status says. Limits alone are no finding."""

    OK = 0
    FINDINGS = 1  # a check found something wrong with the user's model or data
    USAGE = 2  # the command was called with something that it cannot use; nothing was written
    UNKNOWN = 3  # something could not be decided; the report says what and where
    INTERRUPTED = 130  # Ctrl-C: 128 + SIGINT, as shells have it
    BROKEN_PIPE = 141  # the reader of the output went away: 128 + SIGPIPE
