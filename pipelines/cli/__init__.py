"""The command `nmt`: reads the call, calls one plain function, prints its result."""

from pipelines.cli.app import main

__all__ = ["main"]
