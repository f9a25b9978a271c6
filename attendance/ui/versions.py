"""Versions: where the exports stand, save one now, the nightly run, and what each version holds and changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from attendance.api.running import running
from attendance.bootstrap.versions import tools_of
from attendance.errors import AttendanceError
from attendance.services.wording import moment_text
from attendance.ui import versions_job
from attendance.ui.pages import page_number
from attendance.ui.status_findings import zone
from attendance.ui.text import counted, plain
from attendance.ui.versions_words import change_words, count_words, rate_words
from attendance.versions import journal
from attendance.versions.history import count, versions

if TYPE_CHECKING:
    from attendance.ui.versions_job import Job
    from attendance.versions.commands import Tools
    from attendance.versions.history import Version

PER_PAGE = 10
SOURCES = {"nightly": "The nightly run", "page": "A run from this page", "cli": "A run from the command line"}


def versions_page() -> None:
    """The page."""
    st.title("Versions", anchor=False)
    tools, branch = tools_of(), running().settings.versions_branch
    try:
        total, left = count(tools, branch)
        newest = versions(tools, branch, limit=1)
    except AttendanceError as error:
        st.warning(f"{plain(str(error))} Check-ins are not concerned.", icon=":material/warning:")
        st.caption("What versions need, and how they are set up: docs/dvc.md")
        _last_runs(tools)
        return
    _standing(newest, left)
    told = _work(tools, total, left)
    _last_runs(tools, told)
    if total:
        _list(tools, branch, total)


def _standing(newest: list[Version], left: int) -> None:
    """One sentence: is what is in the database safe elsewhere?"""
    if not newest:
        st.info("There is no version yet. Save the first one: people, pictures and records as they are now.")
        return
    told = f"The last version is of {moment_text(newest[0].at_utc, zone())}"
    if left:
        waits = "1 version waits" if left == 1 else f"{left} versions wait"
        st.warning(f"{told}. {waits} to be pushed: until then only this machine has it.", icon=":material/cloud_off:")
    else:
        st.success(f"{told}, and is on the remote.", icon=":material/cloud_done:")


def _work(tools: Tools, total: int, left: int) -> str:
    """The buttons, or how far the work is; the sentence that was told of the work that has just ended."""
    job = versions_job.last()
    if job is not None and job.running:
        st.fragment(_progress, run_every=1)(job)
        return ""
    if job is not None:
        (st.error if job.failed else st.success)(plain(job.sentence))
        versions_job.put_away()
    with st.container(horizontal=True):
        if st.button("Save a version now", type="primary", icon=":material/save:", key="versions-save"):
            _begin("save", tools)
        if left and st.button("Push", icon=":material/cloud_upload:", key="versions-push"):
            _begin("push", tools)
        if total and st.button("Pull the files", icon=":material/cloud_download:", key="versions-pull"):
            _begin("pull", tools)
    st.caption("Only what changed makes a new version. It goes on when you leave this page.")
    return "" if job is None else job.sentence


def _begin(kind: versions_job.Kind, tools: Tools) -> None:
    versions_job.begin(kind, running().settings, tools)
    st.rerun()


def _progress(job: Job) -> None:
    if not job.running:
        st.rerun()
    st.progress(job.share, job.step or versions_job.TITLES[job.kind])
    st.caption("It goes on when you leave this page.")


def _last_runs(tools: Tools, told: str = "") -> None:
    """The last nightly run, the last one that somebody started, and the log; ``told``: what was said of it above."""
    runs, log = journal.last(tools.root), journal.log_end(tools.root)
    st.subheader("Last runs", anchor=False)
    for run in runs:
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            if run.done:
                st.badge("Done", color="green", icon=":material/check:")
            else:
                st.badge("Failed", color="red", icon=":material/error:")
            st.markdown(f"{SOURCES.get(run.source, 'A run')}, {moment_text(run.at_utc, zone())}", width="content")
        if run.sentence != told:
            st.caption(plain(run.sentence))
    if not any(run.source == "nightly" for run in runs):
        st.caption(
            "There was no nightly run yet. `scripts/nightly_export.sh` saves a version every night; docs/dvc.md says how to "
            "set it up."
        )
    if log:
        with st.expander("Log of the nightly runs"):
            st.code(log, language=None, wrap_lines=True, height=320)


def _list(tools: Tools, branch: str, total: int) -> None:
    st.subheader("All versions", anchor=False)
    number = page_number(-(-total // PER_PAGE), "versions")
    try:
        found = versions(tools, branch, limit=PER_PAGE, skip=(number - 1) * PER_PAGE)
    except AttendanceError as error:
        st.error(plain(str(error)))
        return
    with st.container(border=True, gap=None, key="version-rows"):
        for one in found:
            _row(one)
    st.caption(
        f"{counted(total, 'version', 'versions')}, the newest first. Bring one back with its number: "
        "`git checkout NUMBER -- data/mongodb_export.dvc`, then `dvc pull` and `python -m attendance restore "
        "data/mongodb_export`, into an empty database. docs/dvc.md says more."
    )


def _row(one: Version) -> None:
    with st.container(key=f"version-row-{one.commit[:10]}"):
        left, right = st.columns([3, 9], gap="small")
        with left:
            st.markdown(f"**{moment_text(one.at_utc, zone())}**")
            with st.container(horizontal=True, vertical_alignment="center", gap="small"):
                st.markdown(f"`{one.commit[:10]}`", width="content")
                if not one.pushed:
                    st.badge("Waits", color="orange", icon=":material/cloud_off:")
        with right.container(gap=None):
            st.markdown(f"{count_words(one)} {plain(change_words(one))}")
            st.caption(plain(rate_words(one)))
