"""Run folders, their names and keys, and writing files so that a crash never leaves half of one."""

from rl_transfer.store.files import read_json, write_bytes, write_csv, write_json
from rl_transfer.store.folders import Store, read_spec, retention_file, run_key, write_spec

__all__ = [
    "Store",
    "read_json",
    "read_spec",
    "retention_file",
    "run_key",
    "write_bytes",
    "write_csv",
    "write_json",
    "write_spec",
]
