"""What is predicted over HTTP is what the model predicts; no file and no name is left."""

import io
import logging
import os
import signal
import threading
import zipfile

import httpx
import nibabel
import numpy as np
import pytest

from serve.dicom_series import archive
from serve.served import Kept, nifti, nifti_gz, serving, volume
from xdistill.deployment.explain import Options, explain_subjects
from xdistill.deployment.explain.space import placed
from xdistill.models.tables import one_subject
from xdistill.serving.limits import Limits

NAME = "DOE^JANE_1956"


@pytest.fixture
def paths(tmp_path, contents):
    found = {}
    for name, content in contents.items():
        found[name] = tmp_path / f"{name}.nii.gz"
        found[name].write_bytes(content)
    return found


def test_the_prediction_is_that_of_the_model_to_the_last_bit(client, model, files, paths):
    response = client.post("/predict", files=files)
    assert response.status_code == 200
    expected = model.predict_files(paths)
    assert response.json() == {
        "prediction": expected.prediction,
        "probabilities": dict(zip(model.classes, expected.probabilities, strict=True)),
        "sd": expected.sd,
        "set": None if expected.classes is None else list(expected.classes),
        "level": 0.9,
        "flags": list(expected.flags),
    }


def test_uncompressed_files_and_arrays_of_numpy_give_the_same(client, files):
    expected = client.post("/predict", files=files).json()
    plain = {"hbp": ("a.NII", nifti(volume(1))), "pre": ("b.nii", nifti(volume(2)))}
    assert client.post("/predict", files=plain).json() == expected
    arrays = {}
    for name, seed in {"hbp": 1, "pre": 2}.items():
        buffer = io.BytesIO()
        np.save(buffer, volume(seed).transpose(2, 1, 0))
        arrays[name] = (f"{name}.npy", buffer.getvalue())
    assert client.post("/predict", files=arrays).json() == expected


def test_json_arrays_are_predicted_as_from_python(client, model):
    values = {name: np.random.default_rng(seed).normal(size=(1, 8, 16, 16)) for seed, name in enumerate(model.inputs)}
    body = {"inputs": {name: value.tolist() for name, value in values.items()}}
    found = client.post("/predict", json=body).json()
    expected = model.predict_proba({name: value[None] for name, value in values.items()})
    assert list(found["probabilities"].values()) == expected[0].tolist()


def test_a_dicom_series_is_predicted_as_the_same_volume_in_nifti(client):
    values = {"hbp": volume(1, dtype=np.int16), "pre": volume(2, dtype=np.int16)}
    expected = client.post("/predict", files={name: ("a.nii", nifti(value)) for name, value in values.items()})
    zipped = {name: ("a.zip", archive(value, np.diag([2.0, 2.0, 3.0, 1.0]))) for name, value in values.items()}
    found = client.post("/predict", files=zipped)
    assert expected.status_code == found.status_code == 200, found.text
    assert found.json() == expected.json()


def test_a_dicom_series_is_shown_as_nifti_in_the_patients_space(client):
    values = volume(3, shape=(9, 7, 5), dtype=np.int16)
    affine = np.array([[2.0, 0, 0, -11], [0, 2.0, 0, 17], [0, 0, 3.0, 5], [0, 0, 0, 1]])
    response = client.post("/volume", files={"hbp": ("a.zip", archive(values, affine))})
    assert response.status_code == 200, response.text
    image = nibabel.Nifti1Image.from_bytes(response.content)
    image = nibabel.as_closest_canonical(image)
    np.testing.assert_allclose(image.affine, affine, atol=1e-5)
    np.testing.assert_array_equal(np.asarray(image.dataobj), values)


def test_two_series_in_one_archive_are_refused(client, files):
    both = archive(volume(1, dtype=np.int16), series=2)
    response = client.post("/predict", files={**files, "hbp": ("a.zip", both)})
    assert response.status_code == 422
    assert response.json()["detail"] == ("the archive of `hbp` holds 2 DICOM series; upload an archive of one series")


def test_a_series_with_a_missing_slice_is_refused(client, files):
    gap = archive(volume(1, dtype=np.int16), leave_out=[3])
    response = client.post("/predict", files={**files, "hbp": ("a.zip", gap)})
    assert response.status_code == 422
    assert "not evenly spaced" in response.json()["detail"]


def test_another_level_gives_another_set(client, files):
    assert client.post("/predict?level=0.5", files=files).json()["level"] == 0.5
    assert client.post("/predict?level=1.5", files=files).status_code == 422


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"pre": None}, "modality `pre` is missing"),
        ({"clinical": ("c.nii.gz", b"")}, "`clinical` is the privileged modality"),
        ({"hpb": ("c.nii.gz", b"")}, "unknown field `hpb`; did you mean `hbp`?"),
        ({"hbp": ("a.txt", b"")}, "the file of `hbp` has an unknown ending; files end in"),
        ({"hbp": ("a.nii", nifti(volume(1, shape=(16, 16, 9))))}, "becomes a volume of [9, 16, 16]"),
        ({"hbp": ("a.nii.gz", b"no gzip")}, "the file of `hbp` is damaged or not a .nii.gz file"),
    ],
)
def test_what_is_wrong_is_said_without_paths(client, files, uploads_folder, change, message):
    form = {name: value for name, value in {**files, **change}.items() if value is not None}
    response = client.post("/predict", files=form)
    assert 400 <= response.status_code < 500
    assert message in response.json()["detail"]
    assert str(uploads_folder) not in response.text


def test_no_file_is_kept_and_no_name_is_logged(client, files, uploads_folder, capfd):
    kept = Kept()
    root = logging.getLogger()
    before = root.level
    root.addHandler(kept)
    root.setLevel(logging.DEBUG)
    try:
        bad = {"hbp": (f"{NAME}.nii", b"x" * 1000), "pre": (f"{NAME}.zip", archive(volume(1), patient=NAME, series=2))}
        assert client.post(f"/predict?who={NAME}", files=bad).status_code == 422
        good = {name: (f"{NAME}.nii.gz", content) for name, (_, content) in files.items()}
        assert client.post("/predict", files=good).status_code == 200
        assert client.get(f"/{NAME}").status_code == 404
        assert client.post("/predict", files={NAME: ("a.nii", b"")}).status_code == 422
    finally:
        root.removeHandler(kept)
        root.setLevel(before)
    ours = [line for line in kept.lines if "/predict" in line or "another path" in line]
    server_side = [line for line in kept.lines if "HTTP Request" not in line and "send_request" not in line]
    assert ours
    assert not [line for line in server_side if "DOE" in line]
    printed = capfd.readouterr()
    assert "DOE" not in printed.out + printed.err
    assert list(uploads_folder.iterdir()) == []


def test_a_full_queue_is_said_with_the_time_to_wait(model, files):
    limits = Limits(upload_mb=2, unpacked_mb=4, seconds=60, queue=1)
    with serving(model, limits) as (url, service):
        held = threading.Event()
        release = threading.Event()

        def hold() -> None:
            held.set()
            release.wait(60)

        service._thread.submit(hold)
        held.wait(60)
        answers = []
        first = threading.Thread(target=lambda: answers.append(httpx.post(f"{url}/predict", files=files, timeout=60)))
        first.start()
        while service.waiting < 1:
            pass
        refused = httpx.post(f"{url}/predict", files=files, timeout=60)
        assert refused.status_code == 503
        assert refused.headers["retry-after"] == "2"
        assert httpx.get(f"{url}/health").json()["waiting"] == 1
        release.set()
        first.join(60)
        assert answers[0].status_code == 200
        assert httpx.get(f"{url}/health").json()["waiting"] == 0


def test_a_file_that_takes_too_long_ends_its_reader_alone(model, files):
    limits = Limits(upload_mb=2, unpacked_mb=4, seconds=0.5, queue=4)
    with serving(model, limits) as (url, service):
        (decoder,) = service._all
        process = decoder._process
        assert process is not None
        os.kill(process.pid, signal.SIGSTOP)  # as a file that never ends
        late = httpx.post(f"{url}/predict", files=files, timeout=60)
        assert late.status_code == 422
        assert "took longer than 0.5 s" in late.json()["detail"]
        decoder._seconds = 60
        assert httpx.post(f"{url}/predict", files=files, timeout=120).status_code == 200


def test_a_map_that_takes_too_long_is_refused_and_the_server_goes_on(model, files):
    limits = Limits(upload_mb=2, unpacked_mb=4, seconds=60, queue=4, explain_seconds=0.0)
    with serving(model, limits) as (url, service):
        late = httpx.post(f"{url}/explain?modality=hbp&method=occlusion", files=files, timeout=60)
        assert late.status_code == 408
        assert late.json()["detail"].startswith("the map takes longer than 0 s (see --max-explain-seconds)")
        assert httpx.post(f"{url}/predict", files=files, timeout=60).status_code == 200
        service.limits = Limits(upload_mb=2, unpacked_mb=4, seconds=60, queue=4)
        assert httpx.post(f"{url}/explain?modality=hbp&method=gradcam", files=files, timeout=60).status_code == 200


def test_a_reader_that_dies_is_replaced(client, server, files):
    (decoder,) = server[1]._all
    decoder._process.kill()
    decoder._process.join()
    assert client.post("/predict", files=files).status_code == 200


def test_masks_are_files_and_bounds_are_numbers_never_paths(client, files):
    response = client.post("/predict", data={"hbp": "/etc/passwd"}, files={"pre": files["pre"]})
    assert response.status_code == 422
    assert response.json()["detail"] == "`hbp` is a file; the request has a value"


def test_gzip_of_nothing_and_archives_of_nothing(client, files):
    empty = io.BytesIO()
    zipfile.ZipFile(empty, "w").close()
    response = client.post("/predict", files={**files, "hbp": ("a.zip", empty.getvalue())})
    assert response.json()["detail"] == "the archive of `hbp` holds no DICOM images"
    response = client.post("/predict", files={**files, "hbp": ("a.nii.gz", nifti_gz(volume(1))[:-1])})
    assert response.status_code == 422


def test_a_saliency_map_is_that_of_explain_on_the_grid_of_the_file(client, model, files, paths):
    response = client.post("/explain", params={"modality": "hbp", "method": "occlusion"}, files=files)
    assert response.status_code == 200, response.text
    found = nibabel.Nifti1Image.from_bytes(response.content)
    (expected,) = explain_subjects(model, [one_subject(model, paths)], Options(method="occlusion"))
    np.testing.assert_array_equal(found.get_fdata(), placed(expected.maps["hbp"], "hbp").values)
    np.testing.assert_array_equal(found.affine, np.diag([2.0, 2.0, 3.0, 1.0]))
    assert client.post("/predict", files=files).status_code == 200
    for query, message in (({"modality": "t2"}, "no map"), ({"modality": "hbp", "method": "lime"}, "unknown method")):
        refused = client.post("/explain", params=query, files=files)
        assert refused.status_code == 422
        assert message in refused.json()["detail"]
