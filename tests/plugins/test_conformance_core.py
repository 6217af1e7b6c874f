"""What the core itself offers passes the suites that every plugin's author can inherit."""

import pytest

from xdistill.distributed.local import LocalExecutor
from xdistill.testing import ExecutorConformance

pytestmark = pytest.mark.usefixtures("fresh_workers")


class TestLocalExecutor(ExecutorConformance):
    component = LocalExecutor

    @pytest.fixture(autouse=True, params=[1, 2])
    def jobs(self, request):
        self.settings = {"jobs": request.param, "restarts": 1}
