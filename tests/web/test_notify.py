"""Notices to approvers: signed, retried, and never sent where they should not go."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from governance import notify
from governance.config import ConfigError, Webhook
from governance.notify import Notice, Notifier, Target
from tests.receiver import Receiver

KEY = bytes(range(32))
SECRET = "whsec_" + base64.b64encode(KEY).decode()
APPROVAL = {
    "index": 1043,
    "agent": "payments-1",
    "action": "payment.create",
    "roles": ["treasurer"],
    "answer_by": "2026-11-20T12:00:00.000000Z",
}


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    found = Receiver()
    yield found
    found.close()


def _wait(until: Any, seconds: float = 5.0) -> None:
    end = time.monotonic() + seconds
    while not until():
        assert time.monotonic() < end, "nothing happened in time"
        time.sleep(0.01)


def _notice() -> Notice:
    return notify.asked("corp.example/log", "https://gov.example", "2026-11-20T08:00:00Z", APPROVAL)


def test_the_receiver_can_check_who_sent_it(receiver: Receiver) -> None:
    """Anybody could tell approvers to sign in on a page of their own."""
    notice = _notice()
    assert notify.post(Target(receiver.url, KEY, allow_private=True), notice) == 204
    headers, body = receiver.got[0]
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    expected = base64.b64encode(hmac.new(KEY, signed, hashlib.sha256).digest()).decode()
    assert headers["webhook-signature"] == f"v1,{expected}"
    assert abs(int(headers["webhook-timestamp"]) - time.time()) < 60
    assert json.loads(body)["data"]["review"] == "https://gov.example/approvals/1043"


def test_the_signature_is_the_one_of_the_standard() -> None:
    """Receivers with a Standard Webhooks library would refuse every notice."""
    key = notify.key_of("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    signature = notify.sign(
        key, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}'
    )
    assert signature == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_a_notice_holds_no_argument_and_no_name() -> None:
    """Somebody's account number would be sent to a chat channel and stay there."""
    document = json.loads(_notice().body)
    assert document["data"].keys() == {
        "approval",
        "agent",
        "action",
        "roles",
        "answer_by",
        "review",
    }


def test_the_same_approval_keeps_its_message_id() -> None:
    """Approvers would be told again after each retry and restart."""
    assert _notice().id == _notice().id
    assert _notice().id != notify.asked("other", "u", "t", APPROVAL).id


def test_a_failed_attempt_is_repeated_with_the_same_id(receiver: Receiver) -> None:
    """One hiccup of the receiver would leave an agent waiting for nobody."""
    receiver.answers = [500, 302, 204]
    told: list[str] = []
    notifier = Notifier(
        Target(receiver.url, KEY, allow_private=True), told=told.append, retry_after=(0.01,) * 3
    )
    notifier.start()
    notifier.tell(_notice())
    _wait(lambda: "sent" in told)
    notifier.close()
    assert told == ["failed", "failed", "sent"]
    assert len({headers["webhook-id"] for headers, _ in receiver.got}) == 1


def test_it_gives_up_in_the_end_and_when_told_to(receiver: Receiver) -> None:
    """A receiver that is gone would be called for ever."""
    told: list[str] = []
    notifier = Notifier(
        Target("http://127.0.0.1:1/", KEY, allow_private=True),
        told=told.append,
        retry_after=(0.01,),
    )
    notifier.start()
    notifier.tell(_notice())
    _wait(lambda: "gave_up" in told)
    notifier.close()
    receiver.answers = [410]
    gone = Notifier(Target(receiver.url, KEY, allow_private=True), told=told.append)
    gone.start()
    gone.tell(_notice())
    _wait(lambda: not gone.active)
    gone.close()


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "10.0.0.5", "192.168.1.1", "169.254.169.254", "::1", "fd00::1", "0.0.0.0"),
        *("::ffff:127.0.0.1", "2002:7f00:1::", "224.0.0.1", "100.64.0.1", "fe80::1%eth0"),
    ],
)
def test_addresses_inside_are_not_public(address: str) -> None:
    """A webhook address could be used to reach the cloud's metadata or an internal service."""
    assert not notify.is_public(address)


def test_a_name_that_leads_inside_is_refused(receiver: Receiver) -> None:
    """A name in somebody's DNS would turn the service into a key to the internal network."""
    port = receiver.server.server_port
    with pytest.raises(notify.Refused, match="allow_private"):
        notify.post(Target(f"http://localhost:{port}/", KEY), _notice())
    assert receiver.got == []


def test_telling_never_waits(receiver: Receiver) -> None:
    """A slow receiver would make agents wait for their answers."""

    answered = threading.Event()
    sent: list[Notice] = []

    def slow(target: Target, notice: Notice) -> int:
        sent.append(notice)
        answered.wait(10)
        return 204

    told: list[str] = []
    notifier = Notifier(Target(receiver.url, KEY), send=slow, told=told.append)
    notifier.start()
    for _ in range(notify.WAITING + 50):
        notifier.tell(_notice())
    assert not answered.is_set()
    assert len(sent) <= 1
    assert told.count("gave_up") >= 49  # beyond the bound a notice is dropped, and counted
    answered.set()
    notifier.close()


def test_without_a_receiver_nothing_is_sent() -> None:
    """A workspace without a webhook would try to reach somebody."""
    assert notify.target_of(Webhook()) is None
    notifier = Notifier(None)
    notifier.start()
    notifier.tell(_notice())
    assert not notifier.active
    notifier.close()


@pytest.mark.parametrize("secret", ["", "x", "whsec_", "whsec_!!", "whsec_c2hvcnQ="])
def test_a_weak_secret_is_refused(secret: str) -> None:
    """Notices would be signed with something that can be guessed."""
    with pytest.raises(ConfigError, match="whsec_"):
        notify.key_of(secret)
    assert notify.key_of(SECRET) == KEY
