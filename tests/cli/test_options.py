"""What the help says of options that need not be given, and that the word None is no value of theirs."""

import pytest

from rl_transfer.cli import main


@pytest.mark.parametrize(
    ("command", "usage"),
    [
        ("runs", ["[FILTER]", "--status {completed,failed,unfinished,running}"]),
        ("rm", ["[RUN ...]", "--study NAME"]),
        ("tensorboard", ["[STUDY]", "--port PORT"]),
        ("play", ["RUN", "--compare RUN [RUN ...]", "--video FILE", "--episodes N", "--fps N"]),
    ],
)
def test_help_names_what_to_give(capsys, command, usage):
    with pytest.raises(SystemExit) as end:
        main([command, "--help"])
    assert end.value.code == 0
    out = capsys.readouterr().out
    assert all(one in out for one in usage), out
    assert "None" not in out
    assert "INT" not in out
    assert "(default: )" not in out


@pytest.mark.parametrize(
    "arguments", [["runs", "--status", "None"], ["tensorboard", "--port", "None"], ["play", "a/b/c", "--fps", "None"]]
)
def test_none_is_no_value(capsys, arguments):
    with pytest.raises(SystemExit) as end:
        main(arguments)
    assert end.value.code == 2
    assert "None" in capsys.readouterr().err
