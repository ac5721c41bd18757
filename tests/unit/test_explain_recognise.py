"""What `cc-guard explain` recognises: every wording that is known, however it was pasted, and nothing else.

tests/data/corpus: `official` (code.claude.com/docs, errors), `measured` (recorded with faults made on
purpose), `reported` (what people pasted into public issues: the error alone, with what surrounded it on the
screen) and `negatives` (screens that only look like an error).
"""

import json
import random
import re
import sysconfig
import time
from pathlib import Path
from typing import Any

import pytest

from cc_guard.detect.signatures import shipped
from cc_guard.explain import paste
from cc_guard.explain.recognise import Found, recognise

CORPUS = Path(__file__).parents[1] / "data" / "corpus"
ROOT = Path(__file__).parents[2]


def corpus(name: str) -> list[dict[str, Any]]:
    with (CORPUS / f"{name}.jsonl").open(encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def found(text: str) -> Found | None:
    return recognise(text, shipped())


def kind(text: str) -> str | None:
    result = found(text)
    return result.reading.kind if result else None


POSITIVES = corpus("official") + corpus("measured") + corpus("reported")


@pytest.mark.parametrize("row", POSITIVES, ids=[row["id"] for row in POSITIVES])
def test_every_known_wording(row: dict[str, Any]) -> None:
    result = found(row["text"])
    assert result is not None
    assert (result.reading.kind, result.phase) == (row["kind"], row["phase"])
    if "code" in row:
        assert (result.reading.code, result.attempt) == (row["code"], row["attempt"])


# Negatives, row by row. Recognised ones hold a whole sentence of the client where it writes them; that the
# screen was healthy all the same is not in the text, and who pastes it asks what it means.
RECOGNISED = {
    "neg-003": "server_error",  # the model's words, but word for word the client's from the bullet on
    "neg-047": "connection",  # an old error that a resumed session shows again
    "neg-049": "stall",  # the client's own row; its phase says that nothing has failed
    "neg-050": "overloaded",  # the client's own sentence, from the documentation
    "neg-060": "connection",  # the log-in fails for real
}
NEGATIVES = corpus("negatives")


@pytest.mark.parametrize("row", NEGATIVES, ids=[row["id"] for row in NEGATIVES])
def test_what_only_looks_like_an_error(row: dict[str, Any]) -> None:
    assert kind(row["text"]) == RECOGNISED.get(row["id"])


def test_a_request_that_is_only_slow_has_not_failed() -> None:
    result = found("✻ Waiting for API response · will retry in 2m 31s · check your network")
    assert result is not None
    assert (result.phase, result.retry_in_s) == ("waiting", 151)


# The form of a paste


@pytest.mark.parametrize(
    "decorate",
    [
        lambda t: f"\x1b[31m  ⎿  {t}\x1b[0m",
        lambda t: f"\x1b[38;2;255;107;128m● \x1b]8;;https://x.example/\x07{t}\x1b]8;;\x07\x1b[39m\r\n",
        lambda t: t.replace(" ", "\x1b[1C"),
        lambda t: t[:7] + "\x1b[1m" + t[7:12] + "\x1b[22;39m" + t[12:],  # a colour that begins inside a word
        lambda t: t.replace(" ", "\N{NO-BREAK SPACE}"),
        lambda t: f"╭──────╮\n│ {t}   │\n╰──────╯",
        lambda t: f"┃ ● {t} ┃",
        lambda t: f"$ claude -p hi\r\n{t}\r\n$ ",
        lambda t: f"> do it\n\n⏺ Reading files…\n  ⎿  Read 12 lines\n\n● {t}\n\n❯ ",
        lambda t: f"> ⎿  {t}",
        lambda t: f"`{t}`",
        lambda t: f'"{t}"',
        lambda t: f"**{t}**",
        lambda t: f"[BUG] {t}",
        lambda t: f"- {t}",
        lambda t: f"claude: {t}",
        lambda t: f"\ufeff{t}\x00",
    ],
)
@pytest.mark.parametrize(
    "text",
    [
        "API Error: Unable to connect to API (ECONNRESET)",
        "API Error: 503 no healthy upstream. This is a server-side issue, usually temporary",
        "Please run /login · API Error: 401 OAuth token has expired.",
        "You've hit your session limit · resets 3:45pm",
    ],
)
def test_whatever_it_went_through(decorate: Any, text: str) -> None:
    assert kind(decorate(text)) == kind(text) is not None


ONE_LINE = [
    row
    for row in POSITIVES
    if "\n" not in row["text"] and row["text"][0] not in '[{"`' and len(row["text"]) > 30
]


@pytest.mark.parametrize(("lead", "indent"), [("", ""), ("  ⎿  ", "     "), ("● ", "  ")])
@pytest.mark.parametrize("width", [24, 37, 41, 60, 79, 80, 100, 119])
def test_lines_that_are_wrapped_anywhere(width: int, lead: str, indent: str) -> None:
    """Also inside words, with the blanks at the breaks lost."""
    wrong = []
    for row in ONE_LINE:
        result = found(row["text"])
        assert result is not None
        if width >= len(row["text"]) or (lead and result.form.startswith("fragment")) or "⎿" in row["text"]:
            continue
        columns = width - len(indent)
        pieces = [row["text"][at : at + columns].strip() for at in range(0, len(row["text"]), columns)]
        again = found(lead + f"\n{indent}".join(pieces))
        if again is None or (again.reading.kind, again.phase, again.attempt) != (
            result.reading.kind,
            result.phase,
            result.attempt,
        ):
            wrong.append((row["id"], again))
    # A page of HTML in JSON, cut at 24 columns, is beyond telling.
    assert [id_ for id_, _ in wrong if id_ not in ("ccr#560", "relay#1088")] == []


def test_words_that_belong_together_are_joined() -> None:
    result = found(
        "  ⎿  Unable to connect to API due to poor internet connectio\nn\n\n"
        "     Retrying in 17 seconds… (attempt 6/10)"
    )
    assert result is not None
    assert result.text.startswith("Unable to connect to API due to poor internet connection Retrying")
    assert (result.phase, result.attempt, result.max_attempts, result.retry_in_s) == ("retrying", 6, 10, 17)


def test_a_code_that_is_cut() -> None:
    result = found("✻ Connection dropped (ECO… · retrying in 3s · attempt 3/10")
    assert result is not None
    assert (result.reading.kind, result.reading.code) == ("connection", None)
    result = found("✻ Connection dropped (ECONNRES… · retrying in 3s · attempt 3/10")
    assert result is not None
    assert result.reading.code == "ECONNRESET"


def test_the_reason_below_a_retry_row() -> None:
    result = found(
        "  ⎿  API Error (Connection error.) · Retrying in 4 seconds… (attempt 4/10)\n"
        "    ⎿  Error (self signed certificate in certificate chain) (SELF_SIGNED_CERT_IN_CHAIN)"
    )
    assert result is not None
    assert (result.reading.kind, result.reading.code) == ("tls", "SELF_SIGNED_CERT_IN_CHAIN")


# Which of several


def test_the_last_one_counts() -> None:
    text = (
        "● API Error: 500 Internal server error.\n\n> again\n\n● API Error: Repeated 529 Overloaded errors."
    )
    assert kind(text) == "overloaded"


def test_a_bare_row_gives_way_to_the_named_one_just_before_it() -> None:
    named = "✻ Connection dropped (ECONNRESET) · retrying in 3s · attempt 3/10"
    bare = "✻ API error · retrying in 1s · attempt 1/10"
    result = found(f"{named}\n{bare}")
    assert result is not None
    assert (result.reading.code, result.attempt) == ("ECONNRESET", 3)
    result = found(f"{named}\n\n> something else\n\n{bare}")  # another turn
    assert result is not None
    assert (result.reading.code, result.attempt) == (None, 1)


def test_a_failure_takes_its_reason_from_the_retries_before_it() -> None:
    result = found(
        "  ⎿  API Error (Connection error.) · Retrying in 40 seconds… (attempt 10/10)\n"
        "    ⎿  Error (self signed certificate) (DEPTH_ZERO_SELF_SIGNED_CERT)\n"
        "  ⎿  API Error: Connection error."
    )
    assert result is not None
    assert (result.phase, result.reading.kind) == ("failed", "tls")


def test_what_the_user_stopped_is_no_failure() -> None:
    assert found("  ⎿  API Error: Request was aborted.") is None
    assert found("  ⎿  Interrupted · What should Claude do instead?") is None


# Pieces


@pytest.mark.parametrize(
    ("text", "kind_", "code"),
    [
        ("fetch failed", "connection", None),
        ("TypeError (fetch failed)", "connection", None),
        ("TypeError: fetch failed", "connection", None),
        ("ECONNRESET", "connection", "ECONNRESET"),
        ("(ECONNRESET)", "connection", "ECONNRESET"),
        ("read ECONNRESET", "connection", "ECONNRESET"),
        ("getaddrinfo ENOTFOUND api.anthropic.com", "connection", "ENOTFOUND"),
        ("Error: connect ETIMEDOUT 160.79.104.10:443", "timeout", "ETIMEDOUT"),
        ("code: 'UND_ERR_SOCKET'", "connection", "UND_ERR_SOCKET"),
        ("EADDRNOTAVAIL", "connection", "EADDRNOTAVAIL"),
        ("SELF_SIGNED_CERT_IN_CHAIN", "tls", "SELF_SIGNED_CERT_IN_CHAIN"),
        ("529", "overloaded", "529"),
        ("Error: 529", "overloaded", "529"),
        ("HTTP 502", "server_error", "502"),
        ("502 Bad Gateway", "server_error", "502"),
        ("503 no healthy upstream", "server_error", "503"),
        ("404 Not Found", "bad_request", "404"),
        ("overloaded_error", "overloaded", None),
        ("Prompt is too long", "too_large", None),
        ("Connection error.", "connection", None),
        ("unable to get local issuer certificate", "tls", None),
        ("API error", "connection", None),
    ],
)
def test_pieces(text: str, kind_: str, code: str | None) -> None:
    result = found(text)
    assert result is not None
    assert (result.reading.kind, result.reading.code) == (kind_, code)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hello",
        "443",
        "2024",
        "500 lines of code",
        "502 files changed",
        "404 ideas for a summer in the Alps",
        "at line 502",
        "it took 500 ms",
        "port 503 is open",
        "ECONNREFUSED happens when nobody listens",
        "Error: listen EADDRINUSE: address already in use :::3000",
        "the connection was refused",
        "Connection lost in the Andes: a travel story",
        "I think the API error rate is too high",
        "API Error: something that nobody knows",
        "Unable to connect the dots",
        "Overloaded functions in C++",
        "Request timed out after 3 s in my own program",
        "def test_connection_refused(): ...",
        'console.error("API Error: 500 Internal server error")',
        "The README says: API Error: 529 means overloaded",
        "Download failed · Retrying in 3s · attempt 1/3",
        "> why do I keep getting API Error (Connection error.) · Retrying in 4 seconds… (attempt 4/10)?",
        "src/retry.ts:12: API Error (Connection error.) · Retrying in 1 seconds… (attempt 1/10)",
    ],
)
def test_what_is_no_piece(text: str) -> None:
    assert found(text) is None


# What programs write


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (
            {"type": "system", "subtype": "api_retry", "attempt": 1, "max_retries": 3, "retry_delay_ms": 596,
             "error_status": 529, "error": "overloaded"},
            ("retrying", "overloaded", "529", 1, 3, 0.596),
        ),
        (
            {"type": "system", "subtype": "api_retry", "attempt": 2, "max_retries": 10,
             "retry_delay_ms": 1000, "error_status": None, "error": "unknown"},
            ("retrying", "connection", None, 2, 10, 1.0),
        ),
        (
            {"type": "system", "subtype": "api_error", "retryAttempt": 4, "maxRetries": 10,
             "retryInMs": 4123.5, "error": {"cause": {"code": "ECONNRESET"}}},
            ("retrying", "connection", "ECONNRESET", 4, 10, 4.1235),
        ),
        (
            {"type": "system", "subtype": "api_error", "retryAttempt": 1, "maxRetries": 10, "retryInMs": 500,
             "error": {"status": 503, "headers": {}, "requestID": None}},
            ("retrying", "server_error", "503", 1, 10, 0.5),
        ),
        (
            {"type": "assistant", "isApiErrorMessage": True, "error": "server_error",
             "message": {"model": "<synthetic>",
                         "content": [{"type": "text", "text": "API Error: Connection error."}]}},
            ("failed", "connection", None, None, None, None),
        ),
        (
            {"type": "result", "is_error": True, "result": "API Error: Connection dropped (ECONNRESET)"},
            ("failed", "connection", "ECONNRESET", None, None, None),
        ),
        (
            {"hook_event_name": "StopFailure", "error": "rate_limit", "last_assistant_message": None},
            ("failed", "rate_limit", None, None, None, None),
        ),
        (
            {"type": "error", "error": {"type": "overloaded_error", "message": "x"}, "request_id": None},
            ("failed", "overloaded", None, None, None, None),
        ),
    ],
)  # fmt: skip
@pytest.mark.parametrize("indent", [None, 2])
def test_rows_of_programs(row: dict[str, Any], expected: tuple[Any, ...], indent: int | None) -> None:
    result = found(json.dumps(row, indent=indent))
    assert result is not None
    assert (
        result.phase,
        result.reading.kind,
        result.reading.code,
        result.attempt,
        result.max_attempts,
        result.retry_in_s,
    ) == expected


def test_the_last_error_of_a_stream() -> None:
    rows = [
        {"type": "system", "subtype": "api_retry", "attempt": 1, "error_status": 503},
        {
            "type": "assistant",
            "message": {"content": [{"type": "text", "text": "API Error: 500 is a quote"}]},
        },
        {"type": "result", "is_error": True, "result": "API Error: 529 Overloaded."},
        {"type": "result", "is_error": False, "result": "all is well, API Error: 400"},
    ]
    assert kind("\n".join(map(json.dumps, rows))) == "overloaded"
    assert kind("$ claude -p x --output-format stream-json\n" + json.dumps(rows[2]) + "\n$ ") == "overloaded"
    assert kind(json.dumps(rows[1])) is None


def test_request_ids() -> None:
    body = '{"type":"error","error":{"type":"api_error","message":"x"},"request_id":"req_011CXmPDXt3akdhtqc"}'
    for text in (body, f"API Error: 500 {body}", "API Error: 500 x (request id: req_011CXmPDXt3akdhtqc)"):
        result = found(text)
        assert result is not None
        assert result.reading.request_id == "req_011CXmPDXt3akdhtqc"


# Everything else


def test_ordinary_text_is_no_error() -> None:
    """Programs, documentation and licences: as a whole, by paragraph and by line."""
    library = Path(sysconfig.get_path("stdlib"))
    files = [*library.glob("*.py"), *library.glob("http/*.py"), *library.glob("asyncio/*.py")]
    files += [*(ROOT / "supervisor").rglob("*.py"), ROOT / "README.md", ROOT / "tests" / "README.md"]
    chance = random.Random(7)
    wrong = []
    for path in chance.sample(files, 60):
        text = path.read_text(encoding="utf-8", errors="replace")
        paragraphs = [part for part in text.split("\n\n") if part.strip()]
        # A word alone, such as 'ConnectionError', may well be what somebody asks about.
        lines = [line for line in text.splitlines() if re.search(r"[a-z]{3}.* ", line.strip())]
        for part in [text, *chance.sample(paragraphs, min(5, len(paragraphs))), *lines[::40]]:
            result = found(part)
            if result is not None:
                wrong.append((path.name, result.form, part[:80]))
    assert wrong == []


@pytest.mark.parametrize(
    "unit",
    [
        "2026-10-02 09:14:07 INFO (worker 5/900) request took 503 ms · ok\n",
        "API Error: nothing that is known {{{{\n",
        "· Retrying in 1s · attempt 1/2\nfoo ",
        "(attempt 1/2\n",
        "503 \n",
        "\x1b]8;;",
        "{",
        "(",
        " ",
        "\ufffd",
    ],
)
@pytest.mark.timeout(60)
def test_ten_megabytes(unit: str) -> None:
    data = (unit * (10_000_000 // len(unit.encode()) + 1)).encode()
    start = time.process_time()
    recognise(paste.decode(data), shipped())
    assert time.process_time() - start < 6  # 2 on an idle machine


def test_only_the_end_of_a_long_paste_is_read() -> None:
    tail = b"\n\xff\xfe broken\n\xe2\x8e\xbf  API Error: 503 no healthy upstream\n"
    result = found(paste.decode(b"x" * 9_000_000 + tail))
    assert result is not None
    assert result.reading.http_status == 503
