#!/usr/bin/env python3
"""Writes a CycloneDX 1.6 bill of materials of the program to standard output: what is compiled into it, from the lock file alone.

The same sources give the same bytes. Needs cargo and nothing else; run it in the repository, or beside its Cargo.toml."""

import json
import re
import subprocess
import sys
import tomllib
import uuid
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def metadata():
    line = ["cargo", "metadata", "--locked", "--format-version", "1", "--filter-platform", target()]
    return json.loads(subprocess.run(line, cwd=ROOT, stdout=subprocess.PIPE, check=True).stdout)


def target():
    said = subprocess.run(["rustc", "-vV"], stdout=subprocess.PIPE, text=True, check=True).stdout
    return next(line.removeprefix("host: ") for line in said.splitlines() if line.startswith("host: "))


def checksums():
    """Of each package as the registry gave it, by name and version."""
    lock = tomllib.loads((ROOT / "Cargo.lock").read_text())
    return {(package["name"], package["version"]): package.get("checksum") for package in lock["package"]}


def edges(node):
    """What a package needs to be built or to run, its own tests apart."""
    return [dep["pkg"] for dep in node["deps"] if any(kind["kind"] != "dev" for kind in dep["dep_kinds"])]


def component(package, sums):
    purl = f"pkg:cargo/{package['name']}@{package['version']}"
    described = {
        "type": "library", "bom-ref": purl, "name": package["name"], "version": package["version"], "purl": purl, "scope": "required",
    }
    if package.get("license"):
        described["licenses"] = [{"expression": re.sub(r"\s*/\s*", " OR ", package["license"])}]
    if checksum := sums.get((package["name"], package["version"])):
        described["hashes"] = [{"alg": "SHA-256", "content": checksum}]
    return described


def main():
    known = metadata()
    packages = {package["id"]: package for package in known["packages"]}
    nodes = {node["id"]: node for node in known["resolve"]["nodes"]}
    root = known["resolve"]["root"]
    reached, left = {root}, [root]
    while left:
        new = [dep for dep in edges(nodes[left.pop()]) if dep not in reached]
        reached.update(new)
        left.extend(new)
    sums = checksums()
    by_ref = {ident: component(packages[ident], sums) for ident in reached}
    program = {**by_ref.pop(root), "type": "application"}
    program.pop("scope")
    refs = {ident: program["bom-ref"] if ident == root else by_ref[ident]["bom-ref"] for ident in reached}
    document = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, ' '.join(sorted(refs.values())))}",
        "version": 1,
        "metadata": {"component": program},
        "components": sorted(by_ref.values(), key=lambda one: one["bom-ref"]),
        "dependencies": sorted(
            ({"ref": refs[ident], "dependsOn": sorted({refs[dep] for dep in edges(nodes[ident])})} for ident in reached),
            key=lambda one: one["ref"],
        ),
    }
    json.dump(document, sys.stdout, indent=1, ensure_ascii=False)
    print()


if __name__ == "__main__":
    main()
