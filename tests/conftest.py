"""Shared by all tests: one thread a process, and the probe environments within reach of tests and their workers."""

import os
import sys
from pathlib import Path

import pytest

# Before anything imports torch; child processes inherit it.
os.environ.update(dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1"))

PROBES = str(Path(__file__).parent / "probes")
if PROBES not in sys.path:
    sys.path.insert(0, PROBES)


@pytest.fixture(scope="session")
def tiny(tmp_path_factory):
    """A tiny study, carried out once by real workers: its folder, its outcome and what was observed."""
    from tiny_study import carry_out

    folder = tmp_path_factory.mktemp("tiny")
    return folder, *carry_out(folder)
