"""Every error that nbtrack raises on purpose.

::

    NbtrackError                    what is wrong, with which object, what to do
    ├── InvalidInput                the request itself cannot be right
    │   └── FilterError             a run filter that cannot be read; knows the column
    ├── NotFound                    nothing has this name
    │   └── AmbiguousName           more than one thing has it
    ├── Conflict                    the store is not in the state that the decision needs
    ├── StoreError                  the store as a whole
    │   ├── NotAStore               the path is no nbtrack store
    │   ├── StoreTooNew             written by a newer nbtrack
    │   ├── StoreNotWritable        may be read but not written
    │   │   └── DiskFull            there is no space left, or no quota
    │   └── StoreCorrupt            content does not match its hash, or cannot be read
    ├── ModelError                  saving or loading a model
    │   ├── UnsafeModel             has types that no safe format can hold; names them
    │   └── MissingLibrary          a library that the model needs is not installed
    ├── BundleError                 a bundle cannot be merged
    │   ├── DamagedBundle           it is not what was written
    │   └── UnsafeBundle            it has what no bundle of nbtrack has; refused for safety
    └── KeeperUnavailable           the process that owns the store cannot be reached

The message is one or two sentences for a person. ``code`` is stable and travels over the socket and HTTP;
``status`` is the HTTP status that fits and ``exit_status`` that of a command in a terminal; ``details`` is a JSON-able
mapping for machines (names, positions).
"""

from __future__ import annotations

from typing import Any, ClassVar


class NbtrackError(Exception):
    """The root of all errors that nbtrack raises on purpose."""

    code: ClassVar[str] = "error"
    status: ClassVar[int] = 500
    exit_status: ClassVar[int] = 1

    def __init__(self, message: str, **details: Any) -> None:
        super().__init__(message)
        self.message = message
        self.details = details


class InvalidInput(NbtrackError, ValueError):
    """A request that cannot be right, whatever the store holds."""

    code = "invalid_input"
    status = 400
    exit_status = 2


class FilterError(InvalidInput):
    """A run filter that cannot be read. ``details`` has ``column`` (from 1) and ``text``."""

    code = "invalid_filter"


class NotFound(NbtrackError, LookupError):
    """Nothing in this store has the given name."""

    code = "not_found"
    status = 404


class AmbiguousName(NotFound):
    """More than one thing has the given name. ``details["candidates"]`` lists them."""

    code = "ambiguous_name"
    status = 409


class Conflict(NbtrackError):
    """The store is not in the state that the decision needs."""

    code = "conflict"
    status = 409


class StoreError(NbtrackError):
    """Something is wrong with the store as a whole."""

    code = "store_error"


class NotAStore(StoreError):
    """The path exists but is no nbtrack store, or does not exist."""

    code = "not_a_store"
    status = 404
    exit_status = 10


class StoreTooNew(StoreError):
    """The store was written by a newer nbtrack; it is left untouched."""

    code = "store_too_new"
    status = 409
    exit_status = 13


class StoreNotWritable(StoreError):
    """The store, or the place where it would be created, cannot be written."""

    code = "store_not_writable"
    status = 403
    exit_status = 14


class DiskFull(StoreNotWritable):
    """The disk of the store has no space left, or the user no quota."""

    code = "disk_full"
    status = 507
    exit_status = 15


class StoreCorrupt(StoreError):
    """Stored content does not match its hash, or cannot be read."""

    code = "store_corrupt"
    exit_status = 12


class ModelError(NbtrackError):
    """A model cannot be saved or loaded."""

    code = "model_error"
    status = 422


class UnsafeModel(ModelError):
    """The model has types that a safe format cannot hold. ``details["types"]`` names them."""

    code = "unsafe_model"
    exit_status = 17


class MissingLibrary(ModelError):
    """A library that is needed here is not installed. ``details["library"]`` names it."""

    code = "missing_library"


class BundleError(NbtrackError):
    """A bundle cannot be merged; nothing was taken from it."""

    code = "bundle_error"
    status = 422


class DamagedBundle(BundleError):
    """The bundle is not what was written: its end is missing, or a byte of it has changed."""

    code = "damaged_bundle"
    exit_status = 12


class UnsafeBundle(BundleError):
    """The bundle has what no bundle of nbtrack has, and was refused for safety."""

    code = "unsafe_bundle"
    exit_status = 17


class KeeperUnavailable(NbtrackError):
    """The process that owns the store cannot be started or reached."""

    code = "keeper_unavailable"
    status = 503
    exit_status = 11


def by_code(code: str, message: str, details: dict[str, Any]) -> NbtrackError:
    """The error that travelled as `code`; an unknown code gives the root class."""

    def classes(base: type[NbtrackError]) -> list[type[NbtrackError]]:
        return [base, *(found for child in base.__subclasses__() for found in classes(child))]

    for error in classes(NbtrackError):
        if error.code == code:
            return error(message, **details)
    return NbtrackError(message, **details)
