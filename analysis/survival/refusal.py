"""What an estimator answers when the data cannot say what is asked."""

from analysis.contracts.errors import NmtError


class NotEstimableError(NmtError):
    """The estimate does not exist for these data; the message says why in plain words."""
