"""The errors that a user can cause and mend; everything else is a bug and keeps its traceback."""

from collections.abc import Iterable
from difflib import get_close_matches

_FEW, _NEAREST = 30, 12


class RLTransferError(Exception):
    """Base of every error whose message is written for the user: one clear text, no traceback."""


class ConfigError(RLTransferError):
    """A study, pair, task or setting that can't be used as it stands.

    Args:
        message: What is wrong and what to do, in one or two sentences.
        file: The file (or other place, such as ``--set``) that holds the value.
        key: The dotted key inside it.
        line: The key's line in the file, counted from 1.
    """

    def __init__(self, message: str, *, file: object = None, key: str | None = None, line: int | None = None) -> None:
        place = str(file) if file is not None else ""
        if line is not None:
            place += f":{line}"
        if key:
            place += f": {key}" if place else key
        super().__init__(f"{place}: {message}" if place else message)
        self.message, self.file, self.key, self.line = message, file, key, line


def nearest(name: str, valid: Iterable[str]) -> str:
    """Say which valid name is nearest to a wrong one, and list all of them where they are few, else the nearest.

    Args:
        name: The name that was given.
        valid: The names that would have been right.

    Returns:
        A text to append to an error message, such as ``did you mean 'gamma'? valid: gamma, n_steps``.
    """
    names = sorted(valid)
    close = get_close_matches(name, names, n=1, cutoff=0.5)
    guess = f"did you mean {close[0]!r}? " if close else ""
    few = names if len(names) <= _FEW else sorted(get_close_matches(name, names, n=_NEAREST, cutoff=0.0))
    shown = ", ".join(few) + (f", and {len(names) - len(few)} more" if len(few) < len(names) else "")
    return f"{guess}valid: {shown}" if names else "there are none"


class EnvironmentFailedError(RLTransferError):
    """The environment raised, or returned something that is no finite observation and reward."""


class DivergedError(RLTransferError):
    """Training produced weights or losses that are not finite."""


class StoreError(RLTransferError):
    """Something in the store can't be read or written."""


class Stopped(KeyboardInterrupt):
    """Ctrl-C while runs were carried out; the text says what is kept."""
