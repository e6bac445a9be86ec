"""One epoch with any loss in plain Python and float64: each loss as its equation, differentiated numerically.

The loop, the draws and the steps are those of tests/core/naive.py.
"""

from __future__ import annotations

import numpy as np

from tests.core.naive import Algorithm1, draws, slope


def rank_cost(name, k, n_labels):
    """Σ_{j≤k} α_j of WSABIE eq. 5."""
    alpha = {
        "harmonic": lambda j: 1 / j,
        "mean": lambda j: 1 / (n_labels - 1),
        "top": lambda j: float(j == 1),
    }[name]
    return sum(alpha(j) for j in range(1, k + 1))


class WithLoss(Algorithm1):
    """What a positive asks for is J, a function of all scores, and the labels that it moves."""

    def learn(self, example, epoch):
        """All positives of one example; the steps they ask for are taken at the end of the block."""
        features, x = self.input(example)
        positives = self.positives(example)
        if not positives or len(positives) == len(self.V) or (self.examples.own and len(positives) == 1):
            return
        scale = len(positives) ** -self.plan.positive_power
        drawn = draws(self.plan.seed, epoch, example, len(self.V))
        negative = (y for y in drawn if y not in positives)
        by_U, by_label, asked = np.zeros((len(features), self.U.shape[1])), {}, 0
        parts = self.member.queries_per_example
        for part in range(parts):
            for p in range(part, len(positives), parts):
                there = np.arange(len(features)) != (p if self.examples.own else -1)
                f = self.f(lambda y, at=(example, part): self.member.G(*at, y), x[there], features[there])
                J, moved = self.objective(f, positives[p], positives, negative)
                if not moved:
                    continue
                asked += 1
                U, V = self.U[features[there]], self.V
                self.loss += scale * J(U, V)
                by_U[there] += scale * slope(lambda U, V=V, J=J: J(U, V), U)
                by_V = scale * slope(lambda V, U=U, J=J: J(U, V), V)
                by_label[p] = [(y, by_V[y] / moved.count(y)) for y in moved]
        self.violators += asked
        entries = [entry for p in sorted(by_label) for entry in by_label[p]]
        for y, gradient in self.together(entries):
            self.steps.append((self.V, self.v_history, y, gradient))
        if asked:
            self.steps += [(self.U, self.u_history, i, g) for i, g in zip(features, by_U, strict=True)]

    def together(self, entries):
        """The steps by V of one example."""
        return entries

    def hinge(self, f, y, rival):
        """(U, V) → γ + f(x, ȳ) − f(x, y)."""
        now = self.plan.margin + f(rival) - f(y)
        self.closest = min(self.closest, abs(now))
        return lambda U, V: max(0, self.plan.margin + f(rival, U, V) - f(y, U, V))


class Warp(WithLoss):
    """WSABIE Algorithm 1 with any L."""

    def objective(self, f, y, positives, negative):
        for n in range(1, self.plan.max_trials + 1):
            rival = next(negative)
            self.trials += 1
            hinge = self.hinge(f, y, rival)
            if hinge(None, None) > 0:
                others = {"negatives": len(self.V) - len(positives), "labels": len(self.V) - 1}
                rank = max(1, others[self.plan.rank_estimate] // n)
                weight = rank_cost(self.plan.rank_weights, rank, len(self.V))
                return (lambda U, V, w=weight, h=hinge: w * h(U, V)), [y, rival]
        return None, []


class Auc(WithLoss):
    """One pair, of weight 1."""

    def objective(self, f, y, positives, negative):
        rival = next(negative)
        self.trials += 1
        hinge = self.hinge(f, y, rival)
        return hinge, [y, rival] if hinge(None, None) > 0 else []


class Owpc(WithLoss):
    """WSABIE eq. 6: all violators, by the exact rank."""

    def objective(self, f, y, positives, negative):
        hinges = {r: self.hinge(f, y, r) for r in range(len(self.V)) if r not in positives}
        self.trials += len(hinges)
        violators = {r: hinge for r, hinge in hinges.items() if hinge(None, None) > 0}
        rank = len(violators)
        weight = rank_cost(self.plan.rank_weights, rank, len(self.V)) / max(rank, 1)
        J = lambda U, V: weight * sum(hinge(U, V) for hinge in violators.values())  # noqa: E731
        return J, [*violators, y] if violators else []

    def together(self, entries):
        summed = {}
        for y, gradient in entries:
            summed[y] = summed.get(y, 0) + gradient
        return summed.items()


class Regression(WithLoss):
    """½ (f − 1)² of the positive, ½ f² of each negative drawn."""

    closest = 1.0

    def objective(self, f, y, positives, negative):
        zeros = [next(negative) for _ in range(self.plan.negatives)]
        self.trials += len(zeros)
        J = lambda U, V: (f(y, U, V) - 1) ** 2 / 2 + sum(f(r, U, V) ** 2 / 2 for r in zeros)  # noqa: E731
        return J, [y, *zeros]


TWINS = {"warp": Warp, "auc": Auc, "owpc": Owpc, "regression": Regression}
