"""A remark on subjects without a label."""

from __future__ import annotations

from xdistill.runs import Run


def unlabelled_note(run: Run) -> str:
    """How many subjects have no label and what they were used for; empty if there are none."""
    count = run.record["cohort"].get("unlabelled", 0)
    if not count:
        return ""
    left_out = (run.record["recipe"].get("unlabelled") or {}).get("use") == "leave_out"
    fate = "they were left out of training" if left_out else "the student learned from the teacher alone on them"
    return f"{count:,} of {run.record['cohort']['subjects']:,} subjects have no label: no score counts them; {fate}."
