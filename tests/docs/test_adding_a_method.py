"""The method that the documentation adds, added to a copy of the repository, whose contract tests take it."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from rl_transfer.study import ALGORITHMS

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "adding_a_method.md").read_text(encoding="utf-8")
PARTS = ("rl_transfer", "envs", "configs", "scripts", "tests", "docs", "pyproject.toml")
NAMES = {"rl_transfer": "rl_transfer", "rl_transfer_envs": "envs", "rl_transfer_configs": "configs"}


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    """A copy with the page's method, its line in the contract tests, and its study."""
    folder = tmp_path_factory.mktemp("checkout")
    for part in PARTS:
        copy = shutil.copytree if (ROOT / part).is_dir() else shutil.copy
        copy(ROOT / part, folder / part)
    (folder / "importable").mkdir()
    for name, part in NAMES.items():
        (folder / "importable" / name).symlink_to(folder / part)
    method, entry = blocks("python")
    (folder / "rl_transfer/methods/largest_weights.py").write_text(method, encoding="utf-8")
    contract = folder / "tests/methods/test_methods_contract.py"
    line = entry.partition("{\n")[2].rpartition("}")[0]
    text = contract.read_text(encoding="utf-8").replace("ZERO = {\n", "ZERO = {\n" + line, 1)
    contract.write_text(text, encoding="utf-8")
    table = folder / "docs/carrying.md"
    text = table.read_text(encoding="utf-8").replace("| `fine_tune`, ", "| `fine_tune`, `largest_weights`, ", 1)
    table.write_text(text, encoding="utf-8")
    (folder / "my_study.yaml").write_text(blocks("yaml")[0], encoding="utf-8")
    return folder


def run(folder, *command):
    environment = os.environ | {"PYTHONPATH": str(folder / "importable"), "COLUMNS": "200"}
    done = subprocess.run([sys.executable, *command], cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


@pytest.mark.slow
def test_it_passes_the_contract_tests(checkout):
    """With PPO, to be done in time; the page has them run with every algorithm."""
    others = "".join(f" and not {name}" for name in ALGORITHMS if name != "ppo")
    command = ["-m", "pytest", "-n", "0", "-p", "no:cacheprovider", "tests/methods/test_methods_contract.py"]
    out = run(checkout, *command, "-k", f"largest_weights{others}")
    assert re.search(r"\b\d\d passed", out)


@pytest.mark.slow
def test_it_is_in_the_list_the_catalogue_and_the_schema_and_its_study_is_planned(checkout):
    command = ["-m", "rl_transfer.cli"]
    listed = run(checkout, *command, "list", "methods")
    assert "largest_weights\n    Copies the entries of largest magnitude" in listed
    for script in ("write_methods", "write_schema"):
        run(checkout, f"scripts/{script}.py")
    assert "### largest_weights" in (checkout / "docs/methods.md").read_text(encoding="utf-8")
    assert "largest_weights" in (checkout / "configs/schema/study.schema.json").read_text(encoding="utf-8")
    checked = run(checkout, *command, "check", "my_study.yaml")
    assert "tenth" in checked and "half" in checked
