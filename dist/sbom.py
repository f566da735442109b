"""Prints a bill of materials of both programs, as CycloneDX 1.5 in JSON.

    sbom.py TRIPLE

What is in it comes from cargo alone: `cargo tree` and `cargo metadata` for TRIPLE, without what only
tests need, and the digests in Cargo.lock.
"""

import datetime
import json
import os
import re
import subprocess
import sys
from pathlib import Path

TOP = Path(__file__).resolve().parents[1]
PROGRAMS = {"sandbox": "bulkhead", "harness": "harness"}


def digests():
    """SHA-256 of each package of a registry, by name and version."""
    form = r'name = "(.+)"\nversion = "(.+)"\nsource = ".+"\nchecksum = "([0-9a-f]{64})"'
    return {(name, version): digest
            for name, version, digest in re.findall(form, (TOP / "Cargo.lock").read_text())}


def metadata(triple):
    command = ["cargo", "metadata", "--locked", "--format-version=1", "--filter-platform", triple]
    return json.loads(subprocess.run(command, cwd=TOP, stdout=subprocess.PIPE, check=True).stdout)


def compiled(triple):
    """References of the packages that the programs are compiled of. (The graph of `cargo metadata`
    has those too that only a feature for tests brings in.)"""
    command = ["cargo", "tree", "--locked", "--edges=normal,build", "--prefix=none", "--no-dedupe",
               "--format={p}", f"--target={triple}"]
    command += [f"--package={name}" for name in PROGRAMS]
    tree = subprocess.run(command, cwd=TOP, stdout=subprocess.PIPE, text=True, check=True).stdout
    words = (line.split() for line in tree.splitlines() if line)
    return {f"pkg:cargo/{name}@{version.lstrip('v')}" for name, version, *_ in words}


def used(graph, wanted):
    """What the programs are made of, of the references `wanted`: for each package, what it uses."""
    packages = {package["id"]: reference(package) for package in graph["packages"]}
    nodes = {node["id"]: node for node in graph["resolve"]["nodes"]}
    return {at: sorted(edge["pkg"] for edge in nodes[at]["deps"] if packages[edge["pkg"]] in wanted
                       and any(kind["kind"] != "dev" for kind in edge["dep_kinds"]))
            for at, name in packages.items() if name in wanted}


def reference(package):
    return f"pkg:cargo/{package['name']}@{package['version']}"


def component(package, known):
    """The entry of one package."""
    program = PROGRAMS.get(package["name"]) if package["source"] is None else None
    entry = {
        "type": "application" if program else "library",
        "bom-ref": reference(package),
        "name": program or package["name"],
        "version": package["version"],
        "scope": "required",
        "purl": reference(package),
    }
    if package["license"]:
        # Some still write a slash where the form wants a word.
        expression = re.sub(r"\s*/\s*", " OR ", package["license"])
        entry["licenses"] = [{"expression": expression}]
    digest = known.get((package["name"], package["version"]))
    if digest:
        entry["hashes"] = [{"alg": "SHA-256", "content": digest}]
    return entry


def main():
    (triple,) = sys.argv[1:]
    graph, known = metadata(triple), digests()
    packages = {package["id"]: package for package in graph["packages"]}
    wanted = compiled(triple)
    found = used(graph, wanted)
    strange = wanted - {reference(packages[at]) for at in found}
    if strange:
        sys.exit(f"sbom.py: cargo tree names what cargo metadata does not: {strange}")
    missing = [reference(packages[at]) for at in found
               if packages[at]["source"] and not component(packages[at], known).get("hashes")]
    if missing:
        sys.exit(f"sbom.py: Cargo.lock has no digest of {', '.join(sorted(missing))}")
    when = datetime.datetime.fromtimestamp(int(os.environ.get("SOURCE_DATE_EPOCH", "0")),
                                           datetime.timezone.utc)
    order = sorted(found, key=lambda at: reference(packages[at]))
    document = {
        "$schema": "http://cyclonedx.org/schema/bom-1.5.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {
            "timestamp": when.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "component": {"type": "application", "bom-ref": "bulkhead", "name": "bulkhead",
                          "version": next(packages[at]["version"] for at in found
                                          if packages[at]["name"] == "sandbox")},
        },
        "components": [component(packages[at], known) for at in order],
        "dependencies": [
            {"ref": "bulkhead", "dependsOn": [reference(packages[at]) for at in order
                                              if packages[at]["source"] is None]},
            *({"ref": reference(packages[at]),
               "dependsOn": sorted({reference(packages[it]) for it in found[at]})}
              for at in order),
        ],
    }
    print(json.dumps(document, indent=1))


if __name__ == "__main__":
    main()
