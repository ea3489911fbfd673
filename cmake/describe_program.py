#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes a program's manual page and its completion for bash out of what its --help says: neither can differ."""

import argparse
import dataclasses
import datetime
import os
import pathlib
import re
import subprocess

ITEM = re.compile(r"  (?P<head>\S+(?: \S+)*)(?:  +(?P<text>\S.*))?$")


@dataclasses.dataclass
class Item:
    """An option, a positional or a command, with what follows its name and what is said of it."""

    head: str
    text: str

    @property
    def names(self):
        return self.head.split(" ")[0].split(",")

    @property
    def value(self):
        """What is to be written behind the name: "udp|tcp", "FILE"; nothing for flags."""
        behind = self.head.partition(" ")[2]
        return re.sub(r" ?(\(Env:\S+\)|REQUIRED|\.\.\.)", "", behind).strip()

    @property
    def words(self):
        """The values that can be listed."""
        braced = re.search(r"\{(.*)\}", self.value)
        words = braced[1].split(",") if braced else self.value.split("|") if "|" in self.value else []
        return [word for word in words if re.fullmatch(r"[a-z][a-z0-9-]*", word)]

    @property
    def takes_file(self):
        return bool(re.search(r"\b(FILE|DIR)\b", self.value))


@dataclasses.dataclass
class Help:
    """What --help says of a program or of one of its commands."""

    summary: str
    usage: str
    groups: dict  # title: items
    footer: list  # lines, as they are

    @property
    def options(self):
        return [item for title, items in self.groups.items() if title not in ("Positionals", "Subcommands")
                for item in items]


def begins_group(lines, at):
    behind = lines[at + 1] if at + 1 < len(lines) else ""
    return lines[at].endswith(":") and (
        lines[at] in ("Positionals:", "Subcommands:") or behind.startswith("  -"))


def parse_help(text):
    lines = text.rstrip().split("\n")
    usage = next(at for at, line in enumerate(lines) if line.startswith("Usage: "))
    groups, items, at = {}, [], usage + 1
    while at < len(lines):
        line = lines[at]
        if begins_group(lines, at):
            items = groups.setdefault(line[:-1], [])
        elif line and not line.startswith(" "):
            break
        elif line.startswith("   "):
            items[-1].text = (items[-1].text + " " + line.strip()).strip()
        elif line:
            found = ITEM.match(line)
            items.append(Item(found["head"], found["text"] or ""))
        at += 1
    return Help(" ".join(lines[:usage]), lines[usage].removeprefix("Usage: "), groups, lines[at:])


def ask(program, *words):
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PACELINE_")}
    said = subprocess.run([program, *words], capture_output=True, text=True, check=True, timeout=60, env=environment)
    return said.stdout


def roff(text):
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return "\\&" + text if text.startswith((".", "'")) else text


def man_items(items):
    for item in items:
        name, _, value = item.head.partition(" ")
        yield ".TP"
        yield f".B {roff(name)}" + (f" \\fI{roff(value)}\\fR" if value else "")
        yield roff(item.text)


def man_body(help_, level):
    for title, items in help_.groups.items():
        if title == "Subcommands":
            continue  # each has a section
        yield f'.{level} "{roff(title)}"'
        yield from man_items(items)
    if help_.footer:
        yield from ['.SS "Notes and examples"', ".nf", *map(roff, help_.footer), ".fi"]


def man_page(name, version, program, commands, others):
    date = datetime.datetime.fromtimestamp(int(os.environ.get("SOURCE_DATE_EPOCH", "0")) or
                                           datetime.datetime.now().timestamp(), datetime.timezone.utc)
    yield f'.\\" Made from what {name} \\-\\-help says.'
    yield f'.TH {name.upper()} 1 "{date:%Y-%m-%d}" "Paceline {version}" "User Commands"'
    yield from [".SH NAME", f"{roff(name)} \\- {roff(program.summary.rstrip('.'))}"]
    yield ".SH SYNOPSIS"
    for help_ in [*commands.values()] or [program]:
        yield from [".nf", roff(help_.usage), ".fi"]
    yield from [".SH DESCRIPTION", roff(program.summary)]
    yield ".SH OPTIONS"
    yield from man_body(program, "SS")
    for command, help_ in commands.items():
        yield from [f'.SH "COMMAND {roff(command.upper())}"', roff(help_.summary)]
        yield from man_body(help_, "SS")
    yield from [".SH SEE ALSO", ",\n".join(f".BR {roff(other)} (1)" for other in others).replace(",\n", " ,\n")]


def bash_case(command, help_):
    """The branches for the values of a command's options."""
    free, files = [], []
    for item in help_.options:
        if not item.value:
            continue
        patterns = [f'"{command} {name}"' for name in item.names]
        if item.words:
            also = "; _paceline_files" if item.takes_file else ""
            yield f'    {"|".join(patterns)}) _paceline_words {" ".join(item.words)}{also}; return ;;'
        else:
            (files if item.takes_file else free).extend(patterns)
    if files:
        yield f'    {"|".join(files)}) _paceline_files; return ;;'
    if free:
        yield f'    {"|".join(free)}) return ;;'


def bash_completion(name, program, commands):
    function = "_" + name.replace("-", "_")
    helps = {"": program, **commands}
    yield f"# bash completion for {name}, made from what its --help says"
    yield """_paceline_words() {
  local found
  mapfile -t found < <(compgen -W "$*" -- "$current")
  COMPREPLY+=("${found[@]}")
}
_paceline_files() {
  local found
  mapfile -t found < <(compgen -f -- "$current")
  COMPREPLY+=("${found[@]}")
  compopt -o filenames 2> /dev/null
}"""
    yield f"{function}() {{"
    yield "  local current=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} command='' word"
    yield "  COMPREPLY=()"
    yield "  # --option=value is three words"
    yield "  if [[ $current == = ]]; then current=''; elif [[ $before == = ]]; then before=${COMP_WORDS[COMP_CWORD - 2]}; fi"
    if commands:
        yield '  for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do'
        yield "    case $word in"
        yield "      --) command='' ;;  # another command line"
        yield f"      {'|'.join(commands)}) command=${{command:-$word}} ;;"
        yield "    esac"
        yield "  done"
    yield '  case "$command $before" in'
    for command, help_ in helps.items():
        yield from bash_case(command, help_)
    yield "  esac"
    yield "  case $command in"
    for command, help_ in helps.items():
        names = [option for item in help_.options for option in item.names]
        if command == "":
            names += commands
        files = any(item.takes_file for item in help_.groups.get("Positionals", []))
        also = "; if [[ $current != -* ]]; then _paceline_files; fi" if files else ""
        yield f"    {command or chr(39) * 2}) _paceline_words {' '.join(names)}{also} ;;"
    yield "  esac"
    yield "}"
    yield f"complete -F {function} {name}"


def write(path, lines):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("program", type=pathlib.Path)
    parser.add_argument("--man", type=pathlib.Path, required=True, metavar="FILE")
    parser.add_argument("--completion", type=pathlib.Path, required=True, metavar="FILE")
    parser.add_argument("--see-also", nargs="*", default=[], metavar="PAGE")
    given = parser.parse_args()

    program = parse_help(ask(given.program, "--help"))
    names = [item.names[0] for item in program.groups.get("Subcommands", [])]
    commands = {name: parse_help(ask(given.program, name, "--help")) for name in names}
    version = ask(given.program, "--version").split()[-1]
    name = given.program.name
    write(given.man, man_page(name, version, program, commands, given.see_also))
    write(given.completion, bash_completion(name, program, commands))


if __name__ == "__main__":
    main()
