"""Recorded requests: what gateways were really asked, from logs of any form, as columns."""

from durwan.workshop.replaying.logs.broken import BrokenRecord, BrokenRecords
from durwan.workshop.replaying.logs.deciding import Decided, decide_recorded, of_each_batch
from durwan.workshop.replaying.logs.prepared import PreparedLogError
from durwan.workshop.replaying.logs.recorded import LogError, RecordedBatch, RecordedRequests, Side, recorded_batch_of

__all__ = [
    "BrokenRecord", "BrokenRecords", "Decided", "LogError", "PreparedLogError", "RecordedBatch", "RecordedRequests",
    "Side", "decide_recorded", "of_each_batch", "recorded_batch_of",
]  # fmt: skip
