"""Run folders, their names and keys, and writing files so that a crash never leaves half of one."""

from rl_transfer.store.files import read_json, write_bytes, write_csv, write_json
from rl_transfer.store.find import find_run, matching_runs, run_name
from rl_transfer.store.folders import (
    REMOVE_AND_RERUN,
    Store,
    folder_key,
    read_spec,
    retention_file,
    run_key,
    write_spec,
)
from rl_transfer.store.removal import Garbage, folder_size, garbage, refuse_needed, refuse_outside, remove, study_runs
from rl_transfer.store.users import User, users

__all__ = [
    "REMOVE_AND_RERUN",
    "Garbage",
    "Store",
    "User",
    "find_run",
    "folder_key",
    "folder_size",
    "garbage",
    "matching_runs",
    "read_json",
    "read_spec",
    "refuse_needed",
    "refuse_outside",
    "remove",
    "retention_file",
    "run_key",
    "run_name",
    "study_runs",
    "users",
    "write_bytes",
    "write_csv",
    "write_json",
    "write_spec",
]
