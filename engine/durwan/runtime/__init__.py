"""Request in, decision out: the engine. Imports no Lark, no pydantic, no YAML, no solver, no I/O framework."""
