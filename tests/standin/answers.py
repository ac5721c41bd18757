"""What the stand-in's model says: a request body in, content blocks out.

The last thing the user said decides:

| prompt | answer |
|---|---|
| `say WORDS` | the text WORDS, in which `\\n` is a line break |
| `slowly WORDS` | the same, one word every 0.2 s |
| `run COMMAND` | a Bash call of COMMAND; after its result the text `The command is done.` |
| `call NAME JSON` | a call of the tool NAME with this input; then as after `run` |
| `read FILE`, `grep PATTERN` | a call of Read or Grep; then as after `run` |
| `write FILE :: TEXT` | a call of Write; then as after `run` |
| `edit FILE :: OLD :: NEW` | a call of Read, then one of Edit; then as after `run` |
| `task PROMPT` | a sub-agent with PROMPT; then as after `run` |
| `long N` | the text `part 1` … `part N`, one part every 0.2 s |
| anything else | `Heard: ` and its first line |

Claude Code sends requests of its own between these (quota check, titles, topics). They carry no
tools; those which ask for JSON get the least that satisfies them.
"""

import json
import re
from dataclasses import dataclass
from typing import Any

LONG_CHUNK_S = 0.2
FINISHED = "The command is done."
_REMINDER = re.compile(r"<(system-reminder)>.*?</\1>", re.DOTALL)

Json = dict[str, Any]


@dataclass(frozen=True)
class Text:
    """A text block, streamed as `chunks` with `pause_s` seconds before each."""

    chunks: tuple[str, ...]
    pause_s: float = 0.0


@dataclass(frozen=True)
class ToolUse:
    name: str
    input: Json


Block = Text | ToolUse


def _blocks(content: object) -> list[Json]:
    if isinstance(content, str):
        return [{"type": "text", "text": content}]
    return [block for block in content if isinstance(block, dict)] if isinstance(content, list) else []


def prompt_of(body: Json) -> str | None:
    """What the user said last, without the client's reminders; None when that was a tool's result."""
    said = [message for message in body.get("messages", []) if message.get("role") == "user"]
    for message in reversed(said):
        for block in reversed(_blocks(message.get("content"))):
            if block.get("type") == "tool_result":
                return None
            if text := _REMINDER.sub("", str(block.get("text", ""))).strip():
                return text
    return ""


def opening_of(body: Json) -> str:
    """What the user said first: a sub-agent's conversation has its own."""
    said = [message for message in body.get("messages") or [] if message.get("role") == "user"]
    return prompt_of({"messages": said[:1]}) or ""


def _asked(body: Json) -> tuple[str, int]:
    """The user's last prompt, and how many results of tools have come since."""
    results = 0
    for message in reversed([message for message in body["messages"] if message.get("role") == "user"]):
        prompt = prompt_of({"messages": [message]})
        if prompt:
            return prompt, results
        results += prompt is None
    return "", results


def answer_to(body: Json) -> list[Block]:
    if not body.get("tools"):
        aside = _aside(body)
        if aside is not None:
            return [Text((aside,))]
    prompt = prompt_of(body)
    if prompt is None:
        asked, results = _asked(body)
        call = _call(asked, body, results)
        return [Text((FINISHED,))] if call is None else [call]
    verb, _, rest = prompt.partition(" ")
    match verb:
        case "say" if rest:
            return [Text(_words(rest))]
        case "slowly" if rest:
            return [Text(_words(rest), LONG_CHUNK_S)]
        case "run" | "call" | "read" | "grep" | "write" | "edit" | "task" if rest:
            call = _call(prompt, body, 0)
            if call is not None:
                return [Text(("I will run it.",)), call]
        case "long" if rest.isdecimal():
            return [Text(tuple(f"part {n}\n\n" for n in range(1, int(rest) + 1)), LONG_CHUNK_S)]
    return [Text((f"Heard: {prompt.splitlines()[0] if prompt else 'nothing'}",))]


def _words(text: str) -> tuple[str, ...]:
    return tuple(re.findall(r"\s*\S+\s*?", text.replace("\\n", "\n")))


def _call(prompt: str, body: Json, results: int) -> ToolUse | None:
    """The tool call that a prompt asks for after so many results; None when it has all it wants."""
    verb, _, rest = prompt.partition(" ")
    if verb == "edit" and results == 1:
        file, old, new = rest.split(" :: ")
        return ToolUse("Edit", {"file_path": file, "old_string": old, "new_string": new})
    if results:
        return None
    match verb:
        case "run":
            return ToolUse("Bash", {"command": rest, "description": "Run the asked command"})
        case "call":
            name, _, given = rest.partition(" ")
            return ToolUse(name, json.loads(given or "{}"))
        case "read" | "edit":
            return ToolUse("Read", {"file_path": rest.split(" :: ")[0]})
        case "grep":
            return ToolUse("Grep", {"pattern": rest, "output_mode": "content"})
        case "write":
            file, _, text = rest.partition(" :: ")
            return ToolUse("Write", {"file_path": file, "content": text})
        case "task":
            offered = {tool.get("name"): tool.get("input_schema") for tool in body.get("tools") or []}
            name = "Agent" if "Agent" in offered else "Task"
            task: Json = {"description": "Do the task", "prompt": rest, "subagent_type": "general-purpose"}
            if "run_in_background" in ((offered.get(name) or {}).get("properties") or {}):
                task["run_in_background"] = False
            return ToolUse(name, task)
    return None


_ASIDES = {
    "isNewTopic": json.dumps({"isNewTopic": False, "title": None}),
    "Extract any file paths": "<is_displaying_contents>\nfalse\n</is_displaying_contents>\n\n"
    "<filepaths>\n</filepaths>",
    "command_injection_detected": "none",
}
"""The client's own questions (≤ 2.0) by words of their system prompt, and answers it can read."""


def _aside(body: Json) -> str | None:
    """The answer to one of the client's own requests, or None when it is a conversation after all."""
    if body.get("max_tokens") == 1:
        return "ok"
    wanted = (body.get("output_config") or {}).get("format") or {}
    if "schema" in wanted:
        return json.dumps(_least(wanted["schema"]))
    told = json.dumps(body.get("system", ""))
    answer = next((answer for words, answer in _ASIDES.items() if words in told), None)
    last = body["messages"][-1]
    if answer and last["role"] == "assistant":
        # The client has begun the answer itself ("{"); the model goes on from there.
        return answer.removeprefix(_blocks(last["content"])[-1].get("text", ""))
    return answer


def _least(schema: Json) -> object:
    """The smallest value that a JSON schema of the simple kind allows."""
    if "enum" in schema:
        return schema["enum"][0]
    match schema.get("type"):
        case "object":
            properties: Json = schema.get("properties") or {}
            required = schema.get("required") or list(properties)
            return {key: _least(properties.get(key, {})) for key in required}
        case "array":
            return []
        case "boolean":
            return False
        case "integer" | "number":
            return 0
    return "Stand-in"
