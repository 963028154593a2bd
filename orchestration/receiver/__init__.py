"""The HTTP door in: a signed post to /feeds/<tenant>/<feed> is kept, entered in the ledger, then acknowledged.

Posts are signed as Standard Webhooks 1.0.0 says (standardwebhooks.com). What was taken in is loaded like a landed
file. Reading and meaning belong to `data` and dbt; nothing here looks inside.
"""

from orchestration.receiver.doors import Door, Limits, doors_of
from orchestration.receiver.posts import Receiver
from orchestration.receiver.server import serve

__all__ = ["Door", "Limits", "Receiver", "doors_of", "serve"]
