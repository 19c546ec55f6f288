"""The one canonical layout of a policy file. It changes white space and commas that mean nothing, and nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from durwan.diagnostics import Source
from durwan.language.concrete_syntax import Branch, Leaf, read_concrete
from durwan.language.layout import WIDTH, Tree, Writer, first_leaf, fits, last_leaf, leaves_of

# Declarations that stand on one line each where they fit, in columns where they stand together.
_DEFINITIONS = frozenset({"network", "set", "let", "window"})


def format_text(source: Source) -> str:
    """The same policy in the canonical layout, with every comment; formatting it again changes nothing.

    Raises:
        ValueError: if the text has a mistake of syntax. Ask `parse` first.
    """
    declarations, end = read_concrete(source)
    writer = Writer()
    for place, (declaration, columns) in enumerate(zip(declarations, _columns(declarations), strict=True)):
        before = declarations[place - 1] if place else None
        apart = before is not None and not (_is_line(before) and _is_line(declaration))
        writer.separate(declaration.first, 0, first=not place, blank=apart)
        _declaration(writer, declaration, columns)
    writer.separate(end, 0, first=not declarations)
    return "\n".join([*writer.lines, ""]) if writer.lines else ""


# ---------------------------------------------------------------- definitions in columns


def _is_line(declaration: Branch) -> bool:
    return declaration.rule in _DEFINITIONS and fits(declaration, 0)


def _columns(declarations: Sequence[Branch]) -> list[tuple[int, int]]:
    """How wide the keyword and the name of each declaration are filled up."""
    columns: list[tuple[int, int]] = []
    for run in _runs(declarations):
        keyword = max(len(each.first.text) for each in run)
        name = max(len(first_leaf(each.children[1]).text) for each in run)
        columns += [(keyword, name) if _is_line(run[0]) else (0, 0)] * len(run)
    return columns


def _runs(declarations: Iterable[Branch]) -> list[list[Branch]]:
    """The declarations, definitions that stand together line by line as one run, each other one by itself."""
    runs: list[list[Branch]] = []
    for each in declarations:
        together = not each.first.leading and not each.first.blank_before
        if runs and together and _is_line(each) and _is_line(runs[-1][-1]):
            runs[-1].append(each)
        else:
            runs.append([each])
    return runs


# ---------------------------------------------------------------- declarations


def _declaration(writer: Writer, declaration: Branch, columns: tuple[int, int]) -> None:
    writer.hang = 4
    match declaration.rule:
        case "context":
            _context(writer, declaration)
        case "actions":
            _actions(writer, declaration)
        case "scopes":
            _scopes(writer, declaration)
        case "rule" | "limit" | "invariant":
            _rule(writer, declaration)
        case _:
            _definition(writer, declaration, columns)


def _definition(writer: Writer, declaration: Branch, columns: tuple[int, int]) -> None:
    """A network, set, let or window."""
    keyword, name, equal, *given = declaration.children
    writer.leaf(first_leaf(keyword), pad=columns[0])
    writer.leaf(first_leaf(name), pad=columns[1])
    writer.write(equal)
    if fits(declaration, 0) or declaration.rule in {"network", "set"}:
        for part in given:
            _listed(writer, part)
    elif declaration.rule == "window":
        _spans(writer, given)
    else:
        if not fits(given[0], writer.column):
            writer.newline(2)
        writer.condition(given[0], lambda _operator: 2)


def _listed(writer: Writer, part: Tree) -> None:
    if isinstance(part, Branch) and part.rule == "braces":
        writer.braces(part.children)
    else:
        writer.write(part)


def _spans(writer: Writer, given: Sequence[Tree]) -> None:
    """Spans of a window, a line each."""
    for part in given:
        if isinstance(part, Leaf):
            writer.newline(2)
            writer.leaf(part)
            continue
        indent = 2 if part is given[0] else writer.column
        for place, span in enumerate(part.children):
            if place or part is given[0]:
                writer.newline(indent)
            writer.hang = indent + 2
            writer.write(span)


# ---------------------------------------------------------------- vocabulary


def _context(writer: Writer, context: Branch) -> None:
    keyword, name, opening, *attributes, closing = context.children
    for leaf in (keyword, name, opening):
        writer.write(leaf)
    if not attributes and not first_leaf(closing).leading and first_leaf(opening).trailing is None:
        writer.write(closing)
        return
    widest = max((_names_width(each) for each in attributes), default=0)
    notes: list[tuple[int, str]] = []
    for place, attribute in enumerate(attributes):
        writer.separate(first_leaf(attribute), 2, first=not place)
        last = last_leaf(attribute)
        note, last.trailing = last.trailing, None
        _attribute(writer, attribute, widest)
        if note is not None:
            notes.append((len(writer.lines), note))
    writer.close(closing, 0, empty=not attributes)
    _write_notes(writer, notes)


def _attribute(writer: Writer, attribute: Tree, widest: int) -> None:
    *names, colon, kind = attribute.children if isinstance(attribute, Branch) else [attribute]
    writer.hang = 4
    for name in names:
        writer.write(name)
    writer.space(widest - _names_width(attribute))
    writer.write(colon)
    writer.fill([*leaves_of(kind)], writer.column)


def _names_width(attribute: Tree) -> int:
    names = attribute.children[:-2] if isinstance(attribute, Branch) else []
    return sum(len(first_leaf(name).text) + 1 for name in names)


def _write_notes(writer: Writer, notes: Sequence[tuple[int, str]]) -> None:
    """The comments behind the attributes, in one column; each with the number of its line."""
    column = max((len(writer.lines[line]) for line, _ in notes), default=0)
    for line, note in notes:
        writer.lines[line] = f"{writer.lines[line].ljust(column)}  {note}"


def _actions(writer: Writer, actions: Branch) -> None:
    """Names on one line, or on the lines on which the author put them together."""
    keyword, opening, *names, closing = actions.children
    for name in names:
        last_leaf(name).comma = False
    writer.write(keyword)
    writer.write(opening)
    if fits(actions, 0) and not _has_lines(actions):
        for part in (*names, closing):
            writer.write(part)
        return
    for place, name in enumerate(names):
        leaf = first_leaf(name)
        if not place or leaf.line_before or leaf.leading or writer.column + 1 + len(leaf.text) > WIDTH:
            writer.separate(leaf, 2, first=not place)
        else:
            writer.space(1)
        writer.hang = 2
        writer.leaf(leaf)
    writer.close(closing, 0, empty=not names)


def _has_lines(block: Branch) -> bool:
    """Whether the author broke a line inside the braces."""
    members = [first_leaf(child) for child in block.children[2:]]
    return len(members) > 1 and any(leaf.line_before for leaf in members)


def _scopes(writer: Writer, scopes: Branch) -> None:
    """Entries on one line, or a line each, with what they include in a column."""
    keyword, opening, *entries, closing = scopes.children
    for entry in entries:
        if isinstance(entry, Branch) and len(entry.children) == 1:
            last_leaf(entry).comma = False
    writer.write(keyword)
    writer.write(opening)
    if fits(scopes, len(entries)) and not _has_lines(scopes):
        _scopes_on_one_line(writer, entries, closing)
        return
    including = [each for each in entries if isinstance(each, Branch) and len(each.children) > 1]
    widest = max((len(each.first.text) for each in including), default=0)
    for place, entry in enumerate(entries):
        writer.separate(first_leaf(entry), 2, first=not place)
        _scope_entry(writer, entry, widest)
    writer.close(closing, 0, empty=not entries)


def _scopes_on_one_line(writer: Writer, entries: Sequence[Tree], closing: Tree) -> None:
    for place, entry in enumerate(entries):
        writer.space(1 if place else 0)
        writer.write(entry)
    writer.write(closing)


def _scope_entry(writer: Writer, entry: Tree, widest: int) -> None:
    name, *lists = entry.children if isinstance(entry, Branch) else [entry]
    writer.hang = 4
    writer.leaf(first_leaf(name), pad=widest + 1 if lists else 0)
    for each in lists:
        word, *included = each.children if isinstance(each, Branch) else [each]
        writer.write(word)
        writer.fill(included, writer.column)


# ---------------------------------------------------------------- rules, limits, invariants


def _rule(writer: Writer, rule: Branch) -> None:
    words = [child for child in rule.children if isinstance(child, Leaf)]
    clauses = [child for child in rule.children if isinstance(child, Branch)]
    for word in words:
        if word.kind in {"NEVER", "ALWAYS"}:
            writer.newline(2)
        writer.leaf(word)
    for place, clause in enumerate(clauses):
        if not (rule.rule == "invariant" and place == 0 and clause.rule == "on"):
            writer.newline(2)
        _clause(writer, clause)


def _clause(writer: Writer, clause: Branch) -> None:
    keyword, *given = clause.children
    word = first_leaf(keyword).text
    writer.hang = 6
    writer.write(keyword)
    match clause.rule:
        case "when" | "unless" | "cost":
            # `and` and `or` end where the opening word ends.
            writer.condition(given[0], lambda operator: 2 + len(word) - len(operator))
        case "on" | "per":
            writer.fill(given, writer.column)
        case "with_":
            writer.braces(given)
        case _:
            for part in given:
                writer.write(part)
