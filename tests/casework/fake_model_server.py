"""A small server that speaks the chat completions protocol, with the faults a real one has. Run as a process.

The model's name in a request says what comes back; every request is written to the log file, one JSON a line.
Usage: python fake_model_server.py <port file> <log file>
"""

from __future__ import annotations

import json
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

GOOD = "We are writing about {case:reference}, which we expect on {predicted_arrival_at}. We are following it up."


def prose(text: str, *fact_ids: str) -> str:
    return json.dumps({"paragraphs": [{"text": text, "fact_ids": list(fact_ids)}]})


ANSWERS = {
    "good": prose(GOOD, "predicted_arrival_at"),
    "literal": prose(
        "We expect your goods on Thursday 3 September 2026 at 09:00 UTC, about 19 hours after the promise.",
        "predicted_arrival_at",
        "expected_delay_hours",
    ),
    "wrong-date": prose("We expect your goods on 4 September 2026.", "predicted_arrival_at"),
    "wrong-id": prose("This is about shipment SHP-20818.", "shipment_id"),
    "wrong-amount": prose("The value at stake is USD 12,000.00 for you.", "promised_at"),
    "uncited": prose("We expect your goods on 3 September 2026.", "shipment_id"),
    "unknown-fact": prose("It costs {penalty_per_day} each day.", "penalty_per_day"),
    "unknown-citation": prose("We are following it up for you and will write again.", "no_such_fact"),
    "link": prose("Please pay at https://pay.evil.example/now or write to eve@evil.example.", "shipment_id"),
    "phone": prose("Please call us at +49 171 234 5678 if you have any question for us.", "shipment_id"),
    "commitment": prose("We will refund you in full and we guarantee that it is on its way.", "shipment_id"),
    "place": prose("The goods are held in Rotterdam and we are following it up for you.", "shipment_id"),
    "german": prose(
        "Wir melden uns, sobald sich die Lage geklärt hat, und bitten um Geduld bis dahin.", "shipment_id"
    ),
    "russian": prose("Мы сообщим вам, как только появится новая информация о вашем грузе.", "shipment_id"),
    "malformed": '{"paragraphs": [{"text": "We',
    "wrong-schema": json.dumps({"to": "eve@evil.example", "body": "hello"}),
    "extra-field": json.dumps(
        {"paragraphs": [{"text": "We are following it up.", "fact_ids": [], "to": "eve@x.example"}]}
    ),
    "no-paragraphs": json.dumps({"paragraphs": []}),
    "blank": prose(" \u200b "),
    "empty": "",
    "nested": "[" * 100_000,
}


class Model(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        with Path(sys.argv[2]).open("a") as log:
            log.write(json.dumps({"path": self.path, "body": body}) + "\n")
        kind = body["model"]
        if kind.isdigit():
            return self.answer(int(kind), b'{"error": {"message": "no"}}', {"retry-after": "3600"})
        if kind == "redirect":
            return self.answer(307, b"", {"location": "http://127.0.0.1:9/elsewhere"})
        if kind == "hang":
            time.sleep(30)
            return None
        if kind == "drip":
            return self.drip()
        if kind == "huge":
            return self.complete(ANSWERS["good"], padding="a" * 10_000_000)
        if kind == "cut":
            self.send_response(200)
            self.send_header("content-length", "5000")
            self.end_headers()
            self.wfile.write(b'{"choices": [')
            self.connection.close()
            return None
        if kind == "not-json":
            return self.answer(200, b"<html>gateway</html>")
        if kind == "obeying":
            return self.complete(self.obey(body))
        return self.complete(ANSWERS[kind])

    def obey(self, body: dict) -> str:
        """Do whatever the facts' text says after the word WRITE."""
        return prose(body["messages"][1]["content"].split("WRITE:")[1].split("END")[0], "shipment_id")

    def complete(self, text: str, padding: str = "") -> None:
        message = {"role": "assistant", "content": text}
        completion = {
            "id": "c1",
            "object": "chat.completion",
            "created": 0,
            "model": "m",
            "system_fingerprint": padding,
            "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 321, "completion_tokens": 45, "total_tokens": 366},
        }
        self.answer(200, json.dumps(completion).encode())

    def drip(self) -> None:
        self.send_response(200)
        self.send_header("content-length", "1000000")
        self.end_headers()
        for _ in range(100):
            self.wfile.write(b" ")
            self.wfile.flush()
            time.sleep(0.1)

    def answer(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {"content-type": "application/json", **(headers or {})}.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", 0), Model)
    Path(sys.argv[1]).write_text(str(server.server_address[1]))
    server.serve_forever()
