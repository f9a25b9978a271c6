"""`doctor`: what works here, and what to do about the rest."""

from __future__ import annotations

from attendance.cli.checks import Status, examine
from attendance.cli.failures import Exit
from attendance.cli.output import emit, say
from attendance.cli.session import AsJson  # noqa: TC001 - Typer reads the annotation when it runs


def doctor(as_json: AsJson = False) -> int:
    """Look at what a check-in needs; say what to do about the rest."""
    findings = examine()
    worst = max((finding.status for finding in findings), key=list(Status).index)
    if as_json:
        checks = [{"check": f.check, "status": f.status, "message": f.message, "advice": f.advice} for f in findings]
        emit({"status": worst, "checks": checks})
    else:
        for finding in findings:
            advice = f" {finding.advice}" if finding.advice else ""
            say(f"{finding.status:<7} {finding.check}: {finding.message}{advice}", mark=finding.status)
    return Exit.REJECTED if worst is Status.FAULT else Exit.DONE
