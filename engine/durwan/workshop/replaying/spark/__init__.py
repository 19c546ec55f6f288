"""The same comparison on a cluster: Spark hands out the log, every machine compares what it was given, results add up.

`replay_on_spark` is all that others call. `session` finds or starts Spark, `work` is what runs on the executors; tasks
are those of `durwan.workshop.replaying.tasks`.
"""

from durwan.workshop.replaying.spark.running import is_remote, replay_on_spark
from durwan.workshop.replaying.spark.session import SparkError

__all__ = ["SparkError", "is_remote", "replay_on_spark"]
