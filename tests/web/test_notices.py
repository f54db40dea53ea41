"""Approvers are told of each approval once, whoever opened it, after it is recorded."""

from __future__ import annotations

import json
from dataclasses import replace

from web_world import URL, World, payment

from governance.config import Webhook
from governance.web.notices import Notices
from tests.kept_notices import Kept


def test_each_approval_is_told_once_and_again_after_a_restart(world: World) -> None:
    """Nobody would know that somebody waits, or everybody would be told over and over."""
    config = replace(world.http.app.config, webhook=Webhook(url="https://chat.example/hook"))
    kept = Kept()
    notices = Notices(world.desk, config, kept)
    assert notices.look() == 0
    for amount in ("731.42", "731.43"):
        asked = payment(amount, request_approval=True)
        world.call("POST", "/access/v1/evaluation", asked)
    assert notices.look() == 2
    assert notices.look() == 0
    told = [json.loads(notice.body) for notice in kept.notices]
    assert [each["data"]["agent"] for each in told] == ["payer-1", "payer-1"]
    assert told[0]["data"]["roles"] == ["treasurer"]
    assert told[0]["data"]["review"] == f"{URL}/approvals/{told[0]['data']['approval']}"
    assert "731.42" not in str(told)
    assert "DE89" not in str(told)
    again = Kept()
    assert Notices(world.desk, config, again).look() == 2
    assert [notice.id for notice in again.notices] == [notice.id for notice in kept.notices]
