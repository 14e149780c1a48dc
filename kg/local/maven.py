"""Files of a Maven repository, from where the Maven client of this machine would take them.

The repositories are jgo's: its default remote and those of its configuration file. A mirror in the
user's ``settings.xml`` takes the place of the default one, as Maven does it. Proxies come from the
environment. A local repository is looked into first.
"""

import os
import shutil
import threading
import time
import xml.etree.ElementTree as ET
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import requests
from jgo.config import GlobalSettings
from jgo.maven import MavenContext

from mcp_context_persistence.kg.system_errors import describe_exhaustion

CERTIFICATE_VARIABLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE")  # by priority
ATTEMPTS = 4
SECONDS = 30.0  # to connect, and between two pieces of an answer
PIECE = 1 << 18


@dataclass(frozen=True, kw_only=True)
class Remote:
    """A remote repository, with the credentials that ``settings.xml`` has for it."""

    url: str
    auth: tuple[str, str] | None = None


class _UnreadableCertificatesError(requests.RequestException):
    """The file of certificates that a variable of the environment names cannot be read."""


class Repository:
    """Fetches files by their path in a repository; threads may share it."""

    def __init__(self, context: MavenContext | None = None) -> None:
        context = context or MavenContext()
        self.local = Path(context.repo_cache)
        self.remotes = remotes(context)
        self._reason = ""  # why the last download failed
        self._threads = threading.local()

    def fetch(self, path: str, to: Path, report: Callable[[int], None] | None = None) -> bool:
        """Download a file.

        Args:
            path: Such as ``org/neo4j/neo4j/1/neo4j-1.jar``.
            to: Where it is written; an existing file is replaced.
            report: Called with the bytes that are there so far.

        Returns:
            False where no repository answered with the file.
        """
        for attempt in range(ATTEMPTS):
            for remote in self.remotes:
                if self._download(f"{remote.url}/{quote(path)}", remote.auth, to, report):
                    return True
            time.sleep(0.3 * 2**attempt)
        return False

    def advise(self) -> str:
        """Return the end of an error about a file: why it is missing, and what to do."""
        reason = f" ({self._reason})" if self._reason else ""
        return (
            f"{reason}: check the network, the proxy, or the mirror in ~/.m2/settings.xml, and try "
            "again."
        )

    def copy_local(self, path: str, to: Path) -> bool:
        """Copy the file from the local repository; return whether it is there."""
        try:
            shutil.copyfile(self.local / path, to)
        except OSError:
            return False
        return True

    def _download(
        self,
        url: str,
        auth: tuple[str, str] | None,
        to: Path,
        report: Callable[[int], None] | None,
    ) -> bool:
        host = urlsplit(url).hostname
        try:
            with self._get(url, auth) as answer:
                if answer.status_code != requests.codes.ok:
                    self._reason = f"{host} answered with the status {answer.status_code}"
                    return False
                with to.open("wb") as file:
                    for piece in answer.iter_content(PIECE):
                        file.write(piece)
                        if report:
                            file.flush()  # a child that it forks must have nothing to write
                            report(file.tell())
        except requests.exceptions.SSLError:
            self._reason = (
                f"the certificate of {host} is not trusted; if your network has a certificate "
                "authority of its own, set SSL_CERT_FILE to the file of its certificates"
            )
            return False
        except _UnreadableCertificatesError:
            variable = next(filter(os.environ.get, CERTIFICATE_VARIABLES), "SSL_CERT_FILE")
            self._reason = f"the file in {variable} cannot be read"
            return False
        except requests.RequestException as error:
            self._reason = f"{host} cannot be reached: {type(error).__name__}"
            return False
        return True

    def _get(self, url: str, auth: tuple[str, str] | None) -> requests.Response:
        try:
            return self._session().get(url, auth=auth, timeout=SECONDS, stream=True)
        except requests.RequestException:
            raise
        except OSError as error:  # which requests raises where the file does not exist
            if describe_exhaustion(error):
                raise
            raise _UnreadableCertificatesError from error

    def _session(self) -> requests.Session:
        if not hasattr(self._threads, "session"):
            self._threads.session = requests.Session()
            # As other programs do; REQUESTS_CA_BUNDLE has priority.
            self._threads.session.verify = os.environ.get("SSL_CERT_FILE") or True
        session: requests.Session = self._threads.session
        return session


def remotes(context: MavenContext, settings: Path | None = None) -> list[Remote]:
    """Return the remote repositories to ask, in order.

    Args:
        context: The context of jgo, with its remote repositories.
        settings: The user's Maven settings (default: ``~/.m2/settings.xml``).
    """
    mirrors = _read_mirrors(settings or Path.home() / ".m2" / "settings.xml")
    unique_remotes: list[Remote] = []
    for name, url in {**context.remote_repos, **GlobalSettings.load().repositories}.items():
        remote = next(
            (mirror for names, mirror in mirrors if _is_mirrored(name, names)),
            Remote(url=str(url).rstrip("/")),
        )
        if remote not in unique_remotes:
            unique_remotes.append(remote)
    return unique_remotes


def _is_mirrored(name: str, names: list[str]) -> bool:
    if f"!{name}" in names:
        return False
    return name in names or "*" in names or "external:*" in names


def _read_mirrors(settings: Path) -> list[tuple[list[str], Remote]]:
    try:
        root = ET.parse(settings).getroot()  # noqa: S314  the user's own file, which Maven itself trusts
    except (OSError, ET.ParseError):
        return []
    servers = {
        _read_text(server, "id"): server for server in root.iter() if _tag(server) == "server"
    }
    mirrors = []
    for mirror in root.iter():
        url = _read_text(mirror, "url")
        if _tag(mirror) != "mirror" or not url.startswith("http"):
            continue
        server = servers.get(_read_text(mirror, "id"))
        auth = (
            (_read_text(server, "username"), _read_text(server, "password"))
            if server is not None
            else None
        )
        names = [name.strip() for name in _read_text(mirror, "mirrorOf").split(",")]
        mirrors.append((names, Remote(url=url.rstrip("/"), auth=auth)))
    return mirrors


def _tag(element: Any) -> str:
    return str(element.tag).rsplit("}", 1)[-1]


def _read_text(element: Any, tag: str) -> str:
    """Return the text of a child element, with environment variables expanded, or ""."""
    return next(
        (os.path.expandvars((child.text or "").strip()) for child in element if _tag(child) == tag),
        "",
    )
