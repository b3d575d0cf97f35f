from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from rl_transfer.study import (
    ChannelsConfig,
    DQNConfig,
    EntryConfig,
    KeyConfig,
    LoadedStudy,
    MappingConfig,
    Named,
    PairConfig,
    PPOConfig,
    RunSpec,
    SourceSpec,
    TaskConfig,
    load_study,
    parse_overrides,
    shipped_names,
)

NO_RESET = settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])


def load(path: Path, *texts: str) -> LoadedStudy:
    return load_study(str(path), parse_overrides(texts))


def _entry(index: int, scale: float = 1.0) -> EntryConfig:
    return EntryConfig(index=index, scale=scale)


def test_a_study_loads_with_its_pair(write):
    study = load(write())
    (pair,) = study.pairs
    assert (study.name, pair.name) == ("study", "pair")
    assert list(study.config.arms) == ["fine_tune", "two"]
    assert study.config.arms["two"].methods == (
        Named(name="fine_tune"),
        Named(name="freeze", settings={"roles": ["policy_body"], "rate": 0.001}),
    )
    assert study.config.arms["two"].placebo and not study.config.arms["two"].sham
    assert (study.config.seeds, study.config.baseline_seeds, study.config.alpha) == (5, None, 0.05)
    assert isinstance(pair.config.learner, PPOConfig)
    assert (pair.config.learner.n_steps, pair.config.learner.gamma) == (32, 0.98)
    assert pair.config.target.wrappers == (Named(name="reverse_actions"),)
    assert pair.config.score.reference == 500.0


@pytest.mark.parametrize(
    ("text", "observation", "action"),
    [
        ("{}", None, None),
        ("{observation: [0, null, {index: 1, scale: -2}]}", (EntryConfig(index=0), None, _entry(1, -2.0)), None),
        ("{action: [1, {index: 0}]}", None, (_entry(1), _entry(0))),
        ("{observation: {channels: [0, null]}}", ChannelsConfig(channels=(_entry(0), None)), None),
        (
            "{observation: {a: b, c: null, channels: {from: d, index: [1]}}}",
            {"a": KeyConfig(source="b"), "c": None, "channels": KeyConfig(source="d", index=(_entry(1),))},
            None,
        ),
    ],
)
def test_a_mapping_loads_and_is_the_same_once_stored(write, text, observation, action):
    (pair,) = load(write(pair=("budget: {", f"mapping: {text}\nbudget: {{"))).pairs
    mapping = pair.config.mapping
    assert mapping == MappingConfig(observation=observation, action=action)
    assert MappingConfig.model_validate_json(mapping.model_dump_json()) == mapping


@pytest.mark.parametrize("name", shipped_names("pairs"))
def test_every_shipped_pair_loads_from_any_folder(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert [pair.name for pair in load_study(name).pairs] == [name]


def test_the_quickstart_is_shipped():
    assert "quickstart" in shipped_names("studies")


def test_the_quickstart_loads_with_a_pair_that_is_there():
    study = load_study("quickstart", parse_overrides(["pairs=[cartpole_heavy_pole]"]))
    assert study.name == "quickstart"
    assert [pair.name for pair in study.pairs] == ["cartpole_heavy_pole"]


@pytest.mark.parametrize("by_name", [True, False])
def test_a_pair_alone_is_a_study_of_fine_tuning_with_a_placebo(write, by_name):
    text = "cartpole_heavy_pole" if by_name else str(write().with_name("pair.yaml"))
    study = load_study(text)
    assert [pair.name for pair in study.pairs] == [study.name]
    assert list(study.config.arms) == ["fine_tune"]
    arm = study.config.arms["fine_tune"]
    assert (arm.methods, arm.placebo, arm.sham) == ((Named(name="fine_tune"),), True, False)


def test_a_relative_pair_starts_from_the_study_file_and_in_an_override_from_here(write, tmp_path, monkeypatch):
    study = write()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    assert load(study).pairs[0].draft.file == study.with_name("pair.yaml")
    mine = study.with_name("pair.yaml").rename(elsewhere / "mine.yaml")
    assert load(study, "pairs=[./mine.yaml]").pairs[0].draft.file == mine


def test_a_relative_study_starts_from_here(write, tmp_path, monkeypatch):
    monkeypatch.chdir(write().parent)
    assert load_study("./study.yaml") == load_study("study.yaml") == load_study(str(tmp_path / "study.yaml"))


@pytest.mark.parametrize(
    ("text", "rate"),
    [("1e-3", 1e-3), ("1E-3", 1e-3), ("1", 1.0), ("3.e-4", 3e-4), (".5", 0.5), ("lin_0.25", "lin_0.25")],
)
def test_numbers_and_schedules(write, text, rate):
    learner = load(write(pair=("n_steps: 32", f"learning_rate: {text}"))).pairs[0].config.learner
    assert learner.learning_rate == rate and type(learner.learning_rate) is type(rate)


def test_plain_text_stays_text(write):
    kwargs = (
        "{date: 2024-01-01, time: 1:30, octal: 010, hex: 0x10, half: 1_0.5, many: 1_000, word: 'on', none: ~, t: yes}"
    )
    path = write(pair=("{masspole: 1.0}", kwargs))
    assert load(path).pairs[0].config.target.kwargs == {
        "date": "2024-01-01",
        "time": "1:30",
        "octal": "010",
        "hex": "0x10",
        "half": 10.5,
        "many": 1000,
        "word": "on",
        "none": None,
        "t": True,
    }


def test_an_anchor_that_nothing_refers_to_and_a_byte_order_mark_do_no_harm(write):
    path = write(study=("seeds: 5", "seeds: &s 5"))
    path.write_text("\ufeff" + path.read_text())
    assert load(path).config.seeds == 5


class TestOverrides:
    def test_are_laid_over_every_pair(self, write):
        path = write(study=("[./pair.yaml]", "[./pair.yaml, ./other.yaml]"))
        text = path.with_name("pair.yaml").read_text()
        path.with_name("other.yaml").write_text(text.replace("algorithm: ppo", "algorithm: ppo\n  n_envs: 3"))
        overrides = ["learner.gamma=0.5", "budget.target=64", "evaluation.points=3", "score.random=1"]
        first, second = (pair.config for pair in load(path, *overrides).pairs)
        assert (first.learner.n_envs, second.learner.n_envs) == (1, 3)
        for pair in (first, second):
            assert pair.learner.gamma == 0.5 and pair.learner.n_steps == 32
            assert (pair.budget.source, pair.budget.target) == (4096, 64)
            assert (pair.evaluation.points, pair.evaluation.episodes) == (3, 10)
            assert (pair.score.random, pair.score.reference) == (1.0, 500.0)

    def test_a_section_of_the_study_file_is_laid_over_too_and_set_wins(self, write):
        path = write(study=("seeds: 5", "seeds: 5\nlearner: {gamma: 0.7, n_steps: 16}"))
        learner = load(path, "learner.gamma=0.6").pairs[0].config.learner
        assert (learner.gamma, learner.n_steps) == (0.6, 16)

    def test_another_algorithm_replaces_the_learner(self, write):
        assert load(write(), "learner.algorithm=dqn").pairs[0].config.learner == DQNConfig(algorithm="dqn")

    def test_another_algorithm_keeps_what_is_laid_over(self, write):
        learner = load(write(), "learner.gamma=0.5", "learner.algorithm=dqn").pairs[0].config.learner
        assert learner == DQNConfig(algorithm="dqn", gamma=0.5)

    def test_the_same_algorithm_keeps_the_pair_s_learner(self, write):
        assert load(write(), "learner.algorithm=ppo").pairs[0].config.learner.n_steps == 32

    def test_can_reach_into_arms_and_make_new_ones(self, write):
        texts = ["arms.fine_tune.placebo=false", "arms.new.methods=[freeze: {rate: 2}]", "arms.two.methods=[x]"]
        arms = load(write(), *texts).config.arms
        assert not arms["fine_tune"].placebo
        assert arms["new"].methods == (Named(name="freeze", settings={"rate": 2}),)
        assert arms["two"].methods == (Named(name="x"),)

    def test_an_empty_section_can_be_reached_into(self, write):
        path = write(study=("seeds: 5", "seeds: 5\nlearner:"))
        assert load(path, "learner.gamma=0.5").pairs[0].config.learner.gamma == 0.5

    def test_leave_the_given_values_alone(self, write):
        overrides = {"learner": {"gamma": 0.5}, "learner.n_steps": 8}
        load_study(str(write()), overrides)
        assert overrides == {"learner": {"gamma": 0.5}, "learner.n_steps": 8}

    def test_work_on_a_pair_alone(self, write):
        study = load(write().with_name("pair.yaml"), "seeds=9", "learner.gamma=0.5")
        assert study.config.seeds == 9 and study.pairs[0].config.learner.gamma == 0.5

    def test_the_last_of_two_wins(self):
        assert parse_overrides(["seeds=1", "a.b=x=y", "seeds=2"]) == {"seeds": 2, "a.b": "x=y"}

    @given(seeds=st.integers(2, 10**5), extra=st.floats(0, 1), rate=st.floats(1e-300, 1e300))
    @NO_RESET
    def test_any_valid_number_arrives_as_it_is(self, write, seeds, extra, rate):
        baseline = seeds + int(extra * seeds)
        texts = [f"seeds={seeds}", f"baseline_seeds={baseline}", f"learner.learning_rate={rate!r}"]
        study = load(write(), *texts)
        assert (study.config.seeds, study.config.baseline_seeds) == (seeds, baseline)
        assert study.pairs[0].config.learner.learning_rate == rate


def test_everything_is_frozen(write):
    study = load(write())
    pair = study.pairs[0]
    for thing, name in ((study.config, "seeds"), (pair.config.learner, "gamma"), (pair.config.budget, "target")):
        with pytest.raises(ValidationError, match="frozen"):
            setattr(thing, name, 7)
    for thing in (study, pair):
        with pytest.raises(AttributeError):
            thing.name = "x"


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**62), 2**62)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
settings_dicts = st.dictionaries(st.text(), json_values, max_size=3)
specs = st.builds(
    RunSpec,
    role=st.sampled_from(["source", "target"]),
    task=st.builds(
        TaskConfig,
        id=st.text(min_size=1),
        kwargs=settings_dicts,
        wrappers=st.lists(st.builds(Named, name=st.text(min_size=1), settings=settings_dicts), max_size=2),
        max_episode_steps=st.none() | st.integers(1),
    ),
    task_digest=st.text(),
    sham=st.booleans(),
    learner=st.one_of(
        st.builds(PPOConfig, algorithm=st.just("ppo"), learning_rate=st.sampled_from([1, 0.1, "lin_1e-3"])),
        st.builds(DQNConfig, algorithm=st.just("dqn"), net_arch=st.lists(st.integers(1, 9), max_size=3)),
    ),
    methods=st.lists(st.builds(Named, name=st.text(min_size=1), settings=settings_dicts), max_size=2),
    source=st.none() | st.builds(SourceSpec, key=st.text(), scrambled=st.booleans()),
    grid=st.sets(st.integers(1, 10**9), min_size=1, max_size=4).map(lambda points: (0, *sorted(points))),
    episodes=st.integers(1, 100),
    deterministic=st.booleans(),
    segment_steps=st.integers(1, 10**9),
    seed=st.integers(0, 10**6),
    code=st.text(),
    versions=st.dictionaries(st.text(), st.text(), max_size=3),
)


@given(spec=specs)
@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow])
def test_a_run_s_specification_survives_json(spec):
    read = RunSpec.model_validate_json(spec.model_dump_json())
    assert read == spec
    assert read.model_dump_json() == spec.model_dump_json()
    assert spec.budget_steps == spec.grid[-1]


@pytest.mark.parametrize("grid", [(), (0,), (1, 2), (0, 5, 5), (0, 5, 3)])
def test_a_grid_starts_at_0_and_ascends(grid):
    fields = {"role": "target", "task": TaskConfig(id="x"), "task_digest": "", "learner": PPOConfig(algorithm="ppo")}
    fields |= {"episodes": 1, "deterministic": True, "segment_steps": 1, "seed": 0, "code": "0", "versions": {}}
    assert RunSpec(**fields, grid=(0, 3, 5)).budget_steps == 5
    with pytest.raises(ValidationError, match="grid"):
        RunSpec(**fields, grid=grid)


def test_rollout_steps():
    assert PPOConfig(algorithm="ppo", n_envs=8, n_steps=32).rollout_steps == 256
    assert DQNConfig(algorithm="dqn", n_envs=2, train_freq=4).rollout_steps == 8


def test_a_file_made_by_another_program_means_the_same(write):
    path = write().with_name("pair.yaml")
    before = load(path).pairs[0].config
    path.write_text(yaml.safe_dump(before.model_dump(mode="json")))
    assert load(path).pairs[0].config == before
    assert PairConfig.model_validate_json(before.model_dump_json()) == before
