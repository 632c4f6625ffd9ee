"""The product's own errors; each knows the exit code that the command line answers with."""

from typing import ClassVar


class NmtError(Exception):
    """A fault that has a known cause and a sentence saying what to try; never holds a record."""

    exit_code: ClassVar[int] = 9


class UsageError(NmtError):
    """The call or the protocol file is wrong."""

    exit_code = 2


class FileRefusedError(NmtError):
    """A delivered file cannot be read as the contract says, so nothing of its delivery is kept."""

    exit_code = 3


class RowsRejectedError(NmtError):
    """More rows were rejected than the protocol tolerates."""

    exit_code = 4


class RegistryBusyError(NmtError):
    """Another run holds the registry."""

    exit_code = 5


class ReleaseRefusedError(NmtError):
    """The release gate found something that must not leave the registry."""

    exit_code = 6


class EnvironmentFaultError(NmtError):
    """The disk, the rights or the machine do not allow the work."""

    exit_code = 7


class IntegrityError(NmtError):
    """A file does not hold what its hash or checksum says."""

    exit_code = 8
