"""A whole replay on Spark: the log handed out, what tasks found added up."""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from functools import partial
from importlib import import_module
from pathlib import Path
from threading import Event, Thread
from typing import Any, Final, NamedTuple

from durwan.backends.columns.batch import ACTION, NOW
from durwan.workshop.replaying.flips import Flips
from durwan.workshop.replaying.logs import BrokenRecords, LogError, RecordedRequests, exported, nested
from durwan.workshop.replaying.logs.sources import LogFile
from durwan.workshop.replaying.question import Question
from durwan.workshop.replaying.spark.arrow_file import FILE, ROW
from durwan.workshop.replaying.spark.session import session, told_briefly
from durwan.workshop.replaying.tasks.partial import Partial
from durwan.workshop.replaying.tasks.pieces import divide
from durwan.workshop.replaying.tasks.places import Places
from durwan.workshop.replaying.tasks.question_text import question_text

# What tasks found is added up by so many, at most, before the rest is added up here.
_MERGERS: Final = 64
_GROUP: Final = "policy-check replay"
_SECONDS: Final = 0.5


class Found(NamedTuple):
    """What is decided otherwise, and which records could not be read."""

    flips: Flips
    broken: BrokenRecords


def is_remote(path: str) -> bool:
    """Whether a log stands at an address that Spark reads, as `s3a://bucket/logs` is one."""
    return "://" in path


def replay_on_spark(
    log: RecordedRequests | Sequence[str],
    question: Question,
    *,
    master: str,
    aside: Path,
    told: Callable[[float], None] = lambda _: None,
) -> Found:
    """Compares all requests of a log on Spark: the answer is that of one machine, to the last count.

    Args:
        log: files that every machine sees by the same paths; or addresses of Parquet that Spark reads.
        question: what is asked of them.
        master: where Spark runs: see `session`.
        aside: into which file broken records go.
        told: is told which share of the tasks is done.

    Raises:
        SparkError: Spark is missing, or could not do it.
        LogError: the log cannot be read.
    """
    with session(master) as spark, told_briefly():
        tasks = _on_files(spark, log, question) if isinstance(log, RecordedRequests) else _at(spark, log, question)
        levels: Any = import_module("pyspark").StorageLevel
        # Broken records are fetched afterwards, if there are any: nothing is read twice for them.
        findings = tasks.persist(levels.DISK_ONLY)
        whole = _added(spark, findings, question, told)
        broken = BrokenRecords(aside)
        if whole.broken:
            _keep(findings, broken, log)
        return Found(whole.flips, broken)


# -------------------------------------------------------------------------------------------------------------- reading


def _on_files(spark: Any, log: RecordedRequests, question: Question) -> Any:
    # pyarrow is there, since Spark is.
    from durwan.workshop.replaying.spark.work import FINDINGS, compare_files  # noqa: PLC0415

    divided = divide(log.files, spark.sparkContext.defaultParallelism)
    # Executors work in other directories.
    tasks = [[each._replace(path=str(Path(each.path).resolve())) for each in task.pieces] for task in divided]
    work = partial(compare_files, question_text(question), json.dumps(tasks))
    return spark.range(0, len(tasks), 1, numPartitions=len(tasks)).mapInArrow(work, FINDINGS)


def _at(spark: Any, addresses: Sequence[str], question: Question) -> Any:
    from durwan.workshop.replaying.spark.work import FINDINGS, compare_requests  # noqa: PLC0415 - as above

    # Files of which some have more columns than others are read as they are on one machine: what is missing is unknown.
    table = spark.read.option("mergeSchema", "true").parquet(*addresses)
    types = dict(table.dtypes)
    wanted = _columns(types, question, ", ".join(addresses))
    functions: Any = import_module("pyspark.sql.functions")
    place = [functions.col("_metadata.file_path").alias(FILE), functions.col("_metadata.row_index").alias(ROW)]
    requests = table.select(*(functions.col(f"`{name}`") for name in wanted), *place)
    return requests.mapInArrow(partial(compare_requests, question_text(question)), FINDINGS)


def _columns(types: dict[str, str], question: Question, address: str) -> list[str]:
    """The columns that are read.

    Raises:
        LogError: these are no recorded requests.
    """
    if types.get("contexts") == "string" and NOW in types:
        return exported.columns_read(types)
    if NOW not in types or ACTION not in types:
        raise LogError(f"{address} has no columns `action` and `now`: these are no recorded requests")
    if types[NOW] == "timestamp_ntz":
        raise LogError(f"{address}: the timestamps in `now` have no time zone; write them in UTC, with the zone")
    return nested.columns_read(types, question.contexts)


# --------------------------------------------------------------------------------------------------------------- adding


def _added(spark: Any, findings: Any, question: Question, told: Callable[[float], None]) -> Partial:
    from durwan.workshop.replaying.spark.work import ERROR, PARTIAL, merge  # noqa: PLC0415 - see `_on_files`

    mergers = min(spark.sparkContext.defaultParallelism, _MERGERS)
    merged = findings.where(findings.kind.isin(PARTIAL, ERROR)).repartition(mergers).mapInArrow(merge, findings.schema)
    with _watched(spark.sparkContext, told):
        rows = merged.collect()
    errors = sorted((row.task, row.text) for row in rows if row.kind == ERROR)
    if errors:
        raise LogError(errors[0][1])
    whole = Partial(Flips(question.amounts))
    for row in rows:
        whole.add(Partial.of_text(row.text))
    return whole


def _keep(findings: Any, broken: BrokenRecords, log: RecordedRequests | Sequence[str]) -> None:
    """Keeps broken records aside, in the order of the log, and by the paths that it was named by."""
    from durwan.workshop.replaying.spark.work import BROKEN, LINES  # noqa: PLC0415 - see `_on_files`

    files: Sequence[LogFile] = log.files if isinstance(log, RecordedRequests) else ()
    places = Places({str(each.path.resolve()): each.path for each in files})
    for row in findings.where(findings.kind == LINES).sort("task").toLocalIterator():
        places.count(json.loads(row.text))
    rows = findings.where(findings.kind == BROKEN).sort("task", "place").toLocalIterator(prefetchPartitions=True)
    try:
        for row in rows:
            places.keep(json.loads(row.text), broken)
    finally:
        broken.close()


@contextmanager
def _watched(context: Any, told: Callable[[float], None]) -> Generator[None]:
    """Tells from time to time which share of the tasks is done."""
    ended = Event()

    def watch() -> None:
        while not ended.wait(_SECONDS):
            share = _share(context.statusTracker())
            if share is not None:
                told(share)

    context.setJobGroup(_GROUP, "comparing recorded requests")
    watcher = Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        ended.set()
        watcher.join()
    told(1.0)


def _share(tracker: Any) -> float | None:
    """Of the first job, which compares; what adds up is nothing beside it."""
    jobs = sorted(tracker.getJobIdsForGroup(_GROUP))
    job = tracker.getJobInfo(jobs[0]) if jobs else None
    stages = [] if job is None else [tracker.getStageInfo(stage) for stage in job.stageIds]
    sizes = [(stage.numCompletedTasks, stage.numTasks) for stage in stages if stage is not None]
    whole = sum(tasks for _, tasks in sizes)
    return sum(done for done, _ in sizes) / whole if whole else None


__all__ = ["Found", "is_remote", "replay_on_spark"]
