"""AWE Algorithm 1 in plain Python and float64, with the project's draws and steps: the training loop's naive twin.

    repeat
        pick an example x, and a positive y
        draw ȳ from Y∖Y_x until f(x, ȳ) > f(x, y) − γ
        make a gradient step to minimise L(⌊|Y∖Y_x|/N⌋) max(0, γ + f(x, ȳ) − f(x, y)), project the weights

Gradients are central differences of f as the paper prints it. Examples of a block, and positives of an example,
read the same U and V. A step is AdaGrad's with one accumulator a row.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from awe_cli.core.interface import NO_PARAMS
from awe_cli.matrices.matrix import Dense
from tests.affinities import naive

MASK = (1 << 64) - 1
SMALL = 1e-4


def mix(state):
    """SplitMix64's output function (Steele et al. 2014)."""
    z = (state + 0x9E3779B97F4A7C15) & MASK
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 & MASK
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB & MASK
    return z ^ (z >> 31)


def draws(seed, epoch, example, n):
    """Numbers in 0 … n-1, for one example in one epoch."""
    state = mix(mix(mix(seed) ^ epoch) ^ example)
    while True:
        state = mix(state)
        yield (state >> 32) * n >> 32


@dataclass
class Algorithm1:
    """One run. U, V and AdaGrad's sums are changed in place; the figures are those of one epoch."""

    member: Any  # an affinity and its G
    examples: Any
    plan: Any
    U: Any
    V: Any
    u_history: Any
    v_history: Any
    learned: Any = NO_PARAMS  # what the affinity has of its own, in float64
    memory: Any = None
    loss: float = 0.0
    violators: int = 0
    trials: int = 0
    closest: float = (
        np.inf
    )  # the smallest |γ + f(x, ȳ) − f(x, y)|: above rounding errors, decisions are equal
    label_steps: list = field(default_factory=list)  # of rows of V, which come before those of U
    steps: list = field(default_factory=list)

    def epoch(self, epoch):
        """One pass over the examples, block by block."""
        self.loss, self.violators, self.trials = 0.0, 0, 0
        n, size, plan = len(self.examples), self.plan.block_size, self.plan
        order = np.random.Generator(np.random.Philox(key=[plan.seed, epoch])).permutation(n)
        for start in range(0, n, size):
            done = (epoch + start / n) / plan.epochs
            score_from_dot = plan.learning_rate * (1 - (1 - plan.final_rate) * done)
            self.label_steps, self.steps = [], []
            for example in order[start : start + size]:
                self.learn(int(example), epoch)
            for matrix, history, row, gradient in self.label_steps + self.steps:
                self.step(matrix, history, row, gradient, score_from_dot)
                if matrix is not self.learned.pairs:
                    matrix[row] *= min(1, self.plan.norm_cap / max(np.linalg.norm(matrix[row]), 1e-30))

    def learn(self, example, epoch):
        """All positives of one example; the steps they ask for are taken at the end of the block."""
        features, x = self.input(example)
        positives = self.positives(example)
        negatives = self.n_labels - len(positives)
        if not positives or not negatives or (self.examples.own and len(positives) == 1):
            return
        scale = len(positives) ** -self.plan.positive_power
        drawn = draws(self.plan.seed, epoch, example, self.n_labels)
        by_U = np.zeros((len(features), self.U.shape[1]))
        by_own = {name: np.zeros(getattr(self.learned, name).shape) for name in self.member.stepped}
        queries_per_example = self.member.queries_per_example
        found, hats = {}, {}
        for part in range(queries_per_example):
            for p in range(part, len(positives), queries_per_example):
                there = np.arange(len(features)) != (p if self.examples.own else -1)
                G = lambda y, at=(example, part): self.member.G(*at, y)  # noqa: E731
                f = self.f(G, x[there], features[there])
                pair = self.violator(f, positives[p], positives, drawn)
                if pair is not None:
                    weight, rival = pair
                    U, V = self.U[features[there]], self.V

                    def hinge(U, V, own=None, y=positives[p], r=rival, f=f):
                        return f(r, U, V, own) - f(y, U, V, own)

                    by_U[there] += scale * weight * slope(lambda U, V=V, h=hinge: h(U, V), U)
                    by_V = scale * weight * slope(lambda V, U=U, h=hinge: h(U, V), V)
                    self.loss += scale * weight * (self.plan.margin + hinge(U, V))
                    found[p] = by_V, (positives[p], rival)
                    for name in self.member.stepped:
                        own = scale * weight * self.own_slope(hinge, U, V, name)
                        if name == "V_hat" and own.any():
                            hats[p] = own, (positives[p], rival)
                        elif name != "V_hat":
                            by_own[name] += own
        self.violators += len(found)
        self.step_labels(self.V, self.v_history, [found[p] for p in sorted(found)])
        if hats:
            self.step_labels(self.learned.V_hat, self.memory.V_hat, [hats[p] for p in sorted(hats)])
        if found:
            self.steps += [(self.U, self.u_history, i, g) for i, g in zip(features, by_U, strict=True)]
            for name, by in by_own.items():
                matrix, history = getattr(self.learned, name), getattr(self.memory, name)
                self.steps += [(matrix, history, row, by[row]) for row in range(len(by)) if by[row].any()]

    @property
    def n_labels(self):
        """How many labels there are."""
        return len(self.V)

    def label(self, y):
        """The vector y of a label."""
        return np.eye(self.n_labels)[y]

    def step_labels(self, matrix, history, found):
        """One step of V or V̂ for each label of each positive: found are (gradient by the matrix, labels)."""
        for by_row, labels in found:
            self.label_steps += [(matrix, history, label, by_row[label]) for label in labels]

    def violator(self, f, y, positives, drawn):
        """(L(rank estimate), ȳ) for the first ȳ drawn from Y∖Y_x that violates the margin."""
        n = 0
        while n < self.plan.max_trials:
            rival = next(drawn)
            if rival in positives:
                continue
            n += 1
            self.trials += 1
            excess = self.plan.margin + f(rival) - f(y)
            self.closest = min(self.closest, abs(excess))
            if excess > 0:
                rank = max(1, (self.n_labels - len(positives)) // n)
                return sum(1 / i for i in range(1, rank + 1)), rival
        return None

    def step(self, matrix, history, row, gradient, score_from_dot):
        """h += ‖g‖²/d, M −= rate · g/√h."""
        history[row] += np.mean(gradient**2)
        matrix[row] -= score_from_dot * gradient / np.sqrt(history[row] + 1e-12)

    def f(self, G, x, features):
        """y → f(x, y) for y → G, of U and V as they are or as told."""

        def score(y, U=None, V=None, learned=None):
            rows = self.U[features] if U is None else U
            own = self.member.own(learned or self.learned, features)
            return naive.score(G(y), x, rows, self.V if V is None else V, self.label(y), *own)

        return score

    def own_slope(self, hinge, U, V, name):
        """∂hinge by one array of what the affinity has of its own."""
        change = lambda array: hinge(U, V, self.learned._replace(**{name: array}))  # noqa: E731
        return slope(change, getattr(self.learned, name))

    def input(self, example):
        """The features an example names, and their values."""
        rows = self.examples.x
        if isinstance(rows, Dense):
            return rows.columns, rows.values[example].astype(float)
        span = slice(*rows.indptr[example : example + 2])
        return rows.indices[span], rows.values[span].astype(float)

    def positives(self, example):
        """Y_x."""
        lists = self.examples.positives
        return lists.indices[slice(*lists.indptr[example : example + 2])].tolist()


def in_float64(numbers):
    """A tuple of arrays, those of numbers in float64."""
    return type(numbers)(*(a.astype(float) if a.dtype == np.float32 else a for a in numbers))


def slope(f, array):
    """∂f/∂array by central differences."""
    found, moved = np.zeros_like(array), array.copy()
    for at in np.ndindex(array.shape):
        moved[at] = array[at] + SMALL
        above = f(moved)
        moved[at] = array[at] - SMALL
        found[at] = (above - f(moved)) / (2 * SMALL)
        moved[at] = array[at]
    return found
