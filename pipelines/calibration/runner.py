"""Many registries at once: spawned processes, one registry each at a time, results as they come."""

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from itertools import islice
from multiprocessing.util import Finalize
from typing import Final

from analysis.contracts.errors import EnvironmentFaultError
from analysis.contracts.protocol import Protocol
from pipelines.calibration.registries import RegistryOrder, registry_finding
from pipelines.calibration.store import Finished

# Every process works on a registry of its own; threads beside it would only get in its way.
ONE_THREAD: Final = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "POLARS_MAX_THREADS")
MINUTE: Final = 60
HOUR: Final = 3600


def finish_registries(
    orders: Sequence[RegistryOrder], protocol: Protocol, processes: int
) -> Iterator[Finished]:
    """Yield what is found in each registry as soon as it is finished, in no fixed order.

    What a registry gives depends on its order alone, to the last bit: every process computes with
    one thread, and this one, whose threads are not known, computes nothing. Raises
    `EnvironmentFaultError` when a process was killed, as it is when memory runs out.
    """
    if not orders:
        return
    with _one_thread_each(), _pool(processes) as pool:
        waiting = iter(orders)
        try:
            running = _started(pool, waiting, protocol, processes)
            while running:
                done, running = wait(running, return_when=FIRST_COMPLETED)
                running |= _started(pool, waiting, protocol, len(done))
                yield from (future.result() for future in done)
        except BrokenProcessPool:
            raise EnvironmentFaultError(
                "A process of the calibration was killed; was there enough memory? Finished "
                "registries are kept: call nmt calibrate again, with fewer --processes."
            ) from None
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def time_left(finished: int, left: int, seconds: float) -> str:
    """Return in words how long the registries that are left will take at the pace so far."""
    if not finished:
        return "time left not known yet"
    expected = seconds / finished * left
    if expected >= HOUR:
        return f"about {expected / HOUR:.1f} h left"
    if expected >= MINUTE:
        return f"about {expected / MINUTE:.0f} min left"
    return f"about {expected:.0f} s left"


def seconds_now() -> float:
    """Return seconds of a clock that only runs forward."""
    return time.monotonic()


def _started(
    pool: ProcessPoolExecutor, waiting: Iterator[RegistryOrder], protocol: Protocol, count: int
) -> set[Future[Finished]]:
    return {pool.submit(_finish, order, protocol) for order in islice(waiting, count)}


def _pool(processes: int) -> ProcessPoolExecutor:
    spawned = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(processes, mp_context=spawned, initializer=_end_with_parent)


def _end_with_parent() -> None:
    """Let the process end without a word, with its work or with the one that spawned it."""
    # DuckDB's binding complains on standard error when an interpreter is taken down piece by piece.
    Finalize(None, os._exit, args=(0,), exitpriority=-1)
    signal.signal(signal.SIGINT, lambda *_: os._exit(0))
    parent = multiprocessing.parent_process()

    def wait_for_parent() -> None:
        if parent is not None:
            parent.join()
            os._exit(0)

    threading.Thread(target=wait_for_parent, daemon=True).start()


def _finish(order: RegistryOrder, protocol: Protocol) -> Finished:
    return Finished(order.scenario, order.seed, registry_finding(order, protocol))


@contextmanager
def _one_thread_each() -> Iterator[None]:
    """Let processes that are spawned in the body compute with one thread."""
    former = {name: os.environ.get(name) for name in ONE_THREAD}
    os.environ.update(dict.fromkeys(ONE_THREAD, "1"))
    try:
        yield
    finally:
        for name, value in former.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
