"""The import contracts hold, and no placeholder is left in what people read."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent


def test_rooms_import_only_rooms_below():
    command = [str(Path(sys.executable).with_name("lint-imports"))]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_every_package_is_shipped():
    import tomllib

    listed = set(tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"])
    names = {"rl_transfer": "rl_transfer", "envs": "rl_transfer_envs", "configs": "rl_transfer_configs"}
    found = {
        ".".join((name, *file.parent.relative_to(ROOT / folder).parts))
        for folder, name in names.items()
        for file in (ROOT / folder).rglob("__init__.py")
    }
    assert listed == found


def test_no_placeholder_is_left():
    for file in (ROOT / "README.md", *(ROOT / "docs").glob("*.md")):
        for word in ("DEMO_OUTPUT", "REPLAY_TABLE", "TODO", "TBD"):
            assert word not in file.read_text(), file
