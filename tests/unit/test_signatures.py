"""The client's sentences and what they mean; and what only looks like them."""

import re
import time
import tomllib
from pathlib import Path

import pytest

from cc_guard.detect import signatures
from cc_guard.detect.detector import Detector
from cc_guard.detect.signatures import SignatureError, Signatures, load, shipped
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


ADVERSARIAL = [
    "a", " ", "(", "1", "E", "·", "{\"", "API Error (", "API Error: ", "limit reached ", "hit your ", "(a)",
    "connection to ", "Retrying in ", " · retrying in 1s ", "attempt 1/", "model ", "tool_use",
    "exceeds max ", "A_", "Ab", "req_", "request id ", "HTTP 50", "code: ", "not a x ",
    "is temporarily unavailable ", "\n",
]  # fmt: skip


@pytest.mark.parametrize("piece", ADVERSARIAL)
def test_no_pattern_takes_long(piece: str) -> None:
    """100 kB, which is a hundred times a screen; they run over text that anybody may have written. One that
    goes back and forth would take minutes."""
    s = shipped()
    patterns = {entry.id: entry.pattern for entry in (*s.retries, *s.waits)}
    patterns |= {entry.id: entry.pattern for entry in (*s.failures, *s.fragments, *s.interrupts, *s.busy)}
    patterns |= {entry.id: entry.pattern for entry in s.meanings}
    patterns |= {
        name: getattr(signatures, name) for name in ("_STATUS", "_CODE", "_CUT", "_WORD", "_REQUEST_ID")
    }
    text = (piece * (100_000 // len(piece) + 1))[:100_000]
    slow = {}
    for id_, pattern in patterns.items():
        spent = _cpu_seconds(pattern, text)
        if spent > 0.5:  # or the machine was busy
            spent = min(_cpu_seconds(pattern, text) for _ in range(5))
        if spent > 0.5:
            slow[id_] = spent
    assert slow == {}


def _cpu_seconds(pattern: "re.Pattern[str]", text: str) -> float:
    start = time.process_time()
    pattern.search(text)
    return time.process_time() - start


# Statuses, codes and ids


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("API Error: 502 <html>\n<head><title>502 Bad Gateway</title></head>", 502),
        ('API Error (529 {"type":"error"', 529),
        ("API Error: Request rejected (429) · try later", 429),
        ("API Error: Repeated 529 Overloaded errors", 529),
        ("Please run /login · API Error: 401 OAuth token has expired", 401),
        ("OAuth error: Request failed with status code 403", 403),
        ("The server answered with HTTP 504", 504),
        ("Error in src/a.ts:502 at 12:500", None),
        ("took 500 ms, then 429 s, 503 lines", None),
        ("at line 502, port 503, 2026-05-29, 529%", None),
        ("messages.411.content.2.tool_use", None),
        ("200000 + 512 > 500000", None),
        ("http://127.0.0.1:500/", None),
        ("(HTTP 200)", None),
    ],
)
def test_statuses(text: str, status: int | None) -> None:
    assert shipped().read(text).http_status == status


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ('API Error: 400 {"message":"prompt is too long: 213462 tokens > 200000 maximum"}', "too_large"),
        ('API Error: 400 {"message":"Your credit balance is too low"}', "usage_limit"),
        ('API Error: 429 {"message":"monthly usage limit"}', "usage_limit"),
        ("API Error: 503 upstream connect error … delayed connect error: Connection refused", "server_error"),
        ("API Error: 400 the connection reset test is malformed", "bad_request"),
        ("API Error: 404 nobody is home", "bad_request"),
        ("API Error: 418 teapot", "bad_request"),
        ("API Error: 407 proxy", "proxy"),
        ("API Error: 408", "timeout"),
        ("API Error: 413 too much", "too_large"),
        ("API Error: 520 web server", "server_error"),
    ],
)
def test_a_status_and_a_sentence(text: str, kind: Kind) -> None:
    assert shipped().read(text).kind == kind


def test_a_region_comes_first_among_the_causes_of_its_403() -> None:
    reading = shipped().read('API Error: 403 {"error":{"message":"Request not allowed"}}')
    assert (reading.kind, reading.causes[0]) == ("auth", "region.refused")


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("Connection dropped (ECONNRES…", "ECONNRESET"),
        ("Connection dropped (ECONNR…", None),
        ("Unable to connect (ENETU...", "ENETUNREACH"),
        ("Failed to connect to api.anthropic.com: ECONNREFUSED", "ECONNREFUSED"),
        ("Something (NEW_CODE_OF_TOMORROW)", "NEW_CODE_OF_TOMORROW"),
    ],
)
def test_codes(text: str, code: str | None) -> None:
    assert shipped().read(text).code == code


@pytest.mark.parametrize(
    ("text", "request_id"),
    [
        ('{"request_id":"req_011CTHk1mwGUHsoh8MJuB6fJ"}', "req_011CTHk1mwGUHsoh8MJuB6fJ"),
        ("API Error: 500 x (request id: req_011CTHk1mwGUHsoh)", "req_011CTHk1mwGUHsoh"),
        ("API Error: 500 x (request id: 20250723215634abcd)", "20250723215634abcd"),
        ("Request ID: 7f3c9a10-aaaa-bbbb", "7f3c9a10-aaaa-bbbb"),
        ("cf-ray: 8f2b1c0d9e8f7a6b-FRA", "8f2b1c0d9e8f7a6b-FRA"),
        ('{"request_id":null}', None),
        ("no request id here", None),
    ],
)
def test_request_ids(text: str, request_id: str | None) -> None:
    assert shipped().read(text).request_id == request_id


# The user's file


def with_own(tmp_path: Path, text: str) -> Signatures:
    path = tmp_path / "signatures.toml"
    path.write_text(text)
    return load(str(path))


MINE = """
[[meaning]]
id = "{id}"
pattern = 'tenant sleeping'
kind = "proxy"
causes = ["base_url.dead"]
says = "It sleeps."
"""


def test_without_a_file_of_ones_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert load() is shipped()


def test_a_new_entry_comes_first(tmp_path: Path) -> None:
    own = with_own(tmp_path, MINE.format(id="mine"))
    assert (own.meanings[0].id, own.own) == ("mine", frozenset({"mine"}))
    assert own.read("Connection error: tenant sleeping").signature == "mine"
    assert own.meanings[1:] == shipped().meanings


def test_an_entry_of_the_same_id_replaces(tmp_path: Path) -> None:
    own = with_own(tmp_path, MINE.format(id="connection"))
    assert [m.id for m in own.meanings] == [m.id for m in shipped().meanings]
    assert own.read("Connection error.").kind is None
    assert own.read("tenant sleeping").kind == "proxy"


def test_an_entry_can_be_switched_off(tmp_path: Path) -> None:
    own = with_own(tmp_path, '[[failure]]\nid = "failure.offline"\ndisabled = true\n')
    assert {f.id for f in shipped().failures} - {f.id for f in own.failures} == {"failure.offline"}


def test_codes_and_statuses_of_ones_own(tmp_path: Path) -> None:
    own = with_own(
        tmp_path,
        '[codes.mine]\nnames = ["ENAP", "ECONNRESET"]\nkind = "stall"\ncauses = ["vpn.path"]\nsays = "x"\n'
        '[status.mine]\nis = ["599"]\nkind = "proxy"\ncauses = ["proxy.dead"]\nsays = "x"\n',
    )
    assert [own.read(text).kind for text in ("(ENAP)", "(ECONNRESET)", "HTTP 599")] == [
        "stall",
        "stall",
        "proxy",
    ]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[[meaning]\n", "is not valid TOML"),
        ("[[meanings]]\nid = 'x'\n", "unknown section 'meanings'; did you mean 'meaning'?"),
        ("[meaning]\nid = 'x'\n", "write [[meaning]], with two brackets"),
        ("[codes]\nECONNRESET = 'proxy'\n", "write [codes.NAME]"),
        ("[[failure]]\npattern = '^x'\n", "[[failure]] number 1 has no id"),
        ("[[failure]]\nid = 'x'\n", "'x': has no 'pattern'"),
        ("[[failure]]\nid = 'x'\npatern = '^x'\n", "unknown key 'patern'; did you mean 'pattern'?"),
        ("[[failure]]\nid = 'x'\npattern = '^(x'\n", "is not a regular expression"),
        ("[[failure]]\nid = 'x'\npattern = 'x'\n", "must begin with ^"),
        ("[[failure]]\nid = 'x'\npattern = '^x*'\n", "found in an empty text"),
        ("[[failure]]\nid = 'x'\npattern = '^x'\nphase = 'retry'\n", "did you mean 'retrying'?"),
        ("[[failure]]\nid = 'x'\npattern = '^x'\n" * 2, "is there twice"),
        ("[[retry]]\nid = 'x'\nwhere = 'spinner'\npattern = '^x'\n", "has no group (?P<label>…)"),
        (
            "[[waiting]]\nid = 'x'\nwhere = 'spiner'\npattern = 'x'\n",
            "unknown where 'spiner'; did you mean 'spinner'?",
        ),
        (MINE.format(id="x").replace("proxy", "proxi"), "unknown kind 'proxi'; did you mean 'proxy'?"),
        (MINE.format(id="x").replace("base_url.dead", "base_url.ded"), "did you mean 'base_url.dead'?"),
        (MINE.format(id="x") + "over = [200]\n", "'over' must be a list of HTTP statuses"),
        (MINE.format(id="x") + "general = 1\n", "'general' must be true or false"),
    ],
)
def test_mistakes(tmp_path: Path, text: str, complaint: str) -> None:
    with pytest.raises(SignatureError) as caught:
        with_own(tmp_path, text)
    assert str(tmp_path / "signatures.toml") in str(caught.value)
    assert complaint in str(caught.value)


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
    detector = Detector(shipped())
    found: list[Symptom] = []
    for number, picture in enumerate(pictures):
        screen.feed(f"\x1b[2J\x1b[H{picture}".replace("\n", "\r\n").encode())
        for tenth in range(20):
            found += detector.frame(screen, 1000 + number * 2 + tenth / 10, settled=tenth > 0)
    return found


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
    found = watch(*pictures)
    assert {symptom.phase for symptom in found} == {"retrying"}
    assert found[-1].attempt == 5


def test_without_any_colours_a_row_has_to_move() -> None:
    """NO_COLOR: the spinner has none either."""
    spinner = "\n\n✻ Working…\n\n" + "\n".join([_RULE, ">\xa0", _RULE])
    pictures = [f"> say x\n  ⎿  {_OLD.replace('4', str(n))}{spinner}" for n in (4, 5)]
    assert watch(pictures[0]) == []
    assert [symptom.attempt for symptom in watch(*pictures)] == [5]


def test_a_notice_that_neither_moves_nor_has_a_colour() -> None:
    text = f"> say x\n  ⎿  {_OLD}\n    ⎿  TypeError (fetch failed)\n\n✻ Working…\n"
    assert watch("\n".join([text, _RULE, "❯\xa0", _RULE])) == []


def test_a_row_that_moves_at_the_spinner_is_live_in_any_colour() -> None:
    pictures = [above_a_box("❯ say x", f"✻ API error · retrying in {n}s · attempt 5/10") for n in (9, 8)]
    assert [symptom.phase for symptom in watch(*pictures)][:1] == ["retrying"]


@pytest.mark.parametrize("draft", [_OLD, _NEW, f"line\n  {_NEW}"])
def test_the_users_draft(draft: str) -> None:
    rows = ["● hello", "", _RULE, f"❯\xa0{draft}", _RULE, "  ? for shortcuts"]
    assert watch("\n".join(rows)) == []
