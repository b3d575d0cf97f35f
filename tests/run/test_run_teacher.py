"""A source run as a teacher: what it says, in whose spaces, scrambled, counted, and without disturbing anybody."""

import random

import numpy as np
import pytest
import torch
from builders import WALK, arm_spec, carry_out, dqn, forward, learner, ppo, run_spec, source_spec, task_of, tiny

from rl_transfer.errors import StoreError
from rl_transfer.knowledge import Knowledge, draw_orders, read_networks, scramble_networks
from rl_transfer.run.export import load_agent
from rl_transfer.run.protocol import Run
from rl_transfer.run.teacher import source_teacher
from rl_transfer.store import read_json
from rl_transfer.study import MappingConfig
from rl_transfer.tasks import inspect_task, map_spaces

SEEN = np.random.default_rng(3).normal(size=(7, 2)).astype(np.float32)
CONFIGS = {"ppo": ppo(normalize=True), "dqn": dqn(), "sac": tiny("sac"), "plain": ppo()}


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    root = tmp_path_factory.mktemp("sources")
    short = {"grid": (0, 64), "segment_steps": 64}
    return {name: carry_out(source_spec(config, **short), root) for name, config in CONFIGS.items()}


def teacher_of(source, name, mapping=None, scrambler=None):
    facts, target = inspect_task(task_of(CONFIGS[name])), learner(CONFIGS[name])
    target.close()
    return source_teacher(source, map_spaces(mapping, facts, facts), target.networks(), scrambler)


@pytest.mark.slow
@pytest.mark.parametrize("name", CONFIGS)
def test_it_says_what_the_source_says(name, sources):
    teacher, agent = teacher_of(sources[name], name), load_agent(sources[name])
    assert np.array_equal(teacher.act(SEEN), agent.act(SEEN, deterministic=True))
    values = agent.values_of(SEEN)
    if name == "ppo":  # it learned from normalised rewards
        values = values * np.sqrt(agent.statistics().reward.var + 1e-8)
        assert not np.allclose(values, agent.values_of(SEEN))
    assert np.array_equal(teacher.values_of(SEEN), values)
    assert teacher.calls == 14
    agent.close()


def test_its_values_are_the_networks(sources):
    networks = read_networks(sources["plain"] / "agent" / "networks.safetensors")
    expected = forward(networks, "value", SEEN)[:, 0]
    assert teacher_of(sources["plain"], "plain").values_of(SEEN) == pytest.approx(expected, rel=1e-5)


def test_it_sees_and_acts_through_the_mapping(sources):
    swapped = MappingConfig(observation=[1, 0], action=[1, 0])
    plain, mapped = teacher_of(sources["dqn"], "dqn"), teacher_of(sources["dqn"], "dqn", swapped)
    assert np.array_equal(mapped.act(SEEN), 1 - plain.act(SEEN[:, ::-1]))
    assert np.array_equal(mapped.values_of(SEEN), plain.values_of(SEEN[:, ::-1]))
    assert not np.array_equal(mapped.values_of(SEEN), plain.values_of(SEEN))


def test_its_policy_is_seen_through_the_mapping(sources):
    swapped = MappingConfig(observation=[1, 0], action=[1, 0])
    plain, mapped = teacher_of(sources["dqn"], "dqn"), teacher_of(sources["dqn"], "dqn", swapped)
    cold, warm = (plain.distribution_of(SEEN[:, ::-1], temperature=t).logits_BK for t in (1.0, 4.0))
    assert np.array_equal(mapped.distribution_of(SEEN).logits_BK, cold[:, ::-1])
    assert warm == pytest.approx(cold / 4)
    assert (cold.argmax(axis=1) == plain.act(SEEN[:, ::-1])).all()
    assert plain.calls == 3 * 7
    squashed = teacher_of(sources["sac"], "sac").distribution_of(SEEN)
    assert np.tanh(squashed.mean_BD) == pytest.approx(teacher_of(sources["sac"], "sac").act(SEEN), abs=1e-6)


def test_how_good_it_was(sources):
    teacher = teacher_of(sources["dqn"], "dqn")
    rows = (sources["dqn"] / "curve.csv").read_text().splitlines()[1:]
    last = [float(row.split(",")[2]) for row in rows if row.startswith("64,")]
    assert teacher.evaluation_return == pytest.approx(sum(last) / 3)


def states():
    """Of all global generators."""
    library = np.random.get_state()[1].tobytes()  # noqa: NPY002
    return random.getstate(), library, torch.get_rng_state().numpy().tobytes()


@pytest.mark.parametrize("name", CONFIGS)
def test_asking_it_disturbs_nobody(name, sources):
    teacher = teacher_of(sources[name], name)
    learner(CONFIGS[name]).close()  # seeds everything
    before = states()
    teacher.act(SEEN)
    teacher.values_of(SEEN)
    teacher.distribution_of(SEEN)
    teacher.act(SEEN, deterministic=False, generator=np.random.default_rng(1))
    assert states() == before


@pytest.mark.parametrize("name", ["ppo", "sac"])
def test_samples_follow_the_generator_alone(name, sources):
    teacher = teacher_of(sources[name], name)
    many = np.repeat(SEEN, 20, axis=0)

    def sample(seed):
        return teacher.act(many, deterministic=False, generator=np.random.default_rng(seed)).tobytes()

    first = sample(1)
    torch.rand(5)
    assert sample(1) == first
    assert sample(2) != first
    generator = np.random.default_rng(1)
    assert teacher.act(many, deterministic=False, generator=generator).tobytes() == first
    assert teacher.act(many, deterministic=False, generator=generator).tobytes() != first


def test_a_placebo_s_is_the_scrambled_network(sources):
    plain, scrambled = (
        teacher_of(sources["plain"], "plain", scrambler=one) for one in (None, np.random.default_rng(5))
    )
    assert not np.allclose(plain.values_of(SEEN), scrambled.values_of(SEEN))
    networks = read_networks(sources["plain"] / "agent" / "networks.safetensors")
    initial = learner(ppo())
    initial.close()
    orders = draw_orders(networks, np.random.default_rng(5))
    expected = forward(scramble_networks(networks, initial.networks(), orders), "value", SEEN)[:, 0]
    assert scrambled.values_of(SEEN) == pytest.approx(expected, rel=1e-5)
    again = scrambled.values_of(SEEN)
    assert np.array_equal(scrambled.values_of(SEEN), again), "still a function of the state"


def test_a_placebo_s_networks_and_its_teacher_are_scrambled_alike(sources, tmp_path):
    source = sources["plain"]
    spec = arm_spec(run_spec(ppo()), source, "fine_tune", "shaping", scrambled=True)
    run = Run(spec, tmp_path, source, print)
    fresh = run._learner(log=False)
    knowledge = run._read_knowledge(fresh)
    fresh.close()
    expected = forward(knowledge.networks, "value", SEEN)[:, 0]
    assert knowledge.teacher.values_of(SEEN) == pytest.approx(expected, rel=1e-5)


def test_normalisation_stays_when_it_is_scrambled(sources):
    scrambled = teacher_of(sources["ppo"], "ppo", scrambler=np.random.default_rng(5))
    theirs = load_agent(sources["ppo"])
    for key, moments in theirs.statistics().observation.items():
        found = scrambled._learner.statistics().observation[key]
        assert (moments.mean.tobytes(), moments.var.tobytes()) == (found.mean.tobytes(), found.var.tobytes())
    theirs.close()


def test_how_long_its_episodes_were(sources, tmp_path):
    teacher = teacher_of(sources["dqn"], "dqn")
    rows = (sources["dqn"] / "curve.csv").read_text().splitlines()[1:]
    last = [int(row.split(",")[3]) for row in rows if row.startswith("64,")]
    assert len(last) == 3
    assert teacher.episode_length == pytest.approx(sum(last) / 3)
    teacher._curve = tmp_path / "curve.csv"
    with pytest.raises(StoreError, match=r"curve\.csv: needs the columns step,length"):
        _ = teacher.episode_length


def test_it_is_kept_where_a_method_keeps_it():
    knowledge = Knowledge(teacher=object())
    assert knowledge.of_kinds(frozenset({"teacher"})).teacher is knowledge.teacher
    assert knowledge.of_kinds(frozenset({"networks"})).teacher is None


@pytest.mark.slow
def test_questions_are_counted_across_segments_and_kills(sources, tmp_path):
    spec = arm_spec(run_spec(dqn(), task=WALK), sources["dqn"], "shaping")
    folder = carry_out(spec, tmp_path / "whole", sources["dqn"])
    assert read_json(folder / "costs.json")["teacher_calls"] == 2 * 128, "before and after every step"
    carry_out(spec, tmp_path / "stopped", sources["dqn"], stop_after_segment=1)
    folder = carry_out(spec, tmp_path / "stopped", sources["dqn"])
    assert read_json(folder / "costs.json")["teacher_calls"] == 2 * 128
    scratch = carry_out(run_spec(dqn()), tmp_path / "scratch")
    assert not {"teacher_calls", "guide_steps", "discarded_steps"} & read_json(scratch / "costs.json").keys()
