"""Several clients at a time."""

from concurrent.futures import ThreadPoolExecutor

import httpx

from serve.served import nifti_gz, volume

CLIENTS, REQUESTS = 8, 64


def test_eight_clients_get_the_predictions_of_their_own_patients(url, model, tmp_path):
    patients = []
    for seed in range(CLIENTS):
        contents = {name: nifti_gz(volume(100 * seed + place)) for place, name in enumerate(model.inputs)}
        paths = {name: tmp_path / f"{seed}-{name}.nii.gz" for name in contents}
        for name, path in paths.items():
            path.write_bytes(contents[name])
        patients.append((contents, list(model.predict_files(paths).probabilities)))
    assert len({str(expected) for _, expected in patients}) == CLIENTS

    def work(number: int) -> bool:
        contents, expected = patients[number]
        with httpx.Client(base_url=url, timeout=120, trust_env=False) as client:
            for _ in range(REQUESTS // CLIENTS):
                files = {name: ("a.nii.gz", content) for name, content in contents.items()}
                response = client.post("/predict", files=files)
                if response.status_code != 200 or list(response.json()["probabilities"].values()) != expected:
                    return False
        return True

    with ThreadPoolExecutor(CLIENTS) as pool:
        assert all(pool.map(work, range(CLIENTS)))
