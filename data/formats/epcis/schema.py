"""What an EPCIS 2.0 event must look like to be read, as a JSON Schema of our own of the parts we read.

GS1 publishes the official schema (github.com/gs1/EPCIS) without a licence to redistribute it, so it is not
vendored. This one follows its rules for field names, required fields and types; it is laxer where GS1 closes a
code list (a newer code is a code) and does not look into quantities, sensors, sources and extensions.
"""

from __future__ import annotations

from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

from data.records import Problem, shortened

Schema = dict[str, Any]

#: Names that every type of event may have.
COMMON = [
    "@context", "type", "eventTime", "recordTime", "eventTimeZoneOffset", "eventID", "certificationInfo",
    "errorDeclaration", "bizStep", "disposition", "readPoint", "bizLocation", "bizTransactionList",
    "sourceList", "destinationList", "sensorElementList",
]  # fmt: skip
URI: Schema = {
    "type": "string",
    "pattern": r"^[A-Za-z][A-Za-z0-9+.-]*:\S+\Z",
    "description": "a URI such as urn:uuid:… or https://…",
}
CODE: Schema = {
    "type": "string",
    "pattern": r"^([A-Za-z_]+|[A-Za-z][A-Za-z0-9+.-]*:\S+)\Z",
    "description": "a word of the CBV such as shipping, or a URI",
}
MOMENT: Schema = {
    "type": "string",
    "pattern": r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?(Z|[+-][0-9]{2}:[0-9]{2})\Z",
    "description": "a moment with its zone, written like 2026-08-01T14:05:00.000+02:00",
}
OFFSET: Schema = {
    "type": "string",
    "pattern": r"^[+-]((0[0-9]|1[0-3]):[0-5][0-9]|14:00)\Z",
    "description": "an offset from UTC, written like +02:00",
}
URIS: Schema = {"type": "array", "items": URI}
PLACE: Schema = {"type": "object", "properties": {"id": URI}, "required": ["id"]}
#: What GS1 lets stand beside its own names: prefixed ones.
EXTENSIONS: Schema = {"patternProperties": {":": {}}, "additionalProperties": False}
TRANSACTIONS: Schema = {
    "type": "array",
    "items": {
        "type": "object",
        "properties": {"type": CODE, "bizTransaction": URI},
        "required": ["bizTransaction"],
    },
}
ERROR: Schema = {
    "type": "object",
    "properties": {"declarationTime": MOMENT, "reason": CODE, "correctiveEventIDs": URIS},
    "required": ["declarationTime"],
    **EXTENSIONS,
}
READ: dict[str, Schema] = {
    "eventTime": MOMENT, "recordTime": MOMENT, "eventTimeZoneOffset": OFFSET, "eventID": URI,
    "errorDeclaration": ERROR, "bizStep": CODE, "disposition": CODE, "readPoint": PLACE, "bizLocation": PLACE,
    "bizTransactionList": TRANSACTIONS, "parentID": URI, "epcList": URIS, "childEPCs": URIS,
    "inputEPCList": URIS, "outputEPCList": URIS, "transformationID": URI,
    "action": {"enum": ["OBSERVE", "ADD", "DELETE"], "description": "OBSERVE, ADD or DELETE"},
}  # fmt: skip


def reason(event: dict[str, Any], path: str) -> Problem | None:
    """The first rule the event breaks, with its path and the schema's words; None where it breaks none."""
    kind = event.get("type")
    if not isinstance(kind, str) or kind not in VALIDATORS:
        said = f"is {shortened(kind, 80)!r}" if isinstance(kind, str) else "is missing or no text"
        return Problem("schema", f"{path}.type {said}; this feed reads {', '.join(VALIDATORS)}.")
    # The first is enough, and a list of a million wrong items has a million.
    broken = next(VALIDATORS[kind].iter_errors(event), None)
    return Problem("schema", _sentence(path, broken)) if broken else None


def _sentence(path: str, broken: ValidationError) -> str:
    where = shortened(f"{path}{broken.json_path[1:]}", 200)
    wanted = broken.schema.get("description") if isinstance(broken.schema, dict) else None
    if broken.validator == "additionalProperties":
        unknown = next(
            name for name in broken.instance if ":" not in name and name not in broken.schema["properties"]
        )
        return f"{where} has {shortened(unknown, 80)!r}, a name that EPCIS 2.0 does not know."
    if not wanted:
        return f"{where} breaks the rules for EPCIS 2.0: {shortened(broken.message, 200)}."
    written = f", not {shortened(broken.instance, 80)!r}" if isinstance(broken.instance, str) else ""
    return f"{where} must be {wanted}{written}."


def _event(own: str, required: list[str], one_of: list[list[str]], unless_deleted: bool = True) -> Schema:
    """The rules for one type of event: its own names, what it needs, and of what it needs at least one set."""
    names = [*COMMON, *own.split()]
    choices: list[Schema] = [{"required": choice} for choice in one_of]
    if unless_deleted:
        choices.append({"properties": {"action": {"const": "DELETE"}}, "required": ["action"]})
    listed = " or ".join(" with ".join(choice) for choice in one_of)
    return {
        "type": "object",
        "required": ["type", "eventTime", "eventTimeZoneOffset", *required],
        "properties": {name: READ.get(name, {}) for name in names},
        **EXTENSIONS,
        "allOf": [{"anyOf": choices, "description": f"an event with {listed}"}],
    }


PARTS = "parentID childEPCs childQuantityList action"
SETS = [["childEPCs"], ["childQuantityList"]]
VALIDATORS = {
    "ObjectEvent": Draft202012Validator(
        _event(
            "epcList quantityList action persistentDisposition ilmd",
            ["action"],
            [["epcList"], ["quantityList"], ["sensorElementList", "readPoint"]],
            unless_deleted=False,
        )
    ),
    "AggregationEvent": Draft202012Validator(_event(PARTS, ["action"], SETS)),
    "TransactionEvent": Draft202012Validator(
        _event(
            "parentID epcList quantityList action",
            ["action", "bizTransactionList"],
            [["epcList"], ["quantityList"]],
        )
    ),
    "TransformationEvent": Draft202012Validator(
        _event(
            "inputEPCList inputQuantityList outputEPCList outputQuantityList transformationID "
            "persistentDisposition ilmd",
            [],
            [
                ["inputEPCList", "outputEPCList"],
                ["inputEPCList", "outputQuantityList"],
                ["inputQuantityList", "outputEPCList"],
                ["inputQuantityList", "outputQuantityList"],
                ["transformationID"],
            ],
            unless_deleted=False,
        )
    ),
    "AssociationEvent": Draft202012Validator(_event(PARTS, ["action", "parentID"], SETS)),
}
