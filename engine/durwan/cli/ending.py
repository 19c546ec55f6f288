"""Every way in which a command can end, as an exit code and a few words on standard error; never a traceback."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

from durwan.cli import exits
from durwan.diagnostics.terminal import visible
from durwan.errors import DurwanError


def guarded(program: str, work: Callable[[], int], verbose: bool, *, private: bool = False) -> int:
    """Does the work of a command; what it raises becomes an exit code.

    Args:
        program: what complaints begin with.
        work: the command.
        verbose: whether to show where an internal error came from.
        private: whether the texts of internal errors, which nobody has chosen, are kept back: they may quote a secret.
    """
    try:
        return work()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else exits.USAGE
    except KeyboardInterrupt:
        return exits.INTERRUPTED
    except BrokenPipeError:
        _forget_output()
        return exits.NOT_HEARD
    except (DurwanError, OSError) as error:
        _complain(program, f"error: {_in_words(error)}")
        return exits.USAGE
    except Exception as error:  # noqa: BLE001 - whatever it is, it is our fault, and has an exit code
        if verbose:
            import traceback  # noqa: PLC0415 - for this alone

            traceback.print_tb(error.__traceback__) if private else traceback.print_exc()
        text = "" if private else f": {error}"
        _complain(program, f"internal error: {type(error).__name__}{text} (-v shows the traceback)")
        return exits.OUR_FAULT


def _in_words(error: Exception) -> str:
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    return str(error)


def _complain(program: str, message: str) -> None:
    sys.stderr.write(f"{program}: {' '.join(visible(line) for line in message.splitlines())}\n")


def _forget_output() -> None:
    """Whoever read our output went away: what is still buffered must not raise again when Python ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


__all__ = ["guarded"]
