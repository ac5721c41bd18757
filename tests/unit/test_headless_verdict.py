"""What counts as a lost connection, and how often another run is tried."""

import pytest

from cc_guard.detect import signatures
from cc_guard.headless.verdict import Tries, is_good, is_lost

# As 1.0.120, 2.0.60, 2.1.132 and 2.1.330 print them with -p (measured).
LOST = (
    "API Error: Connection error.",
    "API Error: Request timed out.",
    "API Error: Unable to connect to API (ECONNRESET)",
    "API Error: The socket connection was closed unexpectedly. For more information, pass `verbose: true` in"
    " the second argument to fetch()",
    "API Error: Connection dropped (ECONNRESET). Check the gateway set in ANTHROPIC_BASE_URL, then try again"
    ".",
    "API Error: Connection refused — a firewall or proxy may be blocking it (ECONNREFUSED)",
    "API Error: Can't reach the API server — check your internet or DNS (ENOTFOUND)",
    "API Error: Connection lost mid-response. The response above may be incomplete.",
    "API Error: 503 no healthy upstream",
    "API Error: 502 <html>\r\n<head><title>502 Bad Gateway</title></head>",
)
ANSWERED = (
    'API Error: 401 {"type":"error","error":{"type":"authentication_error","message":"OAuth token has '
    'expired."}} · Please run /login',
    "Failed to authenticate. API Error: 401 OAuth token has expired.",
    'API Error: 529 {"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}',
    "API Error: Request rejected (429) · This request would exceed your account's rate limit.",
    "API Error: 400 messages: at least one message is required",
    'API Error: 500 {"type":"error","error":{"type":"api_error","message":"Internal server error"}}',
    "API Error: Unable to connect to API: Self-signed certificate detected (DEPTH_ZERO_SELF_SIGNED_CERT).",
    "Prompt is too long",
    "Error: Reached max turns (1)",
    "The command is done.",
)


@pytest.mark.parametrize("text", LOST)
def test_lost(text: str) -> None:
    assert is_lost(signatures.shipped().read(text))


@pytest.mark.parametrize("text", ANSWERED)
def test_answered(text: str) -> None:
    assert not is_lost(signatures.shipped().read(text))


@pytest.mark.parametrize(
    ("text", "reachable", "status", "good"),
    [
        (LOST[0], True, 404, True),
        (LOST[0], True, 503, True),
        (LOST[0], False, None, False),
        (LOST[8], True, 404, True),
        (LOST[8], True, 503, False),
        (LOST[8], True, 502, False),
        (LOST[8], False, None, False),
    ],
)
def test_a_path_worth_another_run(text: str, reachable: bool, status: int | None, good: bool) -> None:
    assert is_good(signatures.shipped().read(text), reachable, status) is good


def count(tries: Tries, waited: bool, progressed: bool = False) -> int:
    """How many more runs there may be, all of which fail the same way; 10 stands for no end."""
    for number in range(10):
        if not tries.another(progressed) or not tries.start(waited):
            return number
    return 10


def test_three_runs_in_vain() -> None:
    assert count(Tries(), waited=True) == 3


def test_a_good_path_gets_one_more() -> None:
    assert count(Tries(), waited=False) == 1


def test_progress_starts_anew() -> None:
    assert count(Tries(), waited=True, progressed=True) == 10
    tries = Tries()
    assert count(tries, waited=True) == 3
    assert tries.another(progressed=True)
    assert count(tries, waited=False) == 1
