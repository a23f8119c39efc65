#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""generate.py SHELL [EMULATOR…] PROGRAM-FILE: writes a shell's completion of a program to standard
output.

SHELL is bash, zsh or fish. The program tells its command line itself, with --describe, so that
the completion has what the program has.
"""

import json
import re
import subprocess
import sys

# Where a value is not a file: what is offered. The type is what the program's help shows.
PROCESSES = "processes"
FILES = "files"
FOLDERS = "folders"
COMMAND = "command"
NOTHING = "nothing"
KINDS = {"PATH": FILES, "FILE": FILES, "FILE...": FILES, "DIR": FOLDERS, "COMMAND": COMMAND,
         "CMD": COMMAND}
BY_NAME = {"process": PROCESSES, "directory": FOLDERS}


def values_of(item):
    """The words to choose from, where the program knows them: "A, B or C" in its help."""
    text = item["argument"] or ""
    if "{" in text:  # a set that the command-line library checks
        return re.findall(r"[\w-]+", text[text.index("{"):text.index("}") + 1])
    match = re.match(r"(?:Order of the waiting tasks: )?((?:[a-z]+(?: \([^)]*\))?, )*"
                     r"[a-z]+(?: \([^)]*\))? or [a-z]+)(?: \(|$|\.)", item["help"])
    if match and text.split(":")[0] in ("NAME", "KIND", "LEVEL"):
        plain = re.sub(r" \([^)]*\)", "", match[1])
        return re.split(r", | or ", plain)
    return []


def kind_of(item):
    if item["name"] in BY_NAME:
        return BY_NAME[item["name"]]
    return KINDS.get((item["argument"] or "").split(":")[0], NOTHING)


def options_of(command):
    return [item for item in command["options"] if not item["positional"]]


def positionals_of(command):
    return [item for item in command["options"] if item["positional"]]


def long_name(item):
    return next((name for name in item["names"] if name.startswith("--")), item["names"][0])


def function_name(program):
    return "_" + program.replace("-", "_")


# --- bash ----------------------------------------------------------------------------------

BASH_KINDS = {
    FILES: 'mapfile -t COMPREPLY < <(compgen -f -- "$cur"); compopt -o filenames',
    FOLDERS: 'mapfile -t COMPREPLY < <(compgen -d -- "$cur"); compopt -o filenames',
    PROCESSES: 'mapfile -t COMPREPLY < <(compgen -W "$(cd /proc && echo [0-9]*)" -- "$cur")',
    COMMAND: 'mapfile -t COMPREPLY < <(compgen -c -- "$cur")',
    NOTHING: "COMPREPLY=()",
}


def bash_words(words):
    return f'mapfile -t COMPREPLY < <(compgen -W "{" ".join(words)}" -- "$cur")'


def bash_value(item):
    values = values_of(item)
    return bash_words(values) if values else BASH_KINDS[kind_of(item)]


def bash_command(command, subcommands, indent):
    """The lines that complete one (sub)command."""
    pad = " " * indent
    lines = []
    with_value = [item for item in options_of(command) if item["argument"] is not None]
    if with_value:
        lines.append(f"{pad}case $prev in")
        for item in with_value:
            lines.append(f"{pad}{' | '.join(item['names'])}) {bash_value(item)}; return ;;")
        lines.append(f"{pad}esac")
    names = [name for item in options_of(command) for name in item["names"]]
    lines.append(f'{pad}if [[ $cur == -* ]]; then {bash_words(names)}; return; fi')
    positionals = positionals_of(command)
    if subcommands:
        lines.append(pad + bash_words([sub["name"] for sub in subcommands]))
    elif positionals:
        lines.append(pad + bash_value(positionals[0]))
    else:
        lines.append(f"{pad}COMPREPLY=()")
    return lines


def bash(command):
    program = command["name"]
    subcommands = command["commands"]
    function = function_name(program)
    lines = ["# SPDX-License-Identifier: GPL-2.0-only", "# shellcheck shell=bash", f"{function}() {{",
             "    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}",
             "    COMPREPLY=()"]
    if subcommands:
        lines.append("    local i word sub=")
        takes = [name for item in options_of(command) if item["argument"] is not None
                 for name in item["names"]]
        lines += ["    for ((i = 1; i < COMP_CWORD; i++)); do",
                  "        word=${COMP_WORDS[i]}", "        case $word in",
                  f"        {' | '.join(takes)}) i=$((i + 1)) ;;" if takes else "        '') ;;",
                  "        -*) ;;", "        *) sub=$word; break ;;", "        esac", "    done"]
        held = [sub["name"] for sub in subcommands
                if any(kind_of(item) == COMMAND for item in positionals_of(sub))]
        if held:  # what stands behind -- is a command line of its own
            lines += [f"    if [[ $sub == @({'|'.join(held)}) ]]; then",
                      "        for ((i++; i < COMP_CWORD; i++)); do",
                      "            if [[ ${COMP_WORDS[i]} == -- ]]; then",
                      "                if ((i + 1 == COMP_CWORD)); then",
                      f"                    {BASH_KINDS[COMMAND]}",
                      "                elif declare -F _command_offset >/dev/null; then",
                      "                    _command_offset $((i + 1))",
                      "                fi", "                return", "            fi",
                      "        done", "    fi"]
        lines.append("    case $sub in")
        for sub in subcommands:
            lines += [f"    {sub['name']})", *bash_command(sub, [], 8), "        ;;"]
        lines += ["    '')", *bash_command(command, subcommands, 8), "        ;;", "    esac"]
    else:
        lines += bash_command(command, [], 4)
    lines += ["}", f"complete -F {function} {program}"]
    return lines


# --- zsh -----------------------------------------------------------------------------------

ZSH_KINDS = {FILES: "_files", FOLDERS: "_files -/", PROCESSES: "_pids",
             COMMAND: "_command_names -e", NOTHING: " "}


def zsh_text(text):
    return re.sub(r"([\[\]:\\])", r"\\\1", text).replace("'", "'\\''")


def zsh_action(item):
    values = values_of(item)
    label = zsh_text((item["argument"] or item["name"]).split(":")[0].lower())
    return f":{label}:({' '.join(values)})" if values else f":{label}:{ZSH_KINDS[kind_of(item)]}"


def zsh_specs(command):
    specs = []
    for item in options_of(command):
        action = "" if item["argument"] is None else zsh_action(item)
        names = item["names"]
        others = f"({' '.join(names)})" if len(names) > 1 else ""
        for name in names:
            specs.append(f"'{others}{name}[{zsh_text(item['help'])}]{action}'")
    return specs


def zsh_positional(item):
    if kind_of(item) == COMMAND:
        return "'(-)*::command:_normal'"
    return f"'{'*' if item['several'] else ''}{zsh_action(item)}'"


def zsh_arguments(specs, pad, flags=""):
    return [f"{pad}_arguments {flags}-S \\"] + [f"{pad}    {spec} \\" for spec in specs[:-1]] + [
        f"{pad}    {specs[-1]}"]


def zsh(command):
    program = command["name"]
    function = function_name(program)
    lines = [f"#compdef {program}", "# SPDX-License-Identifier: GPL-2.0-only", f"{function}() {{"]
    subcommands = command["commands"]
    if not subcommands:
        specs = zsh_specs(command) + [zsh_positional(item) for item in positionals_of(command)]
        lines += ["    local curcontext=$curcontext", *zsh_arguments(specs, "    ")]
    else:
        lines += ["    local curcontext=$curcontext state line", "    typeset -A opt_args"]
        specs = zsh_specs(command) + ["'1:command:->command'", "'*::argument:->argument'"]
        lines += [*zsh_arguments(specs, "    ", "-C "), "    case $state in", "    command)",
                  "        local -a commands=("]
        lines += [f"            '{zsh_text(sub['name'])}:{zsh_text(sub['help'])}'"
                  for sub in subcommands]
        lines += ["        )", "        _describe command commands ;;", "    argument)",
                  "        case $line[1] in"]
        for sub in subcommands:
            specs = zsh_specs(sub) + [zsh_positional(item) for item in positionals_of(sub)]
            lines += [f"        {sub['name']})", *zsh_arguments(specs, "            "),
                      "            ;;"]
        lines += ["        esac ;;", "    esac"]
    lines += ["}", f'{function} "$@"']
    return lines


# --- fish ----------------------------------------------------------------------------------

FISH_KINDS = {FILES: "-r -F", FOLDERS: "-x -a '(__fish_complete_directories)'",
              PROCESSES: "-x -a '(__fish_complete_pids)'",
              COMMAND: "-x -a '(__fish_complete_subcommand)'", NOTHING: "-x"}


def fish_text(text):
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def fish_value(item):
    values = values_of(item)
    return f"-x -a {fish_text(' '.join(values))}" if values else FISH_KINDS[kind_of(item)]


def fish_options(program, command, condition):
    lines = []
    for item in options_of(command):
        words = [f"complete -c {program}"]
        if condition:
            words.append(f"-n {fish_text(condition)}")
        words += [f"-l {name[2:]}" if name.startswith("--") else f"-s {name[1:]}"
                  for name in item["names"]]
        if item["argument"] is not None:
            words.append(fish_value(item))
        words.append(f"-d {fish_text(item['help'])}")
        lines.append(" ".join(words))
    return lines


def fish_finder(command, finder):
    """A function that prints the command among the words so far: options have values."""
    takes = [name for item in options_of(command) if item["argument"] is not None
             for name in item["names"]]
    return [f"function {finder}", "    set -l skip no",
            "    for word in (commandline -opc)[2..-1]", "        if test $skip = yes",
            "            set skip no", f"        else if contains -- $word {' '.join(takes)}",
            "            set skip yes", "        else if not string match -q -- '-*' $word",
            "            echo $word", "            return", "        end", "    end", "end"]


def fish(command):
    program = command["name"]
    lines = ["# SPDX-License-Identifier: GPL-2.0-only", f"complete -c {program} -f"]
    subcommands = command["commands"]
    finder = "__" + program.replace("-", "_") + "_command"
    if subcommands:
        lines += fish_finder(command, finder)
    no_command = f'test -z "$({finder})"'
    lines += fish_options(program, command, no_command if subcommands else "")
    for item in positionals_of(command):
        lines.append(f"complete -c {program} {fish_value(item)}")
    for sub in subcommands:
        lines.append(f"complete -c {program} -n {fish_text(no_command)} -a {sub['name']} "
                     f"-d {fish_text(sub['help'])}")
        seen = f'test "$({finder})" = {sub["name"]}'
        lines += fish_options(program, sub, seen)
        for item in positionals_of(sub):
            value = fish_value(item)
            if kind_of(item) == COMMAND:
                # The command line behind --, or the command's first word.
                value = "-x -a '(__fish_complete_subcommand --fcs-skip=3)'"
            if kind_of(item) != NOTHING or values_of(item):
                lines.append(f"complete -c {program} -n {fish_text(seen)} {value}")
    return lines


def main():
    if len(sys.argv) < 3 or sys.argv[1] not in ("bash", "zsh", "fish"):
        sys.exit(__doc__.strip())
    told = subprocess.run([*sys.argv[2:], "--describe"], capture_output=True, check=True).stdout
    writer = {"bash": bash, "zsh": zsh, "fish": fish}[sys.argv[1]]
    print("\n".join(writer(json.loads(told))))


if __name__ == "__main__":
    main()
