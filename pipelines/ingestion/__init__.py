"""From a clinic's files to accepted and rejected rows, each with its reasons."""

from pipelines.ingestion.deliveries import check_deliveries, ingest_deliveries, new_deliveries
from pipelines.ingestion.report import DeliveryReport, FileReport, IngestReport

__all__ = [
    "DeliveryReport",
    "FileReport",
    "IngestReport",
    "check_deliveries",
    "ingest_deliveries",
    "new_deliveries",
]
