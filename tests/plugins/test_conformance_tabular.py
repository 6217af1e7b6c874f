"""The components for vectors pass the suites that every plugin's author can inherit."""

import pytest

from tabular.omics import write
from xdistill.testing import (
    DatasetConformance,
    EstimatorConformance,
    TransformConformance,
)
from xdistill_tabular.boosted import BoostedTrees
from xdistill_tabular.breast_survival import BreastSurvival
from xdistill_tabular.bundled import BreastCancer, Diabetes
from xdistill_tabular.digits import Digits
from xdistill_tabular.forest import RandomForest
from xdistill_tabular.lupi import Lupi
from xdistill_tabular.mogonet import Mogonet
from xdistill_tabular.table import Table
from xdistill_tabular.transform import TabularTransform


class TestTabularTransform(TransformConformance):
    component = TabularTransform
    fills = True

    @pytest.fixture(autouse=True, params=["standard", "robust", "power"])
    def scale(self, request):
        self.settings = {"modality": "table", "scale": request.param}


class TestDigits(DatasetConformance):
    component = Digits
    settings = {"subjects": 100}


class TestLupi(DatasetConformance):
    component = Lupi

    @pytest.fixture(autouse=True, params=["clean_labels", "clean_features", "relevant_features", "sample_dependent"])
    def setting(self, request):
        self.settings = {"setting": request.param, "features": 5, "train": 10, "test": 10}


class TestBreastCancer(DatasetConformance):
    component = BreastCancer


class TestBreastSurvival(DatasetConformance):
    component = BreastSurvival


class TestDiabetes(DatasetConformance):
    component = Diabetes


class TestTable(DatasetConformance):
    component = Table

    @pytest.fixture(autouse=True)
    def files(self, tmp_path):
        rows = [f"{number},{number % 7},{number % 3},{'yes' if number % 2 else 'no'}" for number in range(20)]
        path = tmp_path / "patients.csv"
        path.write_text("\n".join(["id,age,gene1,outcome", *rows]))
        modalities = {"facts": ["age"], "genes": ["gene1"]}
        target = {"target": "outcome", "classes": ["no", "yes"]}
        self.settings = {"path": path, **target, "modalities": modalities, "subject": "id"}


class TestMogonet(DatasetConformance):
    component = Mogonet

    @pytest.fixture(autouse=True)
    def files(self, tmp_path):
        self.settings = write(tmp_path)


class TestRandomForest(EstimatorConformance):
    component = RandomForest
    settings = {"trees": 20}


class TestBoostedTrees(EstimatorConformance):
    component = BoostedTrees
    settings = {"rounds": 5}
