"""A model whose answers are written beforehand, for prompts that must not carry their answers in them.

One script at a time in a process: it takes the place of the stand-in's own answers, which are still given
to prompts that it does not know.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from unittest.mock import patch

from tests.standin.answers import Block, Json, Text, ToolUse, answer_to

_PASTED = re.compile(r"</?pasted_content\b[^>]*>")
_REMINDER = re.compile(r"<(system-reminder)>.*?</\1>", re.DOTALL)

Turn = tuple[Block, ...]


def says(text: str, seconds: float = 0.0) -> Text:
    """`text`, word by word; with `seconds` line by line, in this time."""
    if not seconds:
        return Text(tuple(re.findall(r"\s*\S+\s*", text)))
    lines = tuple(text.splitlines(keepends=True))
    return Text(lines, seconds / len(lines))


def bash(command: str) -> ToolUse:
    return ToolUse("Bash", {"command": command, "description": "Run what was asked for"})


def _words(text: str) -> str:
    """Clients change the blanks of what is pasted into them; the newest says that it was pasted."""
    return "".join(_PASTED.sub("", _REMINDER.sub("", text)).split())


class Script:
    """The turns of the model: `script[prompt] = (first, after the tools' results, …)`."""

    def __init__(self, pace: float = 1.0) -> None:
        """`pace`: what the model's pauses are multiplied with."""
        self._pace = pace
        self._turns: dict[str, tuple[Turn, ...]] = {}

    def __setitem__(self, prompt: str, turns: tuple[Turn, ...]) -> None:
        self._turns[_words(prompt)] = turns

    def answer(self, body: Json) -> list[Block]:
        """The number of messages with tool results since the prompt says which turn it is."""
        turn = 0
        said = [message for message in body.get("messages", []) if message.get("role") == "user"]
        for message in reversed(said if body.get("tools") else []):
            content = message.get("content")
            blocks = content if isinstance(content, list) else [{"type": "text", "text": str(content)}]
            for block in reversed(blocks):
                turns = self._turns.get(_words(str(block.get("text", ""))))
                if turns:
                    return [self._paced(block) for block in turns[min(turn, len(turns) - 1)]]
            turn += any(block.get("type") == "tool_result" for block in blocks)
        return answer_to(body)

    def _paced(self, block: Block) -> Block:
        return replace(block, pause_s=block.pause_s * self._pace) if isinstance(block, Text) else block

    @contextmanager
    def played(self) -> Iterator[None]:
        """Every stand-in of this process speaks this script."""
        with patch("tests.standin.exchange.answer_to", self.answer):
            yield
