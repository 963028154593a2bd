"""One small desk a test, copied from one made a session, because making accounts is slow on purpose."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from casework.config import load_config
from casework.drafting.drafter import Drafter
from casework.evidence.keys import Keys
from casework.service import Casework
from casework.store.engine import open_store
from dashboard import cookie
from tests.dashboard.world import World, build

UNSET = (
    "TIDEWAITER_STORE_URL",
    "TIDEWAITER_SMTP_URL",
    "TIDEWAITER_PORTAL_URL",
    "TIDEWAITER_SANDBOX",
    "OPENAI_API_KEY",
    "OPENAI_BASE_URL",
)
APP = Path(__file__).parents[2] / "dashboard" / "streamlit_app.py"


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> World:
    """The desk that the others are copied from."""
    world = build(tmp_path_factory.mktemp("desk") / "home")
    world.casework.engine.dispose()
    return world


@pytest.fixture
def world(prepared: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """A desk of its own for one test, with the environment pointing at it."""
    home = tmp_path / "home"
    shutil.copytree(prepared.home, home)
    monkeypatch.setenv("TIDEWAITER_HOME", str(home))
    for name in UNSET:
        monkeypatch.delenv(name, raising=False)
    # AppTest has no browser: it sends no cookie unless a test says so.
    monkeypatch.setattr(cookie, "token_sent", lambda: None)
    engine = open_store(f"sqlite:///{home / 'operational.db'}")
    door = Casework(engine, config=load_config(), keys=Keys(home / "keys"), home=home, drafter=Drafter())
    yield World(home, door, prepared.passwords)
    engine.dispose()
    st.cache_data.clear()
    st.cache_resource.clear()


def open_app(**query: str) -> AppTest:
    """Return the app as a fresh browser tab would open it."""
    app = AppTest.from_file(str(APP), default_timeout=30)
    for name, value in query.items():
        app.query_params[name] = value
    return app.run()


def signed_in(world: World, login: str, **query: str) -> AppTest:
    """Return the app after signing in."""
    app = open_app(**query)
    app.text_input(key="sign_in_login").input(login)
    app.text_input(key="sign_in_password").input(world.passwords[login])
    return app.button(key="sign_in_submit").click().run()
