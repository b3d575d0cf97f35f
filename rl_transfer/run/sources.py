"""The finished source runs that a run's knowledge comes from, first and further ones alike."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from rl_transfer import seeds
from rl_transfer.knowledge import Anchors, Knowledge, Networks, Teacher, Transitions
from rl_transfer.learner import Learner
from rl_transfer.methods import Method
from rl_transfer.run.demonstrations import demonstrate
from rl_transfer.run.fisher import estimate_fisher
from rl_transfer.run.teacher import source_teacher
from rl_transfer.run.transfer import for_target, kinds_needed, read_source
from rl_transfer.store import read_json, read_spec, retention_file
from rl_transfer.study import MappingConfig, RunSpec, TaskConfig
from rl_transfer.tasks import SpaceMapping, inspect_task, map_spaces


@dataclass(frozen=True)
class _Source:
    """One of them: its name, its folder, the mapping between its spaces and the target's, its place among them."""

    name: str
    folder: Path
    config: MappingConfig | None
    spec: RunSpec
    place: int

    @cached_property
    def mapping(self) -> SpaceMapping:
        return map_spaces(self.config, inspect_task(read_spec(self.folder).task), inspect_task(self.spec.task))

    def generator(self, branch: seeds.Branch) -> np.random.Generator:
        """A fresh one at every call; the first source's branch is that of a run with one source."""
        place = (self.place,) if self.place else ()
        return seeds.generator(self.spec.role, self.spec.seed, branch, *place)

    @property
    def scrambler(self) -> np.random.Generator | None:
        """Always the same: networks and a teacher's are scrambled alike."""
        scrambled = self.spec.source is not None and self.spec.source.scrambled
        return self.generator("scramble") if scrambled else None


class Sources:
    """A run's sources.

    Args:
        spec: The run.
        folders: Those of its finished source runs, in the specification's order; none for a run that uses none.
        methods: What the knowledge is for.

    Attributes:
        costs: What finding out about them has cost, by name.
    """

    def __init__(self, spec: RunSpec, folders: Sequence[Path], methods: Sequence[Method]) -> None:
        self._methods = methods
        self._sources = _listed(spec, folders)
        self._teachers: dict[str, Teacher] = {}
        self._earlier_calls = 0
        self.costs: Mapping[str, int] = {}

    def knowledge(self, learner: Learner) -> Knowledge:
        """What they left behind, as methods get it.

        Args:
            learner: The fresh target learner.
        """
        if not self._sources:
            return Knowledge()
        costs: Counter[str] = Counter()
        first, *others = (self._knowledge_of(source, learner, costs) for source in self._sources)
        self.costs = costs
        return replace(first, others={one.name: one for one in others})

    def _knowledge_of(self, source: _Source, learner: Learner, costs: Counter[str]) -> Knowledge:
        kinds = kinds_needed(self._methods)
        knowledge = read_source(source.folder, kinds, source.mapping.source_observation)
        knowledge = replace(
            knowledge,
            name=source.name,
            fisher=self._fisher(source, learner, costs),
            demonstrations=self._demonstrations(source, learner, costs),
            anchors=None if source.spec.anchors is None else Anchors(**source.spec.anchors.model_dump()),
        )
        knowledge = for_target(knowledge, learner, source.mapping, source.scrambler)
        if "teacher" in kinds and source.name not in self._teachers:
            initial = learner.networks()
            self._teachers[source.name] = source_teacher(source.folder, source.mapping, initial, source.scrambler)
        return replace(knowledge, teacher=self._teachers.get(source.name))

    def _fisher(self, source: _Source, learner: Learner, costs: Counter[str]) -> Networks | None:
        """The Fisher information of a source's networks, where a method wants it."""
        wanted = [estimate for method in self._methods if (estimate := method.fisher_estimate) is not None]
        if not wanted:
            return None
        with learner.isolated(0):
            found = estimate_fisher(source.folder, wanted[0], source.generator("fisher"))
        costs.update(found.costs)
        return found.fisher

    def _demonstrations(self, source: _Source, learner: Learner, costs: Counter[str]) -> Transitions | None:
        """A source's demonstrations, where a method wants some."""
        steps = max((method.demonstration_steps for method in self._methods), default=0)
        if not steps:
            return None
        with learner.isolated(0):
            found = demonstrate(source.folder, steps, source.generator("demonstrations"))
        costs.update(found.costs)
        return found.transitions

    @property
    def have_teachers(self) -> bool:
        """Whether any of them is asked."""
        return bool(self._teachers)

    @property
    def teacher_calls(self) -> int:
        """Observations that they were asked about so far, by this process and those before it."""
        return self._earlier_calls + sum(teacher.calls for teacher in self._teachers.values())

    @teacher_calls.setter
    def teacher_calls(self, calls: int) -> None:
        self._earlier_calls = calls
        for teacher in self._teachers.values():
            teacher.calls = 0

    def retention_tasks(self) -> Iterator[tuple[TaskConfig, str]]:
        """The tasks on which the finished agent can show what it still knows of them, and a file for each."""
        for source in self._sources:
            task = read_spec(source.folder).task
            if source.config is not None:
                print(f"no retention: the agent sees {task.id} through the pair's mapping", flush=True)
            else:
                yield task, retention_file("" if source.place == 0 else source.name)

    def steps(self) -> dict[str, int]:
        """The cost of training them, each run once; nothing where an imported file does not say."""
        total = 0
        for folder in dict.fromkeys(source.folder for source in self._sources):
            imported = read_spec(folder).imported
            steps = read_json(folder / "costs.json")["target_steps"] if imported is None else imported.steps
            if steps is None:
                return {}
            total += steps
        return {"source_steps": total}


def _listed(spec: RunSpec, folders: Sequence[Path]) -> list[_Source]:
    if spec.source is None or not folders:
        return []
    mappings = (spec.mapping, *(other.mapping for other in spec.other_sources))
    found = zip(spec.source_names, folders, mappings, strict=True)
    return [_Source(name, folder, mapping, spec, place) for place, (name, folder, mapping) in enumerate(found)]
