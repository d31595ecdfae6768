"""A Faithfulness as JSON and CSV."""

import csv
import io
import json

import numpy as np

from explainers.export.faithfulness import to_csv, to_json
from tests.support.faithfulness import make_faithfulness


def test_the_files_have_every_number_and_null_if_undefined():
    found = make_faithfulness()
    read = json.loads(to_json(found))
    assert read["verdict"] == "beats chance"
    assert read["request"] == found.request.to_query()
    assert np.array_equal(read["random"]["sufficiency"], found.random.sufficiency)
    assert [measure["value"] for measure in read["measures"]] == [0.61, None, 0.2]
    rows = list(csv.DictReader(io.StringIO(to_csv(found))))
    assert [float(row["comprehensiveness"]) for row in rows] == found.comprehensiveness.tolist()
    assert [float(row["sufficiency_random"]) for row in rows] == found.random.sufficiency.mean(0).tolist()
    assert list(rows[0])[:5] == [
        *("fraction", "comprehensiveness", "comprehensiveness_random", "comprehensiveness_low"),
        "comprehensiveness_high",
    ]
