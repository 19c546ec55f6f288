"""Spark, found or started: with what it needs to run durwan on its executors."""

from __future__ import annotations

import os
import re
import shutil
import sys
import tempfile
import zipfile
from collections.abc import Generator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import durwan
from durwan.backends.columns.polars_interface import ColumnsNotInstalledError
from durwan.errors import DurwanError


class SparkError(DurwanError):
    """Spark could not do its work; the text says what to do."""


_PYTHON_ERROR: Final = re.compile(r"[A-Za-z_.]+(Error|Exception): ")
_LACKING: Final = (
    "the Python of an executor lacks what durwan needs: polars and pyarrow, which `pip install 'durwan[spark]'` "
    "brings; name a Python that has them by PYSPARK_PYTHON, or send an environment along by spark.archives"
)
_LOCAL: Final = {
    "spark.driver.host": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.ui.enabled": "false",
    # Task failures are told by us, once; Spark would tell each with its Java stack.
    "spark.log.level": "OFF",
}
_ALWAYS: Final = {
    "spark.app.name": "policy-check replay",
    "spark.ui.showConsoleProgress": "false",
    # A task has one core, and polars would take all that there are.
    "spark.executorEnv.POLARS_MAX_THREADS": "1",
    # Instants are the same everywhere, and `Action` is no `action`.
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.caseSensitive": "true",
    # As many requests at a time as one machine reads.
    "spark.sql.execution.arrow.maxRecordsPerBatch": "65536",
}


@contextmanager
def session(master: str) -> Generator[Any]:
    """A session of Spark whose executors have this durwan; it is stopped in the end.

    What else it needs is read from where Spark reads it: `spark-defaults.conf` in SPARK_CONF_DIR.

    Args:
        master: `local[*]`, `local-cluster[2,1,1024]`, `yarn`, or an address: see Spark's master URLs.

    Raises:
        SparkError: pyspark or Java is missing, or Spark does not start.
    """
    builder = _builder(master)
    with tempfile.TemporaryDirectory(prefix="durwan-spark-") as folder, told_briefly():
        spark = builder.getOrCreate()
        try:
            spark.sparkContext.addPyFile(str(_packed(Path(folder, "durwan.zip"))))
            yield spark
        finally:
            spark.stop()


@contextmanager
def told_briefly() -> Generator[None]:
    """Makes of Spark's errors one of ours."""
    try:
        yield
    except Exception as error:
        if not type(error).__module__.startswith(("pyspark.", "py4j.")):
            raise
        raise SparkError(brief(str(error))) from error


def brief(text: str) -> str:
    """What Spark says of a failure, in one line, or what to do about it."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if any("ModuleNotFoundError" in line or ColumnsNotInstalledError.__name__ in line for line in lines):
        return _LACKING
    # What Python raised stands at the end of its trace, what Java raised at the beginning.
    told = next(
        (line for line in reversed(lines) if _PYTHON_ERROR.match(line)), lines[0] if lines else "no reason given"
    )
    return f"Spark could not do it: {told}"


def _builder(master: str) -> Any:
    try:
        sql = import_module("pyspark.sql")
        import_module("pyarrow")
    except ImportError:
        raise SparkError("--engine spark needs pyspark: pip install 'durwan[spark]'") from None
    if not has_java():
        raise SparkError("Spark needs Java 17 or newer: install it, or name it by JAVA_HOME")
    builder = sql.SparkSession.builder.master(master)
    chosen = dict(_ALWAYS)
    if master.startswith("local"):
        os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
        chosen |= _LOCAL
        os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    for name, value in chosen.items():
        builder = builder.config(name, value)
    return builder


def has_java() -> bool:
    """Whether there is a Java, where Spark would look for it."""
    home = os.environ.get("JAVA_HOME")
    return Path(home, "bin", "java").exists() if home else shutil.which("java") is not None


def _packed(path: Path) -> Path:
    """This durwan as a zip that Python imports from, so that executors run the very same."""
    root = Path(durwan.__file__).parent
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        for source in sorted(root.rglob("*")):
            if source.is_file() and "__pycache__" not in source.parts:
                packed.write(source, Path(root.name, source.relative_to(root)))
    return path


__all__ = ["SparkError", "brief", "has_java", "session", "told_briefly"]
