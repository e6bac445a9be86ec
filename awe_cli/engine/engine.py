"""What shares out blocks of work, whichever way: to the threads of this process, or to other machines."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import Protocol, TypeVar

from awe_cli.config.engine import ON_THIS_MACHINE
from awe_cli.engine.local import Local

Block = TypeVar("Block")
Result = TypeVar("Result")


class Engine(Protocol):
    """Where blocks run. What is computed never depends on it."""

    def map(self, function: Callable[[Block], Result], blocks: Iterable[Block]) -> Iterator[Result]:
        """The results of `function` for each of `blocks`, in their order; the first error, in that order, is raised.

        function  thread-safe, and for other machines made of what can be sent: arrays in objects of this package
        blocks    taken as they are needed, a bounded number in advance
        """
        ...


class PlacingEngine(Engine, Protocol):
    """One that also keeps functions with all their data where they run, to be called again and again."""

    def place(self, functions: Sequence[Callable[[Block], Result]]) -> Callable[[Block], Iterator[Result]]:
        """What is returned calls every function with a block, and gives their results in order.

        functions  as in `map`; they must not change the block
        """
        ...


@contextmanager
def open_engine(scheduler: str | None, threads: int | None) -> Iterator[PlacingEngine]:
    """The workers of the Dask scheduler at an address such as tcp://host:8786; for None the threads of this process.

    scheduler  may be ON_THIS_MACHINE
    threads    of this process, or of all workers of the local cluster together; None: as many as there are cores

    Raises SettingsError, MissingInputError, BusyError where the cluster cannot be used.
    """
    if scheduler is None:
        yield Local(threads)
        return
    from awe_cli.engine.dask import connect, local_cluster

    named = local_cluster(threads) if scheduler == ON_THIS_MACHINE else nullcontext(scheduler)
    with named as address, connect(address) as engine:
        yield engine
