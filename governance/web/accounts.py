"""Local accounts: who may open the console with a password, for how long, and how often they try.

Law: whoever guesses learns nothing and is slowed down. An unknown name, a wrong password and a
person who left take the same path through the same hash and get the same answer. A session is a
random secret made at sign-in, never taken over from before it (no fixation); it ends after
`IDLE` without use, after `ABSOLUTE` in any case, at sign-out and when the password changes.

Passwords: Argon2id (RFC 9106, second recommended parameters); length is the rule, not the mix
(NIST SP 800-63B-4, 3.1.1.2). A form's token is an HMAC under the session's secret, masked anew on
each page, so that it cannot be guessed, carried to another session or measured by compression.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import threading
import unicodedata
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from governance.store.accounts import Account, AccountStore, Failures, WebSession

IDLE = timedelta(minutes=30)
ABSOLUTE = timedelta(hours=12)
SEEN_STEP = timedelta(minutes=1)
"""How often use of a session is written down; finer would only wear out the disk."""
KEEP_SESSIONS = 10
"""Browsers a person may be signed in with at once; the least used one gives way."""

SHORTEST_PASSWORD = 15
LONGEST_PASSWORD = 256
LONGEST_SIGN_IN = 254

FORGET_FAILURES = timedelta(minutes=30)
FREE_FAILURES = {"account": 5, "address": 20}
"""Wrong sign-ins before waiting begins. An office behind one address shares the second figure."""
FIRST_WAIT = timedelta(seconds=15)
LONGEST_WAIT = timedelta(minutes=15)
SLOT_PATIENCE = timedelta(seconds=3)
"""How long a sign-in waits for its turn to be hashed before it is sent away."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class WeakPasswordError(ValueError):
    """A new password does not fit the rule; the message says which one, for people."""


class SignInError(Exception):
    """Name and password do not open an account; it never says which of the two was wrong."""


class ThrottledError(Exception):
    """Sign-in is refused unread until `wait` has passed."""

    def __init__(self, wait: timedelta) -> None:
        super().__init__(f"too many attempts, wait {int(wait.total_seconds())} s")
        self.wait = wait


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A live session as the console sees it: who, since when, and until when at the latest."""

    person: str
    secret: str
    opened_at: datetime
    ends_at: datetime


def generate_password() -> str:
    """A random password of 128 bits in groups, to be printed once and changed."""
    letters = base64.b32encode(secrets.token_bytes(16)).decode().rstrip("=").lower()
    return "-".join(letters[start : start + 5] for start in range(0, len(letters), 5))


def normal_sign_in(sign_in: str) -> str:
    """A sign-in name as it is compared: NFKC, case folded, without outer blanks."""
    return unicodedata.normalize("NFKC", sign_in).strip().casefold()


class Accounts:
    """Local accounts of one workspace. Thread-safe; `at` is an aware time everywhere.

    `hasher` is replaced in tests by a cheap one. At most two hashes run at once, so that a flood
    of sign-ins takes at most twice 64 MiB.
    """

    def __init__(self, store: AccountStore, hasher: PasswordHasher | None = None) -> None:
        self._store = store
        self._hasher = hasher or PasswordHasher()
        self._slots = threading.BoundedSemaphore(2)
        # Verified against when nobody has the name, so that both cases cost the same.
        self._nobody = self._hasher.hash(secrets.token_urlsafe(24))

    # -- accounts ------------------------------------------------------------------------------

    def enrol(self, *, person: str, sign_in: str, password: str, at: datetime) -> None:
        """Give a person a local account, or a new name and password; closes their sessions.

        Raises `WeakPasswordError`, and `ValueError` for a sign-in name that is empty, too long,
        not printable or another person's.
        """
        name = normal_sign_in(sign_in)
        if not name or len(name) > LONGEST_SIGN_IN or not name.isprintable():
            raise ValueError(
                f"`{sign_in[:40]}` cannot be a sign-in name; expected 1 to {LONGEST_SIGN_IN}"
                " printable characters, for instance an e-mail address"
            )
        _strong_enough(password, name)
        self._store.put(Account(person, name, self._hash(password), _micros(at)))
        self._store.close_sessions_of(person)

    def has_account(self, person: str) -> bool:
        """Whether this person can sign in with a password."""
        return self._store.by_person(person) is not None

    def sign_in_name(self, person: str) -> str:
        """The name this person signs in with; empty without an account."""
        account = self._store.by_person(person)
        return account.sign_in if account else ""

    def forget(self, person: str) -> None:
        """Delete account, sessions and failed sign-ins of a person who left or is erased."""
        self._store.forget(person)

    def change_password(
        self, signed_in: SignedIn, *, old: str, new: str, address: str, at: datetime
    ) -> None:
        """Replace a signed-in person's password and close that person's other sessions.

        Guesses of the old password count as failed sign-ins. Raises `SignInError`,
        `ThrottledError` and `WeakPasswordError`.
        """
        account = self._store.by_person(signed_in.person)
        name = account.sign_in if account else ""
        account = self._check(account, name, old, address, at)
        _strong_enough(new, name)
        self._store.put(Account(account.person, name, self._hash(new), _micros(at)))
        self._store.close_sessions_of(account.person, but=_digest(signed_in.secret))

    # -- sessions ------------------------------------------------------------------------------

    def sign_in(
        self, sign_in: str, password: str, *, address: str, at: datetime, device: str = ""
    ) -> SignedIn:
        """Open a new session; what the browser sent before plays no part in it.

        `address` is the peer's, `device` what `device_of` gave this browser after an earlier sign-in.
        Raises `SignInError` or `ThrottledError`.
        """
        name = normal_sign_in(sign_in)[:LONGEST_SIGN_IN]
        account = self._check(self._store.by_sign_in(name), name, password, address, at, device)
        if self._hasher.check_needs_rehash(account.password):
            self._store.rehash(account.person, self._hash(password))
        self._prune(at)
        secret = secrets.token_urlsafe(32)
        now = _micros(at)
        self._store.open_session(
            WebSession(_digest(secret), account.person, now, now), keep=KEEP_SESSIONS
        )
        return SignedIn(account.person, secret, at, at + ABSOLUTE)

    def device_of(self, person: str) -> str:
        """A token by which a browser shows that this person signed in with it before.

        Guesses of others then keep nobody out: a known browser has a count of its own. Good until the
        password changes.
        """
        account = self._store.by_person(person)
        nonce = secrets.token_urlsafe(16)
        return f"{nonce}.{_device_mark(account.password, nonce)}" if account else ""

    def resume(self, secret: str, at: datetime) -> SignedIn | None:
        """The session behind a cookie, or None when there is none or its time is over."""
        if not 20 <= len(secret) <= 100:
            return None
        session = self._store.session(_digest(secret))
        if session is None:
            return None
        opened, seen = _moment(session.opened_at), _moment(session.seen_at)
        # A clock that went backwards by more than a step ends sessions rather than keeps them.
        if not (opened - SEEN_STEP <= at < opened + ABSOLUTE and at < seen + IDLE):
            self._store.close_session(session.token)
            return None
        if at - seen >= SEEN_STEP:
            self._store.seen(session.token, _micros(at))
        return SignedIn(session.person, secret, opened, opened + ABSOLUTE)

    def sign_out(self, secret: str) -> None:
        """End the session behind a cookie."""
        self._store.close_session(_digest(secret))

    def sign_out_everywhere(self, person: str) -> None:
        """End all sessions of a person."""
        self._store.close_sessions_of(person)

    def open_sessions(self, person: str, at: datetime) -> int:
        """How many sessions of a person are still good."""
        return sum(
            1
            for session in self._store.sessions_of(person)
            if at < _moment(session.opened_at) + ABSOLUTE and at < _moment(session.seen_at) + IDLE
        )

    # -- inside --------------------------------------------------------------------------------

    def _check(
        self,
        account: Account | None,
        name: str,
        password: str,
        address: str,
        at: datetime,
        device: str = "",
    ) -> Account:
        buckets = {"account": f"account:{name}", "address": f"address:{address}"}
        if account is not None and _knows(account, device):
            # Whoever shows it has signed in here before, so only this browser's guesses count.
            buckets = {"account": f"device:{_text(_digest(device))}"}
        self._refuse_early(buckets, at)
        if not self._slots.acquire(timeout=SLOT_PATIENCE.total_seconds()):
            raise ThrottledError(FIRST_WAIT)
        try:
            # Again, inside: guesses sent side by side must not all pass before one is counted.
            self._refuse_early(buckets, at)
            right = self._verify(account.password if account else self._nobody, password)
            if account is None or not right:
                fresh_after = _micros(at - FORGET_FAILURES)
                for bucket in buckets.values():
                    self._store.count_failure(bucket, _micros(at), fresh_after=fresh_after)
                raise SignInError
        finally:
            self._slots.release()
        # Only the account's count: otherwise one own account would buy free guesses at others.
        self._store.clear_failures(buckets["account"])
        return account

    def _refuse_early(self, buckets: dict[str, str], at: datetime) -> None:
        wait = max(_wait(kind, self._store.failures(b), at) for kind, b in buckets.items())
        if wait > timedelta(0):
            # Not even looked at: a right guess during the wait must not be told from a wrong one.
            raise ThrottledError(wait)

    def _verify(self, stored: str, password: str) -> bool:
        try:
            return self._hasher.verify(stored, _normal(password[: LONGEST_PASSWORD + 1]))
        except (VerificationError, InvalidHashError):
            return False

    def _hash(self, password: str) -> str:
        with self._slots:
            return self._hasher.hash(_normal(password))

    def _prune(self, at: datetime) -> None:
        self._store.prune(
            opened_before=_micros(at - ABSOLUTE),
            seen_before=_micros(at - IDLE),
            failed_before=_micros(at - FORGET_FAILURES),
        )


# -- tokens of forms -----------------------------------------------------------------------------


def form_token(secret: str) -> str:
    """A token for one page's forms, bound to the session's secret and masked anew each time."""
    pad = secrets.token_bytes(32)
    return _text(pad + _xor(pad, _bound(secret)))


def form_token_fits(secret: str, token: str) -> bool:
    """Whether a form's token was made for the session with this secret; constant time."""
    try:
        raw = base64.urlsafe_b64decode(token.encode("ascii") + b"==")
    except ValueError:
        return False
    return len(raw) == 64 and hmac.compare_digest(_xor(raw[:32], raw[32:]), _bound(secret))


def _bound(secret: str) -> bytes:
    return hmac.digest(secret.encode(), b"governance form token 1", "sha256")


def _xor(left: bytes, right: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(left, right, strict=True))


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _device_mark(stored_password: str, nonce: str) -> str:
    key = hashlib.sha256(stored_password.encode()).digest()
    return _text(hmac.digest(key, b"governance device 1 " + nonce.encode(), "sha256"))


def _knows(account: Account, device: str) -> bool:
    nonce, _, mark = device.partition(".")
    if not (20 <= len(nonce) <= 40 and device.isascii()):
        return False
    return hmac.compare_digest(mark, _device_mark(account.password, nonce))


# -- rules ---------------------------------------------------------------------------------------


def _strong_enough(password: str, sign_in: str) -> None:
    plain = _normal(password)
    if len(plain) < SHORTEST_PASSWORD:
        raise WeakPasswordError(
            f"the password has {len(plain)} characters, at least {SHORTEST_PASSWORD} are needed;"
            " four or five words in a row are easy to remember"
        )
    if len(plain) > LONGEST_PASSWORD:
        raise WeakPasswordError(f"the password is longer than {LONGEST_PASSWORD} characters")
    if len(set(plain.casefold())) < 6:
        raise WeakPasswordError("the password repeats the same few characters; use other words")
    if sign_in and plain.casefold().replace(sign_in, "").strip() in ("", "1", "123"):
        raise WeakPasswordError("the password is the sign-in name; use other words")


def _wait(kind: str, failures: Failures | None, at: datetime) -> timedelta:
    """How long a bucket still has to wait: twice as long after each failure beyond the free."""
    if failures is None:
        return timedelta(0)
    last = _moment(failures.last_at)
    beyond = failures.failures - FREE_FAILURES[kind]
    if beyond < 0 or at - last > FORGET_FAILURES:
        return timedelta(0)
    wait = min(FIRST_WAIT * (1 << min(beyond, 16)), LONGEST_WAIT)
    return max(timedelta(0), min(last + wait - at, wait))


def _normal(password: str) -> str:
    return unicodedata.normalize("NFKC", password)


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()


def _micros(at: datetime) -> int:
    return (at - _EPOCH) // timedelta(microseconds=1)


def _moment(micros: int) -> datetime:
    return _EPOCH + timedelta(microseconds=micros)
