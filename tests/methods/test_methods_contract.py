"""One battery over every method that discovery finds and every algorithm that it names."""

import re
from dataclasses import fields
from functools import cache
from pathlib import Path
from typing import get_args

import pytest
from builders import (
    TINY,
    arm_spec,
    carry_out,
    folder_of,
    handmade_references,
    outputs,
    run_spec,
    source_spec,
    tiny,
)

from rl_transfer.errors import ConfigError
from rl_transfer.knowledge import KnowledgeKind
from rl_transfer.learner import LOSS_PATHS
from rl_transfer.methods import Method, build_methods, method_class, method_names
from rl_transfer.run.protocol import Run
from rl_transfer.study import Named

ZERO = {
    # Settings with which a method must change nothing at all; each of a method's entries is tried.
    "fine_tune": [
        {"roles": []},
        {
            "roles": [],
            "new_heads": True,
            "freeze": [],
            "learning_rate_scale": {"value_body": 1.0, "value_head": 1.0},
            "shrink": 0.5,
            "perturb": 0.1,
            "optimizer": "carry",
            "critic_warmup_steps": 0,
            "statistics": "carry",
        },
    ],
    "demonstrations": [{"coefficient": 0.0, "share": 0.0}],
    "elastic_weights": [{"coefficient": 0.0, "samples": 30}],
    "guard": [{"patience": 11}],
    "jump_start": [{"horizon": 0}, {"horizon": 0, "variant": "random"}],
    "kickstart": [{"coefficient": 0.0}],
    "l2_start_point": [{"coefficient": 0.0, "other_coefficient": 0.0}],
    "offline_pretrain": [
        {"gradient_steps": 0},
        {"gradient_steps": 0, "best_episodes": 0.5, "exploration": "keep"},
        {"transitions": 0},
    ],
    "policy_reuse": [{"psi": 0.0}, {"reuse": 0.0}, {"reuse_share": 0.0}],
    "replay": [
        {"transitions": 0},
        {"transitions": 0, "share": 0.5},
        {"share": 0.0, "share_end": 0.0, "decay_steps": 10, "best_episodes": 0.5},
        {"share": 0.0, "likeliest": 0.5, "model_steps": 20},
    ],
    "shaping": [{"coefficient": 0.0}],
}
NO_STRENGTH = {"feature_extraction", "random_features"}
"""Methods without settings: they are on or off."""
STRONG = {
    "demonstrations": {"steps": 30},
    "elastic_weights": {"samples": 30},
    # Settings with which it must change something, where its defaults need more than a tiny source has.
    # The walk goes where it will, so a guide that is not learned from shows in the returns of the stages alone.
    "jump_start": {"horizon": 6, "stages": 3, "window": 2, "tolerance": 0.0},
    # As by default but for the number, and conservative.
    "offline_pretrain": {"gradient_steps": 30, "conservative": True},
}
METHODS = method_names()
PAIRS = [(name, algorithm) for name in METHODS for algorithm in method_class(name).algorithms]
ZEROS = [(name, algorithm, index) for name, algorithm in PAIRS for index in range(len(ZERO.get(name, [])))]


def marked(*case):
    """Whole runs of an on-policy and an off-policy algorithm in every test run, of the others among the slow tests."""
    return pytest.param(*case, marks=() if case[1] in ("ppo", "dqn") else pytest.mark.slow)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """By algorithm a source run and a scratch run, carried out when they are first asked for."""
    root = tmp_path_factory.mktemp("finished")

    @cache
    def runs(algorithm):
        return carry_out(source_spec(tiny(algorithm)), root), carry_out(run_spec(tiny(algorithm)), root)

    return runs


def references_of(name, root):
    """What a method wants to compare its run with: far better than anything on the walk."""
    wanted = method_class(name)().references(128)
    return [] if wanted is None else handmade_references(root, [1e6 + number for number in range(wanted.runs)])


def test_there_are_methods():
    assert {"fine_tune", "replay"} <= set(METHODS)


@pytest.mark.parametrize("name", METHODS)
class TestEveryMethod:
    def test_it_is_constructible_without_settings(self, name):
        assert isinstance(method_class(name)(), Method)

    def test_it_can_not_be_changed(self, name):
        method = method_class(name)()
        for field in fields(method):
            with pytest.raises(AttributeError):
                setattr(method, field.name, None)

    def test_its_docstring_cites_a_source_and_describes_every_setting(self, name):
        text = method_class(name).__doc__
        assert re.search(r"\b(19|20)\d\d\b", text), "a year"
        for field in fields(method_class(name)):
            assert f"{field.name}:" in text, field.name

    def test_it_names_its_needs_and_algorithms(self, name):
        cls = method_class(name)
        assert cls.needs <= set(get_args(KnowledgeKind))
        assert set(cls.algorithms) <= set(LOSS_PATHS)
        assert cls.algorithms
        assert set(cls.algorithms) <= set(TINY), "give the algorithm a tiny configuration in builders.py"

    def test_a_misspelt_setting_names_the_nearest(self, name):
        if not fields(method_class(name)):
            with pytest.raises(ConfigError, match=f"{name} has no setting 'strength'") as caught:
                build_methods([Named(name=name, settings={"strength": 1})], method_class(name).algorithms[0])
            assert caught.value.key == f"0.{name}.strength"
            return
        setting = fields(method_class(name))[0].name
        wrong = setting[:-1] + "_" + setting[-1]
        with pytest.raises(ConfigError, match=f"no setting '{wrong}'; did you mean '{setting}'") as caught:
            build_methods([Named(name=name, settings={wrong: 1})], method_class(name).algorithms[0])
        assert caught.value.key == f"0.{name}.{wrong}"

    def test_a_setting_of_a_wrong_type_is_named(self, name):
        for field in fields(method_class(name)):
            settings = {field.name: ["a", {"list": 1}]}
            with pytest.raises(ConfigError) as caught:
                build_methods([Named(name=name, settings=settings)], method_class(name).algorithms[0])
            assert caught.value.key.startswith(f"0.{name}.{field.name}")

    def test_it_has_settings_of_zero_strength(self, name):
        assert bool(ZERO.get(name)) != (name in NO_STRENGTH), f"say in ZERO with which settings {name} changes nothing"
        assert (name in NO_STRENGTH) == (not fields(method_class(name)))

    def test_it_is_refused_for_other_algorithms_before_training(self, name, tmp_path):
        for algorithm in set(LOSS_PATHS) - set(method_class(name).algorithms):
            spec = arm_spec(run_spec(tiny(algorithm)), tmp_path / "seed0-0123456789ab", name)
            with pytest.raises(ConfigError, match=f"{name} is not defined for {algorithm}, only for"):
                Run(spec, folder_of(spec, tmp_path), None, print)


@pytest.mark.parametrize(("name", "algorithm"), [marked(*pair) for pair in PAIRS])
class TestEveryMethodWithEveryAlgorithm:
    def test_it_runs_changes_something_and_its_placebo_something_else(self, name, algorithm, finished, tmp_path):
        source, scratch = finished(algorithm)
        method = (name, STRONG.get(name, {}))
        if not method_class(name).needs:  # nothing of a source, so no placebo
            spec = run_spec(tiny(algorithm)).model_copy(update={"methods": (Named(name=name),)})
            arm = carry_out(spec, tmp_path, references=references_of(name, tmp_path))
            assert outputs(arm)["networks.safetensors"] != outputs(scratch)["networks.safetensors"]
            assert not (arm / "transfer.csv").exists()
            return
        arm = carry_out(arm_spec(run_spec(tiny(algorithm)), source, method), tmp_path, source)
        placebo = carry_out(arm_spec(run_spec(tiny(algorithm)), source, method, scrambled=True), tmp_path, source)
        results = [outputs(folder)["networks.safetensors"] for folder in (arm, placebo, scratch)]
        assert len(set(results)) == 3
        assert (arm / "transfer.csv").exists()


@pytest.mark.parametrize(("name", "algorithm", "index"), [marked(*zero) for zero in ZEROS])
@pytest.mark.parametrize("scrambled", [False, True], ids=["arm", "placebo"])
def test_zero_strength_is_scratch_byte_for_byte(name, algorithm, index, scrambled, finished, tmp_path):
    source, scratch = finished(algorithm)
    spec = arm_spec(run_spec(tiny(algorithm)), source, (name, ZERO[name][index]), scrambled=scrambled)
    ours = outputs(carry_out(spec, tmp_path, source, references=references_of(name, tmp_path)))
    theirs = outputs(scratch)
    for file in ("curve.csv", "episodes.csv", "networks.safetensors", "status.json"):
        assert ours[file] == theirs[file], file
    for count in ("target_steps", "gradient_steps"):
        assert ours["costs"][count] == theirs["costs"][count]


SEVERAL = [name for name in METHODS if method_class(name).several is not None]
ONE_ONLY = [name for name in METHODS if method_class(name).several is None and method_class(name).needs]


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    """Two finished source runs of an algorithm that every such method is defined for."""
    root = tmp_path_factory.mktemp("several")
    return carry_out(source_spec(tiny("dqn")), root), carry_out(source_spec(tiny("dqn"), seed=7), root)


class TestSeveralSources:
    @pytest.mark.slow
    @pytest.mark.parametrize("name", SEVERAL)
    def test_a_method_that_says_what_it_does_with_them_uses_each(self, name, both, tmp_path):
        source, other = both
        assert method_class(name).needs, "what it does with none needs no word"
        method, spec = (name, STRONG.get(name, {})), run_spec(tiny("dqn"))
        two = [
            arm_spec(spec, source, method, others={"far": other}, scrambled=scrambled) for scrambled in (False, True)
        ]
        results = [outputs(carry_out(one, tmp_path, source, others=[other])) for one in two]
        results += [outputs(carry_out(arm_spec(spec, one, method), tmp_path, one)) for one in both]
        assert len({result["networks.safetensors"] for result in results}) == 4
        assert b"far" in results[0]["transfer.csv"]

    @pytest.mark.parametrize("name", SEVERAL)
    def test_zero_strength_is_scratch(self, name, both, finished, tmp_path):
        source, other = both
        _, scratch = finished("dqn")
        # Of several sources one is chosen by returns, which no schedule ends.
        zero = next(settings for settings in ZERO[name] if not {"reuse", "reuse_share"} & settings.keys())
        spec = arm_spec(run_spec(tiny("dqn")), source, (name, zero), others={"far": other})
        ours, theirs = outputs(carry_out(spec, tmp_path, source, others=[other])), outputs(scratch)
        for file in ("curve.csv", "episodes.csv", "networks.safetensors"):
            assert ours[file] == theirs[file], file

    @pytest.mark.parametrize("name", [*SEVERAL, *ONE_ONLY])
    def test_the_documents_say_what_it_does_with_them(self, name):
        text = (Path(__file__).parents[2] / "docs" / "carrying.md").read_text(encoding="utf-8")
        rows = text.partition("## Several sources")[2].partition("\n## ")[0].splitlines()
        (row,) = [row for row in rows if row.startswith("|") and f"`{name}`" in row]
        assert ("take one and are refused" in row) == (name in ONE_ONLY)

    @pytest.mark.parametrize("name", ONE_ONLY)
    def test_one_that_does_not_is_refused(self, name, tmp_path):
        config = tiny("dqn") if "dqn" in method_class(name).algorithms else tiny(method_class(name).algorithms[0])
        folder = tmp_path / "seed0-0123456789ab"
        spec = arm_spec(run_spec(config), folder, name, others={"far": folder})
        with pytest.raises(ConfigError, match=f"{name} takes one source, and there are 2 .first, far.: name one") as e:
            Run(spec, folder_of(spec, tmp_path), folder, print, (), [folder])
        assert e.value.key == f"0.{name}"


class TestBuilding:
    def test_an_unknown_method_names_the_nearest(self):
        with pytest.raises(ConfigError, match="no method is called 'fine_tuen'; did you mean 'fine_tune'") as caught:
            build_methods([Named(name="replay"), Named(name="fine_tuen")], "dqn")
        assert caught.value.key == "1.fine_tuen"

    @pytest.mark.parametrize("name", ["_method", "_discovery", "__init__", "", "fine_tune.FineTune"])
    def test_helpers_are_no_methods(self, name):
        assert name not in METHODS
        with pytest.raises(ConfigError, match="no method is called"):
            method_class(name)

    def test_the_order_is_kept_and_settings_arrive(self):
        built = build_methods([Named(name="replay", settings={"transitions": 7}), Named(name="fine_tune")], "dqn")
        assert [type(method).__name__ for method in built] == ["Replay", "FineTune"]
        assert built[0].transitions == 7
        assert build_methods([], "ppo") == []
