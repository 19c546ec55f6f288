"""A replay in several processes of one machine: Python reads lines on one processor at a time, however many there are.

`replay_in_processes` hands out the tasks of a log; `worker` is what runs in each process.
"""

from durwan.workshop.replaying.processes.running import replay_in_processes, usable_processors
from durwan.workshop.replaying.processes.workers import WorkerError, WorkerFaultError

__all__ = ["WorkerError", "WorkerFaultError", "replay_in_processes", "usable_processors"]
