"""Files in random layouts: the same values and comments, written as nobody would expect.

This writer shares nothing with `governance.engine.format` but the tree it starts from.
"""

from __future__ import annotations

import json
from random import Random

from governance.engine import forms, syntax
from governance.engine.forms import Form
from governance.engine.reading import is_text
from governance.engine.syntax import Entry, Node, Tree


def random_layout(text: str, chance: Random) -> str:
    """The same file in another layout."""
    tree = syntax.parse(text)
    return _Scribe(chance).file(tree, forms.form_of([entry.name for entry in tree.root.entries]))


def with_comments(text: str, chance: Random, how_many: int) -> str:
    """The file with comments strewn over it, each with a text of its own."""
    tree = syntax.parse(text)
    places = _places(tree.root)
    for number in range(how_many):
        entry, holder = chance.choice(places)
        where = chance.choice(["before", "side", "foot", "apart"])
        words = f"# note {number}: why: [so], {{and}} 'so'"
        if where == "before":
            entry.before.append(words)
        elif where == "apart" and not entry.before:
            entry.before += ["", words, ""] if chance.random() < 0.5 else ["", words]
        elif where == "side" and not entry.side:
            entry.side = words
        elif where == "foot" and not holder.foot:
            holder.foot.append(words)
    return _Scribe(chance, plain=True).file(tree, forms.ANYTHING)


def owners(text: str) -> dict[str, str]:
    """What each comment stands next to: the words, and the way to the entry or collection."""
    found: dict[str, str] = {}

    def walk(node: Node, way: str) -> None:
        for line in node.foot:
            if line:
                found[line] = f"{way} foot"
        for i, entry in enumerate(node.entries):
            name = entry.name if entry.key is not None else str(i)
            head = not way and not i
            for line in entry.before:
                if line:
                    found[line] = "the file" if head else f"{way}/{name}"
            if entry.side:
                found[entry.side] = f"{way}/{name}"
            if not entry.alias:
                walk(entry.value, f"{way}/{name}")

    walk(syntax.parse(text).root, "")
    return found


def _places(root: Node) -> list[tuple[Entry, Node]]:
    """Entries that a comment can be put beside: not the cells of a table, which hold one line."""
    out: list[tuple[Entry, Node]] = []

    def walk(node: Node, way: tuple[str, ...]) -> None:
        for i, entry in enumerate(node.entries):
            first_of_item = i == 0 and node is not root
            if not first_of_item:
                out.append((entry, node))
            cell = entry.name == "columns" or (entry.key is None and way[-1:] == ("rows",))
            if not entry.alias and not cell:
                walk(entry.value, (*way, entry.name))

    walk(root, ())
    return out


class _Scribe:
    """Writes a tree; `plain` keeps to blocks in the order of the tree."""

    def __init__(self, chance: Random, plain: bool = False) -> None:
        self.chance = chance
        self.plain = plain
        self.seen: set[int] = set()
        self.out: list[str] = []

    def file(self, tree: Tree, form: Form) -> str:
        head, tree.root.entries[0].before = tree.root.entries[0].before, []
        self.comments(head, 0)
        if not self.plain and not head and self.chance.random() < 0.2:
            self.out.append("---")
        self.block(tree.root, form, 0)
        return "\n".join(self.out) + "\n"

    def comments(self, lines: list[str], indent: int) -> None:
        for line in lines:
            self.out += [" " * indent + line] if line else [""] * self.chance.choice([1, 1, 3])

    def order(self, node: Node, form: Form) -> list[Entry]:
        entries = list(node.entries)
        if self.plain or node.kind != "mapping" or not forms.keys_of(form):
            return entries
        self.chance.shuffle(entries)
        # A comment above the first key of an item would be one above the item.
        first = next((entry for entry in entries if not entry.before), None)
        if first is None:
            return list(node.entries)
        entries.remove(first)
        return [first, *entries]

    def block(self, node: Node, form: Form, indent: int) -> None:
        step = 2 if self.plain else self.chance.choice([1, 2, 3, 4])
        entries = self.order(node, form)
        for i, entry in enumerate(entries):
            self.comments(entry.before, indent)
            inner = forms.inside(form, entry.name if entry.key is not None else i)
            start = " " * indent + ("-" if entry.key is None else self.key(entry) + ":")
            self.value(entry, start, inner, indent + step)
            after = entries[i + 1].before if i + 1 < len(entries) else ["x"]
            if not self.plain and not after and not node.foot and self.chance.random() < 0.2:
                self.out += [""] * self.chance.choice([1, 2])
        self.comments(node.foot, indent)

    def key(self, entry: Entry) -> str:
        assert entry.key is not None
        return entry.key.text if self.chance.random() < 0.9 else json.dumps(entry.key.text)

    def anchor(self, entry: Entry) -> tuple[str, bool]:
        """What stands before the value, and whether that is all."""
        name = entry.value.anchor
        if not name:
            return "", False
        if id(entry.value) in self.seen:
            return f" *{name}", True
        self.seen.add(id(entry.value))
        return f" &{name}", False

    def value(self, entry: Entry, start: str, form: Form, indent: int) -> None:
        mark, done = self.anchor(entry)
        node, side = entry.value, f"{' ' * self.chance.choice([1, 4])}{entry.side}"
        if done or node.kind == "scalar":
            text = "" if done else " " + self.scalar(node, False)
            if "\n" in text:
                first, *rest = text.split("\n")
                self.out += [f"{start}{mark}{first}{side}", *(" " * indent + line for line in rest)]
                return
            self.out.append(f"{start}{mark}{text}{side}".rstrip())
            return
        quiet = not _noted(node)
        # Behind a bare dash a comment stands above the item, not beside it.
        flow = entry.key is None and bool(entry.side)
        flow = flow or self.chance.random() < (0.05 if self.plain else 0.5)
        if not node.entries or (quiet and flow):
            text = f"{start}{mark} {self.flow(node, indent + 1)}"
            self.out.append(f"{text}{side}".rstrip())
            return
        self.out.append(f"{start}{mark}{side}".rstrip())
        deeper = indent + self.chance.choice([0, 2]) if not self.plain else indent
        self.block(node, form, deeper)

    def flow(self, node: Node, indent: int) -> str:
        if node.kind == "scalar":
            return self.scalar(node, True)
        parts = []
        for entry in node.entries:
            mark, done = self.anchor(entry)
            text = mark.strip() if done else f"{mark} {self.flow(entry.value, indent)}".strip()
            parts.append(f"{json.dumps(entry.key.text)}: {text}" if entry.key else text)
        joint = f",\n{' ' * indent}" if self.chance.random() < 0.2 and not self.plain else ", "
        inner = joint.join(parts)
        return f"[{inner}]" if node.kind == "sequence" else f"{{{inner}}}"

    def scalar(self, node: Node, flow: bool) -> str:
        if node.plain and not (is_text(node.text)):
            return (
                self.chance.choice(["~", "null"]) if node.text in ("", "~", "null") else node.text
            )
        ways = ["double", "single"]
        if "\n" in node.text:
            ways = ["double"]
        elif (
            not flow
            and " " in node.text
            and "  " not in node.text
            and node.text.strip() == node.text
        ):
            ways.append("folded")
        way = self.chance.choice(ways)
        if way == "folded":
            return ">-\n" + node.text.replace(" ", "\n", 1)
        if way == "single":
            return "'" + node.text.replace("'", "''") + "'"
        return json.dumps(node.text, ensure_ascii=self.chance.random() < 0.5)


def _noted(node: Node) -> bool:
    return bool(node.foot) or any(
        entry.before or entry.side or (not entry.alias and _noted(entry.value))
        for entry in node.entries
    )
