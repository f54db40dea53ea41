"""The page on which a browser checks a package: the same verdicts as the Python verifier."""

from __future__ import annotations

import importlib
import random
import sys
from pathlib import Path
from typing import Any

import pytest
from console_browser import Watched, chromium, watched

from audit.errors import NotVerified
from audit.package import Package
from audit.packing import write_package
from audit.verify import verify
from audit.zipped import ZipWriter
from governance.web import verifypage

AUDIT = Path(__file__).parents[1] / "audit"
EXIT_OF_USAGE = 2


@pytest.fixture(scope="module")
def log_world(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The small world of the log's own tests."""
    sys.path.insert(0, str(AUDIT))
    try:
        return importlib.import_module("log_world").World(tmp_path_factory.mktemp("packages"))
    finally:
        sys.path.remove(str(AUDIT))


@pytest.fixture(scope="module")
def packages(log_world) -> Any:
    """The packages of the log's own tests."""
    sys.path.insert(0, str(AUDIT))
    try:
        return importlib.import_module("attacked_packages")
    finally:
        sys.path.remove(str(AUDIT))


@pytest.fixture(scope="module")
def mangled(packages) -> Any:
    """Makes packages that were altered at random."""
    sys.path.insert(0, str(AUDIT))
    try:
        return importlib.import_module("mangled_packages").mangled
    finally:
        sys.path.remove(str(AUDIT))


@pytest.fixture(scope="module")
def browser():
    """One Chromium for all tests of this module."""
    with chromium() as running:
        yield running


@pytest.fixture
def page(browser, tmp_path: Path):
    """The page, opened from a file, without any server; whatever trouble it causes fails the test."""
    file = tmp_path / "verify.html"
    file.write_bytes(verifypage.page())
    with watched(browser, file.as_uri(), 1280) as opened:
        opened.go("")
        opened.page.wait_for_selector("#go:enabled")
        yield opened
    assert opened.trouble == []


def given(case: list[str]) -> tuple[list[str], list[str]]:
    """Keys and retained files of a command line."""
    pairs = list(zip(case[::2], case[1::2], strict=True))
    keys = [value for option, value in pairs if option == "--key"]
    return keys, [value for option, value in pairs if option in ("--head", "--receipt")]


def check(page: Watched, package: Path, keys: list[str], kept: list[str]) -> dict[str, Any]:
    """What the page says of a package."""
    page.page.set_input_files("#folder" if package.is_dir() else "#package", str(package))
    return checked(page, keys, kept)


def checked(page: Watched, keys: list[str], kept: list[str]) -> dict[str, Any]:
    """What the page says of the package that it was given."""
    page.page.fill("#keys", "\n".join(keys))
    page.page.set_input_files("#kept", kept)
    page.page.click("#go")
    page.page.wait_for_selector("#result:visible")
    return page.page.evaluate(
        """() => ({exit: Number(result.dataset.exit), entry: result.dataset.entry ?? "",
            file: result.dataset.file ?? "", text: result.innerText,
            proven: [...document.querySelectorAll("#proven li")].map(e => e.innerText),
            limits: [...document.querySelectorAll("#limits li")].map(e => e.innerText)})"""
    )


def stated(package: Path, keys: list[str], kept: list[str]) -> dict[str, Any]:
    """What the Python verifier says of it."""
    try:
        proven = verify(package, keys, None, [Path(name).read_bytes() for name in kept])
    except NotVerified as error:
        index, file = getattr(error, "index", None), getattr(error, "file", None)
        return {"exit": error.exit_code, "entry": index, "file": file, "text": str(error)}
    return {"exit": 0, "proven": proven}


def test_it_says_of_every_package_what_the_python_verifier_says(page, log_world, packages) -> None:
    """Otherwise a browser would show as proven what is not, or frighten people for nothing."""
    cases = packages.attacked(log_world) | packages.browsable(log_world)
    seen: list[int] = []
    for number, (name, (path, options, code)) in enumerate(sorted(cases.items())):
        keys, kept = given(options)
        if not keys:
            continue  # policies and wrong usage are for the command line
        package = packages.zipped(log_world, path, number)
        theirs = check(page, package, keys, kept)
        ours = stated(package, keys, kept)
        assert theirs["exit"] == ours["exit"] == code, (name, theirs["text"], ours)
        seen.append(ours["exit"])
        if ours["exit"]:
            assert theirs["entry"] == str("" if ours["entry"] is None else ours["entry"]), name
            if ours["file"] and not kept:
                assert theirs["file"] == ours["file"], name
            continue
        assert theirs["proven"][0] == ours["proven"].proven[0].replace("`", ""), name
        assert len(theirs["limits"]) == len(ours["proven"].not_proven), name
    assert set(seen) == {0, 10, 11, 12, 13}
    assert len(seen) > 45


def test_it_agrees_on_packages_that_were_altered_at_random(page, log_world, mangled) -> None:
    """Otherwise of two faults in one package each verifier would name another, or only one see any."""
    seen = set()
    for done, package, keys in mangled(log_world, 90, seed=5):
        theirs, ours = check(page, package, keys, []), stated(package, keys, [])
        assert theirs["exit"] == ours["exit"], (done, theirs["text"], ours)
        seen.add(ours["exit"])
        if ours["exit"]:
            assert theirs["entry"] == str("" if ours["entry"] is None else ours["entry"]), done
    assert seen >= {0, 10, 12, 13}


def test_files_in_a_hostile_order_are_not_read_again_and_again(
    page, log_world, tmp_path: Path
) -> None:
    """Otherwise a small package in a hostile order could keep a browser busy until it is closed."""
    ordered = tmp_path / "ordered.zip"
    log = log_world.log(20)
    blobs = [b"%d" % number * 400 for number in range(5_000)]
    note = log_world.checkpoint(log)
    write_package(ordered, log, note, keys=[log_world.key], blobs=blobs)
    files = Package.open(ordered).files
    names = sorted(files.names())
    random.Random(7).shuffle(names)
    path = tmp_path / "shuffled.zip"
    writer = ZipWriter(path)
    for name in names:
        writer.add(name, files.read(name))
    writer.close()
    page.page.evaluate(
        """() => { window.taken = 0; const slice = Blob.prototype.slice;
          Blob.prototype.slice = function (start, stop) {
            window.taken += stop - start; return slice.call(this, start, stop); }; }"""
    )
    assert check(page, path, [log_world.key], [])["exit"] == 0
    assert page.page.evaluate("window.taken") < 40 * path.stat().st_size


def test_every_single_altered_byte_is_noticed(page, log_world) -> None:
    """Otherwise some byte of a package could change unseen in a browser."""
    path = log_world.package(log_world.log(5), suffix=".zip")
    raw = path.read_bytes()
    for at in range(0, len(raw), max(1, len(raw) // 60)):
        changed = bytearray(raw)
        changed[at] ^= 1
        path.write_bytes(changed)
        assert check(page, path, [log_world.key], [])["exit"] in (10, 11, 12), at


def test_heads_are_taken_from_files_and_from_the_clipboard(page, log_world) -> None:
    """Otherwise the only evidence against the holder of the key could not be used."""
    from audit.head import encode_slot

    package = log_world.package(log_world.log(300), suffix=".zip")
    note = log_world.checkpoint(log_world.log(320))
    head = log_world.folder / "head.bin"
    head.write_bytes(encode_slot(log_world.checkpoint(log_world.log(300), 200), 0))
    said = check(page, package, [log_world.key], [str(head)])
    assert (said["exit"], "heads and receipts kept outside: 1" in said["text"]) == (0, True)
    head.write_bytes(
        encode_slot(note, 0) + encode_slot(log_world.checkpoint(log_world.log(310)), 1)
    )
    said = check(page, package, [log_world.key], [str(head)])
    assert (said["exit"], said["entry"]) == (12, "300")
    page.page.set_input_files("#kept", [])
    page.page.click("summary")
    page.page.fill("#pasted", note)
    said = check(page, package, [log_world.key], [])
    assert (said["exit"], said["entry"]) == (12, "300")
    page.page.fill("#pasted", "something else")
    assert check(page, package, [log_world.key], [])["exit"] == 12
    page.page.fill("#pasted", "")


def test_wrong_use_is_no_verdict(page, log_world) -> None:
    """Otherwise a typing mistake could be taken for a verdict on the log."""
    package = log_world.package(log_world.log(5), suffix=".zip")
    for keys in ([], ["garbage"], [log_world.key[:-8] + "AAAAAAA="]):
        said = check(page, package, keys, [])
        assert said["exit"] == EXIT_OF_USAGE, keys
        assert said["proven"] == []


def test_a_browser_without_ed25519_proves_nothing(browser, tmp_path: Path) -> None:
    """Otherwise a browser that cannot check signatures would call anything proven."""
    file = tmp_path / "verify.html"
    file.write_bytes(verifypage.page())
    for broken in (
        "crypto.subtle.importKey = async () => { throw new Error('NotSupportedError'); }",
        "crypto.subtle.verify = async () => true",
        "Object.defineProperty(crypto, 'subtle', {value: undefined})",
        "crypto.subtle.digest = async () => new ArrayBuffer(32)",
    ):
        with watched(browser, file.as_uri(), 360) as opened:
            opened.page.add_init_script(broken)
            opened.go("")
            opened.page.wait_for_selector("#unable:visible")
            assert "Nothing can be proven here" in opened.page.inner_text("#unable")
            assert opened.page.is_disabled("#go")


def test_nothing_else_can_run_or_connect(page) -> None:
    """Otherwise a hostile package could make the page load, send or run something."""
    tried = page.page.evaluate(
        """async () => {
          const blocked = [];
          addEventListener('securitypolicyviolation', e => blocked.push(e.effectiveDirective));
          const s = document.createElement('script');
          s.textContent = 'window.ran = 1';
          document.body.append(s);
          document.body.setAttribute('onclick', 'window.ran = 1');
          document.body.click();
          let sent = true;
          try { await fetch('data:,x'); } catch { sent = false; }
          await new Promise(r => setTimeout(r, 50));
          return {ran: window.ran ?? 0, sent, blocked};
        }"""
    )
    assert (tried["ran"], tried["sent"]) == (0, False)
    assert {"script-src-elem", "script-src-attr", "connect-src"} <= set(tried["blocked"])
    page.trouble.clear()  # the attempts above are what it complained of


def test_it_can_be_used_by_keyboard_and_read_aloud(page, log_world) -> None:
    """Otherwise an auditor who uses no mouse, or no screen, could not use it."""
    package = log_world.package(log_world.log(20), suffix=".zip")
    page.page.set_input_files("#package", str(package))
    page.page.get_by_label("The log's key").fill(log_world.key)
    page.page.keyboard.press("Tab")
    page.page.keyboard.press("Tab")
    page.page.keyboard.press("Enter")
    page.page.wait_for_selector("#result:visible")
    assert page.page.evaluate("document.activeElement.id") == "outcome"
    assert page.page.get_by_role("heading", name="Proven").first.is_visible()
    for width in (320, 360, 768, 1280):
        assert page.fits(width), width


def test_a_package_is_dropped_on_the_page(page, log_world) -> None:
    """Otherwise the page would do nothing with the gesture it asks for."""
    package = log_world.package(log_world.log(9), suffix=".zip")
    data = list(package.read_bytes())
    page.page.evaluate(
        """bytes => { const t = new DataTransfer();
          t.items.add(new File([Uint8Array.from(bytes)], 'dropped.zip'));
          drop.dispatchEvent(new DragEvent('drop', {dataTransfer: t, cancelable: true})); }""",
        data,
    )
    assert "dropped.zip" in page.page.inner_text("#chosen")
    page.page.fill("#keys", log_world.key)
    page.page.click("#go")
    page.page.wait_for_selector("#result[data-exit='0']")


def dropped(page: Watched, *paths: Path) -> None:
    """Drop files and folders on the page as a file manager does."""
    page.page.locator("#drop").scroll_into_view_if_needed()
    place = page.page.locator("#drop").bounding_box()
    assert place
    at = {"x": place["x"] + 20, "y": place["y"] + 20}
    data = {"items": [], "files": [str(path) for path in paths], "dragOperationsMask": 1}
    browser = page.page.context.new_cdp_session(page.page)
    for step in ("dragEnter", "dragOver", "drop"):
        browser.send("Input.dispatchDragEvent", {"type": step, **at, "data": data})


def unpacked(log_world, packages) -> dict[str, tuple[Path, list[str]]]:
    """Packages as folders, good and attacked, and some that only a folder can be."""
    cases = packages.attacked(log_world)
    found = {name: case[:2] for name, case in cases.items() if case[0].is_dir()}
    log, key = log_world.log(20), ["--key", log_world.key]

    def one(name: str) -> Path:
        found[name] = (log_world.package(log), key)
        return found[name][0]

    deep = one("deep").joinpath(*"abcdefghijklmnopq")
    deep.mkdir(parents=True)
    (deep / "file").write_text("x")
    (one("an empty folder beside")).joinpath("empty").mkdir()
    bundle = one("long bundle") / "tile/entries/000.p/20"
    bundle.write_bytes(bundle.read_bytes() + b"\xff" * 20_000_000)
    within = one("a folder above") / "within"
    found["a folder above"] = (log_world.folder / "above", key)
    within.parent.rename(log_world.folder / "above")
    log_world.package(log).rename(within.parent.parent / "above/within")
    other = log_world.folder / "of-other-things"
    other.mkdir()
    (other / "readme.txt").write_text("nothing")
    found["no package"] = (other, key)
    (one("no checkpoint") / "checkpoint").unlink()
    (one("no manifest") / "manifest.json").unlink()
    (one("no claimed key") / "keys/log.vkey").unlink()
    return found


def test_it_says_of_every_folder_what_the_python_verifier_says(page, log_world, packages) -> None:
    """Otherwise who was handed a folder, as the export writes it, would be told something else."""
    seen: list[int] = []
    for name, (path, options) in sorted(unpacked(log_world, packages).items()):
        keys, kept = given(options)
        if not keys:
            continue  # policies and wrong usage are for the command line
        theirs, ours = check(page, path, keys, kept), stated(path, keys, kept)
        assert theirs["exit"] == ours["exit"], (name, theirs["text"], ours)
        seen.append(ours["exit"])
        if ours["exit"]:
            assert theirs["entry"] == str("" if ours["entry"] is None else ours["entry"]), name
            if ours["file"] and not kept:
                assert theirs["file"] == ours["file"], name
            assert ("lies deeper" in theirs["text"]) == ("lies deeper" in ours["text"]), name
            continue
        assert theirs["proven"][0] == ours["proven"].proven[0].replace("`", ""), name
        unseen = [line for line in theirs["limits"] if "no links and not every hidden" in line]
        assert len(unseen) == 1, name
        assert len(theirs["limits"]) == len(ours["proven"].not_proven) + 1, name
    assert set(seen) == {0, 10, 11, 12, 13}
    assert len(seen) > 25


def test_a_folder_is_dropped_on_the_page(page, log_world) -> None:
    """Otherwise the page would refuse, or check only a part of, what it asks to be dropped there."""
    log = log_world.log(300)
    folder = log_world.anchored_package(log)
    dropped(page, folder)
    page.page.locator("#chosen", has_text="files").wait_for()
    names = [path for path in folder.rglob("*") if path.is_file()]
    assert f"The folder {folder.name}: {len(names)} files" in page.page.inner_text("#chosen")
    said = checked(page, [log_world.key], [])
    assert (said["exit"], "300 entries" in said["text"]) == (0, True)
    bundle = folder / "tile/entries/000"
    bundle.write_bytes(bundle.read_bytes().replace(b"require_approval", b"refuse__approval", 1))
    page.page.evaluate("chosen.textContent = ''")
    dropped(page, folder)
    page.page.locator("#chosen", has_text="files").wait_for()
    said, ours = checked(page, [log_world.key], []), stated(folder, [log_world.key], [])
    assert (said["exit"], said["entry"]) == (10, str(ours["entry"]))
    hidden = log_world.package(log_world.log(9))
    (hidden / ".hidden").write_text("x")
    dropped(page, hidden)
    page.page.locator("#chosen", has_text=hidden.name).wait_for()
    said = checked(page, [log_world.key], [])
    assert (said["exit"], said["file"]) == (10, ".hidden")
    package = log_world.package(log, suffix=".zip")
    dropped(page, package, folder)
    page.page.locator("#chosen", has_text="Several things").wait_for()
    assert checked(page, [log_world.key], [])["exit"] == EXIT_OF_USAGE
    dropped(page, package)
    page.page.locator("#chosen", has_text=package.name).wait_for()
    assert checked(page, [log_world.key], [])["exit"] == 0


def test_a_folder_that_changes_while_it_is_looked_at_is_chosen_again(page, log_world) -> None:
    """Otherwise an export that is still being written would be called tampered, or old bytes proven."""
    folder = log_world.package(log_world.log(9))
    assert check(page, folder, [log_world.key], [])["exit"] == 0
    blob = next((folder / "blobs").iterdir())
    blob.write_bytes(blob.read_bytes() + b"more")
    said = checked(page, [log_world.key], [])
    assert (said["exit"], "Choose the folder again" in said["text"]) == (EXIT_OF_USAGE, True)
    said = check(page, folder, [log_world.key], [])
    assert (said["exit"], said["file"]) == (10, f"blobs/{blob.name}")


def test_a_folder_is_read_by_browsers_that_know_only_entries(page, log_world) -> None:
    """Otherwise Firefox and Safari, whose folders come some files at a time, could drop no folder."""
    folder = log_world.package(log_world.log(300))
    page.page.set_input_files("#folder", str(folder))
    page.page.evaluate(
        """() => {
          const top = {isDirectory: true, name: 'told', below: new Map()};
          for (const file of document.querySelector('#folder').files) {
            let at = top;
            const names = file.webkitRelativePath.split('/').slice(1);
            for (const name of names.slice(0, -1)) {
              if (!at.below.has(name)) at.below.set(name, {isDirectory: true, name, below: new Map()});
              at = at.below.get(name);
            }
            const name = names.at(-1);
            at.below.set(name, {isFile: true, name, file: done => done(file)});
          }
          const reading = entry => {
            if (entry.below) entry.createReader = () => {
              const left = [...entry.below.values()];
              return {readEntries: done => done(left.splice(0, 2))};
            };
            for (const each of entry.below?.values() ?? []) reading(each);
          };
          reading(top);
          const told = new Event('drop', {cancelable: true});
          told.dataTransfer = {files: [{}], items: [{webkitGetAsEntry: () => top}]};
          drop.dispatchEvent(told);
        }"""
    )
    page.page.locator("#chosen", has_text="told").wait_for()
    assert checked(page, [log_world.key], [])["exit"] == 0
    page.page.evaluate(
        """() => {
          const broken = {isDirectory: true, name: 'x', createReader: () => ({
            readEntries: (_, fail) => fail(new DOMException('', 'EncodingError'))})};
          const told = new Event('drop', {cancelable: true});
          told.dataTransfer = {files: [{}], items: [{webkitGetAsEntry: () => broken}]};
          drop.dispatchEvent(told);
        }"""
    )
    page.page.locator("#chosen", has_text="Choose it").wait_for()
    assert checked(page, [log_world.key], [])["exit"] == EXIT_OF_USAGE


def test_the_service_serves_the_same_page_to_everybody(world, browser, log_world) -> None:
    """Otherwise an auditor without an account would have to ask us for the means to check us."""
    from flask import Flask

    app = Flask(__name__)
    app.register_blueprint(verifypage.blueprint())
    answer = app.test_client().get("/verify")
    assert (answer.status_code, answer.data) == (200, verifypage.page())
    assert verifypage.policy() in answer.headers["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
    assert b"http://" not in answer.data.replace(b"http://www.w3.org/2000/svg", b"")
    assert b"https://" not in answer.data.replace(b"https://www.w3.org", b"")


def test_a_package_larger_than_what_is_held_at_once_is_read_to_its_end(page, log_world) -> None:
    """Otherwise only small logs could be checked in a browser, or the end of large ones not at all."""
    log = log_world.log(14_000)
    path = log_world.package(log, suffix=".zip", disclosures=())
    assert path.stat().st_size > 3 << 20
    said = check(page, path, [log_world.key], [])
    assert (said["exit"], "14,000 entries" in said["text"]) == (0, True)
    raw = path.read_bytes()
    entry = next(log.entries(13_999, 14_000))
    path.write_bytes(raw.replace(entry, entry.replace(b'"ok":true', b'"ok":null')))
    said = check(page, path, [log_world.key], [])
    assert (said["exit"], said["entry"]) == (10, "13999")
