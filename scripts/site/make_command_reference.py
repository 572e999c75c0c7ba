"""Write docs/commands.md from the commands themselves: run `python scripts/site/make_command_reference.py`.

A command or an option that is added appears on the page; a test compares the page with what this makes.
"""

from __future__ import annotations

from collections.abc import Iterator
from inspect import cleandoc
from pathlib import Path

import click

from make_function_reference import table
from matnet.cli.entry import program

PAGE = Path(__file__).resolve().parents[2] / "docs" / "commands.md"

HEAD = """\
# The commands

Made from the commands themselves by `scripts/site/make_command_reference.py`.

## Completion

A shell completes commands and options after one of these lines, in its start file or typed once:

| shell | line |
| --- | --- |
| bash | `eval "$(_MATNET_COMPLETE=bash_source matnet)"` |
| zsh | `eval "$(_MATNET_COMPLETE=zsh_source matnet)"` |
| fish | `_MATNET_COMPLETE=fish_source matnet \\| source` |

## All commands
"""


def commands() -> Iterator[tuple[str, click.Command]]:
    """The commands by name, in the order of the help."""
    context = click.Context(program, info_name="matnet")
    for name in program.list_commands(context):
        command = program.get_command(context, name)
        assert command is not None
        yield name, command


def reference() -> str:
    """The page."""
    lines = [HEAD, cleandoc(program.help or ""), ""]
    for name, command in commands():
        lines += _section(name, command)
    return "\n".join(lines)


def _section(name: str, command: click.Command) -> list[str]:
    arguments = [_argument(entry) for entry in command.params if isinstance(entry, click.Argument)]
    options = [(_names(entry), _help(entry)) for entry in command.params if isinstance(entry, click.Option)]
    usage = " ".join(["matnet", name, "[OPTIONS]", *arguments])
    text = cleandoc(command.help or "").replace("\b\n", "")
    return [f"## matnet {name}\n", f"`{usage}`\n", text, "", *table(("option", ""), options)]


def _argument(argument: click.Argument) -> str:
    name = argument.metavar or argument.human_readable_name
    return name if argument.required or name.startswith("[") else f"[{name}]"


def _names(option: click.Option) -> str:
    names = ", ".join([*option.opts, *option.secondary_opts])
    if isinstance(option.type, click.Choice):
        return f"`{names} {'|'.join(map(str, option.type.choices))}`"
    return f"`{names}`" if option.is_flag else f"`{names} {option.metavar or option.type.name.upper()}`"


def _help(option: click.Option) -> str:
    default = f" Default: `{option.default}`." if option.show_default and option.default is not None else ""
    return f"{option.help or ''}{default}"


if __name__ == "__main__":
    PAGE.write_text(reference(), encoding="utf-8", newline="\n")
