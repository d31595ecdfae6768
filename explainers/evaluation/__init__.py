"""Faithfulness metrics, one file each. Importing the package registers them in METRICS."""

from ..registry import METRICS
from .comprehensiveness import comprehensiveness, sufficiency
from .infidelity import infidelity
from .leave_one_out import leave_one_out

__all__ = ["METRICS", "comprehensiveness", "infidelity", "leave_one_out", "sufficiency"]
