"""What identifies a patient does not leave the files."""

import hmac
import json
import stat
from dataclasses import asdict, replace
from hashlib import sha256

import pytest

from dicom.written import write_series
from xdistill.errors import UserError
from xdistill.interfaces.series import Privacy
from xdistill_dicom.privacy import Pseudonyms, cleaned, load_key

SECRETS = ("4711", "Doe", "Jane", "1950", "2020", "2021", "1.2.3", "ACC77")


@pytest.fixture
def export(tmp_path):
    """Two studies of one patient, whose name, id and dates stand wherever they may."""
    texts = {"SeriesDescription": "T1 of Jane Doe, MRN-4711, 2020-03-01", "ProtocolName": "DOE^liver"}
    folder = tmp_path / "export" / "MRN-4711"
    write_series(folder / "20200301", AccessionNumber="ACC77", **texts)
    later = {"StudyInstanceUID": "1.2.4", "SeriesInstanceUID": "1.2.4.1", "StudyDate": "20210301"}
    write_series(folder / "1.2.4.1", **later, **texts)
    return tmp_path / "export"


def test_nothing_that_is_listed_identifies_the_patient(found, export):
    series = found(export).series
    text = json.dumps([asdict(replace(one, source=None)) for one in series])
    assert [secret for secret in SECRETS if secret in text] == []
    assert [one.description for one in series] == ["T1 of … …, …, …"] * 2
    assert series[0].protocol == "…^liver"
    assert [one.folder for one in series] == ["…/…"] * 2


def test_dates_become_days_since_the_first_study(found, export):
    assert [one.day for one in found(export).series] == [0, 365]
    assert [one.date for one in found(export).series] == ["", ""]
    assert [one.date for one in found(export, dates=True).series] == ["2020-03-01", "2021-03-01"]


def test_ids_are_hashed_with_the_key(dicom, export, tmp_path):
    key = tmp_path / "here" / "key"
    first = dicom.find(export, Privacy(key))
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert first.notes == (f"{key}: a new key, which ids of patients are hashed with; keep it and keep it secret",)
    secret = bytes.fromhex(key.read_text().strip())
    expected = hmac.new(secret, b"patient\0MRN-4711\0", sha256).hexdigest()[:12]
    assert {one.patient for one in first.series} == {expected}
    assert [one.subject for one in first.series] == [f"{expected}-1", f"{expected}-2"]
    again = dicom.find(export, Privacy(key))
    assert (again.series, again.notes) == (first.series, ())
    assert dicom.find(export, Privacy(tmp_path / "other")).series[0].patient != expected


def test_ids_are_kept_if_asked(found, export, tmp_path):
    series = found(export, keep=True).series
    assert [one.patient for one in series] == ["MRN-4711"] * 2
    assert [one.subject for one in series] == ["MRN-4711-1", "MRN-4711-2"]
    assert "Jane Doe" in series[0].description
    assert not (tmp_path / "key").exists()


def test_a_study_without_a_patient_is_a_patient_of_its_own(found, tmp_path):
    write_series(tmp_path / "dicom" / "a", PatientID=None)
    write_series(tmp_path / "dicom" / "b", PatientID="", StudyInstanceUID="1.2.4", SeriesInstanceUID="1.2.5")
    series = found(tmp_path / "dicom").series
    assert len({one.patient for one in series}) == 2
    assert series[0].remarks == ("no patient id: the study counts as a patient of its own",)


def test_a_key_that_others_may_read_is_refused(tmp_path):
    load_key(tmp_path / "key")
    (tmp_path / "key").chmod(0o644)
    with pytest.raises(UserError, match=r"other users may read this key \(mode 644\); run `chmod 600"):
        load_key(tmp_path / "key")


def test_a_file_that_is_no_key_is_refused(tmp_path):
    (tmp_path / "key").write_text("secret")
    (tmp_path / "key").chmod(0o600)
    with pytest.raises(UserError, match="not a key, which is a line of 64 hexadecimal digits"):
        load_key(tmp_path / "key")
    with pytest.raises(UserError, match="the key cannot be read or made"):
        load_key(tmp_path / "key" / "below")


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("liver of Li", "liver of …"),
        ("AX LI 12.03.2020 t1", "AX … … t1"),
        ("20200312_t1_li", "…_t1_…"),
        ("T1 1234567 post 15 min", "T1 1234567 post 15 min"),
    ],
)
def test_words_of_a_name_and_dates_are_removed_and_other_words_are_not(text, clean):
    assert cleaned(text, ("Li^Y",), dates=False) == clean


def test_the_kind_of_an_id_is_part_of_its_hash():
    pseudonyms = Pseudonyms(bytes(32))
    assert pseudonyms.of("patient", "1") != pseudonyms.of("series", "1")
