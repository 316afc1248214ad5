"""All strategies through one twilight, and all twilights of a scenario over the machine's cores."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from multiprocessing import get_context
from statistics import median

from benchmarks.sky_flats.bounds import causal_bound, linear_bound
from benchmarks.sky_flats.drive import Strategy, Timings, drive
from benchmarks.sky_flats.oracle import clairvoyant
from benchmarks.sky_flats.ours import Ours
from benchmarks.sky_flats.peers import PEERS
from benchmarks.sky_flats.scenarios import CONFIGURATIONS, SCENARIOS, twilight_before, twilight_spec
from benchmarks.sky_flats.score import Score, score, summary
from benchmarks.sky_flats.truth import Twilight

OURS = "nightcal"
ORACLE = "oracle"
_COLD = "cold"
# So many frames of each filter teach all that there is to learn.
_LESSONS = 5

Table = dict[str, dict[str, dict[str, dict[str, float]]]]


@dataclass(frozen=True)
class Task:
    """One twilight of one scenario in one configuration."""

    configuration: str
    scenario: str
    number: int
    final: bool


@dataclass
class Played:
    """What all strategies made of one twilight; the bounds are good frames that no strategy can exceed.

    `causal` is None under a sky without clouds. `cold` is ours without what it had learned, where it had.
    """

    task: Task
    scores: dict[str, Score] = field(default_factory=dict)
    linear: float = 0.0
    causal: float | None = None
    next_ms: list[float] = field(default_factory=list)
    observe_ms: list[float] = field(default_factory=list)


def play(task: Task) -> Played:
    """Play one twilight with every strategy; deterministic but for the milliseconds."""
    scenario, configuration = SCENARIOS[task.scenario], CONFIGURATIONS[task.configuration]
    spec = twilight_spec(scenario, configuration, task.number, final=task.final)
    twilight, quotas = Twilight(spec), configuration.quotas
    out = Played(task)

    def turn(name: str, strategy: Strategy, timings: Timings | None = None) -> None:
        out.scores[name] = score(drive(strategy, twilight, quotas, timings), twilight, quotas)

    out.scores[ORACLE] = score(clairvoyant(twilight, quotas), twilight, quotas)
    out.linear = linear_bound(twilight, quotas)
    out.causal = causal_bound(twilight, quotas) if twilight.cloud is not None else None
    timings = Timings()
    if scenario.warm:
        before = Twilight(twilight_before(spec))
        few = {name: min(quota, _LESSONS) for name, quota in quotas.items()}
        teacher = Ours(before, few)
        drive(teacher, before, few)
        turn(OURS, Ours(twilight, quotas, teacher.learned), timings)
        turn(f"{OURS} {_COLD}", Ours(twilight, quotas), timings)
    else:
        turn(OURS, Ours(twilight, quotas), timings)
    for name, peer in PEERS.items():
        turn(name, peer(twilight, quotas))
    out.next_ms, out.observe_ms = timings.next_ms, timings.observe_ms
    return out


def run(tasks: Sequence[Task], workers: int, told: Callable[[int], None] = lambda _: None) -> list[Played]:
    """Play all tasks, in their order; `told` hears how many are done."""
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        played = []
        for done in pool.map(play, tasks, chunksize=1):
            played.append(done)
            told(len(played))
        return played


def tabled(played: Iterable[Played]) -> Table:
    """{configuration: {scenario: {strategy: figures}}}; `all` is clear, cirrus and clouds together."""
    groups: Mapping[tuple[str, str], list[Played]] = defaultdict(list)
    for one in played:
        groups[one.task.configuration, one.task.scenario].append(one)
        scenario = SCENARIOS[one.task.scenario]
        if not scenario.warm:
            groups[one.task.configuration, "all"].append(one)
    table: Table = defaultdict(dict)
    for (configuration, scenario_name), group in groups.items():
        table[configuration][scenario_name] = {name: _figures(group, name) for name in group[0].scores}
    return dict(table)


def _figures(group: Sequence[Played], name: str) -> dict[str, float]:
    figures = summary(
        [one.scores[name] for one in group],
        [one.scores[ORACLE] for one in group],
        [one.linear for one in group],
        [one.causal for one in group],
    )
    if name == OURS:
        figures["planner_ms"] = median(ms for one in group for ms in one.next_ms)
        figures["planner_ms_max"] = max(ms for one in group for ms in one.next_ms)
        figures["step_ms"] = median(ms for one in group for ms in one.observe_ms)
        figures["step_ms_max"] = max(ms for one in group for ms in one.observe_ms)
    return figures
