"""Run the line on its schedules from one process: `python -m pipelines.flows.serve`."""

from typing import TYPE_CHECKING, Final, cast

from pipelines.flows.settings import settle_prefect
from pipelines.workspace import Workspace, named_workspace

if TYPE_CHECKING:
    from prefect.deployments.runner import RunnerDeployment

    from pipelines.flows.engine import LineFlow

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

    flows: tuple[LineFlow[..., str], ...] = (nightly, research, quality)
    serve(*(scheduled(flow, workspace) for flow in flows))


def scheduled(flow: "LineFlow[..., str]", workspace: Workspace) -> "RunnerDeployment":
    """Return the flow with its schedule and the workspace it works on."""
    deployment = flow.to_deployment(
        name=flow.name, cron=SCHEDULES[flow.name], parameters={"data": str(workspace.root)}
    )
    return cast("RunnerDeployment", deployment)


if __name__ == "__main__":
    main()
