"""The documents are true of the code: commands are understood, blocks are what the loader takes, links lead somewhere.

Which commands are carried out, and which can only be parsed, is in test_commands.py.
"""

import ast
import importlib
import inspect
import json
import re
import subprocess
import sys

import pytest
import tyro
import yaml
from documents import PAGES, ROOT, blocks, commands
from jsonschema import Draft7Validator

from rl_transfer.cli.commands import Command

CALLS = {(page, " ".join(words)): words for page, words in commands("rl-transfer")}
PYTHON = [pytest.param(text, id=f"{page}-{place}") for page, place, text in blocks("python")]
# The study of the method that a page adds is checked where it is added: test_adding_a_method.py.
OWN = "docs/adding_a_method.md"
YAML = [pytest.param(text, id=f"{page}-{place}") for page, place, text in blocks("yaml") if page != OWN]


def test_there_is_no_other_kind_of_command():
    known = {"rl-transfer", "make", "python"}
    for page, _, block in blocks("sh"):
        for line in block.replace("\\\n", " ").splitlines():
            assert not line.strip() or line.split()[0] in known, f"{page}: {line}"


@pytest.mark.slow
@pytest.mark.parametrize(("page", "call"), CALLS)
def test_a_command_is_one_of_ours_with_options_that_it_has(page, call):
    tyro.cli(Command, args=CALLS[page, call][1:], prog="rl-transfer")


@pytest.mark.parametrize(("page", "words"), [*commands("make")])
def test_a_make_target_exists(page, words):
    targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert words[1] in targets, page


@pytest.mark.parametrize("text", PYTHON)
def test_python_imports_what_exists_and_calls_it_as_it_is(text):
    tree = ast.parse(text)
    names = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            module = importlib.import_module(node.module)
            names |= {(alias.asname or alias.name): getattr(module, alias.name) for alias in node.names}
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in names:
            called = names[node.func.id]
            if inspect.isfunction(called) and called.__module__.startswith("rl_transfer."):
                keywords = {each.arg: None for each in node.keywords if each.arg}
                inspect.signature(called).bind(*node.args, **keywords)


@pytest.mark.parametrize("text", YAML)
def test_yaml_is_what_pair_and_study_files_take(text):
    """Blocks may show a part of a file, so nothing has to be complete."""
    found = yaml.safe_load(text)
    schemas = {
        kind: json.loads((ROOT / f"configs/schema/{kind}.schema.json").read_text(encoding="utf-8"))
        for kind in ("pair", "study")
    }
    (schema,) = (each for each in schemas.values() if found.keys() <= each["properties"].keys())
    wrong = [error.message for error in Draft7Validator(schema).iter_errors(found) if error.validator != "required"]
    assert wrong == []


def test_links_of_the_read_me_lead_somewhere():
    text = PAGES["README.md"].read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", text):
        assert target.startswith("http") or (ROOT / target).exists(), target


def test_pictures_are_named_by_a_page_and_no_page_names_one_that_is_missing():
    text = "".join(page.read_text(encoding="utf-8") for page in PAGES.values())
    named = set(re.findall(r"\]\((?:docs/)?images/([^)]+)\)", text))
    assert named == {picture.name for picture in (ROOT / "docs" / "images").iterdir()}


@pytest.mark.slow
def test_the_site_is_built_without_a_warning_as_make_docs_does(tmp_path):
    line = re.search(r"-m sphinx .*", (ROOT / "Makefile").read_text(encoding="utf-8"))[0].split()
    assert line[-2:] == ["docs", "docs/_build/html"]
    command = [sys.executable, *line[:-1], str(tmp_path / "html"), "-d", str(tmp_path / "doctrees")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    for page in PAGES:
        if page.startswith("docs/"):
            assert (tmp_path / "html" / page.removeprefix("docs/")).with_suffix(".html").is_file()


@pytest.mark.slow
def test_a_broken_link_fails_the_build(tmp_path):
    (tmp_path / "conf.py").write_text((ROOT / "docs/conf.py").read_text(encoding="utf-8"), encoding="utf-8")
    (tmp_path / "index.md").write_text("# Title\n\n[There](nowhere.md)\n", encoding="utf-8")
    command = [sys.executable, "-m", "sphinx", "--fail-on-warning", "--quiet", str(tmp_path), str(tmp_path / "html")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode != 0 and "nowhere.md" in done.stderr


def test_the_reference_has_every_public_function():
    import rl_transfer
    from rl_transfer import api

    there = set(re.findall(r"auto(?:function|class):: (\w+)", (ROOT / "docs/api.md").read_text(encoding="utf-8")))
    assert {*rl_transfer.__all__, *api.__all__} <= there
