"""Building Python syntax trees, and turning one into a function.

Policy text never becomes source (R12): a tree holds only names that we number, whole numbers, the attribute names of
the schema as subscripts, and every other constant as a bound name. `verify` checks the finished tree against the list
of what generated code may contain, whatever made it.
"""

from __future__ import annotations

import ast
import linecache
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import count
from typing import Any
from weakref import finalize

LOAD = ast.Load()
STORE = ast.Store()

_OPERATORS: dict[str, type[ast.cmpop]] = {
    "==": ast.Eq,
    "!=": ast.NotEq,
    "<": ast.Lt,
    "<=": ast.LtE,
    ">": ast.Gt,
    ">=": ast.GtE,
    "is": ast.Is,
    "is not": ast.IsNot,
    "in": ast.In,
    "not in": ast.NotIn,
}
OPPOSITE = {"==": "!=", "!=": "==", "<": ">=", ">=": "<", ">": "<=", "<=": ">", "in": "not in", "not in": "in"}

TRUE = ast.Constant(True)
FALSE = ast.Constant(False)
NONE = ast.Constant(None)


def name(identifier: str) -> ast.expr:
    """A name to read."""
    return ast.Name(identifier, LOAD)


def number(value: int) -> ast.expr:
    """A whole number."""
    return ast.Constant(value)


def bind(identifier: str, value: ast.expr) -> ast.expr:
    """`(identifier := value)`."""
    return ast.NamedExpr(ast.Name(identifier, STORE), value)


def again(value: ast.expr) -> ast.expr:
    """The value of an expression that was evaluated just before, by the name that it certainly assigned."""
    assigned = _assigned(value)
    return value if assigned is None else name(assigned)


def _assigned(value: ast.expr) -> str | None:
    match value:
        case ast.NamedExpr(target=ast.Name(id=identifier)) | ast.Name(id=identifier):
            return identifier
        case ast.BoolOp(op=ast.Or(), values=[first, ast.Call(func=ast.Name(id="unsettled"))]):
            return _assigned(first)
        case ast.IfExp(body=body, orelse=ast.Call(func=ast.Name(id="unsettled"))):
            return _assigned(body)
        case ast.IfExp(body=body, orelse=orelse):
            # Both ways assign the same name, or it is not certain which value was meant.
            return _assigned(body) if _assigned(body) == _assigned(orelse) else None
        case _:
            return None


def call(function: str, *arguments: ast.expr) -> ast.expr:
    """`function(arguments)`, of a bound helper."""
    return ast.Call(name(function), list(arguments), [])


def item(container: ast.expr, key: ast.expr) -> ast.expr:
    """`container[key]`."""
    return ast.Subscript(container, key, LOAD)


def compare(left: ast.expr, operator: str, right: ast.expr) -> ast.expr:
    """`left operator right`."""
    return ast.Compare(left, [_OPERATORS[operator]()], [right])


def between(low: ast.expr, value: ast.expr, high: ast.expr) -> ast.expr:
    """`low <= value <= high`."""
    return ast.Compare(low, [ast.LtE(), ast.LtE()], [value, high])


def is_constant(expression: ast.expr, value: bool) -> bool:
    """Whether the expression is just `True`, or just `False`."""
    return isinstance(expression, ast.Constant) and expression.value is value


def negate(expression: ast.expr) -> ast.expr:
    """`not expression`, simplified where that is plain."""
    match expression:
        case ast.Constant(value=bool(value)):
            return FALSE if value else TRUE
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return operand
        case ast.Compare(left=left, ops=[ast.Is()], comparators=[right]):
            return compare(left, "is not", right)
        case ast.Compare(left=left, ops=[ast.IsNot()], comparators=[right]):
            return compare(left, "is", right)
        case _:
            return ast.UnaryOp(ast.Not(), expression)


def both(*expressions: ast.expr) -> ast.expr:
    """`a and b and ...`, without the constants and flat."""
    return _junction(ast.And, expressions, neutral=True)


def either(*expressions: ast.expr) -> ast.expr:
    """`a or b or ...`, without the constants and flat."""
    return _junction(ast.Or, expressions, neutral=False)


def _junction(kind: type[ast.And | ast.Or], expressions: Sequence[ast.expr], *, neutral: bool) -> ast.expr:
    kept: list[ast.expr] = []
    for expression in expressions:
        if is_constant(expression, neutral):
            continue
        if isinstance(expression, ast.BoolOp) and isinstance(expression.op, kind):
            kept.extend(expression.values)
        else:
            kept.append(expression)
        if is_constant(kept[-1], not neutral):
            break
    if not kept:
        return TRUE if neutral else FALSE
    return kept[0] if len(kept) == 1 else ast.BoolOp(kind(), kept)


def assign(identifier: str, value: ast.expr) -> ast.stmt:
    """`identifier = value`."""
    return ast.Assign([ast.Name(identifier, STORE)], value, None)


def when(condition: ast.expr, *body: ast.stmt) -> ast.stmt:
    """`if condition: body`."""
    return ast.If(condition, list(body), [])


class Constants:
    """The values that a function's code names: bound by us, numbered by us.

    A *template* takes its constants as one tuple, so that functions which differ in nothing else share their code.
    """

    def __init__(self, *, template: bool) -> None:
        self.template = template
        self.values: list[Any] = []
        self._names: dict[tuple[type, Any], str] = {}

    def bind(self, value: object) -> ast.expr:
        """A name that reads the value. The same value is bound once."""
        key = (type(value), value) if isinstance(value, (str, int, bytes)) else (type(value), id(value))
        if key not in self._names:
            self._names[key] = f"k{len(self.values)}"
            self.values.append(value)
        return name(self._names[key])

    def literal(self, value: Any) -> ast.expr:
        """A number or text from a rule: in the code itself, unless the code is a template."""
        if not self.template and type(value) in (int, str, bytes):
            return ast.Constant(value)
        return self.bind(value)

    def unpacking(self) -> list[ast.stmt]:
        """The first statement of a template: `k0, k1, ... = k`."""
        if not self.template or not self.values:
            return []
        targets: list[ast.expr] = [ast.Name(f"k{index}", STORE) for index in range(len(self.values))]
        return [ast.Assign([ast.Tuple(targets, STORE)], name("k"), None)]

    def bound(self) -> dict[str, Any]:
        """The names and values that code other than a template finds among its globals."""
        return {} if self.template else {f"k{index}": value for index, value in enumerate(self.values)}


# Read in every line of a function: as parameters with defaults they are locals, which are cheaper than globals.
_LOCALS = ("type", "dict", "str", "int")


def function_tree(parameters: Sequence[str], body: Sequence[ast.stmt]) -> ast.FunctionDef:
    """`def decide(parameters, type=type, ...): body`."""
    named = [ast.arg(each, None) for each in (*parameters, *_LOCALS)]
    defaults = [name(each) for each in _LOCALS]
    return ast.FunctionDef("decide", ast.arguments([], named, None, [], [], None, defaults), list(body), [], None, None)


_numbers = count(1)


def load(tree: ast.FunctionDef, title: str, bound: Mapping[str, Any]) -> Callable[..., Any]:
    """The function that the tree defines, with `bound` as all that it can reach.

    Its file name is unique and known to `linecache`, so that a traceback shows the generated line.
    """
    _check(_place(tree), bound)
    # Not in angle brackets: linecache asks no loader about those.
    filename = f"durwan generated {title} #{next(_numbers)}"
    module = ast.Module([tree], [])
    namespace: dict[str, Any] = {"__builtins__": {}, **bound, "__name__": filename, "__loader__": _Listing(tree)}
    linecache.lazycache(filename, namespace)
    exec(compile(module, filename, "exec"), namespace)  # noqa: S102 - the tree is ours, and verified
    function: Callable[..., Any] = namespace["decide"]
    # The listing goes with the function: engines that reload for months would keep the trees of every policy they had.
    finalize(function, linecache.cache.pop, filename, None).atexit = False
    return function


def text_of(tree: ast.FunctionDef) -> str:
    """The tree as Python text, each statement on one line."""
    _place(tree)
    return ast.unparse(tree)


def _place(tree: ast.FunctionDef) -> list[ast.AST]:
    """Gives each statement, and all nodes in it, the number of the line on which it is printed; returns the nodes.

    Trees share nodes, such as `True`. So ends are never set: an end left over from another place could lie before the
    line, and the compiler refuses such a node.
    """
    placed: list[ast.AST] = []
    for line, statement in enumerate(_statements(tree), start=1):
        for node in _nodes_of(statement):
            node.lineno, node.col_offset = line, 0  # type: ignore[attr-defined]
            placed.append(node)
    return placed


class _Listing:
    """Answers `linecache` when a traceback wants to show generated code."""

    def __init__(self, tree: ast.FunctionDef) -> None:
        self._tree = tree

    def get_source(self, _name: str) -> str:
        """The tree as Python text."""
        return ast.unparse(self._tree)


def _statements(statement: ast.stmt) -> Iterator[ast.stmt]:
    """A statement and those inside it, in the order in which they are printed: each takes one line."""
    yield statement
    for inner in getattr(statement, "body", ()):
        yield from _statements(inner)
    otherwise: Sequence[ast.stmt] = getattr(statement, "orelse", [])
    for position, inner in enumerate(otherwise):
        if position == 0 and not isinstance(inner, ast.If):
            yield ast.Pass()  # the line that says `else:`; an `if` there is printed as `elif`
        yield from _statements(inner)


def _nodes_of(statement: ast.stmt) -> Iterator[ast.AST]:
    """The nodes of one statement, without the statements inside it. A tree has many: this costs half of `ast.walk`."""
    pending: list[ast.AST] = [statement]
    while pending:
        node = pending.pop()
        yield node
        for value in vars(node).values():
            if isinstance(value, list):
                pending.extend(_within_statement(value))
            elif isinstance(value, ast.AST):
                pending.append(value)


def _within_statement(items: Any) -> Iterator[ast.AST]:
    for item in items:
        if isinstance(item, ast.AST) and not isinstance(item, ast.stmt):
            yield item


_ALLOWED: frozenset[type[ast.AST]] = frozenset((
    ast.FunctionDef, ast.arguments, ast.arg, ast.Assign, ast.AugAssign, ast.If, ast.For, ast.Return, ast.Expr,
    ast.Name, ast.Load, ast.Store, ast.Constant, ast.NamedExpr, ast.Subscript, ast.Call, ast.Compare, ast.BoolOp,
    ast.UnaryOp, ast.BinOp, ast.IfExp, ast.Tuple, ast.And, ast.Or, ast.Not, ast.USub, ast.Add, ast.Sub, ast.Mult,
    ast.BitAnd, ast.BitOr, ast.RShift, ast.Pass, *_OPERATORS.values(),
))  # fmt: skip


# `request`, `now` and `NEVER` apart, a name is a letter and a number.
_NUMBERED = re.compile(r"[a-z][0-9]*|request|now|decide", re.ASCII)


class UnverifiedTreeError(Exception):
    """A tree holds what generated code may not contain: a defect of the generator, never of a policy."""


def verify(tree: ast.FunctionDef, bound: Mapping[str, Any]) -> None:
    """Checks a finished tree: allowed nodes only, numbered names only, calls of bound helpers only.

    Raises:
        UnverifiedTreeError: where it is otherwise.
    """
    _check([node for statement in _statements(tree) for node in _nodes_of(statement)], bound)


def _check(nodes: Sequence[ast.AST], bound: Mapping[str, Any]) -> None:
    for node in nodes:
        if type(node) not in _ALLOWED:
            raise UnverifiedTreeError(f"{type(node).__name__} in generated code")
        if isinstance(node, ast.Call) and not (isinstance(node.func, ast.Name) and _callable(node.func.id, bound)):
            raise UnverifiedTreeError(f"a call of something unbound: {ast.unparse(node)}")
        if isinstance(node, ast.Name) and not (node.id in bound or _NUMBERED.fullmatch(node.id)):
            raise UnverifiedTreeError(f"the name {node.id!r} in generated code")


def _callable(identifier: str, bound: Mapping[str, Any]) -> bool:
    """A bound helper, or a constant of a template."""
    return identifier in bound or (identifier[0] == "k" and identifier[1:].isdigit())
