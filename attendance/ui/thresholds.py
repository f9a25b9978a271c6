"""Thresholds: measured error rates of who is enrolled, where the one in use stands, and what another would change."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import streamlit as st

from attendance.faces.catalogue import TITLES
from attendance.services.calibration_charts import charts
from attendance.services.error_report import TooLittle
from attendance.services.report_tables import data_rows, fmr_rows, search_rows
from attendance.services.suggestions import between
from attendance.services.wording import moment_text, share
from attendance.ui import thresholds_job
from attendance.ui.charts import palette
from attendance.ui.links import register_link
from attendance.ui.resources import application
from attendance.ui.text import counted, plain
from attendance.ui.thresholds_try import card, target_now, tried_now

if TYPE_CHECKING:
    from collections.abc import Sequence

    from attendance.bootstrap import Application
    from attendance.services.calibrate import Calibration
    from attendance.services.error_report import ErrorReport
    from attendance.ui.thresholds_job import Job

AT_ONCE_S = 1.0  # so long the page waits before it shows a bar: a small office is measured by then
LOOK_S = 0.5


def thresholds_page() -> None:
    """The page."""
    st.title("Thresholds", anchor=False)
    parts = application()
    parts.roster.ready()  # templates of another model are told as on every page
    job = thresholds_job.of(parts)
    if not job.wait(AT_ONCE_S):
        _progress(job)
        return
    if job.error is not None:
        raise job.error.with_traceback(None)
    found = job.found
    if found is None or isinstance(found, TooLittle):
        _too_little(parts, found.sentence if found is not None else "")
        return
    _measured(parts, found)


@st.fragment(run_every=LOOK_S)
def _progress(job: Job) -> None:
    if job.wait(0):
        st.rerun()
    st.progress(job.done / job.total if job.total else 0.0, text=f"{job.step} …")
    st.caption("Every picture is compared with every other. You may leave this page; check-ins go on meanwhile.")


def _too_little(parts: Application, sentence: str) -> None:
    st.info(plain(sentence))
    st.write(
        "Error rates need people with two pictures or more each: the pictures of one person are compared with each other, "
        "and with everybody else's. From about thirty people on they begin to mean something."
    )
    with st.container(horizontal=True):
        register_link("Register people")
        if st.button("Measure again", key="thresholds-anew"):
            thresholds_job.of(parts, anew=True)
            st.rerun()
    st.caption("Other pictures can be measured with `python -m attendance evaluate FOLDER`; nothing is enrolled by that.")


def _measured(parts: Application, found: Calibration) -> None:
    report = found.report(threshold=parts.model.threshold, target_fpir=target_now())
    _summary(parts, report)
    if report.target is not None and report.target.warning:
        st.warning(plain(report.target.growth))
    _figures(report)
    tried = tried_now(parts)
    other = None if tried is None else found.report(threshold=tried, target_fpir=target_now())
    panel, drawn = st.columns([440, 640], gap="large")
    with panel, st.container(border=True, key="thresholds-card"):
        card(parts, report, other)
    with drawn:
        _plots(report, other)
    _details(report)


def _summary(parts: Application, report: ErrorReport) -> None:
    """The threshold in use and where it came from, once; then with what and on whom was measured."""
    origin = parts.origins.of(f"thresholds.{parts.model.family}")
    data = report.data
    counts = f"{counted(data.people, 'person', 'people')}, {counted(data.pictures, 'picture', 'pictures')}"
    if data.attempts:
        counts += f", {counted(data.attempts, 'reviewed attempt', 'reviewed attempts')}"
    at = moment_text(report.made_at_utc, parts.zone)
    with st.container(gap=None, key="thresholds-summary"):
        st.write(plain(f"Threshold {report.threshold:g} in use, {origin}."))
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.caption(plain(f"{TITLES[parts.model.family]} · measured {at} on {counts}"), width="content")
            if st.button("Measure again", type="tertiary", key="thresholds-anew"):
                thresholds_job.of(parts, anew=True)
                st.rerun()


def _figures(report: ErrorReport) -> None:
    """The rates at the threshold in use with their 95 % intervals."""
    figures = [("False matches", report.fmr), ("False non-matches", report.fnmr)]
    searched = report.identification
    if searched is not None:
        figures.append(("Strangers named", searched.fpir))
        if searched.fnir is not None:
            figures.append(("People not named", searched.fnir))
    columns: Literal[2, 4] = 4 if len(figures) > 2 else 2
    grid = st.container(key="figures-rates").grid(columns, min_column_width=150)
    for label, rate in figures:
        with grid.container():
            st.metric(label, share(rate.rate), between(rate), delta_color="off", delta_arrow="off", border=True)
    st.caption(
        "At the threshold in use, with 95 % intervals. False matches (FMR) and false non-matches (FNMR) are of single "
        "comparisons; strangers named (FPIR) and people not named (FNIR) are of searches among everybody, as at the door."
    )


def _plots(report: ErrorReport, other: ErrorReport | None) -> None:
    from attendance.ui import thresholds_charts as plots  # late: Altair takes a second, and the figures need not wait

    colours = palette()
    said = {name: drawn.partition('aria-label="')[2].partition('"')[0] for name, drawn in charts(report).items()}
    tried = None if other is None else other.threshold
    st.subheader("Errors against threshold", anchor=False)
    st.caption("Left is stricter. Shares on a log scale, with 95 % intervals.")
    st.altair_chart(plots.errors(report, tried, colours), width="stretch", theme=None, alt=said["errors"])
    st.subheader("Distances", anchor=False)
    st.caption("Share of the comparisons of each kind: two pictures of one person, or of two people.")
    st.altair_chart(plots.distributions(report, tried, colours), width="stretch", theme=None, alt=said["distributions"])
    st.subheader("DET", anchor=False)
    drawn = plots.det(report, other, colours)
    if drawn is None:
        st.caption("No line: no threshold has errors of both kinds on these pictures.")
    else:
        st.caption("FNMR against FMR on normal deviates; the lower, the better.")
        st.altair_chart(drawn, width="stretch", theme=None, alt=said["det"])


def _details(report: ErrorReport) -> None:
    """What the rates rest on, and what they can't say."""
    with st.expander("The numbers behind it"):
        _table(("FMR at most", "Threshold", "FNMR", "Seen"), fmr_rows(report))
        _table(("Searches", ""), search_rows(report))
        _table(("Data", ""), data_rows(report))
    with st.expander("What these rates can't say"):
        for line in report.notes:
            st.markdown(f"- {plain(line)}")
        st.caption("How everything is computed: docs/thresholds.md. `python -m attendance calibrate` makes the same report.")


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    if not rows:
        return
    head = f"| {' | '.join(columns)} |\n|{' --- |' * len(columns)}\n"
    st.markdown(head + "\n".join("| " + " | ".join(plain(cell) for cell in row) + " |" for row in rows))
