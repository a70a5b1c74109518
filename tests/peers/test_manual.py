"""Every command of the README and of the operator's manual is run on a simulated organisation, or says here why it is not; every link of
the manual leads somewhere."""

import csv
import os
import re
import subprocess

import pytest

import service

DOCUMENTS = {name: service.ROOT / name for name in ("README.md", "deploy/README.md", "deploy/CAPACITY.md")}
COMMAND_SECONDS = 180

# Commands that are not run here, by how they begin.
NOT_RUN = {
    r"cargo (build|install|run)\b": "takes minutes; tests/run builds the same program, and test_page.py runs the demo",
    r"tests/run\b": "is what runs this",
    r"(install|systemctl|kubectl|podman) ": "changes the machine; test_deploy.py tries the files that they install",
    r"duskwatch (--config \S+ )?init\b": "asks on a terminal; tests/it/init.rs gives it the answers as flags",
    r"duskwatch (--config \S+ )?run\b": "does not end; test_otlp.py and test_deploy.py start and stop it",
    r"export DUSKWATCH_WEBHOOK_SECRET=|python3 deploy/webhook/receiver\.py": "does not end; test_webhook.py starts it and asks it",
    r"duskwatch (export|import) --format exchange\b|openssl genpkey": "needs two instances; tests/it/exchange has them",
    r"duskwatch check\b.*--send-test-mail": "needs a mail server; tests/it/check.rs has one",
}

# Options that stand for something of the reader's.
PLACEHOLDERS = re.compile(r"[A-Z]{2,}|…|\S*\*\S*|\.\.\.")


def blocks(text):
    """The shell blocks of a document, without scripts, which have a shebang and tests of their own."""
    found = re.findall(r"^( *)```sh\n(.*?)^\1```", text, re.MULTILINE | re.DOTALL)
    return [block for _, block in found if not block.lstrip().startswith("#!")]


def commands():
    for name, path in DOCUMENTS.items():
        for block in blocks(path.read_text()):
            for line in re.sub(r"\\\n", " ", block).splitlines():
                line = re.sub(r"\s+#\s.*", "", line.strip())
                if line and not line.startswith("#"):
                    yield name, line


def reason(line):
    return next((why for pattern, why in NOT_RUN.items() if re.match(pattern, line)), None)


@pytest.fixture(scope="module")
def desk(polled, tmp_path_factory):
    """A folder as an operator's: configuration, store and registers in it, the program on the path. Seen from the simulated day."""
    folder = tmp_path_factory.mktemp("desk")
    for path in polled.iterdir():
        if path.is_file():
            (folder / path.name).write_bytes(path.read_bytes())
    programs = folder / "bin"
    programs.mkdir()
    wrapper = programs / "duskwatch"
    wrapper.write_text(f'#!/bin/sh\nexec "{service.BINARY}" --now {service.NOW} "$@"\n')
    wrapper.chmod(0o755)
    tables = re.findall(r"^```csv\n(.*?)^```", DOCUMENTS["deploy/README.md"].read_text(), re.MULTILINE | re.DOTALL)
    for name, first in (("credentials.csv", "kind,"), ("people.csv", "email,")):
        [table] = [table for table in tables if table.startswith(first)]
        (folder / name).write_text(table)
    environment = {**os.environ, "PATH": f"{programs}:{os.environ['PATH']}"}
    run(folder, environment, "duskwatch export")
    with open(folder / "reports" / "latest" / "integrations.csv", newline="") as rows:
        identifier = next(csv.DictReader(rows))["integration"]
    return folder, environment, identifier


def run(folder, environment, line):
    done = subprocess.run(
        ["bash", "-c", line], cwd=folder, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=COMMAND_SECONDS
    )
    assert done.returncode == 0, f"{line}: exit {done.returncode}\n{done.stdout}{done.stderr}"
    return done.stdout


def test_every_command_does_what_the_document_promises(desk):
    folder, environment, identifier = desk
    lines = list(commands())
    assert len(lines) > 15
    ran = [line for _, line in lines if not reason(line)]
    assert len(ran) > 8
    for line in ran:
        run(folder, environment, re.sub(r"\bID\b", identifier, line))


def test_no_reason_for_not_running_is_left_over():
    lines = [line for _, line in commands()]
    assert [pattern for pattern in NOT_RUN if not any(re.match(pattern, line) for line in lines)] == []


def mentioned():
    """Commands of the program inside sentences."""
    for name, path in DOCUMENTS.items():
        prose = re.sub(r"^ *```.*?^ *```", "", path.read_text(), flags=re.MULTILINE | re.DOTALL)
        for text in re.findall(r"`duskwatch ([^`]+)`", prose):
            yield name, text.split()


def test_every_command_in_a_sentence_exists_with_its_options(desk):
    folder, environment, _ = desk
    seen = set()
    for name, words in mentioned():
        path = []
        for word in words:
            if not re.fullmatch(r"[a-z-]+", word) or word.startswith("-") or PLACEHOLDERS.fullmatch(word):
                break
            path.append(word)
        options = {word for word in words if re.fullmatch(r"--[a-z-]+", word)}
        seen.add(path[0])
        depth = 2 if path[0] == "store" and len(path) > 1 else 1
        text = run(folder, environment, " ".join(["duskwatch", *path[:depth], "--help"]))
        assert [option for option in options if option not in text] == [], (name, words)
    assert len(seen) > 4


def test_every_link_leads_somewhere():
    for name, path in DOCUMENTS.items():
        text = path.read_text()
        anchors = {other: anchors_of(where.read_text()) for other, where in DOCUMENTS.items()}
        for target in re.findall(r"\]\((?!https?:)([^)\s]+)\)", text):
            file, _, anchor = target.partition("#")
            there = (path.parent / file).resolve() if file else path
            assert there.exists(), f"{name}: {target}"
            if anchor:
                document = there.relative_to(service.ROOT).as_posix()
                assert anchor in anchors[document], f"{name}: {target}"


def anchors_of(text):
    """As GitHub makes them of headings."""
    prose = re.sub(r"^ *```.*?^ *```", "", text, flags=re.MULTILINE | re.DOTALL)
    headings = re.findall(r"^#+ (.+)$", prose, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
