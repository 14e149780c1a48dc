"""A service with a key for each of two namespaces, of which only the first has something."""

import contextlib
import uuid

from mcp_context_persistence.service.keys import SCOPES, KeyFile
from mcp_context_persistence.service.settings import ServiceSettings
from tests.doors.rest_service import run_service

CANARY = "canarybird"
IDS = {
    "conversation_id": f"{CANARY}-conversation",
    "message_id": f"{CANARY}-message",
    "document_id": f"{CANARY}-document",
    "entity_id": f"{CANARY.title()}Validator",
}


@contextlib.contextmanager
def run_two_namespaces(server, folder):
    """Run a service; yield it, the file of its keys, the names of the namespaces, and a key each.

    Only the first namespace has something.
    """
    keys = KeyFile(folder / "api_keys.json")
    names = [f"test-rest-{side}-{uuid.uuid4().hex[:8]}" for side in ("first", "second")]
    tokens = [keys.create(namespace=name, scopes=SCOPES)[1] for name in names]
    settings = ServiceSettings(
        database_url=server.bolt_url,
        auth=server.auth,
        namespace=names[1],
        keys_file=keys.path,
    )
    with run_service(settings) as service:
        with service.open_client(tokens[0]) as first:
            fill(first)
        yield service, keys, names, tokens
        for name, token in zip(names, tokens, strict=True):
            with service.open_client(token) as client:
                client.delete("/v1/namespace", params={"confirm": name})


def fill(first):
    text = f"The {IDS['entity_id']} class uses pandas. We decided to keep {CANARY}."
    body = {
        "messages": [{"id": IDS["message_id"], "role": "user", "content": text}],
        "metadata": {"project": CANARY},
    }
    assert first.put(f"/v1/conversations/{IDS['conversation_id']}", json=body).status_code == 200
    document = {"text": text, "metadata": {"project": CANARY}}
    assert first.put(f"/v1/documents/{IDS['document_id']}", json=document).status_code == 200
    decision = {
        "conversation_id": IDS["conversation_id"],
        "decision_type": "technology",
        "context": text,
        "outcome": text,
    }
    assert first.post("/v1/decisions", json=decision).status_code == 200
    assert first.post("/v1/instructions", json={"text": f"Say {CANARY}."}).status_code == 200


def read_all(client):
    """What a namespace has, without the time that reading it takes."""
    paths = (
        "/v1/stats",
        "/v1/conversations",
        f"/v1/conversations/{IDS['conversation_id']}",
        f"/v1/documents/{IDS['document_id']}",
        "/v1/decisions",
        "/v1/instructions",
        "/v1/entities",
        "/v1/merges",
    )
    answers = [client.get(path).json() for path in paths]
    for answer in answers:
        answer.pop("processing_time", None)
        answer.pop("request_id", None)
    return answers


def find_ids(stored):
    """The ids of everything in the first namespace, from what `read_all` returned."""
    return IDS | {
        "decision_id": stored[4]["decisions"][0]["id"],
        "instruction_id": stored[5]["instructions"][0]["id"],
        "merge_id": f"{CANARY}-merge",
    }
