"""How a flow of the line is called: through Prefect's engine, or as the function it is.

The engine needs a server. Where one is named (PREFECT_API_URL), and inside a run that a server
scheduled, flows run through it and are seen there. Without one, Prefect would start a temporary
server for every run, which takes longer than most runs; there the same flow objects run in order
in this process, unless `through_prefect` asks for the temporary server.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from typing import Any, Final, ParamSpec, TypeVar

from prefect import Flow
from prefect.context import FlowRunContext

from analysis.contracts.errors import EnvironmentFaultError, NmtError
from pipelines.faults import explaining

P = ParamSpec("P")
R = TypeVar("R")
SERVER_VARIABLE: Final = "PREFECT_API_URL"

_engine_wanted: ContextVar[bool] = ContextVar("engine_wanted", default=False)


class LineFlow(Flow[P, R]):
    """A flow that is called as a plain function where no server is there to see it."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run the flow and return its result."""
        if FlowRunContext.get() or _engine_wanted.get() or os.environ.get(SERVER_VARIABLE):
            return super().__call__(*args, **kwargs)
        return self.fn(*args, **kwargs)


def line_flow(function: Callable[P, R]) -> LineFlow[P, R]:
    """Make the function a flow of the line, named as the function is.

    Whatever it raises is explained first: the engine stores and logs exceptions with their text.
    """

    @wraps(function)
    def explained_function(*args: P.args, **kwargs: P.kwargs) -> R:
        with explaining():
            return function(*args, **kwargs)

    return LineFlow(explained_function, name=function.__name__)


@contextmanager
def through_prefect() -> Iterator[None]:
    """Run the flows that are called in the body through Prefect, whether a server is named or not.

    Raises `EnvironmentFaultError` when the engine cannot start.
    """
    token = _engine_wanted.set(True)
    try:
        yield
    except NmtError:
        raise
    except Exception as fault:
        raise EnvironmentFaultError(
            f"Prefect could not run the flow ({type(fault).__name__}): its server did not start or "
            "cannot be reached on this machine. Run without --through-prefect, "
            "or set PREFECT_API_URL to a server that answers."
        ) from None
    finally:
        _engine_wanted.reset(token)
