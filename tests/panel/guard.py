"""A guard that follows a script: the product's own door, with scenes published on command.

`python -m tests.panel.guard SOCKET [SCENE] [live]`: then a scene's name a line on stdin; what is asked of it
is printed, one JSON a line. `live`: the scenes' clock is the machine's.
"""

import asyncio
import json
import re
import sys
import time
from datetime import datetime
from typing import Any

from cc_guard.guard.door import Answer, Door
from cc_guard.incident.record import iso
from tests.panel import scenes


class Guard:
    """Publishes scenes at `path`; `asked` is what panels wanted."""

    def __init__(self, path: str) -> None:
        self.asked: list[tuple[str, ...]] = []
        self.refuses = ""
        self.door = Door(path, self)

    def show(self, scene: str, live: bool = False, **other: Any) -> None:
        state = {**scenes.SCENES[scene](), **other}
        self.door.publish(shifted(state, time.time() - scenes.CLOCK) if live else state)

    def answer(self, question: str, answer: Answer) -> str:
        return self._heard("answer", question, answer)

    def release(self) -> str:
        return self._heard("release")

    def retry(self) -> str:
        return self._heard("retry")

    def observe(self, on: bool) -> str:
        return self._heard("observe", str(on))

    def code(self, text: str) -> str:
        return self._heard("code", text)

    def _heard(self, *words: str) -> str:
        self.asked.append(words)
        print(json.dumps(words), flush=True)
        return self.refuses


_ISO = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+Z")


def shifted(value: Any, by_s: float) -> Any:
    """With all times moved."""
    if isinstance(value, dict):
        return {key: shifted(one, by_s) for key, one in value.items()}
    if isinstance(value, list):
        return [shifted(one, by_s) for one in value]
    if isinstance(value, str) and _ISO.fullmatch(value):
        return iso(datetime.fromisoformat(value).timestamp() + by_s)
    return value


async def _main(path: str, scene: str, live: bool) -> None:
    guard = Guard(path)
    await guard.door.open()
    guard.show(scene, live)
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        guard.show(line.decode().strip(), live)
    await guard.door.close()


if __name__ == "__main__":
    asyncio.run(_main(sys.argv[1], (sys.argv[2:] or ["calm"])[0], "live" in sys.argv[3:]))
