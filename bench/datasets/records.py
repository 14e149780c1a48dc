"""Readers of the labelled sets on which the same thing has several names. None of the sets is part of this repository."""

import csv
import json
import re
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mcp_context_persistence.queries.entity_resolution.blocking import EntityProfile

_COLUMN = re.compile(r"COL (\w+) VAL (.*?)(?= COL |$)")
_ENDS = re.compile(r"rec-(\d+)-")
_IDENTIFIERS = (
    "SSN_NUMBER",
    "PASSPORT_NUMBER",
    "DRIVERS_LICENSE_NUMBER",
    "NATIONAL_ID_NUMBER",
    "TAX_ID_NUMBER",
    "OTHER_ID_NUMBER",
)


@dataclass(frozen=True, kw_only=True)
class Judged:
    """Things, and for each id which one it really is."""

    things: list[EntityProfile]
    truth: dict[str, str]


@dataclass(frozen=True, kw_only=True)
class JudgedPair:
    """Two records of things of one type, and whether they are one thing."""

    type: str
    one: dict[str, Any]
    other: dict[str, Any]
    same: bool


def publications(path: Path) -> list[JudgedPair]:
    """Pairs of publications, a line each: two records as `COL name VAL value ...` and 1 or 0, apart by tabs."""
    found = []
    for line in path.read_text(encoding="utf-8").splitlines():
        one, other, same = line.split("\t")
        found.append(
            JudgedPair(
                type="publication",
                one=_columns(one),
                other=_columns(other),
                same=same.strip() == "1",
            )
        )
    return found


def _columns(text: str) -> dict[str, Any]:
    return {name: value.strip() for name, value in _COLUMN.findall(text.strip()) if value.strip()}


def poleo(path: Path) -> Judged:
    """Mentions in short documents."""
    given = json.loads(path.read_text(encoding="utf-8"))
    things = [
        EntityProfile(
            id=one["id"],
            name=one["text"],
            type=one["type"].lower(),
            contexts=frozenset([one["doc"]]),
        )
        for one in given["mentions"]
    ]
    return Judged(things=things, truth=given["clusters"])


def febrl(path: Path) -> Judged:
    """People with their addresses, each once or twice, the second time with slips."""
    things, truth = [], {}
    with path.open(encoding="utf-8", newline="") as file:
        for raw in csv.DictReader(file, skipinitialspace=True):
            row = {key.strip(): (value or "").strip() for key, value in raw.items()}
            fields = {
                "name": f"{row['given_name']} {row['surname']}".strip(),
                "born": row["date_of_birth"],
                "address": " ".join(
                    row[key]
                    for key in (
                        "street_number",
                        "address_1",
                        "address_2",
                        "suburb",
                        "postcode",
                        "state",
                    )
                    if row[key]
                ),
                "identifier": row["soc_sec_id"],
            }
            known = row["rec_id"]
            things.append(
                EntityProfile(
                    id=known, name=fields["name"] or known, type="customer", fields=fields
                )
            )
            match = _ENDS.match(known)
            truth[known] = match[1] if match else known
    return Judged(things=things, truth=truth)


def senzing(folder: Path) -> Judged:
    """Customers, people and companies; only those whose real identity is told."""
    truth = {}
    with (folder / "senzing_actual_truthset_key.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            truth[f"{row['DATA_SOURCE']}:{row['RECORD_ID']}"] = row["CLUSTER_ID"]
    things = []
    for name in ("senzing_customers.jsonl", "senzing_reference.jsonl", "senzing_watchlist.jsonl"):
        if (folder / name).is_file():
            lines = (folder / name).read_text(encoding="utf-8").splitlines()
            things += [
                one
                for one in map(_customer, map(json.loads, filter(str.strip, lines)))
                if one.id in truth
            ]
    kept = {one.id for one in things}
    return Judged(
        things=things, truth={known: one for known, one in truth.items() if known in kept}
    )


def _customer(row: dict[str, Any]) -> EntityProfile:
    fields: defaultdict[str, list[str]] = defaultdict(list)
    kind = "customer"
    for one in row["FEATURES"]:
        name = (
            one.get("NAME_FULL")
            or one.get("NAME_ORG")
            or " ".join(
                one[key]
                for key in ("NAME_FIRST", "NAME_MIDDLE", "NAME_LAST", "NAME_SUFFIX")
                if one.get(key)
            )
        )
        place = one.get("ADDR_FULL") or " ".join(
            one[key] for key in sorted(one) if key.startswith("ADDR_") and key != "ADDR_TYPE"
        )
        values = {
            "name": name,
            "born": one.get("DATE_OF_BIRTH"),
            "address": place,
            "phone": one.get("PHONE_NUMBER"),
            "email": one.get("EMAIL_ADDRESS"),
        }
        for key, value in values.items():
            if value:
                fields[key].append(value)
        fields["identifier"] += [one[key] for key in _IDENTIFIERS if one.get(key)]
    known = f"{row['DATA_SOURCE']}:{row['RECORD_ID']}"
    return EntityProfile(
        id=known,
        name=fields["name"][0] if fields["name"] else known,
        type=kind,
        fields=dict(fields),
    )
