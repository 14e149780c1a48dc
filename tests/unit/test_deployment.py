"""The manifests of Kubernetes and the files of the containers, against schemas and the code."""

import re
import tomllib
from pathlib import Path

import kubernetes_validate
import pytest
import yaml

from mcp_context_persistence import __version__
from mcp_context_persistence.cli import serve
from mcp_context_persistence.cli.main import COMMANDS
from mcp_context_persistence.rest import app as rest_app
from mcp_context_persistence.runtime.config import sources
from mcp_context_persistence.runtime.config.settings import Config, load_config
from mcp_context_persistence.service import server

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "deploy/kubernetes"
KUSTOMIZATION = yaml.safe_load((FOLDER / "kustomization.yaml").read_text())
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
DOCKERFILE = (ROOT / "Dockerfile").read_text()
MANIFESTS = [
    manifest
    for path in sorted(FOLDER.glob("*.yaml"))
    if path.name != "kustomization.yaml"
    for manifest in yaml.safe_load_all(path.read_text())
]
PODS = {
    manifest["metadata"]["name"]: manifest["spec"]["template"]
    for manifest in MANIFESTS
    if manifest["kind"] in {"Deployment", "StatefulSet"}
}
# What the composition sets itself, and what has no effect or no place there.
NOT_PASSED = {
    *("database_url", "database_user", "database_password", "credentials_file", "log_file"),
    *("vector_db_url", "vector_db_api_key", "vector_collection_name"),
}
NAME = "app.kubernetes.io/name"


def find(kind, name="context-persistence"):
    (manifest,) = (
        row for row in MANIFESTS if (row["kind"], row["metadata"]["name"]) == (kind, name)
    )
    return manifest


def read_variables(container):
    return {row["name"]: row["value"] for row in container["env"]}


@pytest.mark.parametrize(
    "manifest", MANIFESTS, ids=lambda row: f"{row['kind']}-{row['metadata']['name']}"
)
def test_a_manifest_is_valid(manifest):
    version = kubernetes_validate.latest_version()
    kubernetes_validate.validate(manifest, version, strict=True)
    if manifest["kind"] != "Namespace":
        assert manifest["metadata"]["namespace"] == KUSTOMIZATION["namespace"]
    broken = manifest | {"unknown": 1}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(broken, version, strict=True)


def test_the_kustomization_has_all_files_but_the_example():
    files = {path.name for path in FOLDER.glob("*.yaml")}
    assert files - set(KUSTOMIZATION["resources"]) == {
        "kustomization.yaml",
        "secrets.example.yaml",
    }


@pytest.mark.parametrize("name", PODS)
def test_a_pod_is_restricted_and_limited(name):
    pod = PODS[name]["spec"]
    assert pod["securityContext"]["runAsNonRoot"]
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert (pod["automountServiceAccountToken"], pod["enableServiceLinks"]) == (False, False)
    (container,) = pod["containers"]
    assert container["securityContext"]["allowPrivilegeEscalation"] is False
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert container["resources"]["requests"].keys() == {"cpu", "memory"}
    assert container["resources"]["limits"].keys() == {"memory"}
    claims = {"data"} if name == "neo4j" else set()
    assert {row["name"] for row in container["volumeMounts"]} == claims | {
        row["name"] for row in pod["volumes"]
    }


def test_selectors_choose_the_pods_and_no_others():
    for kind in ("Service", "PodDisruptionBudget", "NetworkPolicy"):
        for name, pod in PODS.items():
            if (kind, name) == ("PodDisruptionBudget", "neo4j"):
                continue
            spec = find(kind, name)["spec"]
            selector = spec.get("podSelector") or spec["selector"]
            labels = selector.get("matchLabels", selector)
            assert labels == {NAME: pod["metadata"]["labels"][NAME]}
    assert find("NetworkPolicy", "deny-all")["spec"] == {
        "podSelector": {},
        "policyTypes": ["Ingress", "Egress"],
    }


def test_neo4j_can_download_the_plugin_that_it_is_told_to_use():
    (container,) = PODS["neo4j"]["spec"]["containers"]
    assert "graph-data-science" in read_variables(container)["NEO4J_PLUGINS"]
    rules = find("NetworkPolicy", "neo4j")["spec"]["egress"]
    assert {port["port"] for rule in rules for port in rule["ports"]} == {53, 443}


def test_three_replicas_spread_and_two_stay():
    deployment = find("Deployment")["spec"]
    assert deployment["replicas"] == 3
    assert find("PodDisruptionBudget")["spec"]["minAvailable"] == 2
    (constraint,) = deployment["template"]["spec"]["topologySpreadConstraints"]
    assert constraint["labelSelector"] == deployment["selector"]
    assert find("StatefulSet", "neo4j")["spec"]["replicas"] == 1


def test_probes_ask_addresses_that_need_no_key_by_a_name_that_is_allowed():
    (container,) = PODS["context-persistence"]["spec"]["containers"]
    open_paths = set(rest_app._build_open_answers(None, None))
    for probe, path in (
        ("startupProbe", "/healthz"),
        ("livenessProbe", "/healthz"),
        ("readinessProbe", "/readyz"),
    ):
        request = container[probe]["httpGet"]
        assert request["path"] == path
        assert request["httpHeaders"] == [{"name": "Host", "value": "localhost"}]
        assert path in open_paths
    assert "http://127.0.0.1:8000/readyz" in DOCKERFILE


def test_the_time_to_stop_is_longer_than_that_of_the_requests():
    pod = PODS["context-persistence"]["spec"]
    (container,) = pod["containers"]
    pause = container["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert pod["terminationGracePeriodSeconds"] >= pause + server.DRAIN_SECONDS + 5
    seconds = int(COMPOSE["services"]["service"]["stop_grace_period"].removesuffix("s"))
    assert seconds >= server.DRAIN_SECONDS + 5


def test_the_service_is_given_longer_to_start_than_its_database():
    check = COMPOSE["services"]["neo4j"]["healthcheck"]
    start, interval = (int(check[name].removesuffix("s")) for name in ("start_period", "interval"))
    (seconds,) = re.findall(r"--start-period=(\d+)s", DOCKERFILE)
    assert int(seconds) > start + interval * check["retries"]


def test_the_composition_passes_the_settings_that_have_variables(monkeypatch):
    variables = {
        name: field
        for field, info in Config.model_fields.items()
        for name in sources.variables_of(info)[:1]
        if field not in NOT_PASSED
    }
    environment = COMPOSE["services"]["service"]["environment"]
    passed = {name for name, value in environment.items() if value == f"${{{name}:-}}"}
    assert variables.keys() - passed == set()
    defaults = load_config()
    for name in passed:  # nobody has set it
        monkeypatch.setenv(name, "")
    assert load_config() == defaults


def test_variables_are_documented_and_secrets_are_files():
    documentation = "".join(
        (ROOT / "docs" / page).read_text() for page in ("configuration.md", "rest.md")
    )
    (container,) = PODS["context-persistence"]["spec"]["containers"]
    compose = COMPOSE["services"]["service"]["environment"]
    for name in {**read_variables(container), **compose}:
        assert f"`{name}`" in documentation, name
    for variables in (
        read_variables(container),
        compose,
        read_variables(PODS["neo4j"]["spec"]["containers"][0]),
        COMPOSE["services"]["neo4j"]["environment"],
    ):
        assert not [name for name in variables if "PASSWORD" in name or name == "NEO4J_AUTH"]


def test_images_and_versions_agree():
    (container,) = PODS["context-persistence"]["spec"]["containers"]
    (image,) = KUSTOMIZATION["images"]
    assert container["image"] == f"{image['name']}:{image['newTag']}"
    assert image["newTag"] == __version__
    (neo4j,) = PODS["neo4j"]["spec"]["containers"]
    assert neo4j["image"] in COMPOSE["services"]["neo4j"]["image"]


def test_the_composition_listens_on_this_machine_alone():
    for name, service in COMPOSE["services"].items():
        for port in service.get("ports", ()):
            assert port.startswith("127.0.0.1:"), name


def test_the_dockerfile_copies_what_the_build_needs_and_installs_extras_that_exist():
    ignored = (ROOT / ".dockerignore").read_text().split()
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"][
        "optional-dependencies"
    ]
    assert ignored[0] == "*"
    assert all((ROOT / line[1:]).exists() for line in ignored if line.startswith("!"))
    assert set(re.findall(r"--extra (\w+)", DOCKERFILE)) <= extras.keys()
    assert "USER 10001:10001" in DOCKERFILE


def test_the_page_on_containers_names_all_variables_and_only_services_that_exist():
    page = (ROOT / "docs/containers.md").read_text()
    table = page.split("## Settings\n")[1].split("\n## ")[0]
    names = " ".join(re.findall(r"^\|([^|]*)\|", table, re.MULTILINE))
    variables = re.findall(r"\$\{([A-Z0-9_]+)", (ROOT / "docker-compose.yml").read_text())
    assert set(re.findall(r"`([A-Z0-9_]+)`", names)) == set(variables)
    for words in re.findall(r"docker compose (?:run|exec) ([^\n]*)", page):
        options = {"--rm", "-T", "--volume", '"$PWD/backups:/backups"'}
        service, *command = [word for word in words.split() if word not in options]
        assert service in COMPOSE["services"], words
        if service == "keys":
            assert command[0] in serve.keys.commands, words
        elif service == "service":
            assert command[1] in COMMANDS, words
