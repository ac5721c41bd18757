"""The client's sentences and what they mean; and what only looks like them."""

import re
import tomllib
from pathlib import Path

import pytest

from cc_guard.detect import signatures
from cc_guard.detect.retries import RetryDetector
from cc_guard.detect.signatures import shipped
from cc_guard.incident.record import Kind, Symptom
from cc_guard.screen.model import Screen

FILE = Path(signatures.__file__).with_name("signatures.toml")
DATA = tomllib.loads(FILE.read_text())

# Measured here with faults made on purpose, and taken from code.claude.com/docs (errors).
MEANINGS: list[tuple[str, Kind | None, str | None]] = [
    ("API Error: Unable to connect to API (ConnectionRefused)", "connection", "ConnectionRefused"),
    ("API Error: Unable to connect to API (FailedToOpenSocket)", "connection", "FailedToOpenSocket"),
    ("API Error: Unable to connect to API (ECONNRESET)", "connection", "ECONNRESET"),
    ("API Error: Unable to connect to API (EADDRNOTAVAIL)", "connection", "EADDRNOTAVAIL"),
    (
        "API Error: Unable to connect to API (UNKNOWN_CERTIFICATE_VERIFICATION_ERROR)",
        "tls",
        "UNKNOWN_CERTIFICATE_VERIFICATION_ERROR",
    ),
    ("API Error: Unable to connect to API (EPROTO)", "tls", "EPROTO"),
    ("API Error: 407 status code (no body)", "proxy", "407"),
    (
        "API Error: API returned an empty or malformed response (HTTP 200) — check for a proxy or gateway"
        " intercepting the request",
        "proxy",
        None,
    ),
    (
        "API Error: 503 no healthy upstream. This is a server-side issue, usually temporary — try again in a"
        " moment. If it persists, check your inference gateway (127.0.0.1:9010).",
        "server_error",
        "503",
    ),
    (
        "API Error: Can't reach the API server — check your internet or DNS (EAI_AGAIN)",
        "connection",
        "EAI_AGAIN",
    ),
    (
        "API Error: No internet route — check your connection or VPN (ENETUNREACH)",
        "connection",
        "ENETUNREACH",
    ),
    (
        "API Error: Connection refused — a firewall or proxy may be blocking it (ECONNREFUSED)",
        "connection",
        "ECONNREFUSED",
    ),
    (
        "API Error: Connection dropped (ECONNRESET). Check the gateway set in ANTHROPIC_BASE_URL, then try"
        " again.",
        "connection",
        "ECONNRESET",
    ),
    (
        "API Error: Couldn't connect through your proxy (ERR_PROXY_TUNNEL) — the proxy refused the tunnel:"
        " check its credentials and that it allows this host",
        "proxy",
        "ERR_PROXY_TUNNEL",
    ),
    ("Connection error.", "connection", None),
    ("Unable to connect to API due to poor internet connection", "connection", None),
    ("TypeError (fetch failed)", "connection", None),
    ("Connection lost while your computer was asleep", "connection", None),
    ("Failed to connect to api.anthropic.com: ECONNREFUSED", "connection", "ECONNREFUSED"),
    ("Socket is closed", "connection", None),
    ("API Error: Connection lost mid-response. The response above may be incomplete.", "connection", None),
    ("Connection closed mid-response", "connection", None),
    ("Connection to api.anthropic.com timed out after 10 seconds", "timeout", None),
    ("Request timed out. Check your internet connection and proxy settings", "timeout", None),
    ("API Error: No response from API (waited 3m, then 10m on the retry).", "timeout", None),
    ("Unable to connect to API: Self-signed certificate detected", "tls", None),
    (
        "SSL certificate error (UNABLE_TO_GET_ISSUER_CERT_LOCALLY). If you are behind a corporate proxy",
        "tls",
        "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
    ),
    ("API Error: Response stalled mid-stream. The response above may be incomplete.", "stall", None),
    ("API Error: Stream idle timeout - partial response received", "stall", None),
    (
        "API Error: The response stopped arriving. The response above may be incomplete.",
        "stall",
        None,
    ),
    ("API Error: Part of the response never arrived.", "stall", None),
    ("API Error: Your computer went to sleep mid-response.", "stall", None),
    ("API Error: Server error mid-response. The response above may be incomplete.", "server_error", None),
    ("API Error: 500 Internal server error. This is a server-side issue", "server_error", "500"),
    ("API Error: Repeated 529 Overloaded errors. The API is at capacity", "overloaded", "529"),
    (
        'API Error: 529 {"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}',
        "overloaded",
        "529",
    ),
    ("Opus is experiencing high load, please use /model to switch to Sonnet", "overloaded", None),
    ("API Error: Request rejected (429) · this may be a temporary capacity issue.", "rate_limit", "429"),
    (
        "API Error: Server is temporarily limiting requests (not your usage limit)",
        "rate_limit",
        None,
    ),
    ("You've hit your session limit · resets 3:45pm", "usage_limit", None),
    ("spend limit reached (daily; resets 2026-08-09 00:00 UTC)", "usage_limit", None),
    ("Claude AI usage limit reached|1760000000", "usage_limit", None),
    ("Credit balance is too low", "usage_limit", None),
    ("Please run /login · API Error: 401 Invalid authentication credentials", "auth", "401"),
    ("Invalid API key · Fix external API key", "auth", None),
    ("Failed to authenticate: OAuth session expired and could not be refreshed", "auth", None),
    ("Your apiKeyHelper script is failing · This usually means you need to re-authenticate", "auth", None),
    ("API Error: 403 Request not allowed", "auth", "403"),
    ("API Error: 400 messages: at least one message is required", "bad_request", "400"),
    ("Request too large (max 32MB).", "too_large", None),
    ("Prompt is too long", "too_large", None),
    # Nothing that an API said
    ("Agent terminated early due to an API error: <error detail>", None, None),
    ("", None, None),
    ("The tests pass.", None, None),
]


@pytest.mark.parametrize(("text", "kind", "code"), MEANINGS, ids=[text[:40] for text, _, _ in MEANINGS])
def test_what_a_sentence_means(text: str, kind: Kind | None, code: str | None) -> None:
    reading = shipped().read(text)
    assert (reading.kind, reading.code) == (kind, code)
    assert reading.http_status == (int(code) if code and code.isdigit() else None)


@pytest.mark.parametrize(
    "text",
    ["Connection refused 127.0.0.1:443", "port 443", "http://host/500", "1.500.2", "4290", "v5.001", "443"],
)
def test_numbers_that_are_no_status(text: str) -> None:
    assert shipped().read(text).http_status is None


def test_a_status_may_end_a_sentence() -> None:
    assert shipped().read("The gateway answered 503.").http_status == 503


# The file


def test_every_entry_says_where_it_is_from() -> None:
    lists = (DATA[section] for section in ("retry", "waiting", "failure", "meaning"))
    entries = [entry for section in lists for entry in section]
    for entry in (*entries, *DATA["status"].values(), *DATA["codes"].values()):
        assert entry["source"], entry
        assert entry["versions"], entry


def test_ids_are_unique_and_patterns_compile() -> None:
    entries = DATA["retry"] + DATA["meaning"]
    assert len({entry["id"] for entry in entries}) == len(entries)
    for entry in entries:
        re.compile(entry["pattern"])
    for entry in DATA["retry"]:
        groups = re.compile(entry["pattern"]).groupindex
        assert {"label", "attempt", "limit", "wait"} <= set(groups), entry["id"]
        assert entry["where"] in ("spinner", "notice")


def test_every_kind_is_one_of_the_vocabulary() -> None:
    from typing import get_args

    kinds = {entry["kind"] for entry in DATA["meaning"]}
    kinds |= {entry["kind"] for section in ("status", "codes") for entry in DATA[section].values()}
    assert kinds == set(get_args(Kind))


@pytest.mark.timeout(20)
def test_no_pattern_takes_long() -> None:
    """They run on every frame, over text that anybody may have written."""
    texts = [
        piece * 4000 for piece in ("a", " ", "limit reached ", "Retrying in ", "1", "(", "connection to ")
    ]
    for text in texts:
        shipped().read(text)
        for pattern in shipped().retries:
            pattern.pattern.search(text)


# Retry rows


@pytest.mark.parametrize(
    ("text", "groups"),
    [
        ("API error · retrying in 1s · attempt 1/10", ("API error", "1", "10", "1")),
        ("Connection dropped (ECONNRESET) · retrying in 19s · attempt 6/10", (None, "6", "10", "19")),
        ("Connection dropped (ECONNRESET) · retrying… · attempt 6/10", (None, "6", "10", None)),
        ("API error · Retrying in 35s · attempt 9/15", (None, "9", "15", "35")),
        ("API Error (Connection error.) · Retrying in 4 seconds… (attempt 4/10)", (None, "4", "10", "4")),
        ("API Error (Connection error.) · Retrying in 1 second… (attempt 2/10)", (None, "2", "10", "1")),
        (
            "Unable to connect to API due to poor internet connection Retrying in 0 seconds… (attempt 5/10)",
            (None, "5", "10", "0"),
        ),
    ],
)
def test_retry_rows_of_all_eras(text: str, groups: tuple[str | None, ...]) -> None:
    match = next(m for pattern in shipped().retries if (m := pattern.pattern.search(text)))
    label, attempt, limit, wait = groups
    assert label in (None, match["label"])
    assert (match["attempt"], match["limit"], match["wait"]) == (attempt, limit, wait)


@pytest.mark.parametrize(
    "text",
    [
        "Waiting for API response · will retry in 2m 31s · check your network",
        "No response from API · Retrying in 5s",
        "Thinking… (3s · ↑ 112 tokens · esc to interrupt)",
        "Retrying in Ns · attempt x/y",
    ],
)
def test_rows_that_are_no_retry(text: str) -> None:
    assert not any(pattern.pattern.search(text) for pattern in shipped().retries)


# Negatives: what a screen may show while nothing is wrong with the API

_OLD = "API Error (Connection error.) · Retrying in 4 seconds… (attempt 4/10)"
_NEW = "✻ API error · retrying in 9s · attempt 5/10"
NEGATIVES = {
    "prose that begins with a banner": "⏺ API Error: 503 no healthy upstream is Envoy's text, so\n"
    "  the failure is on the server side and no local fix can help. Let me update docs/errors.md.",
    "thinking": '✻ Thinking…\n\n  The user pastes "TypeError (fetch failed)" and "attempt 4/10". That is\n'
    "  the pre-2.0 format.",
    "the user's prompt": f"> why do I keep getting {_OLD} at work?",
    "the user's prompt, new": f"❯ why do I keep getting {_NEW[2:]} at work?",
    "grep of an old log": '⏺ Bash(grep -rn "attempt" fixtures/ | head -3)\n'
    f"  ⎿  fixtures/old.txt:1:  ⎿  {_OLD}\n     fixtures/old.txt:2:    ⎿  TypeError (fetch failed)\n"
    f"     fixtures/old.txt:3:  ⎿  {_OLD}",
    "cat of a screen": f"⏺ Bash(cat screen.txt)\n  ⎿  {_NEW}\n     {_NEW}",
    "the user's proxy log": "⏺ Bash(kubectl logs deploy/gateway --tail=3)\n"
    '  ⎿  [2026-10-02T09:14:11Z] "POST /v1/orders HTTP/1.1" 503 UH no_healthy_upstream\n'
    "     upstream connect error or disconnect/reset before headers. reset reason: connection timeout",
    "the user's server": "⏺ Bash(curl -si https://staging.example.com/health)\n  ⎿  HTTP/2 529\n"
    '     {"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}',
    "a page behind a proxy": "⏺ Fetch(https://docs.example.com/api)\n"
    "  ⎿  502 Anthropic upstream unreachable: read ECONNRESET",
    "a diff of a detector": "⏺ Update(src/classify.ts)\n  ⎿  Updated src/classify.ts with 2 additions\n"
    f"       41 +   if (/^{_NEW}$/.test(line))\n       42 +     return",
    "commit subjects": "⏺ Bash(git log --oneline -2)\n  ⎿  71aa0d1 feat: resume after ENOTFOUND\n"
    "     c0ffee1 docs: Please run /login",
    "release notes": "❯ /release-notes\n  ⎿  Version 2.1.199:\n"
    "     - Transient server rate-limit errors (429s) are now retried automatically",
    "an MCP server": "⏺ mcp__db__query (MCP)\n  ⎿  Error: Streamable HTTP error: fetch failed",
    "a resumed past": "⏺ API Error: Connection lost mid-response. The response above may be incomplete.\n\n"
    "> continue\n\n⏺ Done. All 14 tests pass now.",
    "auto mode": "  ⎿  claude-opus-4-8 is temporarily unavailable (overloaded), so auto mode cannot\n"
    "     determine the safety of Bash right now. Wait a moment and then try this action again.",
    "a translation": "⏺ 「Unable to connect to API due to poor internet connection」表示网络不稳定",
    "a quiz": "⏺ Question 3: which errno does connect(2) set when no ephemeral port is left?\n"
    "    a) ECONNREFUSED   b) EADDRNOTAVAIL   c) ETIMEDOUT   d) EAI_AGAIN",
}
_RULE = "─" * 100
_GREY, _ORANGE, _RED, _PLAIN = "\x1b[38;2;153;153;153m", "\x1b[38;2;215;119;87m", "\x1b[31m", "\x1b[m"


def watch(*pictures: str) -> list[Symptom]:
    """What the detector finds when each picture stands for two seconds."""
    screen = Screen(100, 30)
    detector = RetryDetector(shipped())
    found = []
    for number, picture in enumerate(pictures):
        screen.feed(f"\x1b[2J\x1b[H{picture}".replace("\n", "\r\n").encode())
        for tenth in range(20):
            found.append(detector.frame(screen, 1000 + number * 2 + tenth / 10, settled=tenth > 0))
    return [symptom for symptom in found if symptom is not None]


def above_a_box(text: str, spinner: str) -> str:
    rows = [text, ""]
    if spinner:
        rows += [f"{_ORANGE}{spinner[0]}{_PLAIN}{spinner[1:]}", ""]
    return "\n".join([*rows, _RULE, "❯\xa0", _RULE, "  ? for shortcuts"])


@pytest.mark.parametrize("spinner", ["", "✻ Pondering… (3s · ↑ 112 tokens · esc to interrupt)"])
@pytest.mark.parametrize("colour", ["", _GREY], ids=["plain", "grey"])
@pytest.mark.parametrize("name", NEGATIVES)
def test_a_healthy_screen(name: str, colour: str, spinner: str) -> None:
    lines = (colour + NEGATIVES[name]).replace("\n", f"\n{colour}")
    assert watch(above_a_box(lines + _PLAIN, spinner)) == []


@pytest.mark.parametrize("row", [_OLD, "Unable to connect to API Retrying in 4 seconds… (attempt 4/10)"])
def test_numbers_that_move_in_the_output_of_a_tool(row: str) -> None:
    """Another client at work inside a Bash call, or a log that is followed: grey or plain, which a real row
    is not. A tool's own colours show when it has finished (measured)."""
    for colour in (_GREY, "", _RED):
        pictures = [
            above_a_box(
                f"● Bash(tail -f claude.log)\n  ⎿ {colour} {row.replace('4', str(n))}{_PLAIN}",
                "✻ Running… (3s)",
            )
            for n in (4, 5, 6)
        ]
        assert watch(*pictures) == []


def test_a_real_row_below_the_output_of_a_tool() -> None:
    """As 1.0.120 and 2.0.60 draw it when the request after a tool call fails (measured)."""
    tool = "● Bash(echo one)\n  ⎿  one\n     two\n"
    pictures = [
        above_a_box(
            f"{tool}  ⎿  {_RED}{_OLD.replace('4', str(n))}{_PLAIN}", "✻ Unfurling… (esc to interrupt)"
        )
        for n in (4, 5)
    ]
    assert [(symptom.phase, symptom.attempt) for symptom in watch(*pictures)] == [("retrying", 5)]


def test_without_any_colours_a_row_has_to_move() -> None:
    """NO_COLOR: the spinner has none either."""
    spinner = "\n\n✻ Working…\n\n" + "\n".join([_RULE, ">\xa0", _RULE])
    pictures = [f"> say x\n  ⎿  {_OLD.replace('4', str(n))}{spinner}" for n in (4, 5)]
    assert watch(pictures[0]) == []
    assert [symptom.attempt for symptom in watch(*pictures)] == [5]


@pytest.mark.parametrize(
    "text",
    [f"> say x\n{_NEW}\n", f"> say x\n  ⎿  {_OLD}\n    ⎿  TypeError (fetch failed)\n\n✻ Working…\n"],
    ids=["spinner", "notice"],
)
def test_a_row_that_neither_moves_nor_has_a_colour(text: str) -> None:
    assert watch("\n".join([text, _RULE, "❯\xa0", _RULE])) == []


def test_a_row_that_moves_at_the_spinner_is_live_in_any_colour() -> None:
    pictures = [above_a_box("❯ say x", f"✻ API error · retrying in {n}s · attempt 5/10") for n in (9, 8)]
    assert [symptom.phase for symptom in watch(*pictures)][:1] == ["retrying"]


@pytest.mark.parametrize("draft", [_OLD, _NEW, f"line\n  {_NEW}"])
def test_the_users_draft(draft: str) -> None:
    rows = ["● hello", "", _RULE, f"❯\xa0{draft}", _RULE, "  ? for shortcuts"]
    assert watch("\n".join(rows)) == []
