"""Learning curves as other programs write them."""

import csv
import gzip

STEPS = (0, 10, 20)
ANCHORS = {"random": 20.0, "reference": 120.0}
CLOSE = (0.0, 1.0, 2.0, 3.0, 4.0)


def level_rows(arm, levels, *, steps=STEPS, sources=None, **more):
    """One run a level, each at random's return at first and at its level from then on."""
    for seed, level in enumerate(levels):
        source = {} if sources is None else {"source": sources[seed]}
        for step in steps:
            return_ = 20.0 if step == steps[0] else level
            yield {"arm": arm, "seed": seed, "step": step, "return": return_, **source, **more}


def two_arms(**more):
    """A baseline that learns to about 60, and an arm that learns to about 110."""
    rows = [*level_rows("ppo", [60 + x for x in CLOSE], **more)]
    return [*rows, *level_rows("warm", [110 + x for x in CLOSE], **more)]


def write_csv(file, rows, columns=None):
    """Write rows, compressed where the name says so; returns the file."""
    columns = columns or list(rows[0])
    opener = gzip.open if file.suffix == ".gz" else open
    with opener(file, "wt", newline="", encoding="utf-8") as text:
        writer = csv.DictWriter(text, columns)
        writer.writeheader()
        writer.writerows(rows)
    return file
