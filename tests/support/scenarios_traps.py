"""What is done to a client while it is recorded: nothing is wrong with the API, whatever the words say.

The words are those of real clients: answers, tools, prompts, files, old sessions, the status line say them.
"""

import json
import sys
from collections.abc import Callable

from tests.standin.answers import FINISHED
from tests.support.scenarios import NEW_ROW, OLD_ROW, TOOLS, Scenario, Stage

FAILED_OLD = "API Error: Connection error."
FAILED_NEW = (
    "API Error: Connection dropped (ECONNRESET). Check the gateway set in ANTHROPIC_BASE_URL, then try again."
)
DROPPED = "✻ Connection dropped (ECONNRESET) · retrying in 3s · attempt 3/10"

# One or two rows each, as they stand on the screens of 0.2 to 2.1.
ROWS = (
    f"  ⎿  {OLD_ROW}",
    "    ⎿  TypeError (fetch failed)",
    "  ⎿  Unable to connect to API due to poor internet connection",
    "     Retrying in 4 seconds… (attempt 4/10)",
    "  ⎿  Unable to connect to API (ECONNRESET)",
    "     Retrying in 1 second… (attempt 5/10)",
    "  ⎿  Retrying in 5s · attempt 4/10",
    "✻ API error · Retrying in 1s · attempt 1/10",
    f"✻ {NEW_ROW}",
    DROPPED,
    "✻ retrying… · attempt 6/10",
    "✻ Waiting for API response · will retry in 20s · check your network",
    "  ⎿  API Error: 503 no healthy upstream",
    f"● {FAILED_NEW}",
    "● API Error: Repeated 529 Overloaded errors. The API is at capacity — try again in a moment.",
    '  ⎿ API Error: 401 {"type":"error","error":{"type":"authentication_error"}} · Please run /login',
)
# With XDG_CONFIG_HOME set, clients up to 1.0.31 at least keep them under .config.
_TRANSCRIPTS = "home/.c*/**/projects/*/*.jsonl"
_ANSI_RED, _THEME_RED = "\\033[31m", "\\033[38;2;255;107;128m"


def _prompts(*prompts: str, seconds: float = 3) -> Callable[[Stage], None]:
    def act(stage: Stage) -> None:
        for prompt in prompts:
            stage.screen.prompt(prompt)
            stage.screen.watch(seconds)

    return act


def _tool(*prompts: str) -> Callable[[Stage], None]:
    """Each prompt has a tool called; what it puts out stays on the screen for a moment."""

    def act(stage: Stage) -> None:
        for prompt in prompts:
            done = _one_more(stage, stage.answers(FINISHED))
            stage.screen.prompt(prompt.replace("{cwd}", str(stage.cwd)))
            stage.screen.watch(2)
            stage.screen.watch(10, done)
            stage.screen.watch(2)

    return act


def _one_more(stage: Stage, before: int) -> Callable[[], bool]:
    return lambda: stage.answers(FINISHED) > before


def idle(stage: Stage) -> None:
    stage.screen.watch(5)


def permission(stage: Stage) -> None:
    stage.screen.prompt("run touch made-by-claude")
    stage.screen.watch(7)


def _lines(*rows: str) -> str:
    return "say " + "\\n".join(rows)


def _counting(colour: str, row: str) -> str:
    text = row.replace("4", "%d")
    return f"run for i in 1 2 3 4 5 6 7; do printf '{colour}{text}\\033[m\\n' $i $i; sleep 1; done"


def draft(stage: Stage) -> None:
    """Words that are typed and not sent, while a tool runs and after it."""
    stage.screen.prompt("run sleep 6")
    stage.screen.watch(2)
    stage.screen.type(f"✻ {NEW_ROW}")
    stage.answered(FINISHED)
    stage.screen.watch(1)


def to_do(stage: Stage) -> None:
    """What is being done has the words: it stands in the spinner's row."""
    if stage.numbers < (2, 1, 100):
        todo = {"content": f"Explain {OLD_ROW}", "status": "in_progress", "activeForm": NEW_ROW}
        calls: list[tuple[str, object]] = [("TodoWrite", {"todos": [todo, todo | {"status": "pending"}]})]
    else:
        task = {"subject": f"Explain {OLD_ROW}", "description": "It", "activeForm": NEW_ROW}
        calls = [("TaskCreate", task), ("TaskUpdate", {"taskId": "1", "status": "in_progress"})]
    prompts = [f"call {name} {json.dumps(given, ensure_ascii=False)}" for name, given in calls]
    _tool(*prompts, "run sleep 4")(stage)


def bang(stage: Stage) -> None:
    """The user runs a command: its output hangs below the prompt, where a notice would."""
    for command in (f"echo '{OLD_ROW}'; sleep 2; echo '{OLD_ROW}'", f"echo '✻ {NEW_ROW}'; sleep 2"):
        stage.screen.type("!")
        stage.screen.watch(0.5)
        stage.screen.type(command)
        stage.screen.drawn(command)
        stage.screen.type("\r")
        stage.screen.watch(5)


def _dialog(command: str) -> Callable[[Stage], None]:
    def act(stage: Stage) -> None:
        stage.screen.type(command)
        stage.screen.drawn(command)
        stage.screen.type("\r")
        stage.screen.watch(5)
        stage.screen.type("\x1b")
        stage.screen.watch(2)

    return act


def _rows_file(name: str) -> Callable[[Stage], list[str]]:
    def before(stage: Stage) -> list[str]:
        (stage.cwd / name).write_text("\n".join(("What clients say:", *ROWS, "")))
        return []

    return before


def _status_line(command: str) -> Callable[[Stage], list[str]]:
    def before(stage: Stage) -> list[str]:
        settings = {"statusLine": {"type": "command", "command": command}}
        (stage.cwd / ".claude").mkdir()
        (stage.cwd / ".claude" / "settings.json").write_text(json.dumps(settings))
        return []

    return before


def _old_failure(*args: str) -> Callable[[Stage], list[str]]:
    """A session that was recorded nowhere, in which the client has retried and given up."""

    def before(stage: Stage) -> list[str]:
        given = ["--session-id", stage.session] if stage.knows_session_id else []
        with stage.start(given) as stage.screen:
            stage.ready()
            stage.screen.prompt("say hello")
            stage.answered("hello")
            stage.fault("reset")
            stage.screen.prompt("say never")
            stage.screen.watch(7)
            stage.fault("none")
        session = max(stage.folder.glob(_TRANSCRIPTS), key=lambda path: path.stat().st_size).stem
        return [argument.replace("{session}", session) for argument in args]

    return before


def resumed(stage: Stage) -> None:
    stage.screen.watch(3)
    stage.screen.prompt("say on we go")
    stage.answered("on we go")


_SERVER = """import json, sys
for line in sys.stdin:
    asked = json.loads(line)
    if "id" not in asked:
        continue
    result = {}
    if asked["method"] == "initialize":
        version = asked["params"]["protocolVersion"]
        result = {"protocolVersion": version, "capabilities": {"tools": {}},
                  "serverInfo": {"name": "flaky", "version": "1"}}
    if asked["method"] == "tools/list":
        result = {"tools": [{"name": "fetch", "description": "Fetch", "inputSchema": {"type": "object"}}]}
    if asked["method"] == "tools/call":
        result = {"content": [{"type": "text", "text": TEXT}], "isError": True}
    print(json.dumps({"jsonrpc": "2.0", "id": asked["id"], "result": result}), flush=True)
"""


def _mcp(dead: bool) -> Callable[[Stage], list[str]]:
    def before(stage: Stage) -> list[str]:
        script = stage.folder / "flaky.py"
        script.write_text(f"TEXT = {'Error: fetch failed' + chr(10) + chr(10).join(ROWS[:4])!r}\n{_SERVER}")
        server = {"command": "false"} if dead else {"command": sys.executable, "args": [str(script)]}
        file = stage.folder / "mcp.json"
        file.write_text(json.dumps({"mcpServers": {"flaky": server}}))
        return ["--mcp-config", str(file)]

    return before


def _transcript_of_another(stage: Stage) -> list[str]:
    content = [{"type": "text", "text": FAILED_NEW}]
    message = {"id": "m", "role": "assistant", "model": "<synthetic>", "content": content}
    error = {"type": "assistant", "isApiErrorMessage": True, "error": "server_error", "message": message}
    retry = {
        "type": "system",
        "subtype": "api_error",
        "retryAttempt": 4,
        "maxRetries": 10,
        "retryInMs": 4000.0,
    }
    rows = [{"type": "user", "message": {"role": "user", "content": OLD_ROW}}, retry, error]
    (stage.cwd / "other.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return []


TRAPS: dict[str, Scenario] = {
    "idle": Scenario(idle),
    "text": Scenario(_prompts("say the quick brown fox")),
    "long": Scenario(_prompts("long 40", seconds=10)),
    "bash": Scenario(_tool("run for i in 1 2 3; do echo line $i; sleep 1; done")),
    "permission": Scenario(permission, tools="Read"),
    # answers
    "quote-old": Scenario(_prompts(f"say {OLD_ROW}", seconds=5)),
    "quote-new": Scenario(_prompts(f"say {NEW_ROW}", seconds=5)),
    "quote-failed": Scenario(_prompts(f"say {FAILED_OLD}", f"say {FAILED_NEW}")),
    "quote-rows": Scenario(_prompts(_lines(*ROWS[:2]), _lines(*ROWS[2:4]), _lines(*ROWS[6:10]), seconds=4)),
    "quote-list": Scenario(
        _prompts(
            _lines("Clients say:", f"- {OLD_ROW}", f"- {NEW_ROW}", f"1. `{DROPPED}`", f"> {FAILED_OLD}"),
            _lines("```", *ROWS[4:9], "```"),
            seconds=4,
        )
    ),
    "quote-slowly": Scenario(
        _prompts(f"slowly {NEW_ROW} means that it waits. {DROPPED} names the cause.", seconds=9)
    ),
    "quote-growing": Scenario(
        _prompts("slowly " + " ".join(NEW_ROW.replace("9s", f"{n}s") for n in (9, 8, 7)), seconds=8)
    ),
    # tools
    "quote-bash": Scenario(
        _tool(f"run for i in 1 2 3; do echo '{OLD_ROW}'; echo '✻ {NEW_ROW}'; sleep 1; done")
    ),
    "counting": Scenario(_tool(_counting(_ANSI_RED, OLD_ROW))),
    "counting-theme": Scenario(_tool(_counting(_THEME_RED, f"✻ {NEW_ROW.replace('9', '4')}"))),
    "counting-pair": Scenario(
        _tool(
            _counting(
                _THEME_RED, "Unable to connect to API (ECONNRESET)\\nRetrying in 4 seconds… (attempt 4/10)"
            )
        )
    ),
    "bash-spinner": Scenario(
        _tool(f"run printf '\\n\\n{_THEME_RED}✻ {NEW_ROW}\\033[m\\n\\n'; sleep 4; echo '{OLD_ROW}'")
    ),
    "test-suite": Scenario(
        _tool(f"run echo 'FAILED test_row - {OLD_ROW}'; sleep 1; echo 'E  assert {NEW_ROW}'; sleep 2; false")
    ),
    "read": Scenario(_tool("read {cwd}/rows.md"), before=_rows_file("rows.md")),
    "grep": Scenario(_tool("grep attempt"), before=_rows_file("rows.md")),
    "write": Scenario(_tool(f"write {{cwd}}/API Error 503.md :: {OLD_ROW}")),
    "edit": Scenario(
        _tool(f"edit {{cwd}}/API Error 503.md :: {DROPPED} :: ✻ {NEW_ROW}"),
        before=_rows_file("API Error 503.md"),
    ),
    "todo": Scenario(to_do, tools=f"{TOOLS},TaskCreate,TaskUpdate"),
    "cat-transcript": Scenario(
        _tool("run cat other.jsonl", "read {cwd}/other.jsonl"), before=_transcript_of_another
    ),
    "mcp-dead": Scenario(_prompts("say hello", seconds=5), before=_mcp(dead=True)),
    "mcp-error": Scenario(
        _tool("call mcp__flaky__fetch {}"), tools=f"{TOOLS},mcp__flaky__fetch", before=_mcp(dead=False)
    ),
    # the user
    "prompt": Scenario(_prompts(f"{OLD_ROW}", f"✻ {NEW_ROW}", seconds=4)),
    "prompt-run": Scenario(_tool(f"run sleep 4; : ✻ {NEW_ROW}")),
    "typed": Scenario(draft),
    "bang": Scenario(bang),
    "claude-md": Scenario(_prompts("say hello"), before=_rows_file("CLAUDE.md")),
    # the client
    "resume-old": Scenario(resumed, retries=2, before=_old_failure("--resume", "{session}")),
    "continue-old": Scenario(resumed, retries=2, before=_old_failure("--continue")),
    "help": Scenario(_dialog("/help")),
    "status": Scenario(_dialog("/status")),
    "release-notes": Scenario(_dialog("/release-notes")),
    "status-line": Scenario(
        _prompts("say hello", "run sleep 3", seconds=6), before=_status_line("echo main · 42%")
    ),
    "status-line-row": Scenario(
        _prompts("say hello", "run sleep 3", "say done", seconds=5),
        before=_status_line(
            f"printf '\\033[31m✻ {NEW_ROW.replace('9s', '%ds')}\\033[m' $(($(date +%s) % 60))"
        ),
    ),
}
