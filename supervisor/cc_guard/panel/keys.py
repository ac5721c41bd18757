"""All keys of the panel, in one table."""

from typing import NamedTuple


class Key(NamedTuple):
    """`action` is a method of the panel without its `action_`; `short` stands in the bar below, `text` in the
    help and the command palette. `when`: question, release, retry, observe, copy, or always."""

    key: str
    action: str
    short: str
    text: str
    when: str = "always"

    @property
    def shown(self) -> str:
        """As people write it."""
        return {"question_mark": "?", "ctrl+p": "^p"}.get(self.key, self.key)


KEYS = (
    Key("y", "answer('yes')", "yes", "Yes, do it this time", "question"),
    Key("n", "answer('no')", "no", "No, not this time", "question"),
    Key("a", "answer('always')", "always", "Yes, and don't ask again in this session", "question"),
    Key("N", "answer('never')", "never", "No, and don't ask again in this session", "question"),
    Key("r", "release", "release", "Let Claude Code go on now; hands off until this is over", "release"),
    Key("t", "retry", "try now", "Let one attempt through now", "retry"),
    Key("c", "copy", "copy", "Copy the commands on the screen to the clipboard", "copy"),
    Key("o", "observe", "observe", "Observe only: watch and record, act on nothing (on, off)", "observe"),
    Key("question_mark", "help", "help", "This help"),
    Key("q", "close", "close", "Close the panel; the session goes on"),
    Key("d", "colours", "colours", "Dark or light colours"),
    Key("ctrl+p", "palette", "commands", "All commands, to search"),
)

SCROLLING = "↑ ↓ PgUp PgDn scroll, Tab goes from button to button, Enter presses one; the mouse works, too."
