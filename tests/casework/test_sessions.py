"""Signing in, staying in and getting out: the session is the server's, and roles are read every time."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select, update

from casework.access import accounts
from casework.canonical import sha256_hex
from casework.errors import NotFound, SessionEnded, SignInRefused
from casework.model import Role
from casework.store.engine import writing_across
from casework.store.tables import principals, sessions
from tests.casework.office import LEAD, START, TENANT, Office


def test_bootstrap_makes_every_account_once_and_keeps_no_password(
    office: Office, passwords: dict[str, str]
) -> None:
    assert set(passwords) == {
        "lead",
        "planner",
        "approver",
        "auditor",
        "engineer",
        "customer",
        "carrier",
        "admin",
    }
    assert office.casework.bootstrap() == []
    with office.casework.desk.reading_across() as connection:
        stored = connection.execute(select(principals)).mappings().all()
    text = repr([dict(row) for row in stored])
    assert not any(password in text for password in passwords.values())
    for row in stored:
        is_service = row["kind"] == "service"
        assert row["password_hash"] is None if is_service else row["password_hash"].startswith("$argon2id$")


def test_a_person_signs_in_and_the_store_keeps_only_the_tokens_hash(
    office: Office, passwords: dict[str, str]
) -> None:
    token, principal = office.casework.sign_in("lead", passwords["lead"])
    assert principal.principal_id == LEAD
    assert principal.tenants == ("airfreight", "demo", "health")
    assert office.casework.session(token) == principal
    with office.casework.desk.reading_across() as connection:
        (stored,) = connection.scalars(select(sessions.c.session_hash)).all()
    assert stored == sha256_hex(token.encode()) != token


def test_every_refusal_to_sign_in_uses_the_same_words(office: Office, passwords: dict[str, str]) -> None:
    with writing_across(office.engine) as connection:
        gone = principals.c.login == "planner"
        connection.execute(update(principals).where(gone).values(is_active=False))
    attempts = [
        ("lead", "wrong"),
        ("nobody", passwords["lead"]),
        ("planner", passwords["planner"]),
        ("operator", ""),
        ("", ""),
        ("lead\x00", passwords["lead"]),
        ("lead", passwords["lead"] + " "),
        ("lead", "x" * 100_000),
    ]
    words = set()
    for login, password in attempts:
        with pytest.raises(SignInRefused) as refused:
            office.casework.sign_in(login, password)
        words.add(refused.value.message)
    assert len(words) == 1


def test_an_unknown_login_costs_as_much_hashing_as_a_known_one(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    verified: list[str] = []
    real = accounts._matches
    monkeypatch.setattr(
        accounts, "_matches", lambda stored, password: verified.append(stored) or real(stored, password)
    )
    for login in ("lead", "nobody", "operator"):
        with pytest.raises(SignInRefused):
            office.casework.sign_in(login, "wrong")
    assert len(verified) == 3
    assert all(stored.startswith("$argon2id$") for stored in verified)


def test_after_five_failures_even_the_right_password_waits(office: Office, passwords: dict[str, str]) -> None:
    for _ in range(5):
        with pytest.raises(SignInRefused):
            office.casework.sign_in("lead", "guess")
    with pytest.raises(SignInRefused):
        office.casework.sign_in("lead", passwords["lead"])
    office.casework.sign_in("planner", passwords["planner"])
    office.clock.forward(minutes=15, seconds=1)
    token, _ = office.casework.sign_in("lead", passwords["lead"])
    assert office.casework.session(token).login == "lead"


def test_a_session_ends_after_half_an_hour_of_silence(office: Office, passwords: dict[str, str]) -> None:
    token, _ = office.casework.sign_in("lead", passwords["lead"])
    for _ in range(4):
        office.clock.forward(minutes=30)
        office.casework.session(token)
    office.clock.forward(minutes=30, seconds=1)
    with pytest.raises(SessionEnded):
        office.casework.session(token)


def test_a_session_ends_after_twelve_hours_however_busy(office: Office, passwords: dict[str, str]) -> None:
    token, _ = office.casework.sign_in("lead", passwords["lead"])
    while office.clock() < START + timedelta(hours=12):
        office.clock.forward(minutes=20)
        office.casework.session(token)
    office.clock.forward(minutes=1)
    with pytest.raises(SessionEnded):
        office.casework.session(token)


def test_signing_out_ends_the_session_for_good(office: Office, passwords: dict[str, str]) -> None:
    token, _ = office.casework.sign_in("lead", passwords["lead"])
    other, _ = office.casework.sign_in("lead", passwords["lead"])
    office.casework.sign_out(token)
    office.casework.sign_out(token)
    with pytest.raises(SessionEnded):
        office.casework.session(token)
    assert office.casework.session(other).login == "lead"
    for unknown in ("", "x", sha256_hex(other.encode()), other + "x"):
        with pytest.raises(SessionEnded):
            office.casework.session(unknown)


def test_a_session_shows_roles_as_they_are_now_and_ends_with_the_account(
    office: Office, passwords: dict[str, str]
) -> None:
    token, _ = office.casework.sign_in("planner", passwords["planner"])
    office.casework.revoke("person:planner", TENANT, "person:admin", Role.PLANNER)
    assert TENANT not in office.casework.session(token).tenants
    with writing_across(office.engine) as connection:
        mine = principals.c.login == "planner"
        connection.execute(update(principals).where(mine).values(is_active=False))
    with pytest.raises(SessionEnded):
        office.casework.session(token)


def test_a_new_password_ends_every_session_and_the_old_password(
    office: Office, passwords: dict[str, str]
) -> None:
    token, _ = office.casework.sign_in("lead", passwords["lead"])
    password = office.casework.reset_password("lead")
    with pytest.raises(SessionEnded):
        office.casework.session(token)
    with pytest.raises(SignInRefused):
        office.casework.sign_in("lead", passwords["lead"])
    office.casework.sign_in("lead", password)
    for login in ("nobody", "operator"):
        with pytest.raises(NotFound):
            office.casework.reset_password(login)
