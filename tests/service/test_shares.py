"""Files that come in by and by: what people see of them is what the log counted."""

from __future__ import annotations

import json

from service_world import FILES, POLICY, World

from governance.config import Config, Server
from governance.service import releasing, shares
from governance.web.console import ruling
from governance.web.notices import Notices
from tests.kept_notices import Kept

NEXT = (
    POLICY.replace(b"policy: payments\n", b"policy: payments-next\n")
    .replace(b"mode: enforce\n", b"mode: gradual\ngradual: {replaces: payments, share: 99 %, of: agents, by: m@corp.example, from: 2026-11-18, until: 2026-12-10, stop_if: {denied: 50 %, out_of: 3, in_last: 1h}}\n")
    .replace(b"PAY-", b"NXT-").replace(b"LIM-", b"LNX-").replace(b"VER-", b"VNX-")
    .replace(b"WEB-", b"WNX-")
    .replace(b"at_most: 500 EUR}}", b"at_most: 5 EUR}}")
    .replace(b"10 EUR, L4, allow", b"1 EUR, L4, allow")
)  # fmt: skip


def test_a_share_that_stopped_is_seen_and_told(world: World) -> None:
    """A new policy would stop half the agents' work, stop by itself, and nobody would know."""
    assert shares.listed(world.desk) == {"shares": []}
    files = {**FILES, "policies/next.yaml": NEXT}
    made = releasing.propose(world.desk, world.maria, files, days=0)
    assert made["findings"] == [], made["findings"]
    kept = Kept()
    notices = Notices(world.desk, Config(server=Server(url="https://gov.example")), kept)
    assert notices.look() == 1
    told = json.loads(kept.notices[0].body)
    assert (told["type"], told["data"]["proposal"]) == ("policy.proposed", made["proposal"])
    releasing.sign(world.desk, world.tom, made["proposal"], made["evidence"])
    (share,) = shares.listed(world.desk)["shares"]
    assert (share["policy"], share["replaces"], share["share"]) == (
        "payments-next",
        "payments",
        "99 %",
    )
    assert (share["state"], share["decided"]) == ("running", 0)
    size = world.desk.state.size
    effects = [world.pay(amount="100 EUR")["decision"] for _ in range(4)]
    assert effects == [False, False, False, True], "then the old file speaks again"
    (share,) = shares.listed(world.desk)["shares"]
    assert (share["state"], share["decided"], share["denied"]) == ("stopped", 3, 3)
    assert world.desk.state.size == size + 4 + 1, "looking writes nothing; one session was opened"
    view = ruling.policies(world.desk, world.maria.id)
    said = {row.name: row.gradual for row in view.rows}
    assert "Stopped by its own condition" in said["payments-next"]
    assert said["payments"] == ""
    notices._looked = -10.0
    notices.look()
    told = json.loads(kept.notices[-1].body)
    assert (told["type"], told["data"]["policy"]) == ("policy.share_stopped", "payments-next")
    count = len(kept.notices)
    notices._looked = -10.0
    notices.look()
    assert len(kept.notices) == count, "once"
