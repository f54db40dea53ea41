"""Settings: a wrong one stops the start with a sentence, an unsafe one too."""

from __future__ import annotations

from pathlib import Path

import pytest

from governance import config
from governance.config import Config, ConfigError, Server, Webhook

MAIL = '[[anchors]]\nkind = "mail"\ntarget = "a@b.example"\nsender = "g@b.example"\n'


def test_what_init_writes_is_what_start_reads(tmp_path: Path) -> None:
    """A fresh workspace would not start with the file it was given."""
    anchors = (
        config.anchor_of("file:/mnt/other/head"),
        config.anchor_of("webhook:https://a.example/,name=legal,secret=env:S,allow_private=true"),
    )
    wanted = Config(server=Server(port=9000, url='https://a.example/"x"\\'), anchors=anchors)
    (tmp_path / "config.toml").write_text(config.render(wanted))
    wrong = Config(server=Server(port=9000))
    (tmp_path / "plain.toml").write_text(config.render(wrong))
    assert config.load(tmp_path / "plain.toml") == wrong
    assert config.load(tmp_path) == wanted


def test_a_missing_file_means_defaults(tmp_path: Path) -> None:
    """A workspace without settings would not start at all."""
    assert config.load(tmp_path) == Config()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[servr]\nport = 1", "`[servr]` is not a section"),
        ("server = 1", "written as `[server]`"),
        ("[server]\nprot = 1", "`server.prot` is not a setting"),
        ('[server]\nport = "80"', "`server.port` must be a whole number"),
        ("[server]\nport = true", "`server.port` must be a whole number"),
        ("[server]\nport = 70000", "between 0 and 65535"),
        ("[server\n", "not valid TOML"),
        ('[workspace]\ntime_zone = "Mars/Olympus"', "not a time zone"),
        ('[workspace]\ntime_zone = "../../etc/passwd"', "not a time zone"),
        ('[webhook]\nurl = "https://a.example"', "needs `webhook.secret`"),
        ('[webhook]\nurl = "ftp://a.example"', "write an address"),
        ('[server]\ntls_cert = "a.pem"', "belong together"),
        ('[log]\nhead_sink = "/mnt/x/head"', '`kind = "file"`, `target = "/mnt/x/head"`'),
        ('[log]\nhead_sink = ""', "take that line out"),
        ("anchors = 1", "written under `[[anchors]]`"),
        ('[[anchors]]\nkind = "file"', "has no `target`"),
        ('[[anchors]]\nkind = "fax"\ntarget = "1"', "`fax` is not a kind of anchor"),
        ('[[anchors]]\nkind = "file"\ntarget = "a"\nsecret = "x"', "`secret` is not a setting"),
        ('[[anchors]]\nkind = "file"\ntarget = 3', "`anchors.target` must be a text"),
        ('[[anchors]]\nname = "A b"\nkind = "file"\ntarget = "a"', "lower-case letters"),
        ('[[anchors]]\nkind = "file"\ntarget = "a"\n' * 2, "2 anchors are called `file`"),
        ('[[anchors]]\nkind = "git"\ntarget = "--upload-pack=x"', "`target` is"),
        ('[[anchors]]\nkind = "git"\ntarget = "a"\nbranch = "-f"', "name of a branch"),
        (
            '[[anchors]]\nkind = "webhook"\ntarget = "https://a.example"',
            "needs the setting `secret`",
        ),
        ('[[anchors]]\nkind = "webhook"\ntarget = "a"\nsecret = "b"', "https address"),
        (MAIL + 'server = "mail.example"', "host and port"),
        (MAIL + 'server = "mail.example:25"\ntls = "none"', "another machine"),
        (MAIL + 'server = "mail.example:25"\ntls = "ssl"', "`starttls`, `tls`, `none`"),
        (MAIL.replace("a@b", "a@b, c@d") + 'server = "mail.example:25"', "one mail address"),
        ("[anchoring]\nalarm_minutes = 0", "between 1 and"),
    ],
)
def test_a_wrong_setting_is_named(tmp_path: Path, text: str, says: str) -> None:
    """A typo would be ignored and the operator would believe in a setting that is not in force."""
    path = tmp_path / "config.toml"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        config.load(path)
    assert says in str(caught.value)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.4", "governance.corp.example"])
def test_keys_never_travel_unencrypted_over_a_network(host: str) -> None:
    """Everybody on the network could read an administrator's key."""
    with pytest.raises(ConfigError, match="unencrypted"):
        config.check(Config(server=Server(host=host)))
    config.check(Config(server=Server(host=host, behind_tls_proxy=True)))
    config.check(Config(server=Server(host=host, tls_cert="c", tls_key="k")))


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "localhost"])
def test_loopback_needs_no_certificate(host: str) -> None:
    """A first try on one's own machine would need a certificate."""
    config.check(Config(server=Server(host=host)))


def test_a_secret_can_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """The secret would have to be in a file that is shown to others."""
    monkeypatch.setenv("GOV_TEST_SECRET", "whsec_x")
    assert config.secret("env:GOV_TEST_SECRET") == "whsec_x"
    assert config.secret("plain") == "plain"
    monkeypatch.delenv("GOV_TEST_SECRET")
    with pytest.raises(ConfigError, match="GOV_TEST_SECRET"):
        config.secret(Webhook(secret="env:GOV_TEST_SECRET").secret)
