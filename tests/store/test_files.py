"""Files of the store are written whole or not at all."""

import csv
import json
import math
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rl_transfer.errors import StoreError
from rl_transfer.store import read_json, write_bytes, write_csv, write_json


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_folders_are_made_and_the_old_content_is_replaced(tmp_path):
    path = tmp_path / "a" / "b" / "file"
    write_bytes(path, b"old")
    write_bytes(path, b"new")
    assert path.read_bytes() == b"new"
    assert names(path.parent) == ["file"]
    assert path.stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize("where", ["replace", "fsync"])
@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), OSError("odd"), KeyboardInterrupt()])
def test_a_failure_leaves_the_old_content_and_no_litter(tmp_path, monkeypatch, where, error):
    path = tmp_path / "file"
    write_bytes(path, b"old")

    def fail(*_args, **_kwargs):
        raise error

    monkeypatch.setattr(*{"replace": (Path, "replace"), "fsync": (os, "fsync")}[where], fail)
    with pytest.raises(KeyboardInterrupt if isinstance(error, KeyboardInterrupt) else StoreError) as caught:
        write_bytes(path, b"new")
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["file"]
    if isinstance(error, OSError):
        assert str(path) in str(caught.value)
        assert ("No space left" if error.errno else "odd") in str(caught.value)


def test_a_kill_before_the_last_moment_leaves_the_old_content(tmp_path):
    path = tmp_path / "file"
    write_bytes(path, b"old")
    program = (
        "import os, sys\nfrom pathlib import Path\nfrom rl_transfer.store import write_bytes\n"
        "Path.replace = lambda *_: os._exit(9)\nwrite_bytes(Path(sys.argv[1]), b'new')"
    )
    done = subprocess.run([sys.executable, "-c", program, str(path)], check=False)
    assert done.returncode == 9
    assert path.read_bytes() == b"old"


def test_a_file_in_place_of_a_folder_is_a_clear_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="--store"):
        write_bytes(tmp_path / "file" / "inner", b"")


@pytest.mark.parametrize("value", [math.nan, math.inf, [1.0, -math.inf]])
def test_json_holds_no_nan(tmp_path, value):
    with pytest.raises(ValueError, match="JSON"):
        write_json(tmp_path / "file", value)
    assert names(tmp_path) == []


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b'{"a": 1'])
def test_damaged_json_is_named(tmp_path, content):
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(StoreError, match="file"):
        read_json(tmp_path / "file")


@settings(max_examples=50, deadline=None)
@given(
    value=st.recursive(
        st.none() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=5,
    )
)
def test_json_round_trip(tmp_path_factory, value):
    path = tmp_path_factory.mktemp("store") / "file"
    write_json(path, value)
    assert read_json(path) == value == json.loads(path.read_text())


@settings(max_examples=50, deadline=None)
@given(values=st.lists(st.floats(allow_nan=False), max_size=5), text=st.text(st.characters(exclude_categories=["C"])))
def test_numbers_in_a_table_are_read_as_they_were(tmp_path_factory, values, text):
    path = tmp_path_factory.mktemp("store") / "file"
    write_csv(path, ("value", "text"), [(value, text) for value in values])
    with path.open(newline="", encoding="utf-8") as file:
        header, *rows = csv.reader(file)
    assert header == ["value", "text"]
    assert [(float(value), read) for value, read in rows] == [(value, text) for value in values]
