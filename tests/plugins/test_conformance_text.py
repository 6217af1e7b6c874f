"""The components for text pass the suites that every plugin's author can inherit."""

import pytest

from xdistill.testing import DatasetConformance, TransformConformance
from xdistill.types import ModalitySpec
from xdistill_text.posts import Posts
from xdistill_text.table import TextTable
from xdistill_text.tfidf import Tfidf


class TestPosts(DatasetConformance):
    component = Posts
    settings = {"subjects": 20, "text": {"size": 32}}


class TestTfidf(TransformConformance):
    component = Tfidf
    settings = {"modality": "text"}
    spec = ModalitySpec("vector", (6,))
    counts = True
    fills = True


class TestTextTable(DatasetConformance):
    component = TextTable

    @pytest.fixture(autouse=True)
    def files(self, tmp_path):
        rows = [f"s{place},{'ab'[place % 2]},{'so great' if place else ''},rain" for place in range(6)]
        (tmp_path / "posts.csv").write_text("\n".join(["subject,label,text,attributes", *rows]) + "\n")
        self.settings = {
            "path": str(tmp_path / "posts.csv"),
            "texts": {"text": {"size": 16}, "attributes": {"size": 8}},
        }
