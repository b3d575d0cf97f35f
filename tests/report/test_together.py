"""What the report and the terminal say of several pairs together."""

import re
from dataclasses import replace
from io import StringIO

import numpy as np
import pytest
from rich.console import Console

from rl_transfer.analysis import scores_together
from rl_transfer.report import verdict_table, write_html
from rl_transfer.report.together import profile, profile_sides
from rl_transfer.stats import performance_profile

ALIKE = {"scratch": 150.0, "fine_tune": 490.0, "fine_tune.placebo": 180.0}
THREE = {"one": ALIKE, "two": ALIKE, "three": ALIKE}


def section(build, **settings):
    store, results = build(events=False, **settings)
    html = write_html(store, results).read_text()
    return results, html[html.index('<section id="together">') :].split("</section>")[0]


def printed(results) -> str:
    file = StringIO()
    Console(file=file, width=200).print(verdict_table(results))
    return file.getvalue()


def rows(html):
    return [[re.sub(r"<[^>]+>", "", cell) for cell in row.split("</td>")[:-1]] for row in html.split("<tr>")]


@pytest.mark.slow
def test_every_statement_is_a_row(build):
    results, html = section(build, pairs=THREE)
    assert len(results.across) == 3
    found = rows(html)
    for one in results.across:
        numbers = [f"{one.difference:+.3f}", f"{one.interval.low:+.3f} to {one.interval.high:+.3f}"]
        assert any(row[2:4] == numbers and row[1].startswith(one.verdict) and row[5] == "3" for row in found)
        bands = [f"{number:.3f}" for number in one.interquartile_mean]
        improvement = f"{one.probability_of_improvement:.2f}"
        assert any([row[1:2], row[3:4], row[5:6]] == [bands[:1], bands[1:], [improvement]] for row in found)


@pytest.mark.slow
def test_the_matrix_has_the_verdicts_of_single_pairs(build):
    results, html = section(build)
    matrix = html[html.index("Pair by pair") : html.index("Described, not tested")]
    own = {(one.pair, one.family): one.verdict for one in results.comparisons}
    found = [row for row in rows(matrix) if row]
    assert found == [[pair, own[pair, "total"], own[pair, "knowledge"]] for pair in results.data.manifest.pairs]
    assert {verdict for _, *verdicts in found for verdict in verdicts} >= {"positive", "negative"}
    assert re.findall(r'class="verdict (\w+)">(\w+)<', matrix) == [(word, word) for row in found for word in row[1:]]


@pytest.mark.slow
def test_pairs_that_disagree_are_named(build):
    results, html = section(build)
    total = results.across[0]
    assert total.mixed
    assert '<span class="remark">mixed</span>' in html
    assert "positive on cartpole_heavy_pole, negative on cartpole_reversed" in html
    assert "pairs disagree, 1 positive, 1 negative" in printed(results)
    _, alike = section(build, pairs=THREE)
    assert "mixed" not in alike


@pytest.mark.slow
def test_it_says_what_the_error_rate_covers(build):
    _, html = section(build, pairs=THREE)
    assert "each row is tested at 0.05, so" in html
    levels = ALIKE | {"replay": 160.0, "replay.placebo": 150.0}
    _, html = section(build, pairs={"one": levels, "two": levels}, arms={"fine_tune": {}, "replay": {}})
    assert "each row is tested at 0.05 / 2 arms = 0.025, so" in html


@pytest.mark.slow
def test_missing_runs_leave_numbers_and_figure_out(build):
    results, html = section(build, pairs=THREE, left_out=("two/fine_tune/seed3", "two/fine_tune.placebo/seed1"))
    assert "1 of 5 runs of fine_tune are missing on two" in html
    assert "Described, not tested" not in html
    assert "<svg" not in html
    line = "over 3 pairs: fine_tune: no statement over all pairs: 1 of 5 runs of fine_tune are missing on two"
    assert line in printed(results)


@pytest.mark.slow
def test_a_missing_placebo_run_leaves_the_rest(build):
    results, html = section(build, pairs=THREE, left_out=("two/fine_tune.placebo/seed1",))
    assert [one.difference is None for one in results.across] == [False, True, True]
    assert "<svg" in html


def test_one_line_an_arm_in_the_terminal(build):
    _, results = build(events=False, pairs=THREE)
    total = results.across[0]
    numbers = f"{total.difference:+.3f} ({total.interval.low:+.3f} to {total.interval.high:+.3f}), p"
    assert f"over 3 pairs: fine_tune {numbers} <.001: positive on average" in printed(results)
    assert printed(results).isascii()


@pytest.mark.slow
def test_one_pair_has_no_section(build):
    store, results = build(events=False, pairs={"one": ALIKE})
    assert results.across == ()
    assert "All pairs together" not in write_html(store, results).read_text()
    assert "over 1" not in printed(results)


@pytest.mark.slow
def test_pairs_that_count_a_seed_once_are_said(build):
    results, html = section(build, pairs=THREE)
    assert "count as one" not in html
    blocks = (("one", "two"), ("three",))
    across = tuple(replace(one, blocks=blocks) for one in results.across)
    store, again = build(events=False, pairs=THREE)
    assert (
        "fine_tune: one, two share their baseline or source agents"
        in write_html(store, replace(again, across=across)).read_text()
    )
    whole = tuple(replace(one, blocks=(("one", "two", "three"),)) for one in results.across)
    assert "fine_tune: all pairs share" in write_html(store, replace(again, across=whole)).read_text()


def test_the_profile_is_that_of_the_scores(build):
    _, results = build(events=False, pairs=THREE)
    (axes,) = profile(profile_sides(results.data, results.across)).axes
    drawn = {line.get_label(): line.get_xydata() for line in axes.lines}
    assert set(drawn) == {"scratch", "transfer", "placebo"}
    total, knowledge, _ = (scores_together(results.data, one) for one in results.across)
    expected = {"scratch": total["baseline"], "transfer": total["arm"], "placebo": knowledge["baseline"]}
    for label, blocks in expected.items():
        tau_T, share_T = drawn[label].T
        assert share_T == pytest.approx(performance_profile(blocks, tau_T))
        assert (share_T[0], share_T[-1]) == (1.0, 0.0)
        assert (np.diff(share_T) <= 1e-12).all()
