"""The log that a worker process leaves behind."""

import subprocess
import sys

import pytest

CRASH = """
import sys
from pathlib import Path
from types import SimpleNamespace
from rl_transfer.errors import ConfigError
from rl_transfer.run import worker

def crash(*_, **__):
    raise {error}

worker._carry_out = crash
worker.work(SimpleNamespace(index=lambda: {{"key": Path(sys.argv[1])}}), "key", None)
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("error", "last_line", "traceback"),
    [
        ("ValueError('it broke:\\n  here\\n\\n  and there\\n')", "ValueError: it broke:", True),
        ("KeyError('name')", "KeyError: 'name'", True),
        ("ZeroDivisionError", "ZeroDivisionError", True),
        ("SystemExit(3)", "SystemExit: 3", True),
        ("ConfigError('no such\\nthing', key='a.b')", "a.b: no such thing", False),
    ],
)
def test_the_last_line_of_a_crashed_run_s_log_says_why(error, last_line, traceback, tmp_path):
    script = CRASH.format(error=error)
    done = subprocess.run([sys.executable, "-c", script, str(tmp_path)], capture_output=True, timeout=60, check=False)
    assert done.returncode == 1
    log = (tmp_path / "log.txt").read_text()
    assert log.splitlines()[-1] == last_line
    assert ("Traceback" in log) == traceback
