"""Worker processes read headers of large folders, and the page on DICOM names all that is read of them."""

import os
import re
from pathlib import Path

from dicom.written import write_series
from xdistill_dicom.reading import scan
from xdistill_dicom.reading.header import MARKS, TAGS

PAGE = Path(__file__).parents[2] / "docs" / "dicom.md"


def test_worker_processes_find_what_one_process_finds(tmp_path, monkeypatch):
    for series in range(2):
        write_series(tmp_path / str(series), SeriesInstanceUID=f"1.2.{series}")
    (tmp_path / "notes.txt").write_text("no DICOM")
    files = scan.files_below(tmp_path)
    reported = []
    expected = scan.scan(files, on_progress=lambda done, total: reported.append((done, total)))
    assert (len(expected.headers), expected.other) == (10, 1)
    monkeypatch.setattr(scan, "_AT_ONCE", 4)
    monkeypatch.setattr(scan, "_WORTH_WORKERS", 1)
    assert scan.scan(files, jobs=2) == expected
    assert reported == [(11, 11)]


def test_hidden_files_are_left_out(tmp_path):
    for name in (".hidden", "seen"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a").touch()
        (tmp_path / name / ".b").touch()
    assert scan.files_below(tmp_path) == [tmp_path / "seen" / "a"]


def test_what_is_no_regular_file_is_no_dicom_file(tmp_path):
    write_series(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    found = scan.scan(scan.files_below(tmp_path))
    assert (len(found.headers), found.other) == (5, 1)


def test_the_page_lists_every_element_that_is_read():
    table = PAGE.read_text().partition("All elements that are read:")[2].partition("## Speed")[0]
    listed = [name for row in re.findall(r"^\| ([A-Z][\w, ]*) \|", table, re.MULTILINE) for name in row.split(", ")]
    assert sorted(listed) == sorted(TAGS)
    apart = PAGE.read_text().partition("is taken apart if")[2].partition("AcquisitionTime or")[0]
    assert [mark for mark in MARKS if mark not in apart] == []
