"""What all readers of strangers' files share: one-line refusals, limits, and looking at a pickle without loading it."""

import pickletools
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from rl_transfer.errors import ConfigError

MAX_FILE_BYTES = 2 * 1024**3
"""Largest file, and the most that a file may unpack to."""

MAX_STEPS = 1_000_000
"""Most instructions in one pickle."""

MAX_TUPLES = 50_000
"""Most tuples in one pickle: Python overflows its stack, and dies, on the hash of some 150,000 nested ones."""

# Refused by name, everything else passes, because agents name the modules of whoever made them: feature extractors and
# policies of their own, gym or gymnasium, NumPy's and cloudpickle's inner parts under each release's names, even paths
# of source files. An allow-list would refuse those, and would let a payload through all the same: cloudpickle stores
# lambdas as code, with names that every honest schedule uses too. So safety does not rest on this list but on loading
# nothing; the list turns away files that were made to attack somebody.
# fmt: off
_MODULES = frozenset({
    "os", "posix", "nt", "sys", "subprocess", "_posixsubprocess", "commands", "popen2", "shutil", "pty", "webbrowser",
    "multiprocessing", "asyncio", "socket", "_socket", "socketserver", "ssl", "http", "httplib", "urllib", "urllib2",
    "requests", "ftplib", "smtplib", "telnetlib", "xmlrpc", "importlib", "imp", "runpy", "pkgutil", "zipimport",
    "ctypes", "_ctypes", "cffi", "code", "codeop", "pdb", "bdb", "timeit", "trace", "profile", "cProfile", "doctest",
    "pickle", "_pickle", "cPickle", "marshal", "shelve", "dill", "joblib", "pip", "setuptools", "distutils",
    "ensurepip", "venv",
})
_CALLS = frozenset({
    "eval", "exec", "execfile", "compile", "__import__", "reload", "open", "input", "breakpoint", "system", "popen",
    "load", "loads", "read_pickle",
})
# fmt: on

_STRINGS = frozenset(
    {"STRING", "BINSTRING", "SHORT_BINSTRING", "UNICODE", "SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8"}
)
_GETS = frozenset({"GET", "BINGET", "LONG_BINGET"})
_PUTS = frozenset({"PUT", "BINPUT", "LONG_BINPUT"})
_TUPLES = frozenset({"TUPLE", "TUPLE1", "TUPLE2", "TUPLE3"})
_IDS = frozenset({"PERSID", "BINPERSID"})
# Python looks extension codes up in a table of the process before it asks for a class.
_FOREIGN = frozenset({"EXT1", "EXT2", "EXT4", "NEXT_BUFFER", "READONLY_BUFFER"})


class Refused(Exception):
    """What is wrong with a file, for its user; the file's name is added by :func:`refusing`."""


@contextmanager
def refusing(path: Path, kind: str) -> Iterator[None]:
    """Turn whatever happens while a file is read into one line that names it.

    Args:
        path: The file.
        kind: What it should be, with its article.

    Raises:
        ConfigError: Instead of any exception.
    """
    try:
        yield
    except Refused as error:
        raise ConfigError(str(error), file=path) from None
    except Exception as error:  # a damaged file makes the readers raise almost anything
        cause = " ".join(f"{type(error).__name__}: {error}".split())[:160]
        raise ConfigError(
            f"is damaged or not {kind} ({cause}); get it again from where it was made", file=path
        ) from error


def shown(name: object) -> str:
    """A name out of a file, fit for a message: short and on one line."""
    return repr(name)[:80]


def read_content(path: Path, limit: int = MAX_FILE_BYTES) -> bytes:
    """Read a regular file of at most so many bytes.

    Raises:
        Refused: If there is none, or it is larger.
    """
    if not path.is_file():  # opening a pipe would wait for ever
        raise Refused("is no file: give the file itself" if path.exists() else "there is no such file; check the path")
    with path.open("rb") as file:
        content = file.read(limit + 1)
    if len(content) > limit:
        raise Refused(f"is larger than {limit} bytes, the most that is read of such a file")
    return content


def scan_pickle(stream: BinaryIO, *, with_ids: bool = False) -> None:
    """Look at one pickle without loading it; the stream is left behind it.

    Args:
        stream: Where the pickle begins.
        with_ids: Whether it may hold persistent ids, as torch's files do.

    Raises:
        Refused: If it names something that only an attack needs, hides a name, or would exhaust its reader.
        ValueError: If it is no whole pickle.
    """
    names = _Names()
    tuples = 0
    for step, (opcode, argument, _) in enumerate(pickletools.genops(stream)):
        tuples += opcode.name in _TUPLES
        if step > MAX_STEPS or tuples > MAX_TUPLES:
            raise Refused("holds a pickle too large to be honest: don't use this file")
        if opcode.name in _FOREIGN or (opcode.name in _IDS and not with_ids):
            raise Refused(
                f"holds a pickle with the instruction {opcode.name}, which such files don't need: don't use it"
            )
        names.follow(opcode.name, argument)


class _Names:
    """The names that a pickle looks up, found by following its strings only."""

    def __init__(self) -> None:
        self.memo: dict[int, str | None] = {}
        self.top: tuple[str | None, str | None] = (None, None)  # of the stack; None: perhaps no string

    def follow(self, opcode: str, argument: object) -> None:
        if opcode in _STRINGS:
            self.top = (self.top[1], str(argument))
        elif opcode in _GETS and isinstance(argument, int):
            self.top = (self.top[1], self.memo.get(argument))
        elif opcode == "MEMOIZE" or opcode in _PUTS:
            self.store(argument)
        elif opcode not in {"PROTO", "FRAME"}:
            self.look_up(opcode, argument)
            self.top = (None, None)

    def store(self, index: object) -> None:
        place = index if isinstance(index, int) else len(self.memo)
        if place > MAX_STEPS:  # Python makes room for all places below
            raise Refused("holds a pickle too large to be honest: don't use this file")
        self.memo[place] = self.top[1]

    def look_up(self, opcode: str, argument: object) -> None:
        if opcode in {"GLOBAL", "INST"}:
            _refuse_name(*str(argument).split(" ", 1))
        elif opcode == "STACK_GLOBAL":
            module, name = self.top
            if module is None or name is None:
                raise Refused("holds a pickle that hides what it names: don't use this file")
            _refuse_name(module, name)


def _refuse_name(module: str, name: str = "") -> None:
    # Attributes count too: utils.os.system is as good as os.system.
    parts = name.split(".")
    if not _MODULES.isdisjoint({module.split(".")[0], *parts}) or parts[-1] in _CALLS or {" ", "\n"} & {*module, *name}:
        raise Refused(f"holds a pickle that names {shown(f'{module}.{name}')}, as only attacks do: don't use this file")
