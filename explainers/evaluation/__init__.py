"""The metrics of faithfulness: importing this package registers each of its files in METRICS.

Knows no task and no method.
"""

from ..registry import METRICS
from .comprehensiveness import comprehensiveness, sufficiency
from .infidelity import infidelity
from .leave_one_out import leave_one_out

__all__ = ["METRICS", "comprehensiveness", "infidelity", "leave_one_out", "sufficiency"]
