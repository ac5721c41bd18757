"""What the stand-in's model says: a request body in, content blocks out.

The last thing the user said decides:

| prompt | answer |
|---|---|
| `say WORDS` | the text WORDS |
| `run COMMAND` | a Bash call of COMMAND; after its result the text `The command is done.` |
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


def answer_to(body: Json) -> list[Block]:
    if not body.get("tools"):
        aside = _aside(body)
        if aside is not None:
            return [Text((aside,))]
    prompt = prompt_of(body)
    if prompt is None:
        return [Text((FINISHED,))]
    verb, _, rest = prompt.partition(" ")
    match verb:
        case "say" if rest:
            return [Text(tuple(re.findall(r"\s*\S+\s*?", rest)))]
        case "run" if rest:
            call = ToolUse("Bash", {"command": rest, "description": "Run the asked command"})
            return [Text(("I will run it.",)), call]
        case "long" if rest.isdecimal():
            return [Text(tuple(f"part {n}\n\n" for n in range(1, int(rest) + 1)), LONG_CHUNK_S)]
    return [Text((f"Heard: {prompt.splitlines()[0] if prompt else 'nothing'}",))]


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
