"""What is in deploy is tried as far as it can be without its engine: systemd judges its unit, Kubernetes' schemas its manifests, and the
program runs in the file system of its container."""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tomllib
from pathlib import Path

import kubernetes_validate
import pytest
import yaml

import service

DEPLOY = service.ROOT / "deploy"
UNIT = DEPLOY / "systemd" / "duskwatch.service"
CONTAINER = DEPLOY / "container"
KUBERNETES = DEPLOY / "kubernetes"
MOST_EXPOSED = 2.0
NOBODY = 65532

# Who shows which file of deploy; a file that is in none of them is one that nobody tries.
TRIED = {
    "README.md": "test_manual.py",
    "CAPACITY.md": "test_manual.py",
    "prometheus/": "test_prometheus.py",
    "grafana/": "test_prometheus.py",
    "otel-collector/": "test_deploy.py",
    "systemd/": "test_deploy.py",
    "container/": "test_deploy.py",
    "kubernetes/": "test_deploy.py",
    "webhook/": "test_webhook.py",
    "supply-chain/": "test_deploy.py",
    "SECURITY.md": "test_deploy.py",
}


def run(*line, cwd=None, expect=0):
    done = subprocess.run([*map(str, line)], cwd=cwd, capture_output=True, text=True, timeout=60)
    assert done.returncode == expect, f"{line}: exit {done.returncode}\n{done.stdout}{done.stderr}"
    return done.stdout + done.stderr


def test_every_file_is_tried_by_somebody():
    files = [path.relative_to(DEPLOY).as_posix() for path in DEPLOY.rglob("*") if path.is_file()]
    assert [name for name in files if not any(name.startswith(known) for known in TRIED)] == []
    peers = service.ROOT / "tests" / "peers"
    assert [folder for folder, test in TRIED.items() if folder.strip("/") not in (peers / test).read_text()] == []


# --- SECURITY.md and supply-chain


def test_the_threat_model_leads_to_files_that_are_there():
    text = (DEPLOY / "SECURITY.md").read_text()
    named = {name for name in re.findall(r"`((?:src|tests|deploy|config|sql)/[\w./-]+)`", text) if "*" not in name}
    assert named and [name for name in named if not (service.ROOT / name).exists()] == []


def test_the_bill_of_materials_lists_exactly_what_is_compiled_in():
    line = [sys.executable, DEPLOY / "supply-chain" / "sbom.py"]
    written = json.loads(subprocess.run(line, cwd=service.ROOT, stdout=subprocess.PIPE, timeout=60, check=True).stdout)
    locked = {(package["name"], package["version"]) for package in tomllib.loads((service.ROOT / "Cargo.lock").read_text())["package"]}
    tree = ["cargo", "tree", "--locked", "--edges", "normal,build", "--prefix", "none", "--format", "{p}"]
    lines = subprocess.run(tree, cwd=service.ROOT, stdout=subprocess.PIPE, text=True, timeout=60, check=True).stdout.splitlines()
    built = {(name, version.removeprefix("v")) for name, version, *_ in (line.split() for line in lines if line)}
    program = written["metadata"]["component"]
    listed = [(part["name"], part["version"]) for part in [program, *written["components"]]]
    assert written["bomFormat"] == "CycloneDX" and program["name"] == "duskwatch"
    assert len(listed) == len(set(listed)) > 100 and set(listed) == built <= locked
    run("bash", "-n", DEPLOY / "supply-chain" / "twice.sh")


def runs_code_when_it_is_built():
    """The crates with a build script, on the platforms that are looked at."""
    platforms = tomllib.loads((service.ROOT / ".cargo" / "deny.toml").read_text())["graph"]["targets"]
    line = ["cargo", "metadata", "--locked", "--format-version", "1", *(f"--filter-platform={platform}" for platform in platforms)]
    known = json.loads(subprocess.run(line, cwd=service.ROOT, stdout=subprocess.PIPE, timeout=60, check=True).stdout)
    return {package["name"] for package in known["packages"] if any("custom-build" in target["kind"] for target in package["targets"])}


def test_the_notes_name_exactly_the_crates_that_run_code_when_they_are_built():
    notes = (service.ROOT / ".cargo" / "deny.toml").read_text().partition("# Build scripts:")[2]
    locked = {package["name"] for package in tomllib.loads((service.ROOT / "Cargo.lock").read_text())["package"]}
    assert set(re.findall(r"[a-z0-9_-]+", notes)) & locked == runs_code_when_it_is_built()


# --- systemd


def settings(unit):
    """Section and key to the values of a unit, in their order."""
    found, section = {}, ""
    for line in unit.read_text().splitlines():
        if line.startswith("["):
            section = line.strip("[]")
        elif line and not line.startswith("#"):
            key, _, value = line.partition("=")
            found.setdefault((section, key), []).append(value)
    return found


def test_systemd_accepts_the_unit(tmp_path):
    # Everything but the place of the program is as it is installed.
    unit = tmp_path / UNIT.name
    unit.write_text(UNIT.read_text().replace("/usr/bin/duskwatch", str(service.BINARY)))
    said = run("systemd-analyze", "verify", "--man=no", unit)
    assert UNIT.name not in said, said


def test_the_unit_is_hardly_exposed():
    said = run("systemd-analyze", "security", "--offline=true", f"--threshold={MOST_EXPOSED * 10:.0f}", UNIT)
    level = float(re.search(r"Overall exposure level for \S+: ([\d.]+)", said)[1])
    assert level < MOST_EXPOSED, said


def test_the_unit_is_the_contracts():
    unit = settings(UNIT)
    [start] = unit["Service", "ExecStart"]
    assert start.endswith(" run")
    # A start is prevented by the exit status of that process alone, and a directory that is away is no reason not to collect.
    assert ("Service", "ExecStartPre") not in unit
    assert unit["Service", "Type"] == ["notify"] and unit["Service", "DynamicUser"] == ["yes"]
    assert unit["Service", "RestartPreventExitStatus"] == ["78"] and unit["Service", "WatchdogSec"]
    one_heap = "MALLOC_ARENA_MAX=1"
    assert unit["Service", "Environment"] == [one_heap] and f"\nENV {one_heap}\n" in (CONTAINER / "Containerfile").read_text()
    secrets = {value.split(":")[0] for value in unit["Service", "LoadCredential"]}
    config = (DEPLOY / "systemd" / "duskwatch.toml").read_text()
    assert set(re.findall(r"file:/run/credentials/duskwatch\.service/([\w-]+)", config)) == secrets


def test_the_service_tells_its_manager_that_it_is_ready_turns_and_stops(simulator, tmp_path):
    address = tmp_path / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(address))
        manager.settimeout(service.START_SECONDS)
        config = service.configuration(
            simulator, tmp_path / "duskwatch.toml", store={"path": "duskwatch.db"}, csv={"directory": ""}, http={"listen": "127.0.0.1:0"}
        )
        with service.Service("--config", config, "run", cwd=tmp_path, environment={"NOTIFY_SOCKET": str(address)}, now=None) as running:
            assert manager.recv(1000) == b"READY=1"
            assert manager.recv(1000).startswith(b"WATCHDOG=1\nSTATUS=")
            assert running.stop() == 0, running.output()
        said = b""
        while not said.startswith(b"STOPPING=1"):
            said = manager.recv(1000)


def test_what_the_unit_checks_first_passes_on_a_fresh_installation(tmp_path):
    text = (DEPLOY / "systemd" / "duskwatch.toml").read_text()
    for place, name in (("/run/credentials/duskwatch.service", "credentials"), ("/var/lib/duskwatch", "state"), ("/var/log/egress", "log")):
        assert place in text
        (tmp_path / name).mkdir()
        text = text.replace(place, str(tmp_path / name))
    for value in settings(UNIT)["Service", "LoadCredential"]:
        secret = tmp_path / "credentials" / value.split(":")[0]
        secret.write_text("of nobody")
        secret.chmod(0o400)
    (tmp_path / "duskwatch.toml").write_text(text)
    service.command("check", "--offline", cwd=tmp_path, now=None)


# --- configurations


def accepted(path, tmp_path):
    """Whether the program takes a configuration whose secrets are elsewhere: one that only reads does not need them."""
    settings = tomllib.loads(path.read_text())
    # The directory of the store is made by the installation.
    settings["store"]["path"] = str(tmp_path / "duskwatch.db")
    copy = service.configuration(path, tmp_path / path.name, store=settings["store"])
    done = service.command("--config", copy, "report", cwd=tmp_path, expect=1)
    assert "there is no store here yet" in done.stderr, done.stderr


@pytest.mark.parametrize("folder", ["systemd", "container", "kubernetes"])
def test_the_configurations_are_valid(folder, tmp_path):
    accepted(DEPLOY / folder / "duskwatch.toml", tmp_path)


# --- container


def instructions():
    text = re.sub(r"\\\n", " ", (CONTAINER / "Containerfile").read_text())
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return [tuple(line.split(None, 1)) for line in lines]


def test_the_container_file_has_nothing_to_be_blamed_for():
    run(Path(sys.executable).with_name("hadolint"), "--no-color", CONTAINER / "Containerfile")


def test_the_image_is_built_of_what_is_there_and_runs_as_nobody():
    steps = instructions()
    last = len(steps) - 1 - [word for word, _ in reversed(steps)].index("FROM")
    assert steps[last][1].startswith("gcr.io/distroless/")
    final = dict(steps[last:])
    assert final["USER"] == f"{NOBODY}:{NOBODY}"
    assert '"health"]' in final["HEALTHCHECK"] and final["CMD"] == '["run"]'
    sent = [line.removeprefix("!") for line in (CONTAINER / "Containerfile.dockerignore").read_text().splitlines() if line.startswith("!")]
    assert [name for name in sent if not (service.ROOT / name).exists()] == []
    # What the compiler includes must be sent along.
    included = {
        match.split("/")[0]
        for path in (service.ROOT / "src").rglob("*.rs")
        for match in re.findall(r'include_(?:str|bytes)!\("(?:\.\./)+((?:config|sql|deploy)/[^"]+)"', path.read_text())
        if "tests" not in path.parts and path.name != "tests.rs" and "_tests" not in path.as_posix()
    }
    assert included <= set(sent)


@pytest.mark.skipif(os.geteuid() != 0, reason="a root directory of its own needs root")
def test_the_program_runs_in_a_file_system_with_nothing_but_what_the_image_has(tmp_path, polled):
    """glibc, libgcc and the program, read-only, as nobody: what the final stage is made of."""
    root = tmp_path / "root"
    for name in ("usr/bin", "var/lib/duskwatch", "etc/duskwatch", "tmp", "dev"):
        (root / name).mkdir(parents=True)
    shutil.copy(service.BINARY, root / "usr/bin/duskwatch")
    libraries = re.findall(r"(?:=> )?(/\S+)", run("ldd", service.BINARY))
    names = {re.sub(r"[-.].*", "", os.path.basename(path)) for path in libraries}
    assert names <= {"libc", "libm", "libgcc_s", "ld", "libpthread", "libdl", "librt"}, f"the image has no {names}"
    for path in libraries:
        target = root / path.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)
    state = root / "var/lib/duskwatch"
    for path in polled.glob("duskwatch.db*"):
        shutil.copy(path, state)
    for path in (state, *state.iterdir()):
        os.chown(path, NOBODY, NOBODY)
    (root / "etc/duskwatch/duskwatch.toml").write_text('[store]\npath = "/var/lib/duskwatch/duskwatch.db"\n')
    inside = ["chroot", f"--userspec={NOBODY}:{NOBODY}", root, "/usr/bin/duskwatch", "--config", "/etc/duskwatch/duskwatch.toml"]
    assert "integrations still sign in with app passwords" in run(*inside, "--now", service.NOW, "report")


def test_compose_gives_the_container_no_rights():
    compose = yaml.safe_load((CONTAINER / "compose.yaml").read_text())
    one = compose["services"]["duskwatch"]
    assert one["read_only"] is True and one["cap_drop"] == ["ALL"] and one["user"] == f"{NOBODY}:{NOBODY}"
    assert (CONTAINER / one["build"]["context"] / one["build"]["dockerfile"]).resolve() == CONTAINER / "Containerfile"
    assert all(port.startswith("127.0.0.1:") for port in one["ports"])
    config = (CONTAINER / "duskwatch.toml").read_text()
    assert set(re.findall(r"file:/run/secrets/([\w-]+)", config)) == set(one["secrets"]) == set(compose["secrets"])


# --- kubernetes


def manifests():
    names = yaml.safe_load((KUBERNETES / "kustomization.yaml").read_text())["resources"]
    return [document for name in names for document in yaml.safe_load_all((KUBERNETES / name).read_text())]


def test_the_manifests_are_what_kubernetes_takes():
    found = manifests()
    assert {document["kind"] for document in found} == {"Namespace", "StatefulSet", "Service", "NetworkPolicy"}
    newest = kubernetes_validate.latest_version()
    for document in found:
        kubernetes_validate.validate(document, newest, strict=True)
    found[1]["spec"]["template"]["spec"]["contianers"] = []
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(found[1], newest, strict=True)


def test_the_kustomization_names_every_file_and_every_secret():
    kustomization = yaml.safe_load((KUBERNETES / "kustomization.yaml").read_text())
    named = {*kustomization["resources"], "kustomization.yaml", "duskwatch.toml"}
    assert {path.name for path in KUBERNETES.iterdir()} == named
    [secret], config = kustomization["secretGenerator"], (KUBERNETES / "duskwatch.toml").read_text()
    mounted = {name.removeprefix("secrets/") for name in secret["files"]}
    assert set(re.findall(r"file:/run/secrets/duskwatch/([\w-]+)", config)) == mounted


def test_the_pod_has_no_rights_one_instance_and_a_probe_that_does_not_wait_for_sources():
    [pod] = [document for document in manifests() if document["kind"] == "StatefulSet"]
    spec = pod["spec"]["template"]["spec"]
    assert pod["spec"]["replicas"] == 1 and spec["securityContext"]["runAsNonRoot"] is True
    for container in spec["containers"] + spec["initContainers"]:
        assert container["securityContext"]["readOnlyRootFilesystem"] is True
        assert container["securityContext"]["capabilities"]["drop"] == ["ALL"]
        assert container["securityContext"]["allowPrivilegeEscalation"] is False
    [one] = spec["containers"]
    assert one["livenessProbe"]["httpGet"]["path"] == "/healthz"


# --- the Debian package


def package():
    return tomllib.loads((service.ROOT / "Cargo.toml").read_text())["package"]


def assets(deb):
    """Source and place of everything in the package: what cargo-deb makes of the assets and the unit, with the program of the tests."""
    for pattern, place, mode in deb["assets"]:
        built = pattern.startswith("target/release/")
        sources = [service.BINARY] if built else sorted(service.ROOT.glob(pattern))
        assert sources, f"{pattern} is nothing"
        for source in sources:
            yield source, place + source.name if place.endswith("/") else place, int(mode, 8)
    units = deb["systemd-units"]
    unit = service.ROOT / units["unit-scripts"] / f"{units['unit-name']}.service"
    yield unit, f"usr/lib/systemd/system/{unit.name}", 0o644


@pytest.mark.skipif(os.geteuid() != 0, reason="dpkg installs as root")
def test_the_package_is_installed_and_removed_and_keeps_the_configuration(tmp_path):
    """As cargo-deb lays it out, packed by dpkg-deb, into a system of its own: cargo-deb itself takes minutes to be built."""
    about, content, system = package(), tmp_path / "content", tmp_path / "system"
    deb = about["metadata"]["deb"]
    for source, place, mode in assets(deb):
        (content / place).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, content / place)
        (content / place).chmod(mode)
    control = content / "DEBIAN"
    control.mkdir()
    (control / "control").write_text(
        f"Package: {about['name']}\nVersion: {about['version']}-1\nArchitecture: amd64\nSection: {deb['section']}\n"
        f"Maintainer: {deb['maintainer']}\nDepends: {deb['depends']}\nDescription: {about['description']}\n"
    )
    (control / "conffiles").write_text("".join(f"{path}\n" for path in deb["conf-files"]))
    run("dpkg-deb", "--build", "-Znone", "--root-owner-group", content, tmp_path / "duskwatch.deb")
    (system / "var/lib/dpkg/info").mkdir(parents=True)
    (system / "var/lib/dpkg/updates").mkdir()
    (system / "var/lib/dpkg/status").touch()
    dpkg = ("dpkg", f"--root={system}", "--force-depends", "--force-not-root", "--force-script-chrootless")
    run(*dpkg, "--install", tmp_path / "duskwatch.deb")
    assert run(system / "usr/bin/duskwatch", "--version").startswith("duskwatch ")
    start = settings(system / "usr/lib/systemd/system/duskwatch.service")["Service", "ExecStart"][0].split()
    assert (system / start[0].lstrip("/")).exists() and (system / start[2].lstrip("/")).exists()
    run(*dpkg, "--remove", "duskwatch")
    assert not (system / "usr/bin/duskwatch").exists() and (system / "etc/duskwatch/duskwatch.toml").exists()
    run(*dpkg, "--purge", "duskwatch")
    assert not (system / "etc/duskwatch/duskwatch.toml").exists()


# --- the OpenTelemetry Collector


def test_every_part_of_the_collectors_pipelines_is_defined():
    """The Collector itself cannot be had everywhere; that its ports are the defaults of duskwatch and every part is defined, can be seen."""
    config = yaml.safe_load((DEPLOY / "otel-collector" / "config.yaml").read_text())
    for pipeline in config["service"]["pipelines"].values():
        for kind in ("receivers", "processors", "exporters"):
            assert set(pipeline[kind]) <= set(config[kind])
    assert set(config["service"]["pipelines"]) == {"metrics", "logs", "traces"}
    protocols = config["receivers"]["otlp"]["protocols"]
    assert {name: part["endpoint"] for name, part in protocols.items()} == {"grpc": "127.0.0.1:4317", "http": "127.0.0.1:4318"}
