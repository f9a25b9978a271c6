"""`python -m attendance …`: parse, delegate, turn errors into a sentence and an exit code. docs/cli.md is its manual."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from attendance import __version__, logs
from attendance.cli import (
    audit,
    calibrate,
    doctor,
    enrolment,
    export,
    models,
    operator,
    people,
    recognise,
    records,
    tracking,
    versions,
)
from attendance.cli.failures import Exit, report, report_usage
from attendance.cli.output import make_safe_streams, note

if TYPE_CHECKING:
    from collections.abc import Sequence

app = typer.Typer(
    name="attendance",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for command, name in (
    (enrolment.enrol, "enrol"),
    (enrolment.import_, "import"),
    (recognise.verify, "verify"),
    (recognise.identify, "identify"),
    (recognise.check_in, "check-in"),
    (people.people, "people"),
    (records.records, "records"),
    (people.rename, "rename"),
    (people.deactivate, "deactivate"),
    (people.activate, "activate"),
    (people.remove, "remove"),
    (models.reembed, "reembed"),
    (models.models, "models"),
    (calibrate.calibrate, "calibrate"),
    (calibrate.evaluate, "evaluate"),
    (tracking.tracking, "tracking"),
    (doctor.doctor, "doctor"),
    (audit.audit, "audit"),
    (operator.operator, "operator"),
    (export.export, "export"),
    (export.restore, "restore"),
    (versions.validate, "validate"),
    (versions.versions, "versions"),
):
    app.command(name)(command)


def _show_version(wanted: bool) -> None:
    if wanted:
        sys.stdout.write(f"{__version__}\n")
        raise typer.Exit


@app.callback()
def _options(
    debug: Annotated[bool, typer.Option("--debug", help="Write logs and tracebacks to stderr.")] = False,
    _version: Annotated[
        bool, typer.Option("--version", help="Show the version and leave.", callback=_show_version, is_eager=True)
    ] = False,
) -> None:
    """Face attendance: enrol people, recognise them, record who was there."""
    logs.configure(level="debug" if debug else "warning")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code.

    Args:
        argv: the command line without the program's name; None: this process's own.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    options = words[: words.index("--")] if "--" in words else words
    as_json, debug = "--json" in options, "--debug" in options
    make_safe_streams()
    try:
        code = typer.main.get_command(app).main(words, prog_name="attendance", standalone_mode=False)
        sys.stdout.flush()  # a full disk has to be noticed here, while it can still be told
    except (typer.Abort, KeyboardInterrupt):
        code = Exit.INTERRUPTED
    except typer.TyperException as error:
        return report_usage(error.format_message(), as_json=as_json)
    except (BrokenPipeError, SystemExit):  # Typer turns a closed pipe into SystemExit
        return _reader_gone()
    except Exception as error:  # noqa: BLE001 - the outermost place: whatever happens becomes a sentence and a code
        if debug:
            sys.excepthook(type(error), error, error.__traceback__)
        code = report(error, as_json=as_json)
        _drop_output_that_cannot_be_written()
        return code
    if code == Exit.INTERRUPTED:
        note("Stopped.")
    return int(code or Exit.DONE)


def _drop_output_that_cannot_be_written() -> None:
    """Python flushes stdout once more when it ends, and a failure then would replace our exit code by 120."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _reader_gone() -> Exit:
    """Whoever read our output, such as `head`, has enough; Python must not try to flush it once more."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return Exit.FILES
