"""Read the labeled sets in which the same entity has several names.

None of the sets is part of this repository.
"""

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
class LabeledProfiles:
    """Profiles, and for the id of each one the name of its real entity."""

    profiles: list[EntityProfile]
    truth: dict[str, str]


@dataclass(frozen=True, kw_only=True)
class LabeledPair:
    """Two records of one type, and whether they are of the same entity."""

    type: str
    first: dict[str, Any]
    second: dict[str, Any]
    is_same: bool


def publications(path: Path) -> list[LabeledPair]:
    """Read pairs of publications.

    Each line has two records as `COL name VAL value ...` and 1 or 0, with tabs between them.
    """
    pairs = []
    for line in path.read_text(encoding="utf-8").splitlines():
        first, second, label = line.split("\t")
        pairs.append(
            LabeledPair(
                type="publication",
                first=_read_columns(first),
                second=_read_columns(second),
                is_same=label.strip() == "1",
            )
        )
    return pairs


def _read_columns(text: str) -> dict[str, Any]:
    return {name: value.strip() for name, value in _COLUMN.findall(text.strip()) if value.strip()}


def poleo(path: Path) -> LabeledProfiles:
    """Read mentions in short documents."""
    content = json.loads(path.read_text(encoding="utf-8"))
    profiles = [
        EntityProfile(
            id=mention["id"],
            name=mention["text"],
            type=mention["type"].lower(),
            contexts=frozenset([mention["doc"]]),
        )
        for mention in content["mentions"]
    ]
    return LabeledProfiles(profiles=profiles, truth=content["clusters"])


def febrl(path: Path) -> LabeledProfiles:
    """Read people with their addresses, each once or twice, the second time with errors."""
    profiles: list[EntityProfile] = []
    truth: dict[str, str] = {}
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
            record_id = row["rec_id"]
            profiles.append(
                EntityProfile(
                    id=record_id, name=fields["name"] or record_id, type="customer", fields=fields
                )
            )
            match = _ENDS.match(record_id)
            truth[record_id] = match[1] if match else record_id
    return LabeledProfiles(profiles=profiles, truth=truth)


def senzing(folder: Path) -> LabeledProfiles:
    """Read customers, people and companies; only those whose real entity is labeled."""
    truth = {}
    with (folder / "senzing_actual_truthset_key.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            truth[f"{row['DATA_SOURCE']}:{row['RECORD_ID']}"] = row["CLUSTER_ID"]
    profiles = []
    for name in ("senzing_customers.jsonl", "senzing_reference.jsonl", "senzing_watchlist.jsonl"):
        if (folder / name).is_file():
            lines = (folder / name).read_text(encoding="utf-8").splitlines()
            profiles += [
                profile
                for profile in map(_read_customer, map(json.loads, filter(str.strip, lines)))
                if profile.id in truth
            ]
    ids = {profile.id for profile in profiles}
    return LabeledProfiles(
        profiles=profiles,
        truth={profile_id: entity for profile_id, entity in truth.items() if profile_id in ids},
    )


def _read_customer(row: dict[str, Any]) -> EntityProfile:
    fields: defaultdict[str, list[str]] = defaultdict(list)
    for feature in row["FEATURES"]:
        name = (
            feature.get("NAME_FULL")
            or feature.get("NAME_ORG")
            or " ".join(
                feature[key]
                for key in ("NAME_FIRST", "NAME_MIDDLE", "NAME_LAST", "NAME_SUFFIX")
                if feature.get(key)
            )
        )
        address = feature.get("ADDR_FULL") or " ".join(
            feature[key]
            for key in sorted(feature)
            if key.startswith("ADDR_") and key != "ADDR_TYPE"
        )
        values = {
            "name": name,
            "born": feature.get("DATE_OF_BIRTH"),
            "address": address,
            "phone": feature.get("PHONE_NUMBER"),
            "email": feature.get("EMAIL_ADDRESS"),
        }
        for key, value in values.items():
            if value:
                fields[key].append(value)
        fields["identifier"] += [feature[key] for key in _IDENTIFIERS if feature.get(key)]
    record_id = f"{row['DATA_SOURCE']}:{row['RECORD_ID']}"
    return EntityProfile(
        id=record_id,
        name=fields["name"][0] if fields["name"] else record_id,
        type="customer",
        fields=dict(fields),
    )
