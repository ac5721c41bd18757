"""The client's command line as the client reads it. Lean: the start-up path imports this file.

What takes a value and what is a command is the client's own knowledge; the tables below are the union of
1.0.120, 2.0.60, 2.1.112 and 2.1.330 (2.1.330 keeps them as three sets for its own early scan, the older
ones as calls of commander's .option and .command). A version that does not know an option ends with an
error of its own, whatever we make of it.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


def words(text: str) -> "frozenset[str]":
    return frozenset(text.split())


# Followed by one value, whatever it looks like.
ONE_VALUE = words(
    """
    --advisor --agent --agent-color --agent-id --agent-name --agent-type --agents
    --append-subagent-system-prompt --append-subagent-system-prompt-file --append-system-prompt
    --append-system-prompt-file --attach-serve --autocompact --client-data-url --correlation-id
    --debug-file --deep-link-cwd-b64 --deep-link-last-fetch --deep-link-repo --effort --environment
    --fallback-model --fast-mode --forward-home-settings --handle-uri --inherit-permission-mode
    --initialize-fields --input-format --json-schema --lead-verify-key --managed-settings --max-budget-usd
    --max-thinking-tokens --max-turns --messaging-socket-path --metadata --model --name --on-branch
    --output-format --parent-session-id --permission-mode --permission-prompt-tool --permission-prompts
    --plan-mode-instructions --plugin-dir --plugin-dir-no-mcp --plugin-url --pool --prefill --prefill-b64
    --proactivity --project-config-root --ref --remote-control-session-name-prefix --resume-drops-turn
    --resume-session-at --rewind-files --routine --runner-declares --sdk-url --session-began-as-copy
    --session-id --setting-sources --settings --system-prompt --system-prompt-file
    --system-prompt-snapshot --task-budget --team-name --teammate-mode --thinking --thinking-display
    --watch-artifact --watch-artifact-no-autoreact --workload -n
    """
)
# Followed by one value, and then by every word that does not look like an option.
MANY_VALUES = words(
    """
    --add-dir --allowed-tools --allowedTools --betas --channels --dangerously-load-development-channels
    --disallowed-tools --disallowedTools --file --mcp-config --tools
    """
)
# Followed by a value unless the next word looks like an option.
MAYBE_VALUE = words(
    """
    --cloud --debug --from-pr --project --prompt-suggestions --rc --remote --remote-control --resume
    --teleport --worktree -d -r -w
    """
)
COMMANDS = words(
    """
    agents attach auth auto-mode bridge config design-login doctor environment-runner gateway help import
    import-conversations install kill logs mcp migrate-installer plugin plugins project purge rc remote
    remote-control respawn rm sandbox self-hosted-runner setup-token ssh stop sync ultrareview update upgrade
    workspace-trust worktree-hook
    """
)


class Option:
    """One option: its name, its value (None: it has none), and its words `args[start:end]`."""

    __slots__ = ("end", "name", "start", "value")

    def __init__(self, name: str, value: "str | None", start: int, end: int) -> None:
        self.name, self.value, self.start, self.end = name, value, start, end


def scan(args: "Sequence[str]") -> "tuple[list[Option], str | None]":
    """The options of a command line, and the first word that is neither an option nor the value of one.

    That word is a command or the prompt, also after `--`. A `-cp` is two options.
    """
    options: list[Option] = []
    operand: str | None = None
    index = 0
    while index < len(args):
        word = args[index]
        if word == "--":
            if operand is None and index + 1 < len(args):
                operand = args[index + 1]
            break
        end = index + 1
        if not _looks_like_option(word):
            operand = word if operand is None else operand
        elif word.startswith("--") or word == "-d2e":
            name, equals, value = word.partition("=")
            if equals:
                options.append(Option(name, value, index, end))
            else:
                end = _end_of_values(args, index, name)
                options.append(Option(name, args[index + 1] if end > index + 1 else None, index, end))
        else:
            end = _short(args, index, options)
        index = end
    return options, operand


def _short(args: "Sequence[str]", index: int, options: "list[Option]") -> int:
    """`-c`, `-cp`, `-rNAME` or `-r NAME`. Returns the index of the word behind it."""
    letters = args[index][1:]
    for position, letter in enumerate(letters):
        name, rest = f"-{letter}", letters[position + 1 :]
        if name in ONE_VALUE or name in MAYBE_VALUE:
            end = index + 1 if rest else _end_of_values(args, index, name)
            value = rest or (args[index + 1] if end > index + 1 else None)
            options.append(Option(name, value, index, end))
            return end
        options.append(Option(name, None, index, index + 1))
    return index + 1


def _end_of_values(args: "Sequence[str]", index: int, name: str) -> int:
    """The index of the first word behind the option at `index` that is not one of its values."""
    end = index + 1
    if end == len(args):
        return end
    if name in ONE_VALUE:
        return end + 1
    if name in MAYBE_VALUE:
        return end if _looks_like_option(args[end]) else end + 1
    if name in MANY_VALUES:
        end += 1
        while end < len(args) and not _looks_like_option(args[end]):
            end += 1
    return end


def _looks_like_option(word: str) -> bool:
    return len(word) > 1 and word.startswith("-")
