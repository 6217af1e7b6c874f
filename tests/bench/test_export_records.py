"""Tables of records as a benchmark has them, from file to every format."""

import csv
import io
import json

from report.page_parts import PageParts
from xdistill.bench.export import FORMATS, render
from xdistill.bench.records.verify import read_records
from xdistill.bench.table import standings


def test_records_come_out_in_every_format(submitted):
    table = standings(submitted, read_records(submitted))
    texts = {name: render(table, name) for name in FORMATS}
    document = json.loads(texts["json"])
    assert [entry["entry"] for entry in document["entries"]] == [standing.entry for standing in table.entries]
    rows = list(csv.DictReader(io.StringIO(texts["csv"])))
    assert {row["entry"] for row in rows} == {"alone", "kd", "teacher"}
    words = PageParts(texts["html"]).words
    for told in ("A small benchmark", "Student alone", "With privileged data at test time", "Reported by A paper"):
        assert told in words
        assert told in texts["md"]
    assert "71.01 ± 1.60" in texts["md"]
    assert r"71.01 $\pm$ 1.60" in texts["latex"]
