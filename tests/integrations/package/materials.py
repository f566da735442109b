"""What a release is made of: the bill of materials, and the script that makes the rest.

    materials.py BULKHEAD

Asked of the bill: what the programs use is in it, with the digest that Cargo.lock has and a licence,
and nothing that only tests use; what it refers to is there. Asked of the script: it is
one that a shell can read. That its archive and wheel work is tried by wheel.py and by the workflow.
"""

import json
import shutil
import subprocess
import sys
from pathlib import Path

TOP = Path(__file__).resolve().parents[3]
NOT_HERE = 77


def lines(*command):
    done = subprocess.run(command, cwd=TOP, stdout=subprocess.PIPE, text=True, check=True)
    return done.stdout.splitlines()


def main():
    if shutil.which("cargo") is None:
        print("skipped: there is no cargo")
        return NOT_HERE
    (triple,) = (line.split()[1] for line in lines("rustc", "-vV") if line.startswith("host: "))
    bill = json.loads("\n".join(lines(sys.executable, "dist/sbom.py", triple)))
    components = {entry["bom-ref"]: entry for entry in bill["components"]}
    names = {entry["name"] for entry in components.values()}
    faults = [f"not in the bill: {name}" for name in
              sorted({"bulkhead", "harness", "clap", "libc", "rustix", "serde_derive", "toml"} - names)]
    faults += [f"only tests use {name}, and the bill has it" for name in
               sorted({"assert_cmd", "headless_chrome", "insta", "proptest", "rstest"} & names)]
    faults += [f"no digest: {name}" for name, entry in components.items()
               if entry["type"] == "library" and not entry.get("hashes")]
    faults += [f"no licence: {name}" for name, entry in components.items()
               if not entry.get("licenses")]
    known = {*components, "bulkhead"}
    faults += [f"{entry['ref']} refers to {name}, which is not there"
               for entry in bill["dependencies"] for name in [entry["ref"], *entry["dependsOn"]]
               if name not in known]
    if sorted(bill["dependencies"][0]["dependsOn"]) != sorted(
            name for name, entry in components.items() if entry["type"] == "application"):
        faults.append("the release is not made of its two programs")
    if subprocess.run(["sh", "-n", "dist/make"], cwd=TOP).returncode != 0:
        faults.append("dist/make is no script")
    for fault in faults:
        print(f"FAULT: {fault}")
    print(f"{len(components)} components, {len(faults)} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
