"""`doctor`: what works here, and what to do about the rest."""

from __future__ import annotations

from attendance.cli.checks import examine
from attendance.cli.failures import Exit
from attendance.cli.output import emit, say
from attendance.cli.session import AsJson  # noqa: TC001 - Typer reads the annotation when it runs
from attendance.services.status import Status, worst


def doctor(as_json: AsJson = False) -> int:
    """Look at what a check-in needs; say what to do about the rest."""
    findings = examine()
    status = worst(findings)
    if as_json:
        checks = [{"check": f.check, "status": f.status, "message": f.message, "advice": f.advice} for f in findings]
        emit({"status": status, "checks": checks})
    else:
        for finding in findings:
            advice = f" {finding.advice}" if finding.advice else ""
            say(f"{finding.status:<7} {finding.check}: {finding.message}{advice}", mark=finding.status)
    return Exit.REJECTED if status is Status.FAULT else Exit.DONE
