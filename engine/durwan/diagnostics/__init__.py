"""Where text is and what is wrong with it: sources, spans, diagnostics and their renderers. Knows nothing else."""

from durwan.diagnostics.diagnostic import Diagnostic, Fix, Note, Severity
from durwan.diagnostics.source import Source, Span

__all__ = ["Diagnostic", "Fix", "Note", "Severity", "Source", "Span"]
