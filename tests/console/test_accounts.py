"""Local accounts: passwords, sessions that end, guessing that slows down, tokens of forms."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from argon2 import PasswordHasher, Type
from argon2.profiles import CHEAPEST
from console_world import PASSWORD
from paper_views import MARIA, START
from sqlalchemy import create_engine, text
from sqlalchemy.pool import StaticPool

from governance.store.accounts import AccountStore
from governance.store.tables import VaultTable
from governance.web import accounts as module
from governance.web.accounts import (
    ABSOLUTE,
    FREE_FAILURES,
    IDLE,
    Accounts,
    SignInError,
    ThrottledError,
    WeakPasswordError,
    form_token,
    form_token_fits,
    generate_password,
)

SECOND = timedelta(seconds=1)
NAME = "maria@corp.example"


@pytest.fixture
def engine():
    """The vault's database, in memory."""
    made = create_engine(
        "sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False}
    )
    VaultTable.metadata.create_all(made)
    return made


@pytest.fixture
def accounts(engine):
    """Accounts with one person enrolled and a cheap hash."""
    made = Accounts(AccountStore(engine), PasswordHasher.from_parameters(CHEAPEST))
    made.enrol(person=MARIA, sign_in=NAME, password=PASSWORD, at=START)
    return made


def enter(accounts, password=PASSWORD, name=NAME, address="10.0.0.1", at=START):
    """Try to sign in."""
    return accounts.sign_in(name, password, address=address, at=at)


def test_right_password_opens_a_session(accounts):
    """If this failed, nobody could sign in."""
    signed_in = enter(accounts)
    assert signed_in.person == MARIA
    assert accounts.resume(signed_in.secret, START + SECOND).person == MARIA


def test_name_is_compared_folded(accounts):
    """If this failed, a capital letter in an e-mail address would lock its owner out."""
    assert enter(accounts, name="  MARIA@Corp.Example ").person == MARIA


def test_production_hash_is_argon2id_of_rfc_9106():
    """If this failed, a stolen vault would give passwords away to cheap guessing."""
    hasher = PasswordHasher()
    assert hasher.type is Type.ID
    assert hasher.memory_cost >= 64 * 1024
    assert hasher.time_cost >= 3


def test_neither_password_nor_token_is_stored(accounts, engine):
    """If this failed, who reads the vault could sign in with what is found there."""
    signed_in = enter(accounts)
    with engine.connect() as connection:
        for table in ("accounts", "web_sessions", "sign_in_failures"):
            dump = repr(connection.execute(text(f"SELECT * FROM {table}")).all())
            assert PASSWORD not in dump
            assert signed_in.secret not in dump


@pytest.mark.parametrize("name", [NAME, "nobody@corp.example", "", "x" * 400, "\x00"])
def test_wrong_is_wrong_whoever_it_is(accounts, name):
    """If this failed, an answer would tell a stranger who has an account."""
    with pytest.raises(SignInError) as raised:
        enter(accounts, "not the right password", name=name)
    assert str(raised.value) == ""


def test_unknown_name_costs_a_hash_too(accounts, monkeypatch):
    """If this failed, the time of the answer would tell a stranger who has an account."""
    counted = []
    real = PasswordHasher.verify

    def counting(self, stored, password):
        counted.append(stored)
        return real(self, stored, password)

    monkeypatch.setattr(PasswordHasher, "verify", counting)
    for name in (NAME, "nobody@corp.example"):
        with pytest.raises(SignInError):
            enter(accounts, "not the right password", name=name)
    assert len(counted) == 2
    cost = [stored.split("$")[2:4] for stored in counted]
    assert cost[0] == cost[1]


def test_guessing_one_account_waits_longer_each_time(accounts):
    """If this failed, a short list of passwords could be tried within seconds."""
    at, waits = START, []
    for _ in range(FREE_FAILURES["account"] + 4):
        with pytest.raises(SignInError):
            enter(accounts, "guess", at=at)
        try:
            enter(accounts, "guess", at=at)
        except ThrottledError as throttled:
            waits.append(throttled.wait)
            at += throttled.wait
        except SignInError:
            pass
    assert len(waits) >= 4
    assert waits == sorted(waits)
    assert waits[-1] > waits[0]


def test_right_password_during_the_wait_is_not_looked_at(accounts):
    """If this failed, guessing could go on at full speed and the right guess would show."""
    for _ in range(FREE_FAILURES["account"]):
        with pytest.raises(SignInError):
            enter(accounts, "guess")
    with pytest.raises(ThrottledError):
        enter(accounts)
    assert enter(accounts, at=START + timedelta(minutes=1)).person == MARIA


def test_guesses_from_many_addresses_count_together(accounts):
    """If this failed, a botnet could guess one account's password without waiting."""
    for number in range(FREE_FAILURES["account"]):
        with pytest.raises(SignInError):
            enter(accounts, "guess", address=f"10.0.{number}.1")
    with pytest.raises(ThrottledError):
        enter(accounts, "guess", address="10.9.9.9")


def test_guesses_of_others_keep_nobody_out_of_a_known_browser(accounts):
    """An agent on the same machine could keep every administrator from the stop button."""
    device = accounts.device_of(enter(accounts).person)
    for _ in range(FREE_FAILURES["account"] + 3):
        with pytest.raises((SignInError, ThrottledError)):
            enter(accounts, password="wrong horse battery staple")
    with pytest.raises(ThrottledError):
        enter(accounts)
    assert accounts.sign_in(NAME, PASSWORD, address="10.0.0.1", at=START, device=device)


def test_a_known_browser_guesses_no_faster(accounts):
    """A stolen device cookie would allow guesses without end."""
    device = accounts.device_of(enter(accounts).person)
    for _ in range(FREE_FAILURES["account"]):
        with pytest.raises(SignInError):
            accounts.sign_in(NAME, "wrong horse", address="10.0.0.1", at=START, device=device)
    with pytest.raises(ThrottledError):
        accounts.sign_in(NAME, PASSWORD, address="10.0.0.1", at=START, device=device)


def test_a_made_up_or_outlived_device_is_none(accounts):
    """Anybody could write the cookie by which the wait is passed."""
    device = accounts.device_of(enter(accounts).person)
    accounts.enrol(person=MARIA, sign_in=NAME, password=PASSWORD + " anew", at=START)
    for _ in range(FREE_FAILURES["account"]):
        with pytest.raises(SignInError):
            enter(accounts, password="wrong horse")
    for made_up in (device, "a" * 22 + "." + "b" * 43, "", ".", "é" * 30 + ".x"):
        with pytest.raises(ThrottledError):
            accounts.sign_in(NAME, PASSWORD + " anew", address="10.0.0.9", at=START, device=made_up)


def test_one_address_guessing_many_names_waits(accounts):
    """If this failed, one common password could be tried on every account from one machine."""
    for number in range(FREE_FAILURES["address"]):
        with pytest.raises(SignInError):
            enter(accounts, "guess", name=f"n{number}@corp.example")
    with pytest.raises(ThrottledError):
        enter(accounts)
    assert enter(accounts, address="10.0.0.2").person == MARIA


def test_own_success_buys_no_free_guesses_at_others(accounts):
    """If this failed, an insider could clear the count of an address by signing in as themselves."""
    for number in range(FREE_FAILURES["address"] - 1):
        with pytest.raises(SignInError):
            enter(accounts, "guess", name=f"n{number}@corp.example")
    enter(accounts)
    with pytest.raises(SignInError):
        enter(accounts, "guess", name="another@corp.example")
    with pytest.raises(ThrottledError):
        enter(accounts, "guess", name="yet@corp.example")


def test_guesses_side_by_side_do_not_slip_past_the_count(tmp_path):
    """If this failed, sending guesses at the same moment would get round the waiting."""
    made = create_engine(f"sqlite:///{tmp_path / 'vault.db'}")
    VaultTable.metadata.create_all(made)
    accounts = Accounts(AccountStore(made), PasswordHasher.from_parameters(CHEAPEST))
    accounts.enrol(person=MARIA, sign_in=NAME, password=PASSWORD, at=START)
    looked_at = []

    def guess():
        try:
            enter(accounts, "guess")
        except SignInError:
            looked_at.append(1)
        except ThrottledError:
            pass

    threads = [threading.Thread(target=guess) for _ in range(24)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # One more can be looked at while its neighbour in the second slot is being counted.
    assert len(looked_at) <= FREE_FAILURES["account"] + 1


def test_waiting_ends_even_for_the_longest_guesser(accounts):
    """If this failed, a stranger could lock an approver out for good."""
    at, waits = START, []
    for _ in range(40):
        try:
            enter(accounts, "guess", at=at)
        except ThrottledError as throttled:
            waits.append(throttled.wait)
            at += throttled.wait
        except SignInError:
            pass
    assert max(waits) == module.LONGEST_WAIT
    assert enter(accounts, at=at + module.LONGEST_WAIT).person == MARIA


def test_each_sign_in_has_a_secret_of_its_own(accounts):
    """If this failed, a session could be known before it is opened."""
    secrets = {enter(accounts).secret for _ in range(5)}
    assert len(secrets) == 5
    assert all(len(secret) >= 43 for secret in secrets)


def test_idle_session_ends(accounts):
    """If this failed, a browser left open would answer approvals for whoever sits down at it."""
    secret = enter(accounts).secret
    assert accounts.resume(secret, START + IDLE - SECOND)
    assert accounts.resume(secret, START + 2 * IDLE - 2 * SECOND)
    assert accounts.resume(secret, START + 3 * IDLE) is None
    assert accounts.resume(secret, START + 3 * IDLE - SECOND) is None


def test_session_in_use_ends_after_all(accounts):
    """If this failed, a stolen cookie would be good for ever as long as it is used."""
    secret, at = enter(accounts).secret, START
    while at < START + ABSOLUTE - timedelta(minutes=20):
        at += timedelta(minutes=20)
        last = accounts.resume(secret, at)
    assert last is None or last.ends_at == START + ABSOLUTE
    assert accounts.resume(secret, START + ABSOLUTE) is None


def test_clock_set_back_does_not_lengthen_a_session(accounts):
    """If this failed, setting a clock back would bring ended sessions to life."""
    secret = enter(accounts).secret
    assert accounts.resume(secret, START - timedelta(hours=1)) is None
    assert accounts.resume(secret, START) is None


def test_sign_out_ends_the_session(accounts):
    """If this failed, "sign out" would leave the door open."""
    secret = enter(accounts).secret
    accounts.sign_out(secret)
    assert accounts.resume(secret, START) is None


@pytest.mark.parametrize("secret", ["", "x", "a" * 43, "a" * 5000])
def test_invented_cookie_opens_nothing(accounts, secret):
    """If this failed, anybody could make up a session."""
    assert accounts.resume(secret, START) is None


def test_new_password_ends_other_sessions(accounts):
    """If this failed, a thief would stay signed in after the owner changed the password."""
    thief, owner = enter(accounts), enter(accounts)
    accounts.change_password(
        owner, old=PASSWORD, new="five other words right here", address="a", at=START
    )
    assert accounts.resume(thief.secret, START) is None
    assert accounts.resume(owner.secret, START).person == MARIA
    with pytest.raises(SignInError):
        enter(accounts)
    assert enter(accounts, "five other words right here").person == MARIA


def test_new_password_needs_the_old_one(accounts):
    """If this failed, a browser left open would be enough to take an account over."""
    owner = enter(accounts)
    with pytest.raises(SignInError):
        accounts.change_password(
            owner, old="guess", new="five other words right here", address="a", at=START
        )
    assert enter(accounts).person == MARIA


@pytest.mark.parametrize(
    "password", ["short", "a" * 40, "abababababababababab", NAME, NAME + "123", "x" * 5 + "y" * 300]
)
def test_weak_password_is_refused_with_a_sentence(accounts, password):
    """If this failed, an approver's account would fall to the first list of passwords."""
    with pytest.raises(WeakPasswordError) as raised:
        accounts.enrol(person=MARIA, sign_in=NAME, password=password, at=START)
    assert "password" in str(raised.value)


def test_generated_password_fits_the_rule(accounts):
    """If this failed, the first administrator could not be given an account."""
    made = generate_password()
    assert made != generate_password()
    accounts.enrol(person=MARIA, sign_in=NAME, password=made, at=START)
    assert enter(accounts, made).person == MARIA


def test_a_name_belongs_to_one_person(accounts):
    """If this failed, one person could take over another's sign-in name."""
    with pytest.raises(ValueError, match="another person"):
        accounts.enrol(person="p-other", sign_in=NAME.upper(), password=PASSWORD, at=START)


def test_forgetting_a_person_leaves_nothing(accounts, engine):
    """If this failed, the address of an erased person would stay on the disk."""
    with pytest.raises(SignInError):
        enter(accounts, "guess")
    secret = enter(accounts).secret
    with pytest.raises(SignInError):
        enter(accounts, "guess")
    accounts.forget(MARIA)
    assert accounts.resume(secret, START) is None
    with engine.connect() as connection:
        rows = [
            connection.execute(text(f"SELECT * FROM {table}")).all()
            for table in ("accounts", "web_sessions", "sign_in_failures")
        ]
    assert "maria" not in repr(rows)


def test_old_hash_is_renewed_at_sign_in(engine):
    """If this failed, passwords would keep the cost of the year they were set in."""
    store = AccountStore(engine)
    Accounts(store, PasswordHasher.from_parameters(CHEAPEST)).enrol(
        person=MARIA, sign_in=NAME, password=PASSWORD, at=START
    )
    stronger = Accounts(store, PasswordHasher(time_cost=2, memory_cost=64, parallelism=1))
    enter(stronger)
    assert "m=64,t=2" in store.by_person(MARIA).password
    assert enter(stronger).person == MARIA


def test_sessions_do_not_pile_up(accounts, engine):
    """If this failed, a script that signs in again and again would fill the vault."""
    for _ in range(module.KEEP_SESSIONS + 5):
        enter(accounts)
    with engine.connect() as connection:
        count = connection.execute(text("SELECT count(*) FROM web_sessions")).scalar()
    assert count == module.KEEP_SESSIONS


def test_form_token_is_bound_to_its_session():
    """If this failed, a token from one's own page would do for another person's form."""
    token = form_token("secret one")
    assert form_token_fits("secret one", token)
    assert not form_token_fits("secret two", token)


@pytest.mark.parametrize("token", ["", "x", "é", "A" * 86, form_token("s")[:-2]])
def test_made_up_form_token_does_not_fit(token):
    """If this failed, another site could send a form in a signed-in person's name."""
    assert not form_token_fits("s", token)


def test_form_token_is_masked_anew_each_time():
    """If this failed, compression of the page could give the token away bit by bit."""
    assert form_token("s") != form_token("s")
