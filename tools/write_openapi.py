"""Write docs/openapi.json, the OpenAPI document of the service: python -m tools.write_openapi."""

import json
from pathlib import Path

from mcp_context_persistence.rest.app import create_app
from mcp_context_persistence.service.settings import ServiceSettings

FILE = Path(__file__).resolve().parents[1] / "docs/openapi.json"


def render() -> str:
    """Return the document as the file has it."""
    app = create_app(ServiceSettings(database_url=":memory:"))
    return json.dumps(app.openapi(), indent=1, sort_keys=True, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    FILE.write_text(render(), encoding="utf-8")
