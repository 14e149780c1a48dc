"""The tool that builds the images downloads what these images need, and nothing else."""

import os
import sys

import docker
import pytest

from tools import build_image


class ProvisionedError(Exception):
    """Neo4j's jars were asked for."""


class Images:
    def get(self, name):
        raise docker.errors.ImageNotFound(name)


class Engine:
    images = Images()


def provision():
    raise ProvisionedError


@pytest.fixture(autouse=True)
def _engine(monkeypatch):
    monkeypatch.setattr(docker, "from_env", lambda **_: Engine())
    monkeypatch.setattr(build_image, "provision", provision)
    monkeypatch.setattr(os, "umask", lambda _: None)
    monkeypatch.setattr(os, "geteuid", lambda: 1)  # so that it ends before debootstrap


def start(monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", ["build_image", *arguments])
    build_image.main()


@pytest.mark.parametrize("image", ["redis", "service"])
def test_the_jars_of_neo4j_are_not_needed_for_others(monkeypatch, image):
    with pytest.raises(SystemExit, match="root"):
        start(monkeypatch, "--only", image)


@pytest.mark.parametrize("arguments", [(), ("--only", "neo4j")])
def test_the_jars_of_neo4j_are_needed_for_its_image(monkeypatch, arguments):
    with pytest.raises(ProvisionedError):
        start(monkeypatch, *arguments)
