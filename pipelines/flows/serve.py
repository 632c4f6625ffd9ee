"""Run the line on its schedules from one process: `python -m pipelines.flows.serve`."""

from typing import Final

from pipelines.flows.settings import settle_prefect
from pipelines.workspace import named_workspace

# Minutes, hours, days as cron writes them, in the machine's time zone; prefect.yaml has the same.
SCHEDULES: Final = {"nightly": "30 2 * * *", "research": "0 4 * * 0", "quality": "0 5 1 * *"}


def main() -> None:
    """Serve the nightly, the weekly and the monthly flow until stopped."""
    workspace = named_workspace(None).prepare()
    settle_prefect(workspace)
    from prefect import serve

    from pipelines.flows.nightly import nightly
    from pipelines.flows.quality import quality
    from pipelines.flows.research import research

    flows = {"nightly": nightly, "research": research, "quality": quality}
    serve(
        *(
            flow.to_deployment(
                name=name, cron=SCHEDULES[name], parameters={"data": str(workspace.root)}
            )
            for name, flow in flows.items()
        )
    )


if __name__ == "__main__":
    main()
