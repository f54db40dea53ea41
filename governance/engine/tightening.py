"""Whether a release is certainly not looser than another, so that one person may put it in force.

Law: yes only if it is proved; every doubt is no, with its sentence. File by file, what is plainly
denied must stay plainly denied, and no rule may allow what it did not: that is decided for every
combination of values, these rules alone, so that no limit, history, default or other file can hide a
loosening. Whatever says more than allow or deny (seats of approvals, limits, histories, waivers,
obligations, exceptions, modes), the risk table and the catalogue must be the same; what only holds
back may be added.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields, is_dataclass, replace
from datetime import datetime
from typing import Any, Final

from governance.engine import difference
from governance.engine.compile import Release, compile_bundle
from governance.engine.load import Bundle
from governance.engine.model import Effect, Mode
from governance.engine.reach import conjuncts, fields_of, histories_of, tests_of
from governance.engine.rules import ActionIs, All, Condition, PolicyFile, Rule, Test

PROSE: Final = frozenset(
    {"title", "because", "owner", "review_by", "controls", "cases", "path", "line", "column"}
)
"""What is said about rules, and where they stand; it changes no verdict."""
_ADDED_TO: Final = frozenset({"rules", "limits"})
"""Parts of a file to which more may be added without anything becoming looser."""
_EMPTY: Final[Mapping[str, Any]] = {
    "limits": (),
    "applies_to": All(()),
    "mode": Mode.ENFORCE,
    "observing": None,
    "default_clause": None,
    "exceptions": (),
    "gradual": None,
    "extends": (),
}


def doubts(old: Bundle, new: Bundle, at: datetime) -> tuple[str, ...]:
    """Why it is not certain that `new` is nowhere looser than `old`; nothing if it is certain."""
    return tuple(dict.fromkeys(_doubts(old, new, at)))


def _doubts(old: Bundle, new: Bundle, at: datetime) -> Iterator[str]:
    if bare(old.catalogue) != bare(new.catalogue):
        yield "the catalogue of actions is another"
        return
    for each in fields(old):
        apart = each.name not in ("files", "catalogue", "lists")
        if apart and bare(getattr(old, each.name)) != bare(getattr(new, each.name)):
            yield f"the {each.name} of the release is another"
    yield from _risks(old, new)
    before = {file.policy: file for file in old.files}
    after = {file.policy: file for file in new.files}
    for name in sorted(before.keys() | after.keys()):
        if name not in after:
            yield f"the policy `{name}` is gone"
        elif name not in before:
            yield f"the policy `{name}` is new"
        elif bare(before[name]) != bare(after[name]):
            yield from _file(before[name], after[name])
            yield from _decided(old, new, before[name], after[name], at)


def _file(old: PolicyFile, new: PolicyFile) -> Iterator[str]:
    for each in fields(old):
        if each.name in PROSE or each.name in _ADDED_TO or each.name == "lists":
            continue
        if bare(getattr(old, each.name)) != bare(getattr(new, each.name)):
            yield f"`{each.name}` of `{old.policy}` is another"
    yield from _limits(old, new)
    yield from _rules(old, new)
    yield from _lists(old, new)


def _decided(
    old: Bundle, new: Bundle, was: PolicyFile, now: PolicyFile, at: datetime
) -> Iterator[str]:
    """What the plain rules of one file answer: denies together, each allow with itself.

    An allow that got narrower tests at least what it tested before, in a plain conjunction: so
    whatever is missing or spoiled, it earns nothing that it did not earn.
    """
    denies = [
        tuple(r for r in f.rules if r.effect is Effect.DENY and _plain(r)) for f in (was, now)
    ]
    if list(map(bare, denies[0])) != list(map(bare, denies[1])) or _members(was) != _members(now):
        both = (
            _alone(old, was, denies[0], Effect.REQUIRE_APPROVAL),
            _alone(new, now, denies[1], Effect.REQUIRE_APPROVAL),
        )
        yield from _looser(*both, f"`{was.policy}` denies less", at)
    before = {rule.id: rule for rule in was.rules}
    for rule in now.rules:
        if rule.effect is not Effect.ALLOW or not _plain(rule):
            continue
        name = f"{now.policy}/{rule.id}"
        earlier = before.get(rule.id)
        if earlier is None or not _plain(earlier) or earlier.effect is not Effect.ALLOW:
            yield f"the allow `{name}` is new"
        elif not _same(earlier, rule, was, now):
            tested = set(fields_of(earlier.when)), set(fields_of(rule.when))
            if not tested[0] <= tested[1] or not _conjunction(rule.when):
                yield f"`{name}` tests other fields than before"
                continue
            both = _alone(old, was, (earlier,), Effect.DENY), _alone(new, now, (rule,), Effect.DENY)
            yield from _looser(*both, f"`{name}` allows more", at)


def _looser(old: Release, new: Release, said: str, at: datetime) -> Iterator[str]:
    found = difference.diff(old, new, at)
    if any(each.looser for each in found.found):
        yield said
    if not found.complete:
        yield f"{said.partition(' ')[0]} has too many combinations to try all of them"


def _conjunction(condition: Condition) -> bool:
    return all(isinstance(part, Test | ActionIs) for part in conjuncts(condition))


def _members(file: PolicyFile) -> dict[str, set[Any]]:
    return {name: set(use.members) for name, use in file.lists.items()}


def _same(old: Rule, new: Rule, was: PolicyFile, now: PolicyFile) -> bool:
    """Whether a rule says the same as before, and its lists hold the same."""
    before, after = _members(was), _members(now)
    used = {name for test in tests_of(new.when) for name in test.lists}
    return bare(old) == bare(new) and all(before.get(n) == after.get(n) for n in used)


def _risks(old: Bundle, new: Bundle) -> Iterator[str]:
    """The ladder looks at the risk, and the risk at the rules that match: an allow that matches less
    must not leave an action to a milder one."""
    after = {file.policy: file for file in new.files}
    milder = [
        (rule.severity, frozenset(file.governs), (file.policy, rule.id))
        for file in new.files
        for rule in file.rules
        if rule.effect is Effect.ALLOW
    ]
    for file in old.files:
        now = after.get(file.policy)
        kept = {} if now is None else {rule.id: rule for rule in now.rules}
        for rule in file.rules:
            if rule.effect is not Effect.ALLOW:
                continue
            there = kept.get(rule.id)
            if there is not None and now is not None and _same(rule, there, file, now):
                continue
            me = (file.policy, rule.id)
            if (there is not None and there.severity < rule.severity) or any(
                severity < rule.severity and governs & set(file.governs) and other != me
                for severity, governs, other in milder
            ):
                yield f"the risk that `{file.policy}/{rule.id}` gives an action may become lower"


def _alone(bundle: Bundle, file: PolicyFile, rules: tuple[Rule, ...], default: Effect) -> Release:
    known = {each.name for each in fields(file)}
    emptied = {name: value for name, value in _EMPTY.items() if name in known}
    lists = {name: replace(use, max_age=None) for name, use in file.lists.items()}
    alone: Any = replace(file, rules=rules, default=default, lists=lists, **emptied)
    rest: Any = {
        each.name: None
        for each in fields(bundle)
        if each.name not in ("files", "catalogue", "lists")
    }
    return compile_bundle(replace(bundle, files=(alone,), **rest), {}, "")


def _limits(old: PolicyFile, new: PolicyFile) -> Iterator[str]:
    after = {limit.id: limit for limit in new.limits}
    for limit in old.limits:
        if limit.id not in after or bare(limit) != bare(after[limit.id]):
            yield f"the limit `{old.policy}/{limit.id}` is another or gone"


def _rules(old: PolicyFile, new: PolicyFile) -> Iterator[str]:
    before = {rule.id: rule for rule in old.rules}
    after = {rule.id: rule for rule in new.rules}
    for name in sorted(before.keys() | after.keys()):
        was, now = before.get(name), after.get(name)
        if was is not None and now is not None and bare(was) == bare(now):
            continue
        if was is None and now is not None and _only_adds(now):
            continue
        if not all(_plain(each) for each in (was, now) if each is not None):
            yield f"the rule `{old.policy}/{name}` is another or gone"


def _plain(rule: Rule) -> bool:
    """Whether allow, approval or deny, decided without the past, is all that a rule says."""
    said = (rule.clause, rule.obligations, rule.waivable_by, rule.trust_claim, rule.attested_only)
    return (
        rule.effect is not Effect.REQUIRE_APPROVAL
        and not any(said)
        and not histories_of(rule.when)
        and not any(getattr(rule, name, ()) for name in ("instead_of", "loosened_by"))
    )


def _only_adds(rule: Rule) -> bool:
    return rule.effect is Effect.DENY and not getattr(rule, "instead_of", ())


def _lists(old: PolicyFile, new: PolicyFile) -> Iterator[str]:
    careful = {
        name
        for file in (old, new)
        for condition in _unsafe(file)
        for test in tests_of(condition)
        for name in test.lists
    }
    for name in sorted(old.lists.keys() | new.lists.keys()):
        was, now = old.lists.get(name), new.lists.get(name)
        if was is None or now is None:
            continue  # whoever names it says something else, too
        if (was.source, was.max_age, was.kind) != (now.source, now.max_age, now.kind):
            yield f"the list `{name}` of `{old.policy}` comes from elsewhere or may be older"
        elif set(was.members) != set(now.members) and name in careful:
            yield f"the list `{name}` of `{old.policy}` is used where people are asked or counted"


def _unsafe(file: PolicyFile) -> Iterator[Any]:
    """Conditions whose reach matters beyond allow, approval or deny."""
    yield file.applies_to
    yield from (rule.when for rule in file.rules if not _plain(rule))
    yield from (limit.of for limit in file.limits)
    for exemption in getattr(file, "exceptions", ()):
        yield exemption.who


def bare(value: Any) -> Any:
    """A value without prose and places, to be compared; order in mappings and sets means nothing."""
    if is_dataclass(value):
        told = ((each.name, getattr(value, each.name)) for each in fields(value))
        parts = [(name, bare(each)) for name, each in told if name not in PROSE]
        return (type(value).__name__, *parts)
    if isinstance(value, Mapping):
        return sorted(((str(name), bare(each)) for name, each in value.items()), key=repr)
    if isinstance(value, frozenset):
        return sorted(map(repr, value))
    if isinstance(value, Iterable) and not isinstance(value, str):
        return [bare(each) for each in value]
    return value
