"""The entry points of the command line: ``ner-mx``, ``preprocess.py`` and ``train.py``."""

from __future__ import annotations

import atexit
import logging
import os
import signal
import sys
from typing import Any, Callable, Dict, List, NoReturn, Sequence, Tuple

try:
    import typer
except ModuleNotFoundError as error:
    print(f"error: this Python ({sys.executable}) has no {error.name}; the commands need the extra cli, see "
          "README.md, and . .venv/bin/activate activates the Python of make demo", file=sys.stderr)
    raise SystemExit(2) from None

from typing_extensions import Annotated

from ner_mx import __version__
from ner_mx.errors import ConfigError, described_failure
from ner_mx.registry import load_code, register

HELP = "Named-entity recognition with a bidirectional LSTM-CNN on MXNet Gluon."
CODE_HELP = ("Every command takes --code MODULE.py (which may be repeated): a module that registers formats, "
             "features, models, commands and more of your own.")


class _Formatter(logging.Formatter):
    """Messages as they are; warnings are marked."""

    def format(self, record: logging.LogRecord) -> str:
        message = super().format(record)
        return f"warning: {message}" if record.levelno == logging.WARNING else message


def build_app() -> typer.Typer:
    """The application with every registered command."""
    app = typer.Typer(add_completion=False, no_args_is_help=True, invoke_without_command=True,
                      pretty_exceptions_enable=False, help=HELP,
                      epilog=CODE_HELP)
    app.callback()(_version)
    groups: Dict[str, typer.Typer] = {}
    for name in sorted(register.command.names()):
        *group, verb = name.split(" ")
        target = app
        if group:
            if group[0] not in groups:
                groups[group[0]] = typer.Typer(help=f"Commands about {group[0]}s.", no_args_is_help=True)
                app.add_typer(groups[group[0]], name=group[0])
            target = groups[group[0]]
        target.command(verb)(register.command[name])
    return app


Version = Annotated[bool, typer.Option("--version", is_eager=True, help="Print the version.")]


def _version(version: Version = False) -> None:
    if version:
        typer.echo(f"ner-mx {__version__}")
        raise typer.Exit()


_version.__doc__ = HELP


def take_code(arguments: Sequence[str]) -> Tuple[List[str], List[str]]:
    """The values of every ``--code`` before ``--``, and the other arguments.

    Modules may register commands, so they are loaded before the commands are known.

    Raises
    ------
    ConfigError : ``--code`` has no value.
    """
    code: List[str] = []
    others: List[str] = []
    waiting = list(arguments)
    while waiting:
        argument = waiting.pop(0)
        if argument == "--":
            others += [argument, *waiting]
            break
        if argument == "--code":
            if not waiting:
                raise ConfigError("--code: expected the path of a module, found nothing")
            code.append(waiting.pop(0))
        elif argument.startswith("--code="):
            code.append(argument.partition("=")[2])
        else:
            others.append(argument)
    return code, others


def run_guarded(command: Callable[[List[str]], Any], arguments: Sequence[str]) -> NoReturn:
    """Run a command; a user's error becomes one line on stderr and exit code 2."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Formatter("%(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    logging.getLogger("ner_mx").setLevel(logging.INFO)
    # A terminated run ends like one that is interrupted: between two files, resumable.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        code, others = take_code(arguments)
        for source in code:
            load_code(source)
        command(others)
    except Exception as error:
        failure = described_failure(error)
        if failure is None:
            raise  # a defect of this package keeps its traceback
        _fail(*failure)
    raise SystemExit(0)


def _fail(message: str, code: int) -> NoReturn:
    print(f"error: {message}", file=sys.stderr)
    raise SystemExit(code)


def _exit_safely(command: Callable[[], NoReturn]) -> NoReturn:
    """Exit the process with the code of a command.

    MXNet's threads are sometimes still alive when Python unloads the library,
    which then aborts: a finished run would be reported as a crash.
    """
    try:
        command()
    except SystemExit as end:
        if "mxnet" not in sys.modules:
            raise
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def script(name: str) -> NoReturn:
    """Run one command as a script of its own: ``preprocess.py`` and ``train.py``."""

    def command(arguments: List[str]) -> None:
        single = typer.Typer(add_completion=False, pretty_exceptions_enable=False, epilog=CODE_HELP)
        single.command()(register.command[name])
        single(arguments)

    _exit_safely(lambda: run_guarded(command, sys.argv[1:]))


def main() -> NoReturn:
    """The entry point of ``ner-mx``."""
    _exit_safely(lambda: run_guarded(lambda arguments: build_app()(arguments), sys.argv[1:]))
