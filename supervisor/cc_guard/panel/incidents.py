"""The last incidents, read from the history."""

import os
from collections.abc import Sequence

from cc_guard import paths
from cc_guard.incident.record import Incident

SHOWN = 6


def last() -> tuple[Sequence[Incident], str]:
    """The newest first, and why they can't be read, or nothing. It may wait a second for the disk, so it is
    for a thread of its own."""
    from cc_guard.history import History, HistoryError

    if not os.path.exists(paths.database()):
        return (), ""
    try:
        with History() as history:
            return history.list(SHOWN), ""
    except HistoryError as error:
        return (), str(error).partition("\n")[0]
