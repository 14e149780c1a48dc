"""What a hit tells of itself: for each arm that found it the place and the score, how its score came about, and the path to it."""

from typing import Any

from mcp_context_persistence.kg.driver.statement import Row
from mcp_context_persistence.queries.search.reranking import ARM


def explained(row: Row, found: Row, *, explain: bool) -> dict[str, Any]:
    """What each arm and the ranker made of a row of `search/find`.

    Args:
        row: It, with `ranking` or `fusion` where it was scored by them.
        found: All that was found, with the `links` of the entities that the query names.
        explain: Whether the path is asked for.
    """
    arms: dict[str, Any] = {}
    if row["meaning"] is not None:
        arms["semantic"] = {
            "rank": 1 + sum(one > row["meaning"] for one in found["nears"]),
            "score": row["meaning"],
        }
    if row["words"] is not None:
        arms["keyword"] = {
            "rank": 1 + sum(one > row["words"] for one in found["scores"]),
            "score": row["words"],
        }
    if (
        link := found.get("links", {}).get(row["id"]) if row["kind"] == "message" else None
    ):  # others may have the same id
        arms["entities"] = {"score": link["score"], "through": link["through"]}
    arms |= {name: row[name] for name in (ARM, "ranking", "fusion") if name in row}
    if explain:
        arms["path"] = _path(row, link)
    return arms | _of_its_kind(row)


def by_graph(row: Row, *, rank: int, names: dict[str, str], explain: bool) -> dict[str, Any]:
    """The same of a row of `search/around`.

    Args:
        row: It.
        rank: Its place.
        names: By which name the query names each entity, by ids.
        explain: Whether the path is asked for.
    """
    graph = {"rank": rank, "score": row["score"], "through": row["through"]}
    return {"graph": graph, **({"path": along(row, names)} if explain else {}), **_of_its_kind(row)}


def along(row: Row, names: dict[str, str]) -> dict[str, Any]:
    """The way over relationships from an entity that the query names; to a document it leads through its passage."""
    way, end = row["path"], row["id"]
    start = way[0]["from"] if way else end
    if row["kind"] == "document":
        end = row["document_id"]
        way = [
            *way,
            {"from": row["id"], "relationship": "HAS_CHUNK", "direction": "incoming", "to": end},
        ]
    return {
        "named": names.get(start),
        "from": start,
        "relationships": way,
        "steps": len(way),
        "to": end,
    }


def _path(row: Row, link: Row | None) -> dict[str, Any]:
    """How the row was reached: by an index, from a hit beside it, or from an entity."""
    if row["kind"] == "document":
        return {
            "from": row["id"],
            "relationship": "HAS_CHUNK",
            "steps": 1,
            "to": row["document_id"],
        }
    hit = row["meaning"] is not None or row["words"] is not None
    if link and not hit:
        return dict(link["path"])
    seeds = [seed for seed in row.get("seeds") or () if seed["id"] is not None]
    best = min(
        seeds,
        key=lambda seed: (seed["steps"], -seed["own"], seed["id"]),
        default={"id": row["id"], "steps": 0},
    )
    return {"from": best["id"], "relationship": "NEXT", "steps": best["steps"], "to": row["id"]}


def _of_its_kind(row: Row) -> dict[str, Any]:
    told: dict[str, Any] = {}
    if row["kind"] == "document":
        told["passage"] = {"start": row["start"], "end": row["end"]}
    if row.get("status") == "proposed":
        told["status"] = "proposed"
    return told
