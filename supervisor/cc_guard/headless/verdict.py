"""Whether a failure is one of the connection, and how often it is tried again. Pure."""

from dataclasses import dataclass

from cc_guard.detect.signatures import Reading

# As the kinds for which an interactive client is paused (incident/machine.py), without TLS: waiting heals no
# certificate, and no version retries it either.
_LOST = ("connection", "timeout", "stall", "proxy", "server_error")
# These come from what stands before the API. The rest are its own answers.
_GATEWAY = (502, 503, 504)
# Each run has ten retries of the client's own in it, which take three minutes.
_MOST_IN_VAIN = 3


def is_lost(reading: Reading) -> bool:
    if reading.kind == "server_error" or reading.http_status is not None:
        return reading.http_status in _GATEWAY
    return reading.kind in _LOST


def is_good(reading: Reading, reachable: bool, http_status: int | None) -> bool:
    """Whether what a probe met is worth another run."""
    return reachable and not (reading.http_status in _GATEWAY and http_status in _GATEWAY)


@dataclass
class Tries:
    """Runs since the last one in which the model has answered. `blind`: after which there was nothing to wait
    for, because the path was good when it was looked at."""

    in_vain: int = 0
    blind: int = 0

    def another(self, progressed: bool) -> bool:
        """Whether there may be one more, after a failed run that `progressed` or not."""
        if progressed:
            self.in_vain = self.blind = 0
        return self.in_vain < _MOST_IN_VAIN

    def start(self, waited: bool) -> bool:
        """Count one more. False: the path is good, and another try on a good path has just failed."""
        self.in_vain += 1
        if not waited:
            self.blind += 1
        return self.blind <= 1
