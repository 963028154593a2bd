"""Mail from outside: whose is believed, what of it is taken in, and that nothing is acknowledged before it is kept."""

from __future__ import annotations

import hashlib
import smtplib
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path

import pytest

from casework.errors import ConfigError
from orchestration import mail_door
from orchestration.errors import PortTaken
from orchestration.mail_door import NOT_HERE, Postbox, doors_of
from orchestration.resources import Platform
from orchestration.supervisor import port_is_taken, processes
from tests.conftest import TIDEWAITER, Home, free_port
from tests.data.test_mapping import MEIER
from tests.system.posting import rows, set_up, settings_of
from tests.system.running import wait_for

MX = "mx.tidewaiter.example"
PASS = f"{MX}; dmarc=pass (p=reject) header.from=acme.example"
ENVIRONMENT = {
    "TIDEWAITER_MAIL_SERVER": MX,
    "TIDEWAITER_MAIL_SENDERS_DEMO_SHIPMENT": "ops@acme.example",
    "TIDEWAITER_MAIL_SENDERS_DEMO_X12_214": "@acme.example, desk@other.example",
    "TIDEWAITER_MAIL_SENDERS_DEMO_MEIER": "@acme.example",
}
CSV = b"shipment_no;x\nSH-1;2\n"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("mail") / "var"
    set_up(home)
    (home / "mappings" / "demo").mkdir(parents=True)
    (home / "mappings" / "demo" / "meier.yml").write_text(MEIER)
    return home


@dataclass
class Server:
    port: int
    told: list[str]


@pytest.fixture(scope="module")
def server(home: Path) -> Iterator[Server]:
    stop, port, told = threading.Event(), free_port(), list[str]()
    arguments = (Platform(settings_of(home)), ENVIRONMENT, port, stop, told.append)
    thread = threading.Thread(target=mail_door.serve, args=arguments)
    thread.start()
    while not told:
        assert thread.is_alive()
        stop.wait(0.02)
    yield Server(port, told)
    stop.set()
    thread.join(30)


def mail(
    *attached: tuple[str, bytes], sender: str = "Ops <ops@acme.example>", results: tuple[str, ...] = (PASS,)
) -> EmailMessage:
    message = EmailMessage()
    for result in results:
        message["Authentication-Results"] = result
    message["From"] = sender
    message["To"] = "demo.shipment@feeds.example"
    message["Subject"] = "Our export"
    message["Message-ID"] = "<1@acme.example>"
    message.set_content("Please find attached.")
    for name, body in attached:
        message.add_attachment(body, maintype="application", subtype="octet-stream", filename=name)
    return message


def send(server: Server, message: EmailMessage | bytes, to: str = "demo.shipment@feeds.example") -> str:
    """Send a mail as a mail server would; return the reply to its content."""
    content = message if isinstance(message, bytes) else message.as_bytes()
    content = content.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    with smtplib.SMTP("127.0.0.1", server.port, timeout=30) as client:
        client.ehlo()
        assert client.mail("bounce@acme.example")[0] == 250
        assert client.rcpt(to)[0] == 250
        code, said = client.data(content)
        return f"{code} {said.decode()}"


def files(home: Path) -> list[tuple[str, str, str]]:
    return rows(home, "select feed, file_name, file_sha256 from ingested_files order by 1, 2")  # type: ignore[return-value]


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def test_what_a_known_sender_attaches_is_kept_and_waits_in_the_ledger(home: Path, server: Server) -> None:
    assert "for 3 feed(s)" in server.told[0]
    sent = mail(("Export 1.csv", CSV), ("logo.png", b"\x89PNG"))
    assert send(server, sent) == "250 2.0.0 Taken in: 1 file."
    kept = files(home)
    assert ("shipment", "Export_1.csv", sha256(CSV)) in kept
    assert (home / "originals" / sha256(CSV)[:2] / sha256(CSV)).read_bytes() == CSV
    assert send(server, sent) == "250 2.0.0 Taken in: 1 file."  # again is no second one
    assert files(home) == kept


def test_several_attachments_are_several_files_and_a_message_of_a_standard_comes_too(
    home: Path, server: Server
) -> None:
    sent = mail(("a.edi", b"ISA*1~"), ("b.X12", b"ISA*2~"), sender="desk@other.example", results=(
        f"{MX}; dmarc=pass header.from=other.example",
    ))  # fmt: skip
    assert send(server, sent, "DEMO.x12_214@Feeds.example") == "250 2.0.0 Taken in: 2 files."
    # a standard's messages are recorded by the stamp in the file's name, and these names had none
    names = sorted(name for feed, name, _ in files(home) if feed == "x12_214")
    assert names == ["a_20260901T060000Z.edi", "b_20260901T060000Z.X12"]


def test_a_partners_own_table_has_a_door_like_any_feed(home: Path, server: Server) -> None:
    assert send(server, mail(("Statusmeldungen.csv", b"x;y\n1;2\n")), "demo.meier@x.example").startswith(
        "250"
    )
    assert [name for feed, name, _ in files(home) if feed == "meier"] == ["Statusmeldungen.csv"]


@pytest.mark.parametrize(
    "results",
    [
        (),
        (f"{MX}; dmarc=fail header.from=acme.example",),
        (f"{MX}; dmarc=none header.from=acme.example",),
        (f"{MX}; spf=pass smtp.mailfrom=acme.example; dkim=pass header.d=acme.example",),
        (f"{MX}; dmarc=pass header.from=evil.example",),
        (f"{MX}; dmarc=pass",),
        ("mx.evil.example; dmarc=pass header.from=acme.example",),
        (f"{MX}.evil.example; dmarc=pass header.from=acme.example",),
        (f"{MX}; dmarc=fail header.from=evil.example", PASS),  # a forged one below ours
        (f"{MX}; dmarc=fail header.from=acme.example; dmarc=pass header.from=acme.example",),
        (f"{MX}; dmarc=pass header.from=evil.example header.from=acme.example",),
        (f"{MX}; none (dmarc=pass header.from=acme.example)",),
        (f"{MX}; none (a (b) ; dmarc=pass header.from=acme.example",),
        (f"{MX}; spf=fail smtp.mailfrom=\"x; dmarc=pass header.from=acme.example\"@evil.example",),
        (f"{MX}; spf=fail smtp.mailfrom=\"x\\\"; dmarc=pass header.from=acme.example\"",),
        (f"{MX}; spf=fail smtp.mailfrom=\"x; dmarc=pass header.from=acme.example",),
        ("; dmarc=pass header.from=acme.example",),
    ],
    ids=range(17),
)  # fmt: skip
def test_what_our_own_server_did_not_prove_is_not_believed(
    home: Path, server: Server, results: tuple[str, ...]
) -> None:
    before = files(home)
    assert send(server, mail(("forged.csv", b"forged"), results=results)) == NOT_HERE
    assert files(home) == before


@pytest.mark.parametrize(
    "result",
    [
        f"{MX} 1; dkim=pass header.d=acme.example; dmarc=pass (p=none dis=none) header.from=ACME.example",
        f'{MX.upper()};\r\n\tspf=pass smtp.mailfrom="a;b"@acme.example;\r\n dmarc=pass header.from=acme.example',
    ],
    ids=["with a version", "folded"],
)
def test_a_result_may_be_written_in_any_way_the_standard_allows(
    home: Path, server: Server, result: str
) -> None:
    sent = mail(("way.csv", result.encode())).as_bytes()
    said = f"Authentication-Results: {result}\n".replace("\r\n", "\n").encode()
    assert send(server, said + sent[sent.index(b"From:") :]).startswith("250")


@pytest.mark.parametrize(
    "sender",
    [
        "chief@acme.example", "ops@sub.acme.example", "ops@acme.example, evil@evil.example", "",
        '"ops@acme.example" <evil@evil.example>', "ops@acme.example <evil@evil.example>",
    ],
)  # fmt: skip
def test_who_may_not_write_and_what_is_not_there_read_the_same(
    home: Path, server: Server, sender: str
) -> None:
    before = files(home)
    sent = (
        mail(("x.csv", b"x")).as_bytes().replace(b"From: Ops <ops@acme.example>", f"From: {sender}".encode())
    )
    assert send(server, sent) == NOT_HERE
    assert send(server, mail(("x.csv", b"x")), "demo.weather@feeds.example") == NOT_HERE
    assert send(server, mail(("x.csv", b"x")), "nobody@feeds.example") == NOT_HERE
    assert files(home) == before


def test_a_mail_with_two_froms_is_nobodys(home: Path, server: Server) -> None:
    twice = mail(("x.csv", b"x")).as_bytes().replace(b"From: Ops", b"From: evil@evil.example\nFrom: Ops")
    assert send(server, twice) == NOT_HERE


def test_a_mail_in_which_nothing_fits_says_what_would(home: Path, server: Server) -> None:
    for attached in ((), (("export.pdf", b"%PDF"),)):
        assert send(server, mail(*attached)).endswith(
            "Nothing is attached that this feed takes: .csv or .txt."
        )


def test_what_is_within_a_forwarded_mail_is_not_looked_into(home: Path, server: Server) -> None:
    outer = mail()
    outer.add_attachment(mail(("inner.csv", b"inner")))
    assert "Nothing is attached" in send(server, outer)


def test_a_damaged_or_empty_attachment_takes_none_of_the_mail(home: Path, server: Server) -> None:
    before = files(home)
    sound = mail(("first.csv", b"first"), ("second.csv", b"second" * 20)).as_bytes()
    damaged = sound.replace(b"c2Vjb25kc2Vjb25k", b"c2Vjb25!!2Vjb25", 1)
    assert damaged != sound
    assert "An attachment is damaged" in send(server, damaged)
    assert "An attachment is empty" in send(server, mail(("first.csv", b"first"), ("empty.csv", b"")))
    assert files(home) == before


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("../../etc/passwd.csv", "passwd.csv"), ("C:\\a\\b.csv", "b.csv"), (".csv", "file.csv"),
        ("a\x00b.csv", "a_b.csv"), ("Größe 1.CSV", "Gr__e_1.CSV"), ("n" * 300 + ".csv", "n" * 146 + ".csv"),
    ],
)  # fmt: skip
def test_a_name_is_a_name_and_never_a_path(home: Path, server: Server, name: str, kept: str) -> None:
    content = name.encode() + b" as content"
    assert send(server, mail((name, content))).startswith("250")
    assert [found for _, found, sha in files(home) if sha == sha256(content)] == [kept]


def test_a_mail_that_is_nested_without_end_is_refused(home: Path, server: Server) -> None:
    nested = b"".join(
        b'Content-Type: multipart/mixed; boundary="%d"\n\n--%d\n' % (number, number)
        for number in range(3_000)
    )
    reply = send(server, b"From: ops@acme.example\n" + nested)
    assert reply.startswith(("554 5.6.0", "550"))
    many = mail(*[(f"{number}.csv", b"x") for number in range(120)])
    assert "too many parts" in send(server, many)


def test_a_mail_is_for_one_feed_and_of_a_bounded_size(server: Server) -> None:
    with smtplib.SMTP("127.0.0.1", server.port, timeout=30) as client:
        client.ehlo()
        assert int(client.esmtp_features["size"]) == mail_door.MAIL_BYTES
        client.mail("a@acme.example")
        client.rcpt("demo.shipment@x.example")
        assert client.rcpt("demo.x12_214@x.example")[0] == 452
        client.rset()
        assert client.mail("a@acme.example", [f"SIZE={mail_door.MAIL_BYTES + 1}"])[0] == 552


def test_what_cannot_be_kept_is_not_acknowledged(
    home: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_given: object, **_told: object) -> None:
        raise OSError("No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(mail_door.ledger, "register", fails)
        assert send(server, mail(("later.csv", b"later"))).startswith("451 4.3.0")
    assert send(server, mail(("later.csv", b"later"))).startswith("250")


@contextmanager
def own_process(home: Path, **environment: str) -> Iterator[Server]:
    """The door as `tidewaiter mail-door` keeps it open."""
    port = free_port()
    with (home / "door.log").open("ab") as log:
        process = subprocess.Popen(
            [str(TIDEWAITER), "mail-door", "--port", str(port)],
            env={**Home(home).environment, **ENVIRONMENT, **environment},
            stdout=log, stderr=log,
        )  # fmt: skip
    try:
        wait_for(lambda: port_is_taken(port), 60, "the mail door to listen", every=0.1)
        yield Server(port, [])
    finally:
        process.terminate()
        process.wait(30)


def test_a_door_killed_before_it_answered_takes_the_mail_when_it_comes_again(tmp_path: Path) -> None:
    home = tmp_path / "var"
    set_up(home)
    (home / "mappings" / "demo").mkdir(parents=True)
    (home / "mappings" / "demo" / "meier.yml").write_text(MEIER)
    sent = mail(("killed.csv", b"killed"))
    dies = {"TIDEWAITER_CRASH_AT": "mail:after-keep-before-register"}
    with own_process(home, **dies) as server, pytest.raises(smtplib.SMTPServerDisconnected):
        send(server, sent)
    assert files(home) == []
    with own_process(home) as server:
        assert send(server, sent).startswith("250")
    assert [name for _, name, _ in files(home)] == ["killed.csv"]


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"TIDEWAITER_MAIL_SENDERS_DEMO_NOTHING": "a@b.example"}, "names no tenant's feed"),
        ({"TIDEWAITER_MAIL_SENDERS_DEMO_SHIPMENT": "everybody"}, "'everybody'"),
        ({"TIDEWAITER_MAIL_SENDERS_DEMO_SHIPMENT": "@"}, "neither an address nor"),
        ({"TIDEWAITER_MAIL_SERVER": " "}, "must name the mail server"),
    ],
)
def test_senders_that_cannot_be_meant_are_told_at_the_start(
    home: Path, changed: dict[str, str], told: str
) -> None:
    with pytest.raises(ConfigError, match=told):
        doors_of(Platform(settings_of(home)), ENVIRONMENT | changed)


def test_without_senders_there_is_no_door(home: Path) -> None:
    assert Postbox(Platform(settings_of(home)), {}).doors == {}
    for wanted in (True, False):
        children = processes(settings_of(home), sandbox=False, receiver=False, mail_door=wanted)
        assert ("maildoor" in [child.name for child in children]) is wanted


def test_a_port_that_is_taken_is_told(home: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        with pytest.raises(PortTaken, match="TIDEWAITER_MAIL_PORT"):
            mail_door.serve(
                Platform(settings_of(home)), ENVIRONMENT, other.getsockname()[1], threading.Event(), print
            )
