"""Runs with two sources: the same bytes again, each through its own mapping, each scrambled, all charged."""

from dataclasses import replace

import numpy as np
import pytest
from builders import (
    Interrupt,
    arm_spec,
    carry_out,
    dqn,
    flat,
    outputs,
    ppo,
    run_spec,
    source_spec,
    tiny,
)

from rl_transfer.errors import ConfigError
from rl_transfer.knowledge import read_networks
from rl_transfer.run.protocol import Run
from rl_transfer.store import read_json
from rl_transfer.study import MappingConfig, OtherSourceSpec

REUSE = {"tau_step": 1.0}
ARMS = {
    "ppo-elastic": (ppo(normalize=True), [("elastic_weights", {"samples": 40})]),
    "dqn-replay": (dqn(n_step_returns=3), [("replay", {"transitions": 30})]),
    "dqn-mixed": (dqn(), [("replay", {"share": 0.7, "share_end": 0.1, "decay_steps": 100})]),
    "dqn-shaping": (dqn(), [("shaping", {"coefficient": 3.0})]),
    "dqn-reuse": (dqn(), [("policy_reuse", REUSE)]),
    "sac-reuse": (tiny("sac"), [("policy_reuse", REUSE | {"deterministic": False}), "shaping"]),
}
QUICK = ("dqn-reuse", "dqn-mixed")
CASES = [pytest.param(name, marks=() if name in QUICK else pytest.mark.slow) for name in ARMS]


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    """By learner two finished source runs, of unlike length."""
    root = tmp_path_factory.mktemp("sources")
    short = {"grid": (0, 64), "segment_steps": 64}
    return {
        config: (carry_out(source_spec(config), root), carry_out(source_spec(config, seed=7, **short), root))
        for config in {config for config, _ in ARMS.values()}
    }


def arm(sources, name, *, scrambled=False, swapped=False):
    """A run with both sources, and their folders; the second one's actions and observations may be swapped."""
    config, methods = ARMS[name]
    first, other = sources[config]
    spec = arm_spec(run_spec(config), first, *methods, scrambled=scrambled, others={"far": other})
    if swapped:
        (far,) = spec.other_sources
        turned = MappingConfig(observation=[1, 0], action=[1, 0])
        mapped = OtherSourceSpec(name="far", key=far.key, mapping=turned)
        spec = spec.model_copy(update={"other_sources": (mapped,)})
    return spec, first, other


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("scrambled", [False, True], ids=["arm", "placebo"])
def test_again_stopped_and_killed_it_gives_the_same_bytes(name, scrambled, sources, tmp_path):
    spec, first, other = arm(sources, name, scrambled=scrambled)
    alone = outputs(carry_out(spec, tmp_path / "alone", first, others=[other]))
    carry_out(spec, tmp_path / "stopped", first, others=[other], stop_after_segment=1)
    assert outputs(carry_out(spec, tmp_path / "stopped", first, others=[other])) == alone
    for step in (16, 100):
        root = tmp_path / f"killed{step}"
        with pytest.raises(KeyboardInterrupt):
            carry_out(spec, root, first, Interrupt(step), others=[other])
        assert outputs(carry_out(spec, root, first, others=[other])) == alone


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_both_sources_their_mappings_and_their_scrambling_matter(name, sources, tmp_path):
    config, methods = ARMS[name]
    spec, first, other = arm(sources, name)
    found = [
        carry_out(run_spec(config), tmp_path),
        carry_out(arm_spec(run_spec(config), first, *methods), tmp_path, first),
        carry_out(arm_spec(run_spec(config), other, *methods), tmp_path, other),
        carry_out(spec, tmp_path, first, others=[other]),
        carry_out(arm(sources, name, scrambled=True)[0], tmp_path, first, others=[other]),
        carry_out(arm(sources, name, swapped=True)[0], tmp_path, first, others=[other]),
    ]
    assert len({outputs(folder)["networks.safetensors"] for folder in found}) == len(found)
    assert "far" in (found[3] / "transfer.csv").read_text()


def knowledge(spec, first, *others, root):
    run = Run(spec, root, first, print, (), others)
    fresh = run._learner(log=False)
    try:
        return run._read_knowledge(fresh)
    finally:
        fresh.close()


def test_each_source_is_scrambled_by_a_branch_of_its_own(sources, tmp_path):
    first, other = sources[dqn()]
    methods = ("elastic_weights", {"samples": 20}), "policy_reuse", ("replay", {"share": 0.5})
    both = arm_spec(run_spec(dqn()), first, *methods, scrambled=True, others={"far": other, "same": first})
    alone = arm_spec(run_spec(dqn()), first, *methods, scrambled=True)
    ours, theirs = knowledge(both, first, other, first, root=tmp_path), knowledge(alone, first, root=tmp_path)
    assert list(ours.others) == ["far", "same"]
    assert [one.name for one in ours.each] == ["first", "far", "same"]
    for name, array in flat(theirs.networks).items():
        assert np.array_equal(flat(ours.networks)[name], array), "the first as if it were alone"
        assert np.array_equal(flat(ours.fisher)[name], flat(theirs.fisher)[name])
    assert np.array_equal(ours.experience.reward_N, theirs.experience.reward_N)
    whole = flat(read_networks(other / "agent" / "networks.safetensors"))
    for name, array in flat(ours.others["far"].networks).items():
        assert sorted(array.ravel()) == sorted(whole[name].ravel())
    weight = "value_body/0.weight"
    again = flat(ours.others["same"].networks)[weight]
    assert not np.array_equal(again, flat(ours.networks)[weight]), "the same source by another branch"
    seen = np.random.default_rng(0).normal(size=(5, 2)).astype(np.float32)
    values = [one.teacher.values_of(seen).tolist() for one in ours.each]
    assert values[0] == theirs.teacher.values_of(seen).tolist()
    assert values[0] != values[2]


def test_of_kinds_goes_for_all(sources, tmp_path):
    first, other = sources[dqn()]
    spec = arm_spec(run_spec(dqn()), first, "policy_reuse", ("replay", {"share": 0.5}), others={"far": other})
    found = knowledge(spec, first, other, root=tmp_path).of_kinds(frozenset({"teacher"}))
    assert [(one.teacher is None, one.experience is None) for one in found.each] == [(False, True)] * 2


@pytest.mark.slow
def test_costs_add_up(sources, tmp_path):
    first, other = sources[dqn()]
    methods = ("elastic_weights", {"samples": 30}), "shaping"
    spec = arm_spec(run_spec(dqn()), first, *methods, others={"far": other})
    costs = read_json(carry_out(spec, tmp_path, first, others=[other]) / "costs.json")
    assert costs["source_steps"] == 128 + 64
    assert costs["fisher_samples"] == 30 + 30
    assert costs["teacher_calls"] == 2 * 2 * 128, "two sources, before and after every step"
    twice = arm_spec(run_spec(dqn()), first, "shaping", others={"turned": first})
    costs = read_json(carry_out(twice, tmp_path, first, others=[first]) / "costs.json")
    assert costs["source_steps"] == 128, "one run, used twice"


@pytest.mark.slow
def test_what_is_retained_is_measured_on_each_task_that_the_agent_can_play(sources, tmp_path):
    spec, first, other = arm(sources, "dqn-shaping")
    folder = carry_out(spec, tmp_path, first, others=[other])
    assert {path.name for path in folder.glob("retention*")} == {"retention.csv", "retention.far.csv"}
    rows = [len(path.read_text().splitlines()) - 1 for path in folder.glob("retention*")]
    assert rows == [3, 3], "an episode a row"
    mapped = carry_out(arm(sources, "dqn-shaping", swapped=True)[0], tmp_path, first, others=[other])
    assert {path.name for path in mapped.glob("retention*")} == {"retention.csv"}


@pytest.mark.parametrize("name", ["dqn-reuse", pytest.param("sac-reuse", marks=pytest.mark.slow)])
def test_who_was_chosen_is_counted(name, sources, tmp_path):
    spec, first, other = arm(sources, name)
    folder = carry_out(spec, tmp_path, first, others=[other])
    costs = read_json(folder / "costs.json")
    chosen = {choice: costs[f"episodes_by_{choice}"] for choice in ("own", "first", "far")}
    ended = len((folder / "episodes.csv").read_text().splitlines()) - 1
    running = 2 * 2  # in each of two environments one that was cut or begun at the end of each of two segments
    assert sum(chosen.values()) == ended + running
    assert min(chosen.values()) > 0


def test_a_method_that_takes_one_is_refused(sources, tmp_path):
    first, other = sources[dqn()]
    spec = arm_spec(run_spec(dqn()), first, "replay", "fine_tune", others={"far": other})
    with pytest.raises(ConfigError, match=r"fine_tune takes one source, and there are 2 \(first, far\): name one") as e:
        Run(spec, tmp_path, first, print, (), [other])
    assert e.value.key == "1.fine_tune"


def test_sources_that_are_missing_are_no_run(sources, tmp_path):
    spec, first, _ = arm(sources, "dqn-reuse")
    with pytest.raises(ValueError, match="zip"):
        Run(spec, tmp_path, first, print)


def test_knowledge_by_itself_has_no_others():
    from rl_transfer.knowledge import Knowledge

    far = Knowledge(name="far")
    both = Knowledge(others={"far": far})
    assert both.each == (replace(both, others={}), far)
