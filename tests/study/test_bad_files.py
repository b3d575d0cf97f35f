# ruff: noqa: E501 (one case, one line)
import re
import time

import pytest

from rl_transfer.errors import ConfigError
from rl_transfer.study import load_study, parse_overrides

JARGON = re.compile(
    r"pydantic|https?:|tagged|discriminator|\btag '|union|constrained|Input|dictionary|tuple|validation|instance|JSON"
    r"|Value error|\bNone\b|\bTrue\b|\bFalse\b|\[key\]|<block|<class|Traceback"
)


def refused(text, *sets):
    """Load a study that must be refused; returns the error, checked for what all errors owe the reader."""
    with pytest.raises(ConfigError) as caught:
        load_study(str(text), parse_overrides(sets))
    message = str(caught.value)
    assert message.isprintable(), message
    assert len(message) < 700, message
    assert not JARGON.search(caught.value.message), message
    return caught.value


def line_of(path, text):
    (line,) = [number for number, line in enumerate(path.read_text().splitlines(), 1) if text in line]
    return line


def check(error, path, key, message, line=None):
    assert error.file == path and error.key == key and error.line == line, str(error)
    assert message in error.message, str(error)
    place = f"{path}:{line}" if line else f"{path}"
    assert str(error) == f"{place}: {key}: {error.message}"


# case: (what is replaced in the file, by what, the key named, words of the message, what stands in the line named)
STUDY_CASES = {
    "unknown key": ("seeds: 5", "seed: 5", "seed", "unknown key; did you mean 'seeds'?", "seed:"),
    "unknown key in an arm": ("  two:", "  two:\n    placebos: no", "arms.two.placebos", "did you mean 'placebo'?", "placebos"),
    "unknown key in a method": ("- fine_tune\n", "- {name: fine_tune, seting: {}}\n", "arms.two.methods.0.seting", "did you mean 'settings'?", "seting"),
    "text for number": ("seeds: 5", "seeds: '5'", "seeds", "must be a whole number, not '5'", "seeds"),
    "bool for number": ("seeds: 5", "seeds: true", "seeds", "must be a whole number, not true", "seeds"),
    "nothing for number": ("seeds: 5", "seeds:", "seeds", "must be a whole number, not null", "seeds"),
    "fraction": ("seeds: 5", "seeds: 5.5", "seeds", "must be a whole number, not 5.5", "seeds"),
    "float for whole": ("seeds: 5", "seeds: 1e1", "seeds", "write 10, not 10.0", "seeds"),
    "octal": ("seeds: 5", "seeds: 010", "seeds", "must be a whole number, not '010'", "seeds"),
    "too large": ("seeds: 5", "seeds: 99999999999999999999", "seeds", "too large", "seeds"),
    "far too large": ("seeds: 5", f"seeds: {'9' * 5000}", "seeds", "too large", "seeds"),
    "too few seeds": ("seeds: 5", "seeds: 1", "seeds", "must be greater than or equal to 2, not 1", "seeds"),
    "unknown device": ("seeds: 5", "device: cpux", "device", "'cpux' is not known; did you mean 'cpu'?", "device"),
    "int for bool": ("    methods: [fine_tune]", "    methods: [fine_tune]\n    placebo: 1", "arms.fine_tune.placebo", "must be true or false, not 1", "placebo"),
    "number for text": ("description: a study", "description: 3", "description", "must be text, not 3", "description"),
    "nan": ("seeds: 5", "alpha: .nan", "alpha", "must be a finite number", "alpha"),
    "inf": ("seeds: 5", "alpha: -.inf", "alpha", "must be a finite number", "alpha"),
    "overflow": ("seeds: 5", "alpha: 1e999", "alpha", "must be a finite number, not '1e999'", "alpha"),
    "nan in settings": ("rate: 1e-3", "rate: {x: [1, .NaN]}", "arms.two.methods.1.freeze.rate.x.1", "must be a finite number", "freeze"),
    "alpha": ("seeds: 5", "alpha: 1", "alpha", "must be less than 1, not 1", "alpha"),
    "margin": ("seeds: 5", "margin: 0", "margin", "must be greater than 0, not 0", "margin"),
    "duplicate": ("seeds: 5", "seeds: 5\ndevice: cpu\nseeds: 6", "seeds", "stands twice (first in line 10)", "seeds: 6"),
    "nested duplicate": ("rate: 1e-3", "rate: 1, 'rate': 2", "arms.two.methods.1.freeze.rate", "stands twice (first in line 9)", "freeze"),
    "duplicate arm": ("  two:", "  fine_tune: # again", "arms.fine_tune", "stands twice (first in line 4)", "again"),
    "missing": ("pairs: [./pair.yaml]\n", "", "pairs", "is missing", None),
    "missing in an arm": ("    methods: [fine_tune]", "    sham: true", "arms.fine_tune.methods", "is missing", "  fine_tune:"),
    "no segment": ("seeds: 5", "seeds: 5\nsegment_steps: 0", "segment_steps", "must be greater than 0, not 0", "segment"),
    "no methods": ("methods: [fine_tune]", "methods: []", "arms.fine_tune.methods", "must not be empty", "methods: []"),
    "methods no list": ("methods: [fine_tune]", "methods: fine_tune", "arms.fine_tune.methods", "must be a list, as in [a, b], not 'fine_tune'", "methods: fine"),
    "method a number": ("methods: [fine_tune]", "methods: [5]", "arms.fine_tune.methods.0", "must hold keys and values, not 5", "[5]"),
    "method a list": ("methods: [fine_tune]", "methods: [[fine_tune]]", "arms.fine_tune.methods.0", "must hold keys and values", "[["),
    "method without name": ("methods: [fine_tune]", "methods: ['']", "arms.fine_tune.methods.0", "must not be empty", "['']"),
    "two methods in one": ("methods: [fine_tune]", "methods: [{a: {}, b: {}}]", "arms.fine_tune.methods.0", "each entry is one name, or one 'name: {setting: value}'", "b: {}"),
    "method settings a scalar": ("methods: [fine_tune]", "methods: [fine_tune: 5]", "arms.fine_tune.methods.0", "each entry is one name, or one 'name: {setting: value}'", "fine_tune: 5"),
    "method name a number": ("methods: [fine_tune]", "methods: [{name: 5}]", "arms.fine_tune.methods.0.name", "must be text, not 5", "{name"),
    "no arm": ("  fine_tune:\n    methods: [fine_tune]\n  two:\n    methods:\n      - fine_tune\n      - freeze: {roles: [policy_body], rate: 1e-3}", "  {}", "arms", "must not be empty", "arms"),
    "arm nothing": ("    methods: [fine_tune]\n", "", "arms.fine_tune", "must hold keys and values, not null", "  fine_tune:"),
    "reserved scratch": ("  two:", "  scratch:", "arms.scratch", "is made by itself", "scratch"),
    "reserved source": ("  two:", "  source:", "arms.source", "is made by itself", "source"),
    "arm with slash": ("  two:", "  ../two:", "arms.'../two'", "use letters, digits", "../two"),
    "arm with dot": ("  two:", "  two.placebo:", "arms.'two.placebo'", "use letters, digits", "two.placebo"),
    "arm with line break": ("  two:", '  "two\\n":', "arms.'two\\n'", "use letters, digits", "two"),
    "arm without name": ("  two:", '  "":', "arms.''", "use letters, digits", '""'),
    "arm long": ("  two:", f"  {'a' * 65}:", f"arms.{'a' * 65}", "64 at most", "aaa"),
    "arm other letters": ("  two:", "  zw\u00f6lf:", "arms.zw\u00f6lf", "use letters, digits", "zw\u00f6lf"),
    "arm a number": ("  two:", "  2:", "arms", "a key must be text: write '2' in quotes", "  2:"),
    "arm a bool": ("  two:", "  no:", "arms", "a key must be text: write 'no' in quotes", "  no:"),
    "key a list": ("  two:", "  [a]:", "arms", "a key must be text: not a list or mapping", "[a]"),
    "top key a number": ("seeds: 5", "3: 5", "", "a key must be text: write '3' in quotes", "3: 5"),
    "baseline few": ("seeds: 5", "seeds: 5\nbaseline_seeds: 4", "baseline_seeds", "must be from 5 to 10: as many as the arms' seeds, up to twice as many, not 4", "baseline"),
    "baseline many": ("seeds: 5", "seeds: 5\nbaseline_seeds: 11", "baseline_seeds", "must be from 5 to 10", "baseline"),
    "a date": ("seeds: 5", "seeds: 2024-01-01", "seeds", "must be a whole number, not '2024-01-01'", "seeds"),
    "pairs no list": ("[./pair.yaml]", "./pair.yaml", "pairs", "must be a list, as in [a, b]", "pairs"),
    "no pairs": ("[./pair.yaml]", "[]", "pairs", "is missing: give pairs, ladders or a matrix", "pairs"),
    "pair a number": ("[./pair.yaml]", "[1]", "pairs.0", "must be text, not 1", "pairs"),
    "pair twice": ("[./pair.yaml]", "[./pair.yaml, pair.yaml]", "pairs.1", "the name pair stands for another pair already", "pairs"),
    "pair missing": ("[./pair.yaml]", "[./pair.yaml, ./pear.yaml]", "pairs.1", "no such file: ", "pairs"),
    "pair a folder": ("[./pair.yaml]", "[./]", "pairs.0", "is a folder, not a file: ", "pairs"),
    "pair not shipped": ("[./pair.yaml]", "[cartpole_heavy_pol]", "pairs.0", "no shipped pair is called 'cartpole_heavy_pol'; did you mean 'cartpole_heavy_pole'?", "pairs"),
    "pair empty": ("[./pair.yaml]", "['']", "pairs.0", "no shipped pair is called ''", "pairs"),
    "pair with a null byte": ("[./pair.yaml]", '["./a\\0.yaml"]', "pairs.0", "can't be a name or a path", "pairs"),
    "pair too long": ("[./pair.yaml]", f"[./{'a' * 300}.yaml]", "pairs.0", "can't be found: File name too long", "pairs"),
    "pair of nobody": ("[./pair.yaml]", "[~nobody_of_this_name/x.yaml]", "pairs.0", "can't be found", "pairs"),
    "section no mapping": ("seeds: 5", "learner: ppo", "learner", "must hold keys and values, not 'ppo'", "learner"),
    "laid over unknown": ("seeds: 5", "learner:\n  gama: 0.9", "learner.gama", "did you mean 'gamma'?", "gama"),
    "laid over type": ("seeds: 5", "budget:\n  source: 1\n  target: x", "budget.target", "must be a whole number, not 'x'", "target"),
}  # fmt: skip

PAIR_CASES = {
    "unknown key": ("threshold_score", "treshold_score", "treshold_score", "did you mean 'threshold_score'?", "treshold"),
    "unknown in learner": ("gamma", "gama", "learner.gama", "unknown key; did you mean 'gamma'?", "gama"),
    "unknown in task": ("wrappers", "wraps", "target.wraps", "did you mean 'wrappers'?", "wraps"),
    "a key like the algorithm": ("gamma: 0.98", "ppo: 1", "learner.ppo", "unknown key", "ppo: 1"),
    "unknown algorithm": ("ppo", "poo", "learner.algorithm", "'poo' is not known; did you mean 'ppo'? valid: a2c, ddpg, dqn, ppo", "poo"),
    "algorithm a number": ("ppo", "3", "learner.algorithm", "3 is not known; did you mean 'td3'? valid: a2c", "algorithm"),
    "algorithm a list": ("ppo", "[ppo]", "learner.algorithm", "['ppo'] is not known", "algorithm"),
    "algorithm missing": ("  algorithm: ppo\n", "", "learner.algorithm", "is missing", "learner"),
    "learner a scalar": ("learner:\n  algorithm: ppo\n  n_steps: 32\n  gamma: 0.98", "learner: ppo", "learner", "must hold keys and values, not 'ppo'", "learner"),
    "learner missing": ("learner:\n  algorithm: ppo\n  n_steps: 32\n  gamma: 0.98\n", "", "learner", "is missing", None),
    "share": ("gamma: 0.98", "gamma: 1.1", "learner.gamma", "must be less than or equal to 1, not 1.1", "gamma"),
    "activation": ("gamma: 0.98", "activation: rellu", "learner.activation", "'rellu' is not known; did you mean 'relu'? valid: elu, leaky_relu, relu, tanh", "activation"),
    "activation a bool": ("gamma: 0.98", "activation: no", "learner.activation", "must be 'tanh', 'relu', 'elu' or 'leaky_relu', not false", "activation"),
    "layers": ("gamma: 0.98", "net_arch: [64, 0]", "learner.net_arch.1", "must be greater than 0, not 0", "net_arch"),
    "layers bool": ("gamma: 0.98", "net_arch: [true]", "learner.net_arch.0", "must be a whole number, not true", "net_arch"),
    "layers a number": ("gamma: 0.98", "net_arch: 64", "learner.net_arch", "must be a list", "net_arch"),
    "schedule bool": ("gamma: 0.98", "learning_rate: true", "learner.learning_rate", "must be a number above 0, or lin_X for a fall from X to 0, not true", "rate"),
    "schedule word": ("gamma: 0.98", "learning_rate: linear", "learner.learning_rate", "or lin_X", "rate"),
    "schedule dots": ("gamma: 0.98", "learning_rate: lin_1.2.3", "learner.learning_rate", "or lin_X", "rate"),
    "schedule no number": ("gamma: 0.98", "learning_rate: lin_.", "learner.learning_rate", "or lin_X", "rate"),
    "schedule zero": ("gamma: 0.98", "learning_rate: lin_0.0", "learner.learning_rate", "or lin_X", "rate"),
    "schedule infinite": ("gamma: 0.98", "clip_range: lin_1e999", "learner.clip_range", "or lin_X", "clip"),
    "schedule negative": ("gamma: 0.98", "clip_range: -1", "learner.clip_range", "not -1", "clip"),
    "budget": ("source: 4096", "source: 1e6", "budget.source", "must be a whole number: write 1000000, not 1000000.0", "4096"),
    "budget missing": (", target: 2048", "", "budget.target", "is missing", "budget"),
    "anchors": ("random: 20.0", "random: 500", "score", "needs worst <= random < reference", "score: {"),
    "anchors worst": ("worst: 0.0", "worst: 20.1", "score", "needs worst <= random < reference", "score: {"),
    "anchor infinite": ("worst: 0.0", "worst: -.inf", "score.worst", "must be a finite number", "score: {"),
    "anchor text": ("worst: 0.0", "worst: '0'", "score.worst", "must be a number, not '0'", "score: {"),
    "inf in kwargs": ("masspole: 1.0", "masspole: .inf", "target.kwargs.masspole", "must be a finite number", "masspole"),
    "deep inf in kwargs": ("masspole: 1.0", "m: [{x: .inf}]", "target.kwargs.m.0.x", "must be a finite number", "m: ["),
    "int key in kwargs": ("masspole: 1.0", "1: 2", "target.kwargs", "write '1' in quotes", "1: 2"),
    "kwargs a list": ("{masspole: 1.0}", "[masspole]", "target.kwargs", "must hold keys and values", "kwargs"),
    "id empty": ("target:\n  id: CartPole-v1", "target:\n  id: ''", "target.id", "must not be empty", "id: ''"),
    "wrapper": ("[reverse_actions]", "[3]", "target.wrappers.0", "must hold keys and values, not 3", "wrappers"),
    "mapping unknown key": ("budget: {", "mapping: {actions: [0]}\nbudget: {", "mapping.actions", "did you mean 'action'?", "mapping: {"),
    "mapping entry text": ("budget: {", "mapping: {action: [0, x]}\nbudget: {", "mapping.action.1", "must be a source index, null, or {index: 0, scale: 1.0}, not 'x'", "mapping: {"),
    "mapping entry bool": ("budget: {", "mapping: {action: [true]}\nbudget: {", "mapping.action.0", "must be a source index, null, or {index: 0, scale: 1.0}, not true", "mapping: {"),
    "mapping entry fraction": ("budget: {", "mapping: {observation: [0.5]}\nbudget: {", "mapping.observation.0", "must be a source index", "mapping: {"),
    "mapping negative index": ("budget: {", "mapping: {observation: [0, -1]}\nbudget: {", "mapping.observation.1", "must be greater than or equal to 0, not -1", "mapping: {"),
    "mapping scale 0": ("budget: {", "mapping: {observation: [{index: 1, scale: 0}]}\nbudget: {", "mapping.observation.0.scale", "must be a number other than 0", "mapping: {"),
    "mapping scale infinite": ("budget: {", "mapping: {observation: [{index: 1, scale: .inf}]}\nbudget: {", "mapping.observation.0.scale", "must be a finite number", "mapping: {"),
    "mapping scale text": ("budget: {", "mapping: {action: [{index: 1, scale: '2'}]}\nbudget: {", "mapping.action.0.scale", "must be a number, not '2'", "mapping: {"),
    "mapping unknown in entry": ("budget: {", "mapping: {action: [{index: 1, factor: 2}]}\nbudget: {", "mapping.action.0.factor", "unknown key", "mapping: {"),
    "mapping no index": ("budget: {", "mapping: {action: [{scale: 2}]}\nbudget: {", "mapping.action.0.index", "is missing", "mapping: {"),
    "mapping no list": ("budget: {", "mapping: {action: 0}\nbudget: {", "mapping.action", "must be a list, as in [a, b], not 0", "mapping: {"),
    "mapping observation number": ("budget: {", "mapping: {observation: 0}\nbudget: {", "mapping.observation", "must be a list of source indices, {channels: [...]}, or {key: {from: key}}, not 0", "mapping: {"),
    "mapping channels": ("budget: {", "mapping: {observation: {channels: [0, x]}}\nbudget: {", "mapping.observation.channels.1", "must be a source index", "mapping: {"),
    "mapping more beside channels": ("budget: {", "mapping: {observation: {channels: [0], a: a}}\nbudget: {", "mapping.observation.a", "unknown key", "mapping: {"),
    "mapping key without from": ("budget: {", "mapping: {observation: {a: {index: [0]}}}\nbudget: {", "mapping.observation.a", "must name the source's key, as in {from: position}", "mapping: {"),
    "mapping key unknown": ("budget: {", "mapping: {observation: {a: {from: b, indices: [0]}}}\nbudget: {", "mapping.observation.a.indices", "did you mean 'index'?", "mapping: {"),
    "mapping key index": ("budget: {", "mapping: {observation: {a: {from: b, index: [-1]}}}\nbudget: {", "mapping.observation.a.index.0", "must be greater than or equal to 0", "mapping: {"),
    "mapping key number": ("budget: {", "mapping: {observation: {a: 3}}\nbudget: {", "mapping.observation.a", "must hold keys and values, not 3", "mapping: {"),
    "mapping key both": ("budget: {", "mapping: {observation: {a: {from: b, index: [0], channels: [0]}}}\nbudget: {", "mapping.observation.a", "index (vectors) or channels (images)", "mapping: {"),
    "merge in kwargs": ("masspole: 1.0", "<<: {masspole: 1.0}", "target.kwargs", "merge keys (<<) can't be used", "<<"),
}  # fmt: skip


@pytest.mark.parametrize("case", STUDY_CASES)
def test_a_wrong_study(write, case):
    old, new, key, message, where = STUDY_CASES[case]
    path = write(study=(old, new))
    error = refused(path)
    line = line_of(path, where) if where else None
    if key:
        check(error, path, key, message, line)
    else:
        assert (error.file, error.line) == (path, line) and message in error.message


@pytest.mark.parametrize("case", PAIR_CASES)
@pytest.mark.parametrize("alone", [False, True])
def test_a_wrong_pair(write, case, alone):
    old, new, key, message, where = PAIR_CASES[case]
    study = write(pair=(old, new))
    path = study.with_name("pair.yaml")
    where = where and (line_of(path, where) if where != "4096" else line_of(path, "budget"))
    check(refused(path if alone else study), path, key, message, where)


WHOLE_FILES = {
    "empty": ("", "must hold keys and values", None),
    "comment": ("# nothing\n", "must hold keys and values", None),
    "list": ("- a\n- b\n", "must hold keys and values", None),
    "word": ("hello", "must hold keys and values", None),
    "empty mapping": ("{}", "is missing", None),
    "not yaml": ("a: [1, 2\nb: 3\n", "can't be read as YAML", 2),
    "two colons": ("a: b: c\n", "put quotes around a text that holds ': '", 1),
    "tab": ("arms:\n\tfine_tune: 1\n", "a tab stands where spaces must", 2),
    "two documents": ("a: 1\n---\nb: 1\n", "can't be read as YAML", 2),
    "control character": ("a: \x07", "can't be read as YAML", None),
    "alias": ("a: &x [1]\nb: *x\n", "aliases such as *name can't be used", 2),
    "unknown alias": ("b: *x\n", "aliases such as *name can't be used", 1),
    "recursive alias": ("a: &x [*x]\n", "aliases such as *name can't be used", 1),
    "merge key": ("<<: {seeds: 5}\n", "merge keys (<<) can't be used", 1),
    "merge alias": ("a: &x {b: 1}\nc:\n  <<: *x\n", "aliases such as *name can't be used", 3),
    "set": ("a: !!set {x, y}\n", "tags such as !name can't be used", 1),
    "binary": ("a: !!binary aGVsbG8=\n", "tags such as !name can't be used", 1),
    "wrong int": ("a: !!int x\n", "tags such as !name can't be used", 1),
    "own tag": ("a: !mine x\n", "tags such as !name can't be used", 1),
    "python": ("a:\n  !!python/object/apply:os.mkdir ['{folder}/made']\n", "tags such as !name can't be used", 2),
    "python name": ("!!python/name:os.system ''\n", "tags such as !name can't be used", 1),
    "lone surrogate": ('a: "\\uD800"\n', "half a character", 1),
    "beyond unicode": ('a: "\\U00110000"\n', "can't be read as YAML", None),
    "deep": ("[" * 2000, "nested more than 40 deep", 1),
    "deep blocks": ("- " * 2000 + "x", "nested more than 40 deep", 1),
    "many": ("a: [" + "1," * 10_000 + "]", "more than 10000 values", 1),
}


@pytest.mark.parametrize("case", WHOLE_FILES)
@pytest.mark.parametrize("role", ["study", "pair"])
def test_a_file_that_is_wrong_as_a_whole(write, tmp_path, case, role):
    text, message, line = WHOLE_FILES[case]
    study = write()
    path = tmp_path / f"{role}.yaml"
    path.write_text(text.replace("{folder}", str(tmp_path)), encoding="utf-8")
    error = refused(study)
    assert (error.file, error.line) == (path, line), str(error)
    assert message in error.message
    assert str(error).startswith(f"{path}:{line}: " if line else f"{path}: ")
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize("content", ["a: ü".encode("latin-1"), "a: 1".encode("utf-16"), b"\x80\x81"])
def test_not_utf8(tmp_path, content):
    path = tmp_path / "study.yaml"
    path.write_bytes(content)
    error = refused(path)
    assert error.file == path and "it is not UTF-8 text" in error.message


@pytest.mark.parametrize(
    "text",
    [
        "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(f"{b}: &{b} [{','.join(['*' + a] * 9)}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True)),
        "[" * 900_000,
        "a: {" * 200_000,
        "? " * 400_000,
        "a: [" + "x, " * 300_000 + "]",
        "".join(f"k{i}: 1\n" for i in range(90_000)),
        "a: '" + "x" * 990_000 + "'",
        "a: " + "9" * 500_000,
        "a: " + "1_" * 400_000 + ".",
        "a: " + "1." * 400_000,
        "a: |\n" + " x\n" * 50_000,
        "x" * 1_000_001,
    ],
    ids=["laughs", "brackets", "braces", "questions", "list", "keys", "text", "digits", "underscores", "dots", "block", "size"],
)  # fmt: skip
def test_a_huge_file_is_refused_soon(tmp_path, text):
    path = tmp_path / "study.yaml"
    path.write_text(text)
    start = time.process_time()
    assert refused(path).file == path
    assert time.process_time() - start < 5


def test_missing_files_folders_and_names(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder.yaml").mkdir()
    check_file = [
        ("./nothing.yaml", "no such file"),
        ("nothing.yml", "no such file"),
        ("folder.yaml", "is a folder, not a file"),
        ("folder.yaml/x", "no such file"),
    ]
    for text, message in check_file:
        error = refused(text)
        assert (error.file, error.message) == (tmp_path / text, message)
    assert "did you mean 'quickstart'?" in refused("quikstart").message
    assert "did you mean 'cartpole_heavy_pole'?" in refused("cartpole_heavy_pol").message
    assert "./quikstart.yaml" in refused("quikstart").message
    for text in ("", ".", "..", "~", "quickstart ", "a\nb", "a\0b/", "/", "x" * 5000, "\ud800", "~nobody_here/x"):
        refused(text)


def test_a_file_that_can_not_be_read(write, monkeypatch):
    path = write()

    def refuse(*args, **kwargs):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(type(path), "open", refuse)
    error = refused(path)
    assert (error.file, error.message) == (path, "can't be read: Permission denied")


@pytest.mark.parametrize("stem", ["my study", "a.b", "-a", ".hidden", "a" * 65, "zwölf"])
def test_a_file_s_name_must_do_as_a_folder_s(write, stem):
    study = write()
    pair = study.with_name("pair.yaml")
    for file in (study, pair):
        renamed = file.rename(file.with_name(f"{stem}.yaml"))
        error = refused(renamed)
        assert error.file == renamed and error.message.endswith(": rename it")
        renamed.rename(file)
    pair.rename(pair.with_name(f"{stem}.yaml"))
    error = refused(write(study=("./pair.yaml", f"./{stem}.yaml")))
    assert error.file == pair.with_name(f"{stem}.yaml")


SETS = {
    "no equals": ("seeds", None, "write key=value, such as --set seeds=10, not 'seeds'"),
    "empty": ("", None, "write key=value"),
    "empty key": ("=5", None, "write key=value"),
    "empty part": ("learner..gamma=5", None, "write key=value"),
    "dot at the end": ("learner.=5", None, "write key=value"),
    "spaces": ("seeds =5", None, "write key=value"),
    "line break": ("a\nb", None, "write key=value"),
    "type": ("seeds=abc", "seeds", "must be a whole number, not 'abc'"),
    "nothing": ("seeds=", "seeds", "must be a whole number, not null"),
    "unknown": ("seed=5", "seed", "did you mean 'seeds'?"),
    "odd key": ("se\ned=5", "'se\\ned'", "unknown key"),
    "unknown parent": ("arm.fine_tune.placebo=false", "arm", "did you mean 'arms'?"),
    "unknown nested": ("arms.two.placebos=false", "arms.two.placebos", "did you mean 'placebo'?"),
    "new arm without methods": ("arms.new.placebo=false", "arms.new.methods", "is missing"),
    "arm name": ("arms.a/b.methods=[x]", "arms.a/b", "use letters, digits"),
    "reserved": ("arms.scratch.methods=[x]", "arms.scratch", "is made by itself"),
    "into a scalar": ("seeds.x=5", "seeds.x", "seeds holds no keys: set it whole"),
    "into a list": ("arms.two.methods.0=x", "arms.two.methods.0", "arms.two.methods holds no keys: set it whole"),
    "into an override": ("pairs.0.x=x", "pairs.0.x", "pairs holds no keys: set it whole"),
    "pairs no list": ("pairs=cartpole_heavy_pole", "pairs", "must be a list, as in [a, b], not 'cartpole_heavy_pole'"),
    "pairs unknown": ("pairs=[cartpole_heavy_pol]", "pairs.0", "did you mean 'cartpole_heavy_pole'?"),
    "pairs missing": ("pairs=[./nothing.yaml]", "pairs.0", "no such file: "),
    "learner scalar": ("learner=ppo", "learner", "must hold keys and values, not 'ppo'"),
    "laid over unknown": ("learner.gama=0.9", "learner.gama", "did you mean 'gamma'?"),
    "laid over type": ("learner.gamma='0.9'", "learner.gamma", "must be a number, not '0.9'"),
    "laid over bool": ("learner.learning_rate=true", "learner.learning_rate", "must be a number above 0"),
    "laid over budget": ("budget.target=0", "budget.target", "must be greater than 0, not 0"),
    "whole section": ("learner={gama: 1}", "learner.gama", "did you mean 'gamma'?"),
    "algorithm": ("learner.algorithm=dqnn", "learner.algorithm", "'dqnn' is not known; did you mean 'dqn'?"),
    "nan": ("learner.gamma=.nan", "learner.gamma", "must be a finite number"),
    "nan inside": ("learner={gamma: .inf}", "learner.gamma", "must be a finite number"),
    "not yaml": ("seeds=[1", "seeds", "can't be read as YAML"),
    "alias": ("seeds=*x", "seeds", "aliases such as *name"),
    "tag": ("seeds=!!python/name:os.system ''", "seeds", "tags such as !name"),
    "duplicate": ("learner={gamma: 1, gamma: 1}", "learner.gamma", "stands twice"),
    "documents": ("seeds=1\n---\n2", "seeds", "can't be read as YAML"),
    "deep": ("seeds=" + "[" * 1000, "seeds", "nested more than"),
}


@pytest.mark.parametrize("case", SETS)
def test_a_wrong_override(write, case):
    text, key, message = SETS[case]
    error = refused(write(), text)
    assert (error.file, error.key, error.line) == ("--set", key, None), str(error)
    assert message in error.message
    assert str(error).startswith(f"--set: {key}: " if key else "--set: ")


def test_an_override_that_replaces_a_good_value_is_named_and_not_the_file(write):
    error = refused(write(), "arms.two={methods: [fine_tune], placebo: 1}")
    assert (error.file, error.key) == ("--set", "arms.two.placebo")


def test_a_fault_that_a_good_file_gets_from_an_override_names_both(write):
    error = refused(write(), "score.random=600")
    assert error.file.name == "pair.yaml" and error.key == "score"
    assert error.message == "needs worst <= random < reference (with values from --set)"


def test_settings_of_the_old_algorithm_are_refused_for_the_new(write):
    error = refused(write(), "learner.algorithm=dqn", "learner.n_steps=5")
    assert (error.file, error.key) == ("--set", "learner.n_steps")
    assert "unknown key" in error.message


def test_a_scalar_section_of_a_pair_is_the_pair_s_fault(write):
    study = write(pair=("budget: {source: 4096, target: 2048}", "budget: 5"))
    error = refused(study, "budget.target=64")
    assert (error.file, error.key) == (study.with_name("pair.yaml"), "budget")
