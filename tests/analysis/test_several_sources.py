"""Runs with several sources: what they share makes them dependent, and which return was expected of which source."""

import pytest

from rl_transfer.analysis import across_pairs, compare, load_study, write_results
from rl_transfer.analysis.manifest import PairEntry, is_judged, is_sham_source, is_source
from rl_transfer.errors import RLTransferError
from rl_transfer.report.sheets import one_checkpoint, sources_missed, sources_sheet

LEVELS = {"scratch": [60, 62, 64, 58, 56], "reuse": [110, 112, 70, 74, 90]}


def path(name, seed):
    return f"runs/pole/{name}/seed{seed}-abc"


def add_sources(study, first, far):
    """Scratch and an arm whose runs have two sources, of these seeds."""
    study.add_arm("reuse", placebo=False)
    study.pair["other_sources"] = {"far": {"source_threshold_return": 50.0}}
    for arm, levels in LEVELS.items():
        study.add_level_runs(arm, levels)
    for run, one, other in zip(study.pair["runs"][5:], first, far, strict=True):
        run["source_path"] = path("source", one)
        run["other_source_paths"] = [path("source.far", other)]


def judged(study):
    (found,) = compare(load_study(study.save(), "small"))
    return found


def test_sources_of_their_own_are_independent_runs(study):
    add_sources(study, range(5), range(5))
    found = judged(study)
    assert (found.conditional, found.units, found.n) == (False, ("runs", "runs"), 5)


@pytest.mark.parametrize(("first", "far"), [([0] * 5, range(5)), (range(5), [0] * 5), ([0] * 5, [0] * 5)])
def test_one_shared_agent_makes_it_conditional(study, first, far):
    add_sources(study, first, far)
    found = judged(study)
    assert found.conditional
    assert found.text.endswith("; conditional on this checkpoint.")
    assert list(one_checkpoint(load_study(study.root, "small").pairs[0])) == ["reuse"]


def test_where_runs_share_all_their_sources_these_are_the_unit(study):
    add_sources(study, [0, 0, 1, 1, 2], [0, 0, 1, 1, 2])
    found = judged(study)
    assert (found.units, found.n) == (("sources", "runs"), 3)
    assert "the 5 runs of reuse count as their 3 sources" in found.text


@pytest.mark.parametrize("shared", [False, True])
def test_pairs_that_share_a_further_source_are_one_block(study, shared):
    add_sources(study, range(5), range(5))
    first = study.pair
    runs = []
    for run in first["runs"]:
        other = {**run, "path": run["path"].replace("pole", "cart")}
        if "source_path" in run:
            other["source_path"] = run["source_path"].replace("pole", "cart")
            if not shared:
                other["other_source_paths"] = [one.replace("pole", "cart") for one in run["other_source_paths"]]
        folder = study.root / other["path"]
        folder.parent.mkdir(parents=True, exist_ok=True)
        folder.symlink_to(study.root / run["path"])
        runs.append(other)
    study.manifest["pairs"]["cart"] = {**first, "runs": runs}
    data = load_study(study.save(), "small")
    (found,) = across_pairs(data, compare(data))
    assert found.blocks == ((("pole", "cart"),) if shared else (("pole",), ("cart",)))


def test_each_source_has_its_own_threshold(study):
    add_sources(study, range(5), range(5))
    for arm, last in {"source": 80.0, "source.far": 60.0, "source.far.sham": 20.0, "source.sham": 20.0}.items():
        study.add_run(arm, 0, [5.0, last], steps=[0, 1000])
    data = load_study(study.save(), "small")
    rows = {row[1]: row[3:] for row in sources_sheet(data).rows}
    assert rows == {
        "source": ["80.0", "100", "no: missed"],
        "source.far": ["60.0", "50", "yes"],
        "source.far.sham": ["20.0", "50", "no: missed"],
        "source.sham": ["20.0", "100", "no: missed"],
    }
    assert list(sources_missed(data)) == ["pole 1 of 1"]
    study.pair["other_sources"]["far"]["source_threshold_return"] = 70.0
    assert list(sources_missed(load_study(study.save(), "small"))) == ["pole 1 of 1", "pole far 1 of 1"]


def test_curves_name_all_sources_of_a_run(study):
    add_sources(study, range(5), range(5))
    text = write_results(study.save(), "small").curves_path.read_text()
    assert f"{path('source', 3)} + {path('source.far', 3)},{path('reuse', 3)}\n" in text


def test_a_source_that_the_pair_has_not_is_refused(study):
    add_sources(study, range(5), range(5))
    study.add_run("source.fur", 0, [5.0, 80.0], steps=[0, 1000])
    with pytest.raises(RLTransferError, match=r"belongs to no arm of the pair: 'source\.fur'"):
        load_study(study.save(), "small")


def test_a_path_outside_the_store_is_refused(study):
    add_sources(study, range(5), range(5))
    study.pair["runs"][5]["other_source_paths"] = ["../elsewhere"]
    with pytest.raises(RLTransferError, match="no folder inside the store"):
        load_study(study.save(), "small")


@pytest.mark.parametrize(
    ("arm", "source", "sham"),
    [
        ("source", True, False),
        ("source.sham", True, True),
        ("source.far", True, False),
        ("source.far.sham", True, True),
        ("sources", False, False),
        ("reuse.sham", False, False),
    ],
)
def test_source_runs_are_known_by_their_names(arm, source, sham):
    assert (is_source(arm), is_sham_source(arm), is_judged(arm)) == (source, sham, not source)


def test_the_names_of_an_arm_s_sources_are_in_the_pair_s_order(study):
    add_sources(study, range(5), range(5))
    study.pair["other_sources"]["wide"] = {"source_threshold_return": 1.0}
    study.pair["arms"]["some"] = {"sources": ["wide", "first"]}
    entry = PairEntry.model_validate(study.pair)
    assert entry.sources_of("reuse") == ("first", "far", "wide")
    assert entry.sources_of("some") == ("first", "wide")
