"""A small world behind the console: a Flask application over a paper front, with accounts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Thread
from typing import Any

from argon2 import PasswordHasher
from argon2.profiles import CHEAPEST
from flask import Flask
from flask.testing import FlaskClient
from paper_front import PaperFront
from paper_views import JONAS, MARIA, OTTO, START
from sqlalchemy import create_engine
from sqlalchemy.pool import StaticPool
from werkzeug.serving import make_server

from governance.store.accounts import AccountStore
from governance.store.tables import VaultTable
from governance.web.accounts import Accounts
from governance.web.console.mount import blueprint_of

PASSWORD = "four words are enough"


@dataclass
class World:
    """A Flask application with the console over a `PaperFront`, and accounts for its people."""

    front: PaperFront
    accounts: Accounts
    app: Flask

    def client(self) -> FlaskClient:
        """A browser without cookies."""
        return self.app.test_client()

    def signed_in(self, name: str = "maria@corp.example") -> FlaskClient:
        """A browser in which somebody signed in."""
        client = self.client()
        assert sign_in(client, name).status_code == 303
        return client

    @contextmanager
    def served(self) -> Iterator[str]:
        """Serve on a free local port; gives the address."""
        server = make_server("127.0.0.1", 0, self.app, threaded=True)
        thread = Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
            server.server_close()


def make_world(front: PaperFront | None = None) -> World:
    """A fresh world; hashing is cheap, everything else as in the service."""
    front = front or PaperFront()
    engine = create_engine(
        "sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False}
    )
    VaultTable.metadata.create_all(engine)
    accounts = Accounts(AccountStore(engine), PasswordHasher.from_parameters(CHEAPEST))
    for person, name in ((MARIA, "maria"), (JONAS, "jonas"), (OTTO, "otto")):
        accounts.enrol(person=person, sign_in=f"{name}@corp.example", password=PASSWORD, at=START)
    app = Flask("console-world")
    app.register_blueprint(blueprint_of(front, accounts))
    return World(front, accounts, app)


def token_of(page: str) -> str:
    """The form token of the first form on a page."""
    return page.split('name="form" value="', 1)[1].split('"', 1)[0]


def sign_in(
    client: FlaskClient, name: str = "maria@corp.example", password: str = PASSWORD, **more: Any
) -> Any:
    """Open the sign-in page and send its form."""
    form = token_of(client.get("/sign-in").get_data(as_text=True))
    data = {"form": form, "sign_in": name, "password": password, "next": "/"}
    return client.post("/sign-in", data=data, **more)
