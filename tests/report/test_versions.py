"""With which versions runs were made: in one line where they agree, by number of runs where they don't."""

import json

import pytest

from rl_transfer.errors import RLTransferError
from rl_transfer.report.versions import versions_in_words


def described(store, results, versions):
    """Give every finished run a specification with versions, by its place."""
    for place, run in enumerate(run for pair in results.data.pairs for run in pair.finished):
        folder = store / run.path
        (folder / "spec.json").write_text(json.dumps({"spec": {"versions": versions(place)}}))
        (folder / "machine.json").write_text(json.dumps({"processor": f"kind {place % 2}"}))


def test_versions_are_those_of_the_runs(build):
    store, results = build(events=False, seeds=2)
    assert versions_in_words(store, results.data) == "Versions: python 3.11.2, rl-transfer 0.1.0, torch 2.13.0."
    described(store, results, lambda place: {"torch": "2.12"})
    assert (
        versions_in_words(store, results.data) == "Versions: torch 2.12. Processors: kind 0 (8 runs), kind 1 (8 runs)."
    )
    described(store, results, lambda place: {"torch": "2.12" if place else "2.11", "numpy": "2.4"})
    said = "Versions: numpy 2.4. The runs differ: torch 2.11 (1 run), 2.12 (15 runs)."
    assert versions_in_words(store, results.data).startswith(said)


@pytest.mark.parametrize(("name", "content"), [("spec.json", "[]"), ("spec.json", "{}"), ("machine.json", "[]")])
def test_a_damaged_file_is_named(build, name, content):
    store, results = build(events=False, seeds=2)
    (store / results.data.pairs[0].runs[0].path / name).write_text(content)
    with pytest.raises(RLTransferError, match=name):
        versions_in_words(store, results.data)
