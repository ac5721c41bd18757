"""Ordinary work that looks like a failure, and some failures: what a user and a model do, act by act.

`TRAPS` must leave no incident behind. The controls at the end are real: they say how many they leave, so
that one sees that incidents would have been noticed.
"""

import contextlib
import re
import time
from collections.abc import Callable, Sequence

from tests.proofs import lookalikes as rows
from tests.proofs.script import bash, says
from tests.proofs.stage import COLS, ROWS, Act, Stage, Stuck, box_shown, box_text
from tests.standin.answers import Text, ToolUse

Trap = Callable[[Stage], None]

TRAPS: dict[str, Trap] = {}

_DONE = "Done, and all is well."
_AT_ONCE = 0.3


def _trap(function: Trap) -> Trap:
    TRAPS[function.__name__.strip("_").replace("_", "-")] = function
    return function


def _after(seconds: float, text: str = _DONE) -> Text:
    """A text before which the model is silent for so long: the client shows that it works."""
    return Text((text,), seconds)


def _some(stage: Stage, given: Sequence[str], count: int) -> list[str]:
    """So many, in a brisk play fewer."""
    return stage.rng.sample(list(given), max(1, round(count * stage.pace)))


# The model


@_trap
def answer_begins_with_a_row(stage: Stage) -> None:
    for row in (rows.RETRY_1_0, rows.RETRY_2_1_330, *_some(stage, rows.FAILURES[:9], 2)):
        stage.ask("What does it say?", f"{row}\n\nSo it said, {stage.number()} days ago.", shows=row)


@_trap
def answer_is_a_row(stage: Stage) -> None:
    for row in _some(stage, (*rows.RETRIES, *rows.FAILURES), 2):
        # Some failures of old clients are drawn in other words.
        stage.ask("Which row was it?", row, shows=row if row in rows.RETRIES else "")
    for glyph in ("✻ ", "⎿  "):
        stage.ask("And how exactly?", f"{glyph}{rows.RETRY_2_1_330}", shows=rows.RETRY_2_1_330)


@_trap
def answer_lists_rows(stage: Stage) -> None:
    given = _some(stage, (*rows.RETRIES, *rows.FAILURES), 12)
    text = "These are known:\n\n" + "".join(f"- {row}\n" for row in given)
    stage.ask("Which rows are known?", (says(text, 4.0),), shows=given[-1])


@_trap
def answer_draws_screens(stage: Stage) -> None:
    drawn = [*rows.SCREENS]
    stage.rng.shuffle(drawn)
    text = "It looks like this:\n\n" + "\n".join(f"```\n{screen}\n```\n" for screen in drawn)
    stage.ask("What does that look like?", (says(text, 5.0),), shows=drawn[-1].splitlines()[0])


@_trap
def answer_counts_like_a_retry(stage: Stage) -> None:
    """Block by block, while the client is at work."""
    counted = [rows.RETRY_1_0.replace("4", str(n)) for n in (4, 5, 6)]
    turn = tuple(Text((text,), 1.2) for text in (*counted, rows.CAUSE_1_0, _DONE))
    stage.ask("How does it count?", turn, shows=_DONE)
    counted = [f"✻ Connection dropped (ECONNRESET) · retrying in {n}s · attempt 4/10" for n in (9, 8, 7)]
    turn = tuple(Text((text,), 1.0) for text in (*counted, _DONE))
    stage.ask("And how do newer ones count?", turn, shows=_DONE)


@_trap
def answer_begins_with_a_row_before_a_tool(stage: Stage) -> None:
    first = says(f"{rows.RETRY_1_0}\n\n⎿  {rows.CAUSE_1_0}")
    stage.ask("Look whether it still says so.", (first, bash("sleep 2; echo no")), _DONE, shows=_DONE)
    first = says(rows.FAILURES[2])
    stage.ask("And this?", (first, bash("sleep 1; echo no")), (_after(2.0),), shows=_DONE)


@_trap
def answer_in_other_scripts(stage: Stage) -> None:
    stage.ask("请解释一下这个错误 🙂", (says(rows.CJK, 1.0),))


@_trap
def answer_is_late(stage: Stage) -> None:
    """A request that hangs, for less than the client waits."""
    stage.api.set_fault("slow,first=7")
    try:
        stage.ask("Take your time.", (says(f"{_DONE} {rows.FAILURES[0]}"),))
    finally:
        stage.api.set_fault("none")


@_trap
def model_pauses(stage: Stage) -> None:
    parts = ("Let me think.", f" Is it {rows.FIRST_2_1_330}?", f" {_DONE}")
    stage.ask("Think about it.", (Text(parts, 3.0),), shows=_DONE)


@_trap
def rules_and_status_line_have_rows(stage: Stage) -> None:
    """CLAUDE.md, which the model is given, and the user's own line below the input box."""
    stage.ask("Do you know the rules?", _DONE, shows="Connection dropped (ECONNRESET) · retrying in")
    asked = [request for request in stage.api.log if request.conversation]
    if rows.RETRY_1_0 not in str(asked[-1].body):
        raise Stuck("the model was not given CLAUDE.md")


# Tools


@_trap
def tool_prints_rows(stage: Stage) -> None:
    turn = (bash("cat client.log; sleep 1; tail -n 2 client.log; sleep 1"),)
    stage.ask("Show the log of the client.", turn, (_after(2.5),), shows=_DONE)


@_trap
def tool_prints_screens_of_another_client(stage: Stage) -> None:
    command = "for n in 1 2 3; do cat screens.txt; sleep 0.7; done; tail -n 8 screens.txt"
    stage.ask("Watch the other client.", (bash(command),), (_after(2.5),), shows=_DONE)


@_trap
def tool_counts_in_red(stage: Stage) -> None:
    row = rows.RETRY_1_0.replace("4", "%d")
    command = (
        "for i in 1 2 3 4 5; do "
        f"printf '\\033[31m  ⎿  {row}\\n    ⎿  {rows.CAUSE_1_0}\\033[m\\n' $i $i; sleep 0.6; done"
    )
    stage.ask("Watch its attempts.", (bash(command),), (_after(2.0),), shows=_DONE)


@_trap
def test_suite_prints_rows(stage: Stage) -> None:
    stage.ask("Run the tests.", (bash("python3 suite.py"),), (_after(2.5),), shows=_DONE)


@_trap
def tool_fails_with_a_row(stage: Stage) -> None:
    """The client draws the result of a failed tool in the colour of its own errors."""
    command = f"echo '{rows.RETRY_1_0}'; echo '  ⎿  {rows.CAUSE_1_0}'; exit 1"
    stage.ask("Try it.", (bash(command),), (_after(3.0),), shows=_DONE)
    command = f"echo '{rows.FAILURES[0]}' >&2; exit 1"
    stage.ask("Try the other one.", (bash(command),), (_after(2.0),), shows=_DONE)


@_trap
def tool_reads_transcript_of_another_session(stage: Stage) -> None:
    turn = (
        ToolUse("Read", {"file_path": str(stage.work / "old-session.jsonl")}),
        bash("cat old-session.jsonl"),
    )
    stage.ask("What happened in the old session?", turn, (_after(1.5),), shows=_DONE)


@_trap
def tool_reads_and_greps(stage: Stage) -> None:
    reads = tuple(
        ToolUse("Read", {"file_path": str(stage.work / name)})
        for name in (rows.FILE_NAME, "CLAUDE.md", "screens.txt")
    )
    asked = {"pattern": "attempt", "path": str(stage.work), "output_mode": "content"}
    newest = stage.version.startswith("2.1")
    grep = bash("grep -rn attempt .") if newest else ToolUse("Grep", asked)
    stage.ask("Look for attempts.", (grep, *reads), (_after(1.5),), shows=_DONE)


@_trap
def file_with_rows_is_edited(stage: Stage) -> None:
    """With the client's question, whose diff shows the rows: yes, and then no."""
    path = str(stage.renew_source())
    change = {"file_path": path, "old_string": f'FAILED = "● {rows.FAILURES[2]}"'}
    turns = (
        (ToolUse("Read", {"file_path": path}),),
        (
            ToolUse(
                "Edit",
                change | {"new_string": f'FAILED = "● {rows.FAILURES[1]}"\nSHOWN = "{rows.UNDER_WAY}"'},
            ),
        ),
    )
    prompt = "Change the detector."
    stage.script[prompt] = (*turns, (_after(1.5),))
    since = stage.send(prompt)
    _settle(stage, "Enter")
    stage.answered(_DONE, since)
    if rows.UNDER_WAY not in (stage.work / "detector.py").read_text():
        raise Stuck("the file was not edited")
    _refuse(stage, "Change it again.", ToolUse("Edit", {"file_path": path} | _swap(stage)))


def _swap(stage: Stage) -> dict[str, str]:
    return {"old_string": rows.FAILURES[1], "new_string": f"{rows.RETRY_1_0} {stage.number()}"}


@_trap
def file_named_so_is_written(stage: Stage) -> None:
    name = f"API Error: Connection error {stage.number()}.log"
    prompt = "Keep a copy of the log."
    call = ToolUse("Write", {"file_path": str(stage.work / name), "content": rows.LOG})
    stage.script[prompt] = ((says(f"I call it {name}."), call), (_after(1.0),))
    since = stage.send(prompt)
    _settle(stage, "Enter")
    stage.answered(_DONE, since)
    if not (stage.work / name).exists():
        raise Stuck(f"{name} was not written")


@_trap
def question_shows_a_screen(stage: Stage) -> None:
    other = ToolUse("Write", {"file_path": str(stage.work / "never.log"), "content": rows.SCREENS[0]})
    _refuse(stage, "One more copy.", other)


def _refuse(stage: Stage, prompt: str, call: ToolUse) -> None:
    stage.script[prompt] = ((call,), (says(_DONE),))
    stage.send(prompt)
    _settle(stage, "Escape")
    stage.withdrawn += 1
    stage.quiet()


def _settle(stage: Stage, key: str) -> None:
    """Answers the client's question; the newest takes no key in its first moments."""
    question = "Do you want to"
    stage.wait_for(question)
    for _ in range(4):
        stage.idle(1.0)
        stage.terminal.key(key)
        with contextlib.suppress(Stuck):
            stage.wait_gone(question, 2.0)
            time.sleep(1.0)  # a key right behind Escape would be one with Alt
            return
    raise Stuck(f"the question stays:\n{stage.terminal.screen()}")


@_trap
def mcp_tool_fails(stage: Stage) -> None:
    call = (ToolUse("mcp__shop__query", {}),)
    stage.ask("Ask the shop.", call, (_after(2.5),), shows=_DONE)


@_trap
def sub_agent_prints_rows(stage: Stage) -> None:
    task = f"Look at the log, number {stage.number()}."
    first = (says(rows.RETRY_1_0), bash("cat client.log; sleep 2"))
    stage.script[task] = (first, (_after(1.0, rows.FAILURES[0]),))
    _ask_for_help(stage, "Let somebody look.", task)


@_trap
def sub_agent_fails(stage: Stage) -> None:
    """Its request is refused; the turn goes on with what it leaves."""
    task = f"Refuse the task, number {stage.number()}."
    stage.script[task] = ((says(_DONE),),)
    stage.api.set_fault(f"status:400,only={task.partition(',')[0]}")
    try:
        _ask_for_help(stage, "Let somebody try.", task)
    finally:
        stage.api.set_fault("none")


def _ask_for_help(stage: Stage, prompt: str, task: str) -> None:
    newest = stage.version.startswith("2.1")
    name = f"{rows.FAILURES[0]} {stage.number()}"
    asked = {"description": name, "prompt": task, "subagent_type": "general-purpose"}
    turn = (ToolUse("Agent" if newest else "Task", asked),)
    stage.ask(prompt, turn, (_after(1.5),), shows=_DONE)
    if newest:  # it does not wait for its agents, but tells the model when they are done
        stage.wait_for(f'Agent "{name}"', 30)
        stage.idle(2.5)
        stage.quiet()


@_trap
def to_do_is_named_so(stage: Stage) -> None:
    """Clients show the item at hand in place of the verb beside their spinner."""
    if stage.version.startswith("2.1"):
        _task_is_named_so(stage)
        return

    def items(state: str) -> ToolUse:
        names = (rows.RETRY_2_1_330, rows.RETRY_1_0)
        todos = [{"content": name, "activeForm": name, "status": state} for name in names]
        todos[-1]["status"] = "pending" if state == "in_progress" else state
        return ToolUse("TodoWrite", {"todos": todos})

    turns = ((items("in_progress"),), (bash("sleep 2"),), (items("completed"),), (_after(1.0),))
    stage.ask("Work through the list.", *turns, shows=_DONE)


def _task_is_named_so(stage: Stage) -> None:
    load = ToolUse("ToolSearch", {"query": "select:TaskCreate,TaskUpdate", "max_results": 5})
    task = {"subject": rows.RETRY_1_0, "description": "As it says.", "activeForm": rows.RETRY_2_1_330}
    stage.ask("Plan the work.", (load,), (ToolUse("TaskCreate", task),), _DONE)
    asked = [request for request in stage.api.log if request.conversation]
    number = re.findall(r"Task #(\d+) created", str(asked[-1].body))[-1]

    def update(state: str) -> ToolUse:
        return ToolUse("TaskUpdate", {"taskId": number, "status": state})

    turns = ((update("in_progress"),), (bash("sleep 2"),), (update("completed"),), (_after(1.0),))
    stage.ask("Begin to work.", *turns, shows=_DONE)


# The user


@_trap
def prompt_has_rows(stage: Stage) -> None:
    stage.ask(
        f'Why "{rows.RETRY_1_0}" and "✻ {rows.RETRY_2_1_330}"?', (_after(2.0),), shows=rows.RETRY_2_1_330
    )
    for row in _some(stage, (f"✻ {rows.RETRY_2_1_330}", *rows.FAILURES), 2):
        stage.ask(row, (_after(1.5),))


@_trap
def prompt_is_a_pasted_screen(stage: Stage) -> None:
    text = f"{stage.rng.choice(rows.SCREENS)}\n\nWhat is this, number {stage.number()}?"
    stage.script[text] = ((_after(2.0),),)
    stage.terminal.paste(text)
    stage.wait_until(lambda screen: "What is this" in box_text(screen) or "[Pasted" in box_text(screen))
    stage.idle(1.5)
    since = stage.enter()
    stage.answered(_DONE, since)


@_trap
def draft_has_rows(stage: Stage) -> None:
    """Typed while the client works and while it is idle, left for a while, erased."""
    prompt = "Take five seconds."
    stage.script[prompt] = ((_after(5.0),),)
    since = stage.send(prompt)
    stage.write(f"✻ {rows.RETRY_2_1_330}")
    stage.answered(_DONE, since)
    stage.idle(1.0)
    _erase(stage, "retrying")
    stage.write(f"  ⎿  {rows.RETRY_1_0}")
    stage.idle(1.0)
    _erase(stage, "Retrying")


def _erase(stage: Stage, word: str) -> None:
    """From the input box, which is below all else."""
    for _ in range(4):
        stage.terminal.key("C-u")
        stage.idle(0.3)
    for _ in range(160):
        if word not in box_text(stage.terminal.screen()):
            return
        stage.terminal.key("BSpace")
    raise Stuck(f"the draft is not erased:\n{stage.terminal.screen()}")


@_trap
def queued_prompt_has_rows(stage: Stage) -> None:
    prompt = "Take four seconds."
    stage.script[prompt] = ((bash("sleep 3"),), (_after(1.0),))
    queued = f"And {rows.RETRY_1_0}, what is that, number {stage.number()}?"
    answer = f"A row, number {stage.number()}."
    stage.script[queued] = ((_after(1.5, answer),),)
    since = stage.send(prompt)
    stage.write(queued)
    stage.enter()
    stage.idle(1.0)
    stage.answered(_DONE, since)
    if not _heard(stage, queued, since):
        raise Stuck(f"the queued prompt was lost:\n{stage.terminal.screen()}")
    stage.quiet()


def _heard(stage: Stage, prompt: str, since: float) -> bool:
    """A queued message goes with the result of a tool, or becomes a prompt of its own."""
    words = prompt[:40]
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        if any(
            r.t >= since and r.conversation and words in str(r.body["messages"][-2:]) for r in stage.api.log
        ):
            stage.answers += 1
            return True
        stage.idle(0.2)
    return False


@_trap
def user_runs_a_command(stage: Stage) -> None:
    """In the client's own shell mode."""
    stage.terminal.type("!")
    stage.wait_until(lambda screen: "!\xa0" in screen)
    ran = stage.work / f"ran-{stage.number()}"
    stage.write(f"cat client.log; sleep 1; python3 suite.py; touch {ran.name}")
    stage.submit()
    deadline = time.monotonic() + 20
    while not ran.exists():
        if time.monotonic() > deadline:
            raise Stuck(f"the command did not run:\n{stage.terminal.screen()}")
        stage.idle(0.2)
    stage.idle(2.5)  # the newest shows the output to the model at once
    stage.quiet()
    stage.ask("Thank you.", _DONE)


@_trap
def help_and_notes_mention_rows(stage: Stage) -> None:
    stage.write("/outages")
    stage.idle(1.0)
    _erase(stage, "outages")
    for command in ("/help", "/status", "/release-notes"):
        stage.write(command)
        stage.submit()
        with contextlib.suppress(Stuck):  # the notes are printed, the others take the place of the box
            stage.wait_until(lambda screen: not box_shown(screen), 3)
        stage.idle(1.0)
        if "Enter to view" in stage.terminal.screen():
            stage.terminal.key("Enter")
        for _ in range(6):
            if box_shown(stage.terminal.screen()):
                break
            stage.terminal.key("Escape")
            time.sleep(1.0)
        stage.quiet()
    stage.sees(rows.FAILURES[-1])
    stage.ask("Are you there?", _DONE)


@_trap
def escape_in_an_answer(stage: Stage) -> None:
    prompt = "Tell a long story."
    text = "".join(f"{n}. {row}\n" for n, row in enumerate((*rows.RETRIES, *rows.FAILURES), 1))
    stage.script[prompt] = ((says(text, 20.0),),)
    stage.send(prompt)
    stage.idle(3.0)
    stage.terminal.key("Escape")
    stage.wait_for("Interrupted")
    time.sleep(1.0)
    stage.quiet()
    _clean(stage)


@_trap
def escape_while_the_model_thinks(stage: Stage) -> None:
    prompt = "Think for long."
    stage.script[prompt] = ((_after(30.0),),)
    stage.send(prompt)
    stage.idle(2.0)
    stage.terminal.key("Escape")
    time.sleep(1.0)
    stage.quiet()
    _clean(stage)


def _clean(stage: Stage) -> None:
    """After Esc a client may put the prompt back into its input box."""
    stage.withdrawn += 1
    for _ in range(3):
        stage.terminal.key("C-u")
        stage.idle(0.2)
    stage.ask("Go on.", _DONE)


@_trap
def window_is_resized(stage: Stage) -> None:
    prompt = "Say it at any width."
    text = "".join(f"- {row}\n" for row in (*rows.RETRIES, rows.RETRY_1_0))
    stage.script[prompt] = (
        (says(f"{rows.RETRY_1_0}\n\n{text}", 4.0), bash("cat client.log")),
        (_after(1.5),),
    )
    since = stage.send(prompt)
    for cols, lines in ((60, 24), (140, 50), (44, 20), (COLS, ROWS)):
        stage.idle(0.9)
        stage.terminal.resize(cols, lines)
    stage.answered(_DONE, since)


@_trap
def whole_transcript_is_shown(stage: Stage) -> None:
    key = "C-r" if stage.version.startswith("1.") else "C-o"
    for _ in range(2):
        stage.terminal.key(key)
        stage.idle(1.2)
    if not box_shown(stage.terminal.screen()):
        stage.terminal.key("Escape")
    time.sleep(1.0)  # as above
    stage.quiet()
    stage.ask("Back again?", _DONE)


# Sessions


@_trap
def session_is_resumed(stage: Stage) -> None:
    """Old rows, failures and answers are drawn again."""
    stage.ask("Remember this.", _DONE)
    session = stage.session_id()
    stage.leave()
    stage.start("--resume", session)
    stage.idle(1.0)
    stage.ask("Where were we?", _DONE)


@_trap
def session_is_continued(stage: Stage) -> None:
    stage.ask("Remember that.", _DONE)
    stage.leave()
    stage.terminal.resize(80, 30)
    stage.start("--continue")
    stage.idle(1.0)
    stage.terminal.resize(COLS, ROWS)
    stage.ask("And now?", _DONE)


def cleared(stage: Stage) -> None:
    stage.write("/clear")
    stage.submit()
    stage.idle(2.0)
    stage.quiet()


# What is real


def outage(stage: Stage, act: Act, fault: str, seconds: float, when: str) -> None:
    """While a prompt is under way: `when` it is sent, during a `tool`, or in the `stream` of its answer."""
    act.outages = 1
    act.kinds = ("server_error",) if fault.startswith("status") else ("connection",)
    act.outcomes = ("recovered",)
    number = stage.number()
    prompt, answer = f"Is anybody there, number {number}?", f"Back again, number {number}."
    turns = {
        "sent": ((says(answer),),),
        "tool": ((bash("sleep 4; cat client.log"),), (says(answer),)),
        "stream": ((says("word by word\n" * 16 + answer, 8.0),),),
    }
    stage.script[prompt] = turns[when]
    stage.write(prompt)
    try:
        if when == "sent":
            stage.api.set_fault(f"{fault},for={seconds}")
            since = stage.enter()
        else:
            since = stage.enter(prompt)
            time.sleep(2.0)
            stage.api.set_fault(f"{fault},for={seconds}")
        stage.answered(answer, since, seconds + 120)
    finally:
        stage.api.set_fault("none")
    time.sleep(3.0)  # until the incident's last row is written


def refused_request(stage: Stage, act: Act) -> None:
    """A failure that is not retried stays in the conversation."""
    act.outages, act.kinds, act.outcomes = 1, ("bad_request",), ("failed",)
    stage.api.set_fault("status:400")
    try:
        stage.write("This will be refused.")
        stage.enter()
        stage.wait_for("API Error: 400")
        stage.withdrawn += 1
    finally:
        stage.api.set_fault("none")
    stage.quiet()
    time.sleep(1.5)


# Of this outage, not of the rows that stand all over the screen.
_ATTEMPT = re.compile(r"503nohealthyupstream\)?·?[Rr]etryingin\d+s\w*…?·?\(?attempt4/")


def escape_while_retrying(stage: Stage, act: Act) -> None:
    """The API answers, with errors: nothing is held."""
    act.outages, act.kinds, act.outcomes = 1, ("server_error",), ("abandoned",)
    stage.api.set_fault("status:503")
    try:
        stage.write("This will be given up.")
        stage.enter()
        stage.wait_until(lambda screen: _ATTEMPT.search("".join(screen.split())) is not None, 30)
        time.sleep(1.0)
        stage.terminal.key("Escape")
        stage.wait_gone("esc to interrupt", 5)
    finally:
        stage.api.set_fault("none")
    time.sleep(3.0)  # as above
    stage.quiet()
    _clean(stage)


def play(stage: Stage, name: str, function: Callable[[Act], None]) -> None:
    """One act; a client that is stuck is ended, and the next act gets a new one."""
    with stage.act(name) as act:
        function(act)
    if act.stuck:
        with stage.act(f"a new client after {name}"):
            stage.abort()
            stage.start()


def play_trap(stage: Stage, name: str) -> None:
    play(stage, name, lambda _: TRAPS[name](stage))
