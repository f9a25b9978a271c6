"""A zip from outside: what belongs in it is taken, what could do harm is not, and nothing is written beside its folder."""

from __future__ import annotations

import csv
import io
import stat
import zipfile
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attendance.errors import SettingsError
from attendance.services.import_job import ImportJob, report_csv
from attendance.services.import_report import ImportReport, ImportStatus
from attendance.services.import_zip import unpack
from tests.fakes import House, picture

if TYPE_CHECKING:
    from pathlib import Path


def zipped(files: dict[str, bytes], *, how: int = zipfile.ZIP_DEFLATED) -> io.BytesIO:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", how) as archive:
        for name, data in files.items():
            entry = zipfile.ZipInfo(name)
            entry.compress_type = how
            entry.filename = name  # as it stands, also where ZipInfo would mend it
            archive.writestr(entry, data)
    return out


def unpacked(archive: io.BytesIO, into: Path, **limits: int) -> tuple[dict[str, list[bytes]], ImportReport]:
    report = ImportReport()
    people = unpack(archive, into, report, **limits)
    return {one.name: [file.read_bytes() for file in one.files] for one in people}, report


def reasons(report: ImportReport) -> list[str]:
    return sorted(str(row.reason) for row in report.rows)


@pytest.mark.parametrize("around", ["", "staff/", "staff/../", "./"])
def test_people_are_found_with_or_without_a_folder_around_them(tmp_path: Path, around: str) -> None:
    archive = zipped({f"{around}Maria/1.jpg": b"a", f"{around}Maria/2.jpg": b"b", f"{around}Tom/1.jpg": b"c"})
    people, report = unpacked(archive, tmp_path)
    if ".." in around:
        assert people == {}
        assert reasons(report) == ["outside"] * 3
    else:
        assert people == {"Maria": [b"a", b"b"], "Tom": [b"c"]}
        assert report.rows == []


@pytest.mark.parametrize(
    "name", ["../Maria/1.jpg", "/etc/Maria/1.jpg", "Maria/../../1.jpg", "C:/Maria/1.jpg", "..\\Maria\\1.jpg"]
)
def test_no_path_leads_out(tmp_path: Path, name: str) -> None:
    inside = tmp_path / "a" / "b"
    inside.mkdir(parents=True)
    people, report = unpacked(zipped({name: b"x", "Tom/1.jpg": b"c"}), inside)
    assert people == {"Tom": [b"c"]}
    assert reasons(report) == ["outside"]
    assert [file for file in tmp_path.rglob("*") if file.is_file()] == list(inside.rglob("*.jpg"))


@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=60), min_size=1))
def test_whatever_a_name_is_nothing_is_written_beside_the_folder(
    tmp_path_factory: pytest.TempPathFactory, names: list[str]
) -> None:
    root = tmp_path_factory.mktemp("zip")
    inside = root / "inside"
    inside.mkdir()
    archive = zipped({f"{name}/{name}.jpg": b"x" for name in names})
    unpack(archive, inside, ImportReport())
    assert [path.name for path in root.iterdir()] == ["inside"]
    assert all(path.is_dir() or path.suffix in {".jpg", ""} for path in inside.rglob("*"))


def test_links_encrypted_files_and_what_is_no_picture_are_left_out(tmp_path: Path) -> None:
    archive = zipped({"Maria/1.jpg": b"a", "Maria/notes.txt": b"b", "Maria/deep/er.jpg": b"c", "__MACOSX/Maria/1.jpg": b"d"})
    with zipfile.ZipFile(archive, "a") as opened:
        link = zipfile.ZipInfo("Maria/link.jpg")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        opened.writestr(link, "/etc/passwd")
        opened.writestr("loose.jpg", b"e")
    people, report = unpacked(archive, tmp_path)
    assert people == {"Maria": [b"a"]}
    assert reasons(report) == ["hidden", "no_person", "not_a_picture", "not_a_picture", "outside"]


def test_a_bomb_is_refused_by_what_it_unpacks_to(tmp_path: Path) -> None:
    bomb = zipped({f"Maria/{number}.jpg": bytes(2_000_000) for number in range(5)})
    assert len(bomb.getvalue()) < 20_000
    with pytest.raises(SettingsError, match="too large"):
        unpacked(bomb, tmp_path, max_bytes=5_000_000)
    other = tmp_path / "other"
    other.mkdir()
    people, report = unpacked(bomb, other, max_file_bytes=1_000_000)
    assert people == {}
    assert reasons(report) == ["unreadable_picture"] * 5


def test_a_claimed_size_is_not_believed(tmp_path: Path) -> None:
    data = bytearray(zipped({"Maria/1.jpg": bytes(3_000_000)}).getvalue())
    at = data.rindex(b"PK\x01\x02") + 24  # uncompressed size in the table of contents
    data[at : at + 4] = (10).to_bytes(4, "little")
    people, report = unpacked(io.BytesIO(bytes(data)), tmp_path, max_file_bytes=1_000_000)
    assert people == {}
    assert len(report.rows) == 1


def test_too_many_files_are_refused_before_they_are_listed(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="more than 10 files"):
        unpacked(zipped({f"Maria/{number}.jpg": b"" for number in range(11)}), tmp_path, max_entries=10)


@pytest.mark.parametrize("data", [b"", b"PK", b"no zip at all" * 100, zipped({"a/1.jpg": b"x"}).getvalue()[:-10]])
def test_what_is_no_zip_is_told_in_a_sentence(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(SettingsError, match="not a zip"):
        unpacked(io.BytesIO(data), tmp_path)


def test_a_damaged_picture_costs_that_picture(tmp_path: Path) -> None:
    data = bytearray(zipped({"Maria/1.jpg": b"a" * 100, "Maria/2.jpg": b"b" * 100}, how=zipfile.ZIP_STORED).getvalue())
    data[data.index(b"a" * 100)] = ord("x")
    people, report = unpacked(io.BytesIO(bytes(data)), tmp_path)
    assert people == {"Maria": [b"b" * 100]}
    assert reasons(report) == ["unreadable_file"]


def people_zip() -> io.BytesIO:
    files = {f"{name}/{v}.jpg": picture(number, v) for number, name in enumerate(["Ann", "Bo"], 1) for v in range(3)}
    return zipped(files | {"Bo/3.jpg": b"noface", "=cmd()/1.jpg": picture(9, 0)})


def test_a_job_imports_reports_and_goes_on(house: House) -> None:
    job = ImportJob(people_zip(), house.enrol, actor="Olof")
    job.wait(60)
    assert not job.running
    assert job.failure is None
    assert [person.name for person in house.people.list()] == ["=cmd()", "Ann", "Bo"]
    assert (job.done, job.total) == (8, 8)
    lines = list(csv.reader(io.StringIO(report_csv(job.report).decode("utf-8-sig"), newline="")))
    assert lines[0][0] == "Person"
    assert not [cell for line in lines for cell in line if cell[:1] in {"=", "+", "-", "@"}]
    again = ImportJob(people_zip(), house.enrol, actor="Olof")
    again.wait(60)
    assert (again.report.people_added, again.report.people_unchanged) == (0, 3)
    job.close()
    again.close()


def test_a_job_stops_between_people_and_says_so(house: House) -> None:
    job: list[ImportJob] = []
    house.engine.before = lambda _: job[0].stop() if job else None
    job.append(ImportJob(people_zip(), house.enrol, actor="Olof"))
    job[0].wait(60)
    assert job[0].report.stopped is not None
    assert len(house.people.list()) < 3
    job[0].close()


def test_a_look_alike_waits_for_a_decision_and_is_added_when_it_is_another_person(house: House) -> None:
    house.add("Maria", 1)
    twin = zipped({f"Mia/{v}.jpg": picture(5, v, toward=(1, 0.93)) for v in range(2)})
    job = ImportJob(twin, house.enrol, actor="Olof")
    job.wait(60)
    (found,) = job.undecided
    assert (found.person, found.resembles) == ("Mia", "Maria")
    assert job.first_picture("Mia") == picture(5, 0, toward=(1, 0.93))
    job.allow(found)
    assert job.undecided == []
    assert [person.name for person in house.people.list()] == ["Maria", "Mia"]
    assert (job.report.people_added, job.report.people_refused) == (1, 0)
    assert any(row.status is ImportStatus.ADDED for row in job.report.rows)
    job.close()


def test_a_job_that_cannot_run_says_why(house: House) -> None:
    job = ImportJob(io.BytesIO(b"no zip"), house.enrol, actor="Olof")
    job.wait(60)
    assert isinstance(job.failure, SettingsError)
    job.close()
