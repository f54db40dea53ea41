"""The log in tiles over HTTP, as somebody reads it who knows C2SP tlog-tiles and nothing of us."""

from __future__ import annotations

import base64
import gzip
import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from web_world import World, make_world, payment

from governance.service import tiling
from governance.store.reader import Reader

AUDITOR = "bob"
Fetched = tuple[int, dict[str, str], bytes]


@pytest.fixture(scope="module")
def grown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A log of more than two tiles."""
    with make_world(tmp_path_factory.mktemp("tiles"), person_per_second=10_000) as world:
        body = {**payment(), "evaluations": [{}] * 200}
        while world.desk.state.size < 530:
            assert world.call("POST", "/access/v1/evaluations", body)[0] == 200
        yield world


def get(world: World, path: str, key: str | None = AUDITOR, **headers: str) -> Fetched:
    """One answer of the log's routes."""
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    return world.call("GET", f"/log/{path}", key=key, headers=sent)


def head(world: World) -> tuple[int, bytes]:
    """Size and root that the checkpoint states."""
    lines = get(world, "checkpoint", None)[2].decode().split("\n")
    return int(lines[1]), base64.b64decode(lines[2])


def index_path(number: int) -> str:
    """A tile's number as the specification writes it."""
    groups = [f"{number % 1000:03d}"]
    while number := number // 1000:
        groups.insert(0, f"x{number % 1000:03d}")
    return "/".join(groups)


def mth(leaves: list[bytes]) -> bytes:
    """The Merkle tree hash of RFC 6962 §2.1 over leaf hashes."""
    if len(leaves) == 1:
        return leaves[0]
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    return hashlib.sha256(b"\x01" + mth(leaves[:k]) + mth(leaves[k:])).digest()


def split(bundle: bytes) -> list[bytes]:
    """The entries of a bundle."""
    found = []
    while bundle:
        length = int.from_bytes(bundle[:2], "big")
        assert len(bundle) >= 2 + length
        found.append(bundle[2 : 2 + length])
        bundle = bundle[2 + length :]
    return found


def widths(count: int) -> list[tuple[int, str]]:
    """Number and suffix of each tile of a level that has `count` hashes."""
    full, rest = divmod(count, 256)
    return [(n, "") for n in range(full)] + ([(full, f".p/{rest}")] if rest else [])


def test_a_stranger_reads_the_whole_log_from_its_tiles(grown: World) -> None:
    """Other people's monitors could not follow our log, or would find another tree than was signed."""
    size, root = head(grown)
    entries: list[bytes] = []
    for number, suffix in widths(size):
        status, headers, body = get(grown, f"tile/entries/{index_path(number)}{suffix}")
        assert (status, headers["content-type"]) == (200, "application/octet-stream")
        entries += split(body)
    assert entries == list(grown.desk.reader.entries(0, size))
    leaves = [hashlib.sha256(b"\x00" + entry).digest() for entry in entries]
    assert mth(leaves) == root
    level, hashes = 0, leaves
    while hashes:
        for number, suffix in widths(len(hashes)):
            _, headers, body = get(grown, f"tile/{level}/{index_path(number)}{suffix}")
            assert headers["content-type"] == "application/octet-stream"
            assert body == b"".join(hashes[number * 256 : number * 256 + 256])
        full = len(hashes) // 256
        level, hashes = level + 1, [mth(hashes[n * 256 : n * 256 + 256]) for n in range(full)]
    assert level == 2


def test_every_part_of_a_tile_can_be_asked_for_later(grown: World) -> None:
    """Whoever kept an older checkpoint could not get the tiles of its size any more."""
    entries = list(grown.desk.reader.entries(0, 512))
    for width in (*range(1, 256, 17), 255):
        for number in (0, 1):
            part = entries[number * 256 : number * 256 + width]
            _, _, body = get(grown, f"tile/entries/{index_path(number)}.p/{width}")
            assert split(body) == part
            _, _, body = get(grown, f"tile/0/{index_path(number)}.p/{width}")
            assert body == b"".join(hashlib.sha256(b"\x00" + each).digest() for each in part)
    whole = get(grown, "tile/1/000.p/2")[2]
    assert get(grown, "tile/1/000.p/1")[2] == whole[:32]


@pytest.mark.parametrize(
    "path",
    [
        "tile/0/009",
        "tile/0/002",
        "tile/0/002.p/255",
        "tile/1/000",
        "tile/1/000.p/3",
        "tile/2/000.p/1",
        "tile/63/000.p/1",
        "tile/entries/002",
        "tile/entries/x001/000",
    ],
)
def test_what_is_not_in_the_log_yet_is_not_found(grown: World, path: str) -> None:
    """A tile that no checkpoint covers would be kept for a year by whoever asked too early."""
    status, headers, problem = get(grown, path)
    assert status == 404
    assert headers["cache-control"] == "no-store"
    assert "so far" in problem["detail"]


@pytest.mark.parametrize(
    "path",
    [
        "tile/64/000",
        "tile/00/000",
        "tile/-1/000",
        "tile/0/0",
        "tile/0/1000",
        "tile/0/001/002",
        "tile/0/x000/001",
        "tile/0/000.p/0",
        "tile/0/000.p/256",
        "tile/0/000.p/01",
        "tile/0/000.p/+1",
        "tile/0/000.p",
        "tile/0/000/",
        "tile/0/%30%30%61",
        "tile/entries/000.p/",
        "tile/entries/..%2F..",
        "tile/entries/%D9%A1%D9%A1%D9%A1",
    ],
)
def test_a_malformed_path_is_refused(grown: World, path: str) -> None:
    """Two addresses of one tile would be two truths in somebody's cache."""
    status, _, problem = get(grown, path)
    assert (status, problem["type"]) == (400, "urn:governance:problem:bad-request")
    assert "000" in problem["detail"]


def test_tiles_may_be_kept_and_the_checkpoint_may_not(grown: World) -> None:
    """Every monitor would fetch the whole log each time, or never see that it grew."""
    for path in ("tile/0/000", "tile/0/001.p/3", "tile/entries/000"):
        status, headers, body = get(grown, path)
        assert headers["cache-control"] == "private, max-age=31536000, immutable"
        tag = headers["etag"]
        status, headers, none = get(grown, path, if_none_match=f'"other", {tag}')
        assert (status, none, headers["etag"]) == (304, b"", tag)
        assert get(grown, path, if_none_match='"other"')[2] == body
    status, headers, note = get(grown, "checkpoint", None)
    assert headers["content-type"] == "text/plain; charset=utf-8"
    assert headers["cache-control"] == "no-cache"
    assert get(grown, "checkpoint", None, if_none_match=headers["etag"])[0] == 304
    grown.call("POST", "/access/v1/evaluation", payment())
    status, _, newer = get(grown, "checkpoint", None, if_none_match=headers["etag"])
    assert (status, newer != note) == (200, True)


def test_entries_are_compressed_for_whoever_takes_that(grown: World) -> None:
    """A monitor would load several times what it must, or get bytes it cannot read."""
    _, headers, plain = get(grown, "tile/entries/000")
    assert "content-encoding" not in headers
    assert headers["vary"] == "Accept-Encoding"
    _, zipped, body = get(grown, "tile/entries/000", accept_encoding="gzip, identity")
    assert (zipped["content-encoding"], zipped["vary"]) == ("gzip", "Accept-Encoding")
    assert gzip.decompress(body) == plain
    assert len(body) < len(plain) / 2
    assert zipped["etag"] != headers["etag"]
    assert get(grown, "tile/entries/000", accept_encoding="gzip;q=0, br")[2] == plain
    assert "content-encoding" not in get(grown, "tile/0/000", accept_encoding="gzip")[1]


def test_asking_only_for_the_head_of_a_tile_costs_no_body(grown: World) -> None:
    """A mirror that looks what is there would have to load all of it."""
    status, headers, body = grown.call("HEAD", "/log/tile/0/000", key=AUDITOR)
    assert (status, headers["content-length"], body) == (200, "8192", b"")


def test_the_published_files_are_what_is_served(grown: World, tmp_path: Path) -> None:
    """A mirror and the service would show two logs, and one of them would look forged."""
    done = tiling.publish(grown.directory, tmp_path)
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert done["files"] == len(files) >= 8
    for path in files:
        name = str(path.relative_to(tmp_path))
        status, _, body = get(grown, name, None if name == "checkpoint" else AUDITOR)
        assert (status, body) == (200, path.read_bytes()), name
    for _ in range(3):
        grown.call("POST", "/access/v1/evaluation", payment())
    again = tiling.publish(grown.directory, tmp_path)
    assert again["before"] == done["size"]
    assert again["files"] < 6
    for path in tmp_path.rglob("*"):
        if path.is_file():
            name = str(path.relative_to(tmp_path))
            assert get(grown, name, AUDITOR)[2] == path.read_bytes(), name


def test_entries_that_were_given_up_are_gone_and_their_hashes_are_not(
    grown: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An auditor could not tell what was pruned from what was lost, or lost every older proof."""
    monkeypatch.setattr(Reader, "minimum", property(lambda _: 256))
    for path in ("tile/entries/000", "tile/entries/000.p/9"):
        status, headers, problem = get(grown, path)
        assert (status, problem["type"]) == (410, "urn:governance:problem:pruned")
        assert "256" in problem["detail"]
        assert headers["cache-control"] == "no-store"
    assert get(grown, "tile/entries/001")[0] == 200
    assert len(get(grown, "tile/0/000")[2]) == 8192
    assert get(grown, "tile/1/000.p/2")[0] == 200


def test_only_those_who_may_export_the_log_read_its_tiles(grown: World) -> None:
    """An agent, or anybody with a key, would read what all the others did."""
    body = {"name": "Tom", "email": "tom@corp.example", "roles": ["treasurer"]}
    tom = grown.call("POST", "/v1/people", body, key="ada")[2]["person"]
    issued = grown.call("POST", "/v1/keys", {"holder_type": "person", "holder_id": tom}, key="ada")
    for path in ("tile/0/000", "tile/entries/000"):
        assert get(grown, path, "ada")[0] == 200
        assert get(grown, path, None)[0] == 401
        for key in ("agent", "gateway", issued[2]["secret"]):
            assert get(grown, path, key)[0] == 403


def test_nothing_beyond_the_newest_checkpoint_is_shown(tmp_path: Path) -> None:
    """Somebody would see an entry that the log has not signed and may still lose."""
    with make_world(tmp_path) as world:
        size, _ = head(world)
        assert get(world, f"tile/entries/000.p/{size}")[0] == 200
        assert get(world, f"tile/entries/000.p/{size + 1}")[0] == 404
        world.call("POST", "/access/v1/evaluation", payment())
        assert get(world, f"tile/entries/000.p/{size + 1}")[0] == 200
