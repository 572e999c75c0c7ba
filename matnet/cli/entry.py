"""The program `matnet`: runs a command and turns its errors into one line and an exit status."""

from __future__ import annotations

import errno
import gc
import importlib
import io
import os
import signal
import sys
import traceback
from collections.abc import Callable, Sequence
from types import FrameType, TracebackType
from typing import NoReturn

import click

from matnet.addresses import check_addresses
from matnet.cli.options import option_writer
from matnet.cli.speech import complain
from matnet.errors import MatnetError, Parameter

COMMANDS = (
    "inspect",
    "predict",
    "gradients",
    "convert",
    "formula",
    "verify",
    "check",
    "diff",
    "trace",
    "weights",
    "sensitivity",
    "plot",
    "report",
    "explore",
)
"""In the order of the help; each is `command` in the module of that name in this package."""

COMPLETION = "_MATNET_COMPLETE"
"""Set by the shell: see docs/commands.md."""

DONE, BAD_INPUT, BUG, INTERRUPTED = 0, 2, 70, 130

_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
"""Errors that occur only when writing."""

_NO_MEMORY = "not enough memory; give the process more, or compute less at once"

_LIBRARY_WITHOUT_MEMORY = ("failed to map segment from shared object", "Cannot allocate memory")
"""How the system says that a library cannot be loaded for want of memory."""

_ADDRESSES = 256 << 20
"""Bytes of address space without which numpy, scipy or their OpenBLAS may end the process."""

_COLLECTOR_THRESHOLD = 100_000
"""Threshold of Python's garbage collector: with the default of 700, importing takes a tenth longer."""


class Commands(click.Group):
    """The commands, each imported when it is needed."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Their names in the order of the help."""
        return list(COMMANDS)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that the first argument names; if there is none, the error suggests a similar one."""
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            import difflib  # imported only here: it takes as long to load as all of click

            close = difflib.get_close_matches(args[0], COMMANDS, 1)
            meant = f" Did you mean {close[0]}?" if close else ""
            raise click.UsageError(f"No such command '{args[0]}'.{meant}", ctx)
        return super().resolve_command(ctx, args)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command with this name."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(f"matnet.cli.{cmd_name}").command
        return command


def _show_version(ctx: click.Context, _: click.Parameter, asked: bool) -> None:
    if asked:
        from matnet.version import version

        click.echo(f"matnet {version()}")
        ctx.exit()


@click.command(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_show_version,
    help="Show the version and exit.",
)
def program() -> None:
    """Open neural networks that MATLAB saved, without MATLAB: outputs and exact derivatives in your original units.

    FILE is a file that MATLAB saved, with the network in it. TABLE holds the samples: a CSV file, an Excel workbook, a
    Parquet or Arrow file, FILE.mat:variable, or - for standard input. Results go to standard output unless -o names a
    file, everything else to standard error.

    Exit status: 0 done; 1 check failed; 2 bad usage or bad input; 3 verify was inconclusive; 70 a bug in matnet;
    130 interrupted.
    """


class _BugReport:
    """Ends an unexpected exception with its traceback, a request to report it, and exit status 70."""

    def __enter__(self) -> None:
        return

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None or issubclass(kind, SystemExit):
            return
        traceback.print_exception(kind, error, trace, file=sys.stderr)
        complain("this is a bug in matnet; please report the lines above in the project's issue tracker")
        raise SystemExit(BUG)


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the program with `arguments` (default: those of the process) and exit with its status."""
    gc.set_threshold(_COLLECTOR_THRESHOLD)
    # the evaluator gives each core a block, so OpenBLAS' own threads would only spin without being used
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupt)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # the terminal may lack characters of names from files
    status = run(sys.argv[1:] if arguments is None else arguments)
    gc.freeze()  # the program ends, so a last garbage collection over all modules would be wasted
    sys.exit(status)


def _interrupt(number: int, frame: FrameType | None) -> NoReturn:
    """Interrupt the command; a second Ctrl-C does not interrupt its clean-up."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    raise KeyboardInterrupt


def run(arguments: Sequence[str]) -> int:
    """Run the program with `arguments`; its exit status."""
    status = _reported(arguments)
    try:
        _flush_stdout()
    except OSError:
        _close_stdout()  # what is left of a failed write has been reported
    return status


def _reported(arguments: Sequence[str]) -> int:
    """The exit status, with every error on standard error."""
    with _BugReport():
        try:
            check_addresses("a command", _ADDRESSES, MatnetError)
            status = _invoke(list(arguments) or ["--help"])
            _flush_stdout()
            return status
        except click.ClickException as error:
            complain(_usage(error))
        except MatnetError as error:
            complain(error.reworded(option_names(arguments)))
        except BrokenPipeError:
            return DONE
        except KeyboardInterrupt:
            complain("interrupted")
            return INTERRUPTED
        except MemoryError:
            complain(_NO_MEMORY)
        except RuntimeError as error:
            if "can't start new thread" not in str(error):
                raise
            complain(_NO_MEMORY)
        except ImportError as error:
            if not any(words in str(error) for words in _LIBRARY_WITHOUT_MEMORY):
                raise
            complain(_NO_MEMORY)
        except OSError as error:
            if error.errno not in _NO_ROOM:
                raise
            # errors of files have already become MatnetErrors
            complain(f"standard output: cannot be written: {error.strerror}")
        return BAD_INPUT


def _invoke(arguments: list[str]) -> int:
    asked = os.environ.get(COMPLETION)
    if asked:
        from click.shell_completion import shell_complete

        return shell_complete(program, {}, "matnet", COMPLETION, asked)
    try:
        with program.make_context("matnet", arguments) as context:
            result = program.invoke(context)
    except click.exceptions.Exit as done:
        return done.exit_code
    return result if isinstance(result, int) else DONE


def option_names(arguments: Sequence[str]) -> Callable[[Parameter], str | None]:
    """The option of the running command for a parameter of the library, if it has one."""
    name = arguments[0] if arguments else ""
    command = importlib.import_module(f"matnet.cli.{name}").command if name in COMMANDS else None
    return option_writer(command)


def _usage(error: click.ClickException) -> str:
    """Click's error message in one line, with a pointer to the help."""
    message = " ".join(error.format_message().split())
    end = "" if message.endswith((".", "?")) else "."
    context = error.ctx if isinstance(error, click.UsageError) else None
    path = context.command_path if context else "matnet"
    return f"{message}{end} See {path} --help"


def _flush_stdout() -> None:
    if sys.stdout is not None:
        sys.stdout.flush()


def _close_stdout() -> None:
    """Send the rest of standard output to the null device: Python flushes it once more at its end, and would fail."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
