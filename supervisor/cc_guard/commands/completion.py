"""`cc-guard completion`: a script for the user's shell, made of the table in commands/words.py.

What follows `claude` is completed as the shell completes the client itself, or as files. The scripts start no
program: a shell waits for them at every Tab.
"""

import os
import sys
from collections.abc import Iterable, Sequence

from cc_guard import paths
from cc_guard.commands.output import written
from cc_guard.commands.words import CLIENT, COMMANDS, FILE, HELP, OPTIONS, PROFILE, Command, Option

USAGE = """\
usage: cc-guard completion bash | zsh | fish

Print a script that completes cc-guard's commands and options.

  bash   echo 'eval "$(cc-guard completion bash)"' >> ~/.bashrc
  zsh    mkdir -p ~/.zfunc && cc-guard completion zsh > ~/.zfunc/_cc-guard
         and in ~/.zshrc, before compinit: fpath+=(~/.zfunc)
  fish   mkdir -p ~/.config/fish/completions
         cc-guard completion fish > ~/.config/fish/completions/cc-guard.fish

To try it at once: source <(cc-guard completion bash)
"""


def main(argv: list[str]) -> int:
    """Exit status: 0 done, 2 wrong usage."""
    if "--help" in argv or "-h" in argv:
        return written((USAGE, 0))
    if len(argv) != 1 or argv[0] not in _SCRIPTS:
        sys.stderr.write("cc-guard: which shell? cc-guard completion bash, zsh or fish\n")
        return 2
    return written((_SCRIPTS[argv[0]](), 0))


def _profiles() -> tuple[str, ...]:
    """The names that there are now, shipped and the user's own."""
    found = {"auto"}
    for folder in (paths.shipped("profiles"), paths.config_profiles()):
        if os.path.isdir(folder):
            names = (name.removesuffix(".toml") for name in os.listdir(folder) if name.endswith(".toml"))
            found.update(name for name in names if name.replace("-", "").replace("_", "").isalnum())
    return tuple(sorted(found))


def _values(takes: str | tuple[str, ...]) -> Sequence[str]:
    return takes if isinstance(takes, tuple) else _profiles() if takes == PROFILE else ()


def _options(command: Command) -> tuple[Option, ...]:
    return (*command.options, HELP)


def _ours() -> tuple[Command, ...]:
    """Commands but for the client."""
    return tuple(command for command in COMMANDS if command is not CLIENT)


def _quote(text: str) -> str:
    """One word for bash and zsh."""
    return "'" + text.replace("'", "'\\''") + "'"


# bash, from 3.2 on, which macOS has


def _bash() -> str:
    valued = " | ".join(option.name for option in OPTIONS if option.takes)
    values = [_bash_values("", option.name, option.takes) for option in OPTIONS]
    words = []
    for command in _ours():
        values += [_bash_values(command.name, option.name, option.takes) for option in command.options]
        values += [_bash_values(command.name, verb.name, verb.takes) for verb in command.verbs]
        offered = " ".join([verb.name for verb in command.verbs] if command.verbs else [])
        options = " ".join(option.name for option in _options(command))
        file = "_cc_guard_files" if command.takes == FILE else ":"
        words.append(f'    {command.name}) options="{options}" verbs="{offered}" other={file} ;;')
    first = " ".join([*(option.name for option in OPTIONS), *(command.name for command in COMMANDS)])
    cases = "\n".join(filter(None, values))
    commands = "\n".join(words)
    return f"""\
# cc-guard's completion for bash: cc-guard completion bash
_cc_guard_files() {{
    compopt -o default 2>/dev/null && return
    local IFS=$'\\n'
    COMPREPLY=($(compgen -f -- "$1"))
}}

_cc_guard_choose() {{
    COMPREPLY=($(compgen -W "$1" -- "$2"))
}}

_cc_guard() {{
    local current=${{COMP_WORDS[COMP_CWORD]}} before="" command="" at=1 verbs options other
    COMPREPLY=()
    while [ "$at" -lt "$COMP_CWORD" ]; do
        case ${{COMP_WORDS[at]}} in
        {valued})
            [ "${{COMP_WORDS[at + 1]}}" = "=" ] && at=$((at + 1))
            at=$((at + 1))
            ;;
        --) command=-- ;;
        -*) ;;
        *) command=${{COMP_WORDS[at]}} ;;
        esac
        [ -n "$command" ] && break
        at=$((at + 1))
    done
    case $command in
    {CLIENT.name} | --)
        [ "$command" = -- ] && at=$((at + 1))
        if declare -F _comp_command_offset >/dev/null; then
            _comp_command_offset "$at"
        elif declare -F _command_offset >/dev/null; then
            _command_offset "$at"
        else
            _cc_guard_files "$current"
        fi
        return
        ;;
    esac
    before=${{COMP_WORDS[COMP_CWORD - 1]}}
    if [ "$current" = "=" ]; then
        current=""
    elif [ "$before" = "=" ] && [ "$COMP_CWORD" -gt 2 ]; then
        before=${{COMP_WORDS[COMP_CWORD - 2]}}
    fi
    case "$command $before" in
{cases}
    esac
    case $command in
    "") _cc_guard_choose "{first}" "$current"; return ;;
{commands}
    *) return ;;
    esac
    if [[ $current == -* ]]; then
        _cc_guard_choose "$options" "$current"
    elif [ -n "$verbs" ] && [ "$before" = "$command" ]; then
        _cc_guard_choose "$verbs" "$current"
    else
        $other "$current"
    fi
}}
complete -F _cc_guard cc-guard
"""


def _bash_values(command: str, name: str, takes: str | tuple[str, ...]) -> str:
    """What may stand behind `name`; empty where nothing does."""
    if not takes:
        return ""
    found = " ".join(_values(takes))
    action = '_cc_guard_files "$current"' if takes == FILE else f'_cc_guard_choose "{found}" "$current"'
    return f'    "{command} {name}") {action}; return ;;'


# zsh


def _zsh() -> str:
    commands = _zsh_list((command.name, command.about) for command in COMMANDS)
    cases = "\n".join(
        f"        ({command.name})\n{_zsh_command(command)}\n            ;;" for command in _ours()
    )
    options = " \\\n        ".join(_zsh_option(option) for option in OPTIONS)
    return f"""\
#compdef cc-guard
# cc-guard's completion for zsh: cc-guard completion zsh
_cc_guard() {{
    local curcontext=$curcontext state line
    local -a commands verbs
    if (( CURRENT > 2 )) && [[ $words[2] == -- ]]; then
        shift 2 words
        (( CURRENT -= 2 ))
        _normal
        return
    fi
    _arguments -C \\
        {options} \\
        '1: :->command' '*:: :->rest'
    case $state in
    (command)
        commands=({commands})
        _describe -t commands command commands
        ;;
    (rest)
        case $words[1] in
        ({CLIENT.name})
            _normal
            ;;
{cases}
        esac
        ;;
    esac
}}
if [[ $funcstack[1] == _cc-guard ]]; then
    _cc_guard "$@"
else
    compdef _cc_guard cc-guard
fi
"""


def _zsh_command(command: Command) -> str:
    first = "'1: :->verb'" if command.verbs else "'*: :_files'" if command.takes == FILE else ""
    rest = "'*: :->value'" if command.verbs else ""
    specs = " \\\n                ".join(
        filter(None, [*(_zsh_option(option) for option in _options(command)), first, rest])
    )
    text = f"            _arguments -C \\\n                {specs}"
    if not command.verbs:
        return text
    verbs = _zsh_list((verb.name, verb.about) for verb in command.verbs)
    values = "; ".join(
        f"[[ $line[1] == {verb.name} ]] && {_zsh_action(verb.takes)}" for verb in command.verbs if verb.takes
    )
    return f"""{text}
            case $state in
            (verb) verbs=({verbs}); _describe -t verbs verb verbs ;;
            (value) {values or ":"} ;;
            esac"""


def _zsh_action(takes: str) -> str:
    if takes == FILE:
        return "_files"
    values = _values(takes)
    return f"compadd -- {' '.join(values)}" if values else "_message -e ids id"


def _zsh_option(option: Option) -> str:
    about = option.about.replace("[", "(").replace("]", ")").replace(":", " -")
    if not option.takes:
        return _quote(f"{option.name}[{about}]")
    if option.takes == FILE:
        return _quote(f"{option.name}=[{about}]:file:_files")
    values = _values(option.takes)
    name = option.takes if isinstance(option.takes, str) else "choice"
    return _quote(f"{option.name}=[{about}]:{name}:({' '.join(values)})")


def _zsh_list(items: Iterable[tuple[str, str]]) -> str:
    return " ".join(_quote(f"{name}:{about}") for name, about in items)


# fish, from 3.0 on


def _fish() -> str:
    valued = " ".join(option.name for option in OPTIONS if option.takes)
    lines = [_fish_option("''", option) for option in OPTIONS]
    for command in COMMANDS:
        lines.append(_fish_words("''", command.name, command.about))
    for command in _ours():
        name = command.name
        lines += [_fish_option(name, option) for option in _options(command)]
        for verb in command.verbs:
            lines.append(_fish_words(f"{name} ''", verb.name, verb.about))
            if verb.takes == FILE:
                lines.append(f"complete -c cc-guard -n '__cc_guard_at {name} {verb.name}' -F")
            for value in _values(verb.takes):
                lines.append(_fish_words(f"{name} {verb.name}", value, ""))
        if command.takes == FILE:
            lines.append(f"complete -c cc-guard -n '__cc_guard_at {name}' -F")
    rules = "\n".join(lines)
    return f"""\
# cc-guard's completion for fish: cc-guard completion fish
# Prints the words before the cursor from the command on: what stands before it are options of ours.
function __cc_guard_before
    set -l words (commandline -opc)
    set -e words[1]
    while set -q words[1]
        switch $words[1]
            case {valued}
                set -e words[1]
            case --
                break
            case '-*'
            case '*'
                break
        end
        set -e words[1]
    end
    printf '%s\\n' $words
end

function __cc_guard_at
    set -l words (__cc_guard_before)
    test "$words[1]" = "$argv[1]"; or return 1
    set -q argv[2]; or return 0
    test "$words[2]" = "$argv[2]"
end

function __cc_guard_client
    set -l words (__cc_guard_before)
    contains -- "$words[1]" {CLIENT.name} --
end

function __cc_guard_client_words
    set -l words (__cc_guard_before)
    test "$words[1]" = --; and set -e words[1]
    complete -C (string join ' ' -- (string escape -- $words) (commandline -ct))
end

complete -c cc-guard -f
complete -c cc-guard -n __cc_guard_client -a '(__cc_guard_client_words)'
{rules}
"""


def _fish_words(at: str, word: str, about: str) -> str:
    return f'complete -c cc-guard -n "__cc_guard_at {at}" -a {word} -d {_fish_quote(about)}'


def _fish_option(at: str, option: Option) -> str:
    takes = ""
    if option.takes == FILE:
        takes = " -rF"
    elif option.takes:
        takes = f" -xa {_fish_quote(' '.join(_values(option.takes)))}"
    about = _fish_quote(option.about)
    return f'complete -c cc-guard -n "__cc_guard_at {at}" -l {option.name[2:]}{takes} -d {about}'


def _fish_quote(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


_SCRIPTS = {"bash": _bash, "zsh": _zsh, "fish": _fish}
