"""A mail server and a portal in a process of their own, which outlives the workers that are killed around it.

Every effect is written to a file before anything is answered. Answers are drawn from a seed: most are good,
some refuse for now, some are lost before the effect and some after it.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import os
import random
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from standardwebhooks import Webhook

from tests.casework.effects_world import free_port

_CONTEXT = multiprocessing.get_context("forkserver")
FAULTS = ("busy", "lost before", "lost after")


class Target:
    """What the process keeps: its file of effects, and how it feels."""

    def __init__(self, log: Path, seed: int) -> None:
        self.log, self.draw, self.lock = log, random.Random(seed), threading.Lock()
        self.share_of_faults = 0.3
        self.portal_ids: set[str] = set()

    def mood(self) -> str:
        with self.lock:
            ill = self.draw.random() < self.share_of_faults
            return self.draw.choice(FAULTS) if ill else "good"

    def take(self, target: str, key: str) -> None:
        """Make the effect: on disk before anybody hears of it. A portal makes one per key."""
        with self.lock:
            if target == "portal_webhook":
                if key in self.portal_ids:
                    return
                self.portal_ids.add(key)
            with self.log.open("a") as stream:
                stream.write(json.dumps({"target": target, "key": key}) + "\n")
                stream.flush()
                os.fsync(stream.fileno())


class MailServer:
    """aiosmtpd's handler over a target."""

    def __init__(self, target: Target) -> None:
        self.target = target

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        mood = self.target.mood()
        if mood == "busy":
            return "451 try again later"
        if mood != "lost before":
            head = envelope.original_content.decode().split("Message-ID: <")[1]
            self.target.take("mail", head.split("@")[0])
        if mood.startswith("lost"):
            server.transport.abort()
            await asyncio.sleep(0)
        return "250 OK"


def portal(target: Target, secret: str) -> ThreadingHTTPServer:
    """A portal that verifies the signature and knows the ids it has seen."""

    class Portal(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            Webhook(secret).verify(body, headers)
            mood = target.mood()
            if mood in ("good", "lost after"):
                target.take("portal_webhook", headers["webhook-id"])
            if mood.startswith("lost"):
                self.close_connection = True
                return
            self.send_response(503 if mood == "busy" else 200)
            self.send_header("content-length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *arguments: Any) -> None:
            pass

    return ThreadingHTTPServer(("127.0.0.1", 0), Portal)


def serve(log: str, seed: int, secret: str, line: Connection) -> None:
    """Serve until told to end; told to be well, make no more faults."""
    target = Target(Path(log), seed)
    mail = Controller(MailServer(target), hostname="127.0.0.1", port=free_port())
    mail.start()
    web = portal(target, secret)
    threading.Thread(target=web.serve_forever, args=(0.02,), daemon=True).start()
    line.send((mail.port, web.server_address[1]))
    while line.recv() == "be well":
        target.share_of_faults = 0.0
    mail.stop()
    web.shutdown()


@dataclass
class Running:
    """The target's process as a test sees it."""

    ports: tuple[int, int]
    log: Path
    line: Connection

    def be_well(self) -> None:
        self.line.send("be well")

    def taken(self) -> Counter[tuple[str, str]]:
        """How often each effect was made, by target and key."""
        lines = self.log.read_text().splitlines() if self.log.exists() else []
        said = [json.loads(line) for line in lines]
        return Counter((item["target"], item["key"]) for item in said)


@contextmanager
def running(folder: Path, seed: int, secret: str) -> Iterator[Running]:
    """Run a target's process."""
    ours, theirs = _CONTEXT.Pipe()
    log = folder / "effects.jsonl"
    process = _CONTEXT.Process(target=serve, args=(str(log), seed, secret, theirs), daemon=True)
    process.start()
    try:
        yield Running(ours.recv(), log, ours)
    finally:
        ours.send("end")
        process.join(timeout=30)
        if process.is_alive():
            process.kill()
