"""What Claude Code of all eras writes when it fails, for use where it has not failed.

Rows measured on 1.0.120, 2.0.60 and 2.1.330; the other sentences are of
https://code.claude.com/docs/en/errors. Whole screens have the input box below the row: the very picture of
a client that retries.
"""

RULE = "─" * 60

RETRY_1_0 = "API Error (Connection error.) · Retrying in 4 seconds… (attempt 4/10)"
CAUSE_1_0 = "TypeError (fetch failed)"
LABEL_2_0 = "Unable to connect to API due to poor internet connection"
WAIT_2_0 = "Retrying in 4 seconds… (attempt 4/10)"
RETRY_2_1_197 = "Unable to connect to API (ECONNRESET) · Retrying in 4s · attempt 4/10"
RETRY_2_1_330 = "Connection dropped (ECONNRESET) · retrying in 9s · attempt 5/10"
FIRST_2_1_330 = "API error · retrying in 1s · attempt 1/10"
UNDER_WAY = "Connection dropped (ECONNRESET) · retrying… · attempt 6/10"
WAITING = "Waiting for API response · will retry in 2m 31s · check your network"

RETRIES = (
    RETRY_1_0,
    "API Error (503 no healthy upstream) · Retrying in 9 seconds… (attempt 5/10)",
    f"{LABEL_2_0} {WAIT_2_0}",
    RETRY_2_1_197,
    RETRY_2_1_330,
    FIRST_2_1_330,
    UNDER_WAY,
    "503 no healthy upstream · retrying in 10s · attempt 5/10",
    WAITING,
)

OVERLOADED_JSON = (
    'API Error: 529 {"type":"error","error":{"type":"overloaded_error","message":"Overloaded"},'
    '"request_id":"req_98a0e05ed33a412692a14d30"}'
)

FAILURES = (
    "API Error: Connection error.",
    "API Error: Unable to connect to API (ECONNRESET)",
    "API Error: Connection dropped (ECONNRESET). Check the gateway set in ANTHROPIC_BASE_URL, then try "
    "again.",
    "API Error: Connection refused — a firewall or proxy may be blocking it (ECONNREFUSED)",
    "API Error: Can't reach the API server — check your internet or DNS (ENOTFOUND)",
    "API Error: 503 no healthy upstream",
    "API Error: Repeated 529 Overloaded errors. The API is at capacity — this is usually temporary.",
    OVERLOADED_JSON,
    "API Error: Request rejected (429) · this may be a temporary capacity issue.",
    "API Error: Connection lost mid-response. The response above may be incomplete.",
    "API Error: The response stopped arriving. The response above may be incomplete.",
    "API Error: Request timed out.",
    "Please run /login · API Error: 401 OAuth token has expired.",
    "Invalid API key · Fix external API key",
    "You've hit your session limit · resets 3:45pm",
    "Credit balance is too low",
    "Prompt is too long",
    "Agent terminated early due to an API error: Connection dropped (ECONNRESET)",
)


def screen_1_0(attempt: int = 4, wait_s: int = 4) -> str:
    return (
        "> fix the tests\n"
        f"  ⎿  API Error (Connection error.) · Retrying in {wait_s} seconds… (attempt {attempt}/10)\n"
        f"    ⎿  {CAUSE_1_0}\n"
        "\n"
        "✻ Processing… (esc to interrupt)\n"
        "\n"
        f"{RULE}\n"
        ">\xa0\n"
        f"{RULE}\n"
        "  ? for shortcuts"
    )


def screen_2_0(attempt: int = 4, wait_s: int = 4) -> str:
    return (
        "> fix the tests\n"
        f"  ⎿  {LABEL_2_0}\n"
        f"     Retrying in {wait_s} seconds… (attempt {attempt}/10)\n"
        "\n"
        "✻ Pondering… (esc to interrupt)\n"
        "\n"
        f"{RULE}\n"
        ">\xa0\n"
        f"{RULE}\n"
        "  ? for shortcuts"
    )


def screen_2_1(attempt: int = 5, wait_s: int = 9) -> str:
    return (
        "❯ fix the tests\n"
        "\n"
        f"✻ Connection dropped (ECONNRESET) · retrying in {wait_s}s · attempt {attempt}/10\n"
        "\n"
        f"{RULE}\n"
        "❯\xa0\n"
        f"{RULE}\n"
        "  ⏸ manual mode on · ? for shortcuts · esc to interrupt"
    )


SCREENS = (screen_1_0(), screen_2_0(), screen_2_1())

LOG = "\n".join(
    (
        "2026-10-02T09:14:11Z POST /v1/orders 503 UH no_healthy_upstream",
        "upstream connect error or disconnect/reset before headers. reset reason: connection timeout",
        "Error: connect ECONNREFUSED 127.0.0.1:8787",
        *(f"  ⎿  {row}" for row in RETRIES[:5]),
        *(f"● {row}" for row in FAILURES[:6]),
        *(f"✻ {row}" for row in RETRIES[3:]),
        f"  ⎿  {RETRY_1_0}",
        f"    ⎿  {CAUSE_1_0}",
    )
)

TRANSCRIPT = "\n".join(
    (
        '{"type":"user","message":{"role":"user","content":"go on"},"isSidechain":false}',
        '{"type":"system","subtype":"api_error","level":"error","error":{"cause":{}},"retryInMs":4000,'
        '"retryAttempt":4,"maxRetries":10,"isSidechain":false}',
        '{"type":"assistant","message":{"model":"<synthetic>","role":"assistant","content":[{"type":"text",'
        '"text":"API Error: Connection dropped (ECONNRESET)."}]},"isApiErrorMessage":true,'
        '"error":"server_error","isSidechain":false}',
        '{"hook_event_name":"StopFailure","error":"server_error",'
        '"last_assistant_message":"API Error: Connection error."}',
    )
)

SOURCE = f"""\
import re

# The client's own rows, for the detector's tests.
OLD = "{RETRY_1_0}"
NEW = "✻ {RETRY_2_1_330}"
FAILED = "● {FAILURES[2]}"
RETRY = re.compile(r"retrying in (\\d+)s · attempt (\\d+)/(\\d+)")


def is_failure(row):
    return row.startswith("API Error: 503 no healthy upstream")
"""

FILE_NAME = "API Error (Connection error.) · Retrying in 4 seconds… (attempt 4/10).md"

CJK = (
    f"官方文档写道：「{LABEL_2_0}」表示网络不稳定，不是账号问题。🙂 接続エラーの行は "
    f"「{RETRY_1_0}」です。👩‍💻 오류: {FAILURES[0]}"
)

SUITE = r"""
import time
RED, ERROR, END = "\033[31m", "\033[38;2;255;107;128m", "\033[m"
print("============ test session starts ============")
for n in range(1, 7):
    row = f"API Error (Connection error.) · Retrying in {n} seconds… (attempt {n}/10)"
    print(f"tests/test_rows.py::test_row[{row}] {RED}FAILED{END}", flush=True)
    print(f"{RED}  ⎿  {row}{END}", flush=True)
    print(f"{RED}    ⎿  TypeError (fetch failed){END}", flush=True)
    label = f"{ERROR}✻ Connection dropped (ECONNRESET){END}"
    print(f"{label} · retrying in {10 - n}s · attempt {n}/10", flush=True)
    time.sleep(0.5)
print(f"{RED}E   AssertionError: assert 'API Error: 503 no healthy upstream' == ''{END}")
print("============ 6 failed in 3.02s ============")
"""
"""A program that looks like a test suite, with rows that count, in the colours of the client's own."""

MCP_SERVER = r"""
import json, sys
TEXT = "Error: Streamable HTTP error: fetch failed\nAPI Error: Unable to connect to API (ECONNRESET)"
TOOL = {"name": "query", "description": "Asks the shop", "inputSchema": {"type": "object", "properties": {}}}
for line in sys.stdin:
    asked = json.loads(line)
    if "id" not in asked:
        continue
    method, answer = asked["method"], {}
    if method == "initialize":
        version = asked["params"]["protocolVersion"]
        answer = {"protocolVersion": version, "capabilities": {"tools": {}},
                  "serverInfo": {"name": "shop", "version": "1"}}
    elif method == "tools/list":
        answer = {"tools": [TOOL]}
    elif method == "tools/call":
        answer = {"content": [{"type": "text", "text": TEXT}], "isError": True}
    print(json.dumps({"jsonrpc": "2.0", "id": asked["id"], "result": answer}), flush=True)
"""
"""An MCP server over stdin and stdout, whose only tool fails as a connection would."""
