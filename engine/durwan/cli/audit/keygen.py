"""`durwan audit keygen FILE`: makes a pair of keys, to sign checkpoints with and to verify them."""

from __future__ import annotations

from durwan.cli.keygen import configure, run

EXAMPLES = """\
  durwan audit keygen audit.pem        makes audit.pem, for the gateway alone, and audit.pem.pub, for auditors

The same with openssl:
  openssl genpkey -algorithm ed25519 -out audit.pem && chmod 600 audit.pem
  openssl pkey -in audit.pem -pubout -out audit.pem.pub
"""

__all__ = ["EXAMPLES", "configure", "run"]
