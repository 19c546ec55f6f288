"""Text to program: parser, resolver, checker, lowering, linter, formatter, and the catalogue of mistakes."""
