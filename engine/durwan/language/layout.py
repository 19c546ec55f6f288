"""Writing leaves in lines: where spaces and comments go, and how conditions and lists are broken."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from durwan.language.concrete_syntax import Branch, Comment, Leaf

WIDTH = 100

Tree = Branch | Leaf


def leaves_of(tree: Tree) -> Iterator[Leaf]:
    """All leaves, from left to right."""
    if isinstance(tree, Leaf):
        yield tree
    else:
        yield from tree.leaves()


def fits(tree: Tree, column: int) -> bool:
    """Whether a tree can stand on one line from this column on: no comment inside, no vertical list, not too wide."""
    before: Leaf | None = None
    for leaf in leaves_of(tree):
        if before is not None:
            if leaf.leading or before.trailing is not None:
                return False
            column += not leaf.tight
        column += len(leaf.text) + leaf.comma
        if column > WIDTH or leaf.vertical:
            return False
        before = leaf
    return True


class Writer:
    """Lines in the making. What a comment drives from its line goes to the column `hang` of the next."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.hang = 0
        self._line = ""
        self._fresh = True
        self._must_break = False

    @property
    def column(self) -> int:
        """Where the next leaf would begin."""
        return self.hang if self._must_break else len(self._line) + (not self._fresh)

    @property
    def indentation(self) -> int:
        """How far the line is indented."""
        return len(self._line) - len(self._line.lstrip(" "))

    def newline(self, indent: int) -> None:
        """Ends the line, if there is anything on it, and begins one."""
        if not self._fresh:
            self.lines.append(self._line.rstrip())
        self._line = " " * indent
        self._fresh, self._must_break = True, False

    def blank(self) -> None:
        """Leaves a line blank before the one that was just begun."""
        if self.lines and self.lines[-1]:
            self.lines.append("")

    def comments(self, comments: Iterable[Comment], indent: int, *, blanks: bool) -> None:
        """Writes comments on lines of their own, with the blank lines before them where `blanks`, and begins a line."""
        for comment in comments:
            self.newline(indent)
            if blanks and comment.blank_before:
                self.blank()
            self._line += comment.text
            self._fresh = False
        self.newline(indent)

    def leaf(self, leaf: Leaf, *, pad: int = 0) -> None:
        """Writes a leaf with its comments and its comma, filled up with spaces to `pad` characters."""
        if leaf.leading:
            self.comments(leaf.leading, len(self._line) if self._fresh else self.hang, blanks=False)
        elif self._must_break:
            self.newline(self.hang)
        if not self._fresh and not leaf.tight:
            self._line += " "
        text = leaf.text + "," * leaf.comma
        self._line += text.ljust(pad)
        self._fresh = False
        if leaf.trailing is not None:
            self._line = f"{self._line.rstrip()}  {leaf.trailing}"
            self._must_break = True

    def write(self, tree: Tree) -> None:
        """Writes all leaves, on one line as far as comments allow."""
        for leaf in leaves_of(tree):
            self.leaf(leaf)

    def space(self, count: int) -> None:
        """Puts spaces behind what is on the line."""
        self._line += " " * count

    # ------------------------------------------------------------ conditions

    def condition(self, tree: Tree, place: Callable[[str], int]) -> None:
        """Writes an expression; where it has to be broken, `place` gives the column of each `and` and `or`."""
        if isinstance(tree, Leaf) or fits(tree, self.column):
            self.write(tree)
            return
        for child in tree.children:
            if isinstance(child, Branch):
                self._part(tree, child)
            else:
                if child.kind in {"AND", "OR"}:
                    self.newline(place(child.text))
                self.leaf(child)

    def _part(self, tree: Branch, part: Branch) -> None:
        if part.rule == "braces":
            self.braces(part.children)
            return
        start = self.column - (tree.rule == "group")
        outer, self.hang = self.hang, start
        self.condition(part, lambda _operator: start)
        self.hang = outer

    # ------------------------------------------------------------ lists

    def braces(self, members: Sequence[Tree]) -> None:
        """Writes a list in braces, its members on lines of their own unless all fit on this one."""
        opening, *inner, closing = members
        whole = Branch("braces", [*members])
        if not inner or fits(whole, self.column):
            self.write(whole)
            return
        indent = self.indentation
        self.write(opening)
        last_leaf(inner[-1]).comma = True
        for place, member in enumerate(inner):
            self.separate(first_leaf(member), indent + 2, first=not place)
            self.hang = indent + 4
            self.write(member)
        self.close(closing, indent, empty=False)

    def separate(self, leaf: Leaf, indent: int, *, first: bool, blank: bool = False) -> None:
        """Begins a line for a leaf, after its comments, with blank lines as in the text.

        The `first` one in a block has none before it; `blank` asks for one where the text has none at all.
        """
        lines: list[Comment | Leaf] = [*leaf.leading, leaf]
        self.newline(indent)
        if not first and (lines[0].blank_before or (blank and not any(line.blank_before for line in lines))):
            self.blank()
        if leaf.leading:
            leaf.leading[0].blank_before = False
            self.comments(leaf.leading, indent, blanks=True)
            if leaf.blank_before:
                self.blank()
            leaf.leading = []

    def close(self, closing: Tree, indent: int, *, empty: bool) -> None:
        """Writes a closing brace on a line of its own, after the comments before it; the block may be `empty`."""
        leaf = first_leaf(closing)
        leaf.blank_before = False
        self.separate(leaf, indent + 2, first=empty)
        self.newline(indent)
        self.leaf(leaf)

    def fill(self, members: Sequence[Tree], indent: int) -> None:
        """Writes members one after the other, going on at `indent` on the next line where one does not fit."""
        outer, self.hang = self.hang, indent
        for member in members:
            if self.column > indent and not fits(member, self.column):
                self.newline(indent)
            self.write(member)
        self.hang = outer


def first_leaf(tree: Tree) -> Leaf:
    """The first leaf of a tree."""
    return tree if isinstance(tree, Leaf) else tree.first


def last_leaf(tree: Tree) -> Leaf:
    """The last leaf of a tree."""
    return tree if isinstance(tree, Leaf) else tree.last
