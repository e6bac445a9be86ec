"""Training with WARP beside LightFM's and implicit's BPR: interactions a second at equal dimension and threads."""

from __future__ import annotations

from benchmarks.bench.affinity_rows import D
from benchmarks.bench.contest import Arena, Contender, Rounds, table
from benchmarks.bench.data import save
from benchmarks.bench.limits import limit
from benchmarks.reproduce.page import folded
from benchmarks.synthetic import interactions

TRIALS, LATE = 10, 300  # LightFM's default, and awe's where items are few
_LATE = 8
BAGS, ROWS = "awe, bags", "awe, row a person"


def training(arena: Arena) -> str:
    """The section."""
    scale = arena.scale
    person, item = interactions(scale.people, scale.items, scale.mean)
    data = {"file": str(save(arena.folder, person, item, scale.people, scale.items))}
    contenders = []
    for t in (1, 2):
        told = {**data, "threads": t}
        own = {**told, "trials": TRIALS}
        theirs = {**own, "dim": D, "bags": False}
        contenders += [
            Contender(f"{BAGS}/{t}", "of_awe:warp", own, t),
            Contender(f"{ROWS}/{t}", "of_awe:warp", {**own, "rows": True}, t),
            Contender(f"LightFM WARP, row a person/{t}", "of_lightfm:warp", theirs, t, "lightfm"),
            Contender(
                f"implicit BPR, row a person/{t}", "of_implicit:bpr", {**told, "dim": D}, t, "implicit"
            ),
        ]
    own = {**data, "threads": 1, "trials": TRIALS}
    few = {**own, "dim": D, "bags": True, "people": scale.bags}
    contenders.append(Contender("LightFM WARP, bags/1", "of_lightfm:warp", few, 1, "lightfm"))
    late = {**own, "trials": LATE, "after": _LATE, "people": scale.late}
    contenders.append(Contender(f"{BAGS}, late, at most {LATE} trials/1", "of_awe:warp", late, 1))
    found = arena.contest(contenders)
    heads = {title: found[f"{BAGS if 'bags' in title else ROWS}/{title[-1]}"] for title in found}
    rows = [
        (*title.split("/"), *_cells(title, rounds, heads[title]), *_of_limits(arena, rounds, int(title[-1])))
        for title, rounds in found.items()
    ]
    for name in (BAGS, ROWS):
        rows.append(
            (
                f"{name}, two threads over one",
                "",
                "",
                f"{found[f'{name}/1'].over(found[f'{name}/2']):.2f} ×",
                *[""] * 5,
            )
        )
    head = (
        "epoch of | threads | trials | M interactions/s | awe is faster by | "
        "G multiply-adds/s | of the limit | GB/s | of rows at random"
    )
    words = (
        f"{scale.people:,} people × {scale.items:,} items, {len(item):,} interactions, d = {D}, at most {TRIALS} "
        f"trials. LightFM with bags learns from the first {scale.bags:,} people alone; *late* is from the first "
        f"{scale.late:,}, after {_LATE} epochs."
    )
    return f"{folded(words)}\n\n{table(head, rows)}"


def _cells(title: str, rounds: Rounds, ours: Rounds) -> tuple[str, str, str]:
    """Trials, millions of interactions a second, and by how much awe is faster with as many threads."""
    if rounds.why:
        return "", rounds.why, ""
    trials = f"{rounds.median('trials'):.1f}" if "trials" in rounds.answers[0] else ""
    each = rounds.median("seconds") / rounds.median("interactions")
    awe = ours.median("seconds") / ours.median("interactions")
    ratio = rounds.over(ours) * ours.median("interactions") / rounds.median("interactions")
    return (
        trials,
        f"{1 / each / 1e6:.{2 if each < awe * 20 else 4}f}",
        "" if title.startswith("awe") else f"{ratio:.1f} ×",
    )


def _of_limits(arena: Arena, rounds: Rounds, threads: int) -> tuple[str, ...]:
    """Multiply-adds and bytes a second, and what share of the machine's they are."""
    if rounds.why or "multiply_adds" not in rounds.answers[0]:
        return ("",) * 4
    seconds = rounds.median()
    adds, moved = rounds.median("multiply_adds") / seconds, rounds.median("bytes") / seconds
    return (
        f"{adds / 1e9:.2f}",
        f"{adds / limit(arena, threads):.0%}",
        f"{moved / 1e9:.1f}",
        f"{moved / limit(arena, threads, 'bytes'):.0%}",
    )
