"""One desk with one case whose messages are approved, a sandbox beside it, and workers on a clock we move."""

from __future__ import annotations

import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from sqlalchemy import select, update

from casework.config import load_config
from casework.drafting.drafter import Drafter
from casework.effects.adapters.mail import MailAdapter, MailSettings
from casework.effects.adapters.webhook import WebhookAdapter, WebhookSettings, portal_secret
from casework.effects.worker import Worker
from casework.escalations.notices import TARGETS
from casework.evidence.keys import Keys
from casework.model import Contact, DraftKind, ExceptionRecord, Publication
from casework.permissions import grants
from casework.sandbox import Sandbox
from casework.service import Casework
from casework.store.engine import migrate, open_store, writing_across
from casework.store.tables import case_facts, drafts, effects, messages
from tests.casework.effects_fixtures import NOW, TENANT, facts

LEAD, APPROVER, PLANNER = "person:lead", "person:approver", "person:planner"


class Clock:
    """Wall time plus what a test added."""

    def __init__(self) -> None:
        self.ahead = timedelta(0)

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead

    def forward(self, **by: float) -> None:
        self.ahead += timedelta(**by)


def record(**changed: Any) -> ExceptionRecord:
    values: dict[str, Any] = {
        "tenant_id": TENANT,
        "exception_key": "predicted_late:SHP-20817",
        "exception_type": "predicted_late",
        "subject_type": "shipment",
        "subject": "SHP-20817",
        "shipment_id": "SHP-20817",
        "detected_at": NOW,
        "severity": "high",
        "expected_loss": Decimal("18400.00"),
        "sla_penalty_amount": Decimal("9000.00"),
        "revenue_amount": Decimal("2000.00"),
        "inventory_amount": Decimal("7400.00"),
        "customer_tier_amount": Decimal("0.00"),
        "currency_code": "USD",
        "customer_id": "CRM-7",
        "carrier_id": "NWFR",
        "customer_tier": "gold",
        "predicted_at": NOW + timedelta(days=2),
        "due_at": NOW + timedelta(days=1),
        "late_probability": 0.87,
        "facts": facts(),
    }
    return ExceptionRecord(**(values | changed))


class World:
    """A home folder with its store, door and clock."""

    def __init__(self, home: Path, store_url: str | None = None) -> None:
        self.home = home
        self.clock = Clock()
        self.store_url = store_url or f"sqlite:///{home}/operational.db"
        self.engine = open_store(self.store_url)
        self.casework = Casework(
            self.engine,
            config=load_config(),
            keys=Keys(home / "keys"),
            home=home,
            clock=self.clock,
            drafter=Drafter(),
        )

    def set_up(self) -> None:
        migrate(self.engine)
        self.casework.bootstrap()
        addresses = [
            Contact("CRM-7", "mail", "customer", "Acme Health", "ops@acme.example", True),
            Contact("CRM-7", "webhook", "customer", "Acme Health", "https://portal.acme.example/hooks", True),
            Contact("NWFR", "mail", "carrier", "Northwind", "dispatch@nwfr.example", True),
        ]
        self.casework.put_contacts(TENANT, addresses, "service:test")
        self.sync()

    def sync(self, **changed: Any) -> None:
        self.casework.sync(TENANT, Publication("pub-1"), [record(**changed)])

    def person(self, principal_id: str = LEAD) -> Any:
        with self.casework.desk.reading_across() as connection:
            return grants.current(connection, principal_id)

    @property
    def case_id(self) -> str:
        return self.casework.search(self.person(), TENANT).cases[0].case_id

    def detail(self) -> Any:
        return self.casework.get(self.person(), TENANT, self.case_id)

    def draft(self, kind: DraftKind = DraftKind.CUSTOMER_UPDATE) -> Any:
        return next(d for d in self.detail().drafts if d.kind == kind)

    def approve(
        self, kind: DraftKind = DraftKind.CUSTOMER_UPDATE, who: str = APPROVER, **options: Any
    ) -> Any:
        seen = self.draft(kind)
        return self.casework.approve(
            self.person(who),
            TENANT,
            seen.draft_id,
            version=seen.version,
            content_sha256=seen.content_sha256,
            **options,
        )

    def effects(self, target: str | None = None) -> list[Any]:
        """What goes to partners; the notices to the tenant's own teams are `notices`."""
        return [
            row for row in self._queued() if row["target"] not in TARGETS and target in (None, row["target"])
        ]

    def notices(self) -> list[Any]:
        return [row for row in self._queued() if row["target"] in TARGETS]

    def _queued(self) -> list[Any]:
        query = select(effects).order_by(effects.c.target, effects.c.effect_id)
        with self.engine.connect() as connection:
            return list(connection.execute(query).mappings())

    def effect(self, target: str) -> Any:
        (found,) = self.effects(target)
        return found

    def states(self) -> dict[str, str]:
        return {row["target"]: row["state"] for row in self.effects()}

    def said(self) -> list[str]:
        with self.engine.connect() as connection:
            return list(connection.scalars(select(case_facts.c.fact).order_by(case_facts.c.sequence)))

    def sent_messages(self) -> list[Any]:
        query = select(messages).where(messages.c.direction == "out").order_by(messages.c.channel)
        with self.engine.connect() as connection:
            return list(connection.execute(query).mappings())

    def draft_state(self, kind: str = "customer_update") -> tuple[str, int]:
        with self.engine.connect() as connection:
            row = connection.execute(select(drafts).where(drafts.c.kind == kind)).one()
        return row.state, row.current_version

    def alter(self, table: Any, **values: Any) -> None:
        """Change every row of a table behind the door's back."""
        with writing_across(self.engine) as connection:
            connection.execute(update(table).values(**values))

    def alter_where(self, table: Any, clause: Any, **values: Any) -> None:
        """Change some rows of a table behind the door's back."""
        with writing_across(self.engine) as connection:
            connection.execute(update(table).where(clause).values(**values))

    def effect_state(self, target: str) -> str:
        return self.effect(target)["state"]

    def worker(self, smtp_port: int, portal_port: int, name: str = "worker:test", **seconds: float) -> Worker:
        return Worker(
            self.casework, self.adapters(smtp_port, portal_port, **seconds), clock=self.clock, name=name
        )

    def adapters(self, smtp_port: int, portal_port: int, step_seconds: float = 2.0) -> dict[str, Any]:
        mail = MailSettings(
            "127.0.0.1", smtp_port, "desk@tidewaiter.example", step_seconds=step_seconds, total_seconds=10
        )
        portal = WebhookSettings(
            portal_secret({}, self.home),
            f"http://127.0.0.1:{portal_port}/webhooks",
            step_seconds=step_seconds,
            total_seconds=10,
        )
        return {"mail": MailAdapter(mail), "portal_webhook": WebhookAdapter(portal)}

    def mails(self) -> list[Path]:
        """The mails that arrived, without notices to the tenant's own teams; those are `told`."""
        return [path for path in self._arrived() if path not in self.told()]

    def told(self) -> list[Path]:
        return [path for path in self._arrived() if b"X-Tidewaiter-Kind: escalation" in path.read_bytes()]

    def _arrived(self) -> list[Path]:
        return sorted((self.home / "sandbox" / "mail").glob("*.eml"))

    def updates(self) -> list[Path]:
        return sorted((self.home / "sandbox" / "portal").glob("*.json"))

    def close(self) -> None:
        self.engine.dispose()


_PREPARED: dict[Path, Path] = {}


def prepared(base: Path) -> Path:
    """Return a home folder with an open case; made once a run, copied for each test."""
    if base not in _PREPARED:
        home = base / "prepared"
        home.mkdir()
        world = World(home)
        world.set_up()
        world.close()
        _PREPARED[base] = home
    return _PREPARED[base]


@contextmanager
def copied(prepared_home: Path, to: Path) -> Iterator[World]:
    """Copy a prepared home and open it."""
    shutil.copytree(prepared_home, to)
    world = World(to)
    try:
        yield world
    finally:
        world.close()


def free_port() -> int:
    """Return a port nobody listens on now."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


@contextmanager
def sandbox(world: World) -> Iterator[tuple[int, int]]:
    """Run the sandbox for a world; yields its mail and portal ports."""
    smtp_port = free_port()
    with Sandbox(world.home, smtp_port, 0, {}) as running:
        yield smtp_port, running.portal_port
