"""What the pages stand on, made once a process: the home folder, the store and the one door."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import streamlit as st

from casework import telemetry
from casework.config import Config, load_config
from casework.drafting.drafter import Drafter
from casework.evidence.keys import Keys
from casework.service import Casework
from casework.store.engine import open_store


def now() -> datetime:
    """Return desk time: the wall clock, aware and in UTC."""
    return datetime.now(UTC)


def home() -> Path:
    """Return the home folder, from TIDEWAITER_HOME, else ./var."""
    return Path(os.environ.get("TIDEWAITER_HOME", "var")).resolve()


def store_url() -> str:
    """Return where the store is, from TIDEWAITER_STORE_URL, else the home folder's SQLite file."""
    return os.environ.get("TIDEWAITER_STORE_URL") or f"sqlite:///{home() / 'operational.db'}"


def is_set_up() -> bool:
    """Whether there is a store to open; a file that does not exist yet is not made here."""
    url = store_url()
    return not url.startswith("sqlite:///") or Path(url.removeprefix("sqlite:///")).is_file()


def sandboxed() -> list[str]:
    """Return what goes to this machine's own sandbox because nothing is configured for it: mail, portal."""
    standing_in = os.environ.get("TIDEWAITER_SANDBOX")
    if standing_in is not None:
        return standing_in.split()
    is_configured = any(os.environ.get(name) for name in ("TIDEWAITER_SMTP_URL", "TIDEWAITER_PORTAL_URL"))
    return [] if is_configured else ["mail", "portal"]


def published_folder() -> Path:
    """Return the folder that holds published tables and the CURRENT pointer."""
    return home() / "published"


def address() -> str:
    """Return where this dashboard is reached, from TIDEWAITER_DASHBOARD_URL, else as the viewer's browser does."""
    told = os.environ.get("TIDEWAITER_DASHBOARD_URL")
    seen = (st.context.url or "").split("?")[0].rpartition("/")[0]
    return (told or seen or "http://127.0.0.1:8501").rstrip("/")


def casework() -> Casework:
    """Return this process's door to casework for the configured home and store."""
    return _casework(str(home()), store_url())


@st.cache_resource(max_entries=4, show_spinner=False)
def _casework(home_folder: str, url: str) -> Casework:
    telemetry.begin("tidewaiter-dashboard", os.environ)
    folder, engine = Path(home_folder), open_store(url)
    drafter = Drafter.of_store(engine, config())
    return Casework(engine, config=config(), keys=Keys(folder / "keys"), home=folder, drafter=drafter)


@st.cache_resource(show_spinner=False)
def config() -> Config:
    """Return the catalogue, codes and tenants that casework was configured with."""
    return load_config()
