"""The version that `--version` prints, written out: to ask the installed metadata takes longer than all the rest."""

from typing import Final

VERSION: Final = "0.1.0"
