"""Documents that are made from the code."""

import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def write_roles():
    return runpy.run_path(str(ROOT / "scripts" / "write_roles.py"))


@pytest.mark.slow
def test_the_table_of_roles_is_up_to_date(write_roles):
    assert write_roles["main"](["--check"]) == 0, "run: python scripts/write_roles.py"


@pytest.mark.slow
def test_an_outdated_table_is_noticed(write_roles, tmp_path, monkeypatch):
    main = write_roles["main"]
    stale = tmp_path / "roles.md"
    stale.write_text((ROOT / "docs" / "roles.md").read_text().replace("64x64", "64x65", 1))
    monkeypatch.setitem(main.__globals__, "FILE", stale)
    assert main(["--check"]) == 1
    assert main([]) == 0 and stale.read_text() == (ROOT / "docs" / "roles.md").read_text()
    assert main(["--check"]) == 0


@pytest.fixture
def write_methods():
    return runpy.run_path(str(ROOT / "scripts" / "write_methods.py"))


def test_the_catalogue_of_methods_is_up_to_date(write_methods):
    assert write_methods["main"](["--check"]) == 0, "run: python scripts/write_methods.py"


def test_an_outdated_catalogue_is_noticed_and_what_stands_around_it_is_kept(write_methods, tmp_path, monkeypatch):
    main = write_methods["main"]
    current = (ROOT / "docs" / "methods.md").read_text(encoding="utf-8")
    stale = tmp_path / "methods.md"
    stale.write_text(current.replace("| `400.0` |", "| `40.0` |", 1) + "\n## Measured\n", encoding="utf-8")
    monkeypatch.setitem(main.__globals__, "FILE", stale)
    assert main(["--check"]) == 1
    assert main([]) == 0 and stale.read_text(encoding="utf-8") == current + "\n## Measured\n"
    assert main(["--check"]) == 0
