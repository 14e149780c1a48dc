"""The locked jars of the managed server: the lock file, the download, copies without signatures."""

import errno
import io
import os
import zipfile
from pathlib import Path

import pytest
import requests
from jgo.maven import MavenContext

from mcp_context_persistence.kg.errors import DatabaseError
from mcp_context_persistence.kg.local import jars, maven
from mcp_context_persistence.kg.local.settings import NEO4J_VERSION
from mcp_context_persistence.kg.local.signature_stripping import is_signed, strip_signatures


def test_the_lock_file_names_every_jar_once_with_its_checksum():
    locked_jars = jars.locked()
    assert len({(jar.target, jar.name) for jar in locked_jars}) == len(locked_jars) > 300
    assert {jar.target for jar in locked_jars} == {"lib", "plugins"}
    assert all(len(jar.sha256) == 64 and jar.size > 0 for jar in locked_jars)
    assert any(jar.coordinates == f"org.neo4j:neo4j:{NEO4J_VERSION}" for jar in locked_jars)
    assert not {jar.name for jar in locked_jars if jar.target == "lib"} & {
        jar.name for jar in locked_jars if jar.target == "plugins"
    }


def test_the_package_names_no_host():
    files = [
        file for file in Path(jars.__file__).parent.iterdir() if file.suffix in {".py", ".json"}
    ]
    assert not [file.name for file in files if b"https://" in file.read_bytes()]


def test_a_jar_has_a_path_in_a_repository():
    jar = jars.Jar(coordinates="a.b:c:1:linux", target="lib", sha256="", size=0)
    assert (jar.name, jar.path) == ("c-1-linux.jar", "a/b/c/1/c-1-linux.jar")


def test_provisioning_uses_the_local_repository_first_and_reports_bytes(small_lock):
    reports = []
    provisioned = jars.provision(lambda *report: reports.append(report))
    assert [file.name for file in provisioned.lib.glob("*.jar")] == ["one-1.jar"]
    assert [file.name for file in provisioned.plugins.glob("*.jar")] == ["two-1.jar"]
    assert reports[-1] == ("download", 600, 600)


def test_a_damaged_jar_is_fetched_again_or_refused(small_lock):
    provisioned = jars.provision()
    (provisioned.lib / "one-1.jar").write_bytes(b"one" * 99 + b"bad")
    jars.provision()
    assert (provisioned.lib / "one-1.jar").read_bytes() == b"one" * 100
    (provisioned.lib / "one-1.jar").unlink()
    (small_lock / "g/one/1/one-1.jar").write_bytes(b"one" * 99 + b"bad")
    with pytest.raises(DatabaseError, match="0 of 1 jars"):
        jars.provision()
    assert not (provisioned.lib / "one-1.jar").exists()


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (requests.exceptions.SSLError, "certificate of jars.example is not trusted"),
        (
            requests.exceptions.ConnectTimeout,
            "jars.example cannot be reached: ConnectTimeout",
        ),
    ],
)
def test_a_failed_download_says_why_and_is_no_progress(small_lock, monkeypatch, error, reason):
    def fail(session, url, **options):
        urls.append(url)
        assert session.verify == "certificates.pem"
        raise error(url)

    urls, reports = [], []
    monkeypatch.setenv("SSL_CERT_FILE", "certificates.pem")
    monkeypatch.setattr(jars, "DOWNLOADS", 1)
    monkeypatch.setattr(requests.Session, "get", fail)
    monkeypatch.setattr(
        maven, "remotes", lambda context: [maven.Remote(url="https://jars.example")]
    )
    (small_lock / "g/one/1/one-1.jar").unlink()
    (small_lock / "g/two/1/two-1.jar").unlink()
    with pytest.raises(
        DatabaseError, match=f"0 of 2 jars .*; g:(one|two):1 .*{reason}.*check the network"
    ) as caught:
        jars.provision(lambda *report: reports.append(report))
    assert caught.value.retryable
    assert len(urls) == 1  # the second jar would wait for nothing
    assert reports[-1] == ("download", 0, 600)


def test_the_error_of_a_failed_download_counts_what_was_downloaded(small_lock, monkeypatch):
    monkeypatch.setattr(jars, "DOWNLOADS", 1)
    (small_lock / "g/two/1/two-1.jar").unlink()
    with pytest.raises(DatabaseError, match=r"1 of 2 jars .* downloaded; g:two:1 could not be"):
        jars.provision()


def set_missing_certificates(monkeypatch, variable):
    for name in maven.CERTIFICATE_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(variable, "/no/such/file.pem")
    monkeypatch.setattr(maven, "remotes", lambda context: [maven.Remote(url="https://127.0.0.1:9")])


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"])
def test_a_missing_file_of_certificates_is_named_by_its_variable(small_lock, monkeypatch, variable):
    set_missing_certificates(monkeypatch, variable)
    (small_lock / "g/one/1/one-1.jar").unlink()
    with pytest.raises(
        DatabaseError, match=rf"\(the file in {variable} cannot be read\)"
    ) as caught:
        jars.provision()
    assert caught.value.retryable


def test_an_exhausted_system_is_no_missing_file_of_certificates(small_lock, monkeypatch):
    def fail(session, url, **options):
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(requests.Session, "get", fail)
    set_missing_certificates(monkeypatch, "SSL_CERT_FILE")
    (small_lock / "g/one/1/one-1.jar").unlink()
    with pytest.raises(OSError, match="Too many open files"):
        jars.provision()


def test_a_jar_that_is_not_locked_is_refused(small_lock):
    provisioned = jars.provision()
    (provisioned.plugins / "other.jar").write_bytes(b"x")
    with pytest.raises(DatabaseError, match=r"remove other\.jar"):
        jars.provision()


@pytest.mark.parametrize("name", ["a:b", "a\nb", "a\rb", os.fsdecode(b"a\xffb")], ids=ascii)
def test_a_cache_folder_that_java_cannot_use_is_refused_and_not_made(
    small_lock, tmp_path, monkeypatch, name
):
    monkeypatch.setenv("CONTEXT_CACHE_DIR", str(tmp_path / name))
    with pytest.raises(DatabaseError, match="set CONTEXT_CACHE_DIR to another folder") as caught:
        jars.provision()
    assert not caught.value.retryable
    assert not (tmp_path / name).exists()


def test_a_mirror_of_the_users_settings_replaces_the_default_repository(tmp_path):
    settings = tmp_path / "settings.xml"
    settings.write_text(
        "<settings><servers><server><id>m</id><username>u</username><password>p</password></server></servers>"
        "<mirrors><mirror><id>m</id><mirrorOf>*,!inner</mirrorOf><url>https://mirror.example/maven/</url></mirror></mirrors>"
        "</settings>"
    )
    context = MavenContext(
        remote_repos={"central": "https://one.example", "inner": "https://two.example/"}
    )
    locked_jars = maven.remotes(context, settings)
    assert [remote.url for remote in locked_jars[:2]] == [
        "https://mirror.example/maven",
        "https://two.example",
    ]
    assert locked_jars[0].auth == ("u", "p")
    assert maven.remotes(context, tmp_path / "none")[0].url == "https://one.example"


MANIFEST = b"Manifest-Version: 1.0\r\nMulti-Release: true\r\n\r\n"


def signed_jar():
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("META-INF/MANIFEST.MF", MANIFEST + b"Name: a\r\nSHA-256-Digest: x\r\n\r\n")
        archive.writestr("META-INF/KEY.SF", "x")
        archive.writestr("META-INF/KEY.RSA", "x")
        archive.writestr("a/B.class", b"\xca\xfe" * 1000)
    return buffer.getvalue()


def test_the_copy_without_signatures_is_complete_and_reproducible():
    copy = strip_signatures(signed_jar())
    with zipfile.ZipFile(io.BytesIO(copy)) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == ["META-INF/MANIFEST.MF", "a/B.class"]
        assert archive.read("META-INF/MANIFEST.MF") == MANIFEST
        assert archive.read("a/B.class") == b"\xca\xfe" * 1000
    assert is_signed(signed_jar())
    assert not is_signed(copy)
    assert strip_signatures(copy) == copy
