"""Commands to calls; everything heavy is imported by the command that needs it."""

import shlex
import sys
from collections.abc import Sequence

PROGRAM = "rl-transfer"
_DESCRIPTION = "Does carrying an agent from one environment to another help, hurt, or make no difference?"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        arguments: The command line without the program's name; the process's own by default.

    Returns:
        The exit code: 0 for success, 1 if a run failed, 2 for bad input, 130 after Ctrl-C.
    """
    from pathlib import Path

    import tyro

    from rl_transfer.cli.commands import Command
    from rl_transfer.errors import RLTransferError, Stopped

    if (here := str(Path.cwd())) not in sys.path:
        sys.path.append(here)  # so that 'module:Env-v0' finds modules here, as with python -m
    command = tyro.cli(Command, args=arguments, prog=PROGRAM, description=_DESCRIPTION)
    try:
        return command.call()
    except RLTransferError as error:
        print(f"{PROGRAM}: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt as stop:
        again = shlex.join([PROGRAM, *(sys.argv[1:] if arguments is None else arguments)])
        what = f"{stop}\nTo go on: {again}" if isinstance(stop, Stopped) else "whatever had finished is kept"
        print(f"\n{PROGRAM}: stopped; {what}", file=sys.stderr)
        return 130
