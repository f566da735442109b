"""reports/corpus.json and reports/corpus.md: the same bytes for the same results."""

import json
import statistics
from collections import Counter
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent.parent
ACCOUNTS = {"root": "as root", "user": "rootless"}
# Seconds of a wheel without it.
SIZES = ((0, 0.3, "below 0.3 s"), (0.3, 1, "0.3 to 1 s"), (1, 5, "1 to 5 s"),
         (5, float("inf"), "5 s and more"))
WORDS = ("equal", "differs", "refused", "fails", "fails in both", "skipped")


def committed():
    """The results of the report that is there."""
    file = TOP / "reports/corpus.json"
    packages = json.loads(file.read_text())["packages"] if file.exists() else {}
    return {name: dict(entry["accounts"]) for name, entry in packages.items()}


def reasons(result):
    """Why it is not equal, for a line of its own."""
    lines = list(result.get("why", []))
    for hook, found in result.get("hooks", {}).items():
        if found["result"] not in ("equal", "not offered"):
            lines.append(f"{hook} {found['result']}: {'; '.join(found.get('why', []))}")
    return "".join(f"\n    {line}" for line in lines)


def untold(found):
    """What differs, or fails inside only, without a word of bulkhead's."""
    return [f"{name} {account} {hook}" for name, accounts in found.items()
            for account, result in accounts.items()
            for hook, one in result.get("hooks", {}).items()
            if one["result"] in ("differs", "fails", "refused") and not one.get("told")]


def written(entries, found, machine):
    packages = {}
    for entry in sorted(entries, key=lambda one: one["name"]):
        if accounts := found.get(entry["name"]):
            kept = {key: entry[key] for key in ("version", "sha256", "backend", "language")}
            packages[entry["name"]] = {**kept, "accounts": accounts}
    text = json.dumps({"machine": machine, "packages": packages}, indent=1, sort_keys=True,
                      ensure_ascii=False)
    return text + "\n", page(packages, machine)


def page(packages, machine):
    lines = [
        "# Honest packages, built without and with Bulkhead",
        "",
        "<!-- Written by `just corpus`. Do not edit. -->",
        "",
        f"{len(packages)} packages as their authors released them, every hook of PEP 517 and PEP "
        "660 called without and with `bulkhead hook`, in turns, at the same path. *Equal* means "
        "the same files to the last byte and the same answer, but for what two builds without it "
        "do not agree on either. [How](../docs/corpus.md).",
        "",
        f"{machine['system']}, Linux {machine['kernel']}, {machine['machine']}, "
        f"{machine['processors']} processors, Python {machine['python']}, {machine['cc']}, "
        f"{machine['cargo']}, {machine['bulkhead']}.",
        "",
        "## What became of them",
        "",
        "| packages | " + " | ".join(WORDS) + " |",
        "|---" * (len(WORDS) + 1) + "|",
    ]
    for account, shown in ACCOUNTS.items():
        counts = Counter(one["accounts"][account]["result"] for one in packages.values()
                         if account in one["accounts"])
        lines.append(f"| {shown} | " + " | ".join(str(counts[word]) for word in WORDS) + " |")
    lines += ["", "Calls of hooks:", "", "| hook | " + " | ".join(
        f"{shown}: equal | other" for shown in ACCOUNTS.values()) + " |", "|---" * 5 + "|"]
    for hook in hooks(packages):
        cells = []
        for account in ACCOUNTS:
            counts = Counter(result["hooks"][hook]["result"] for result in results(packages, account)
                             if hook in result.get("hooks", {}))
            other = ", ".join(f"{count} {word}" for word, count in sorted(counts.items())
                              if word != "equal")
            cells += [str(counts["equal"]), other or "–"]
        lines.append(f"| `{hook}` | " + " | ".join(cells) + " |")
    lines += ["", "## What is not equal, and why", ""]
    lines += unequal(packages)
    lines += ["", "## Processor time", "",
              "Of all processes, user and system, with over without; the median of the packages. "
              "*Wheel* is `build_wheel`; *apart* is the same without what a launch takes by itself, "
              "measured in turns with it; *calls* is all calls of a package together.", "",
              "| back end | packages | " + " | ".join(
                  f"{shown}: wheel | apart | calls" for shown in ACCOUNTS.values()) + " |",
              "|---" * 8 + "|"]
    backends = sorted({one["backend"] for one in packages.values()})
    for backend in [*backends, None]:
        chosen = {name: one for name, one in packages.items() if backend in (None, one["backend"])}
        cells = [cell for account in ACCOUNTS for cell in ratios(chosen, account)]
        lines.append(f"| {backend or '*all*'} | {len(chosen)} | " + " | ".join(cells) + " |")
    lines += ["", "A launch by itself takes " + " and ".join(
        f"{statistics.median(found):.0f} ms {shown}" for account, shown in ACCOUNTS.items()
        if (found := launches(packages, account))) + " (median), of processors that others used as "
        "well. It is the same for every build, so what a wheel takes without it decides:", "",
        "| a wheel takes | packages | " + " | ".join(
            f"{shown}: wheel | apart | calls" for shown in ACCOUNTS.values()) + " |", "|---" * 8 + "|"]
    for least, most, shown in SIZES:
        chosen = {name: one for name, one in packages.items()
                  if least <= taken(one) < most}
        cells = [cell for account in ACCOUNTS for cell in ratios(chosen, account)]
        lines.append(f"| {shown} | {len(chosen)} | " + " | ".join(cells) + " |")
    lines += ["", "A ratio below 1 is what it saves that the build's private files are in memory and "
              "not on a disk, and chance, where others use the processors as well."]
    lines += ["", "## One by one", "",
              "| package | back end | language | as root | CPU | rootless | CPU |",
              "|---" * 7 + "|"]
    for name, one in packages.items():
        cells = [name + " " + one["version"], one["backend"], one["language"]]
        for account in ACCOUNTS:
            result = one["accounts"].get(account, {"result": "–"})
            ratio = wheel_ratio(result)
            cells += [result["result"], f"{ratio:.2f}" if ratio else "–"]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def results(packages, account):
    return [one["accounts"][account] for one in packages.values() if account in one["accounts"]]


def hooks(packages):
    found = {}
    for account in ACCOUNTS:
        for result in results(packages, account):
            found |= dict.fromkeys(result.get("hooks", {}))
    return list(found)


def unequal(packages):
    """One line for each kind of difference, with the packages that have it."""
    grouped = {}
    for name, one in packages.items():
        for account, shown in ACCOUNTS.items():
            result = one["accounts"].get(account, {})
            if result.get("result") == "skipped":
                key = ("skipped", "; ".join(result["why"]), "")
                grouped.setdefault(key, {}).setdefault(name, []).append(shown)
            for hook, found in result.get("hooks", {}).items():
                if found["result"] in ("equal", "not offered"):
                    continue
                told = found.get("told")
                told = {kind_of(line) for line in told} if isinstance(told, list) else ()
                for line in found.get("why", []):
                    line = kind_of(line) if found["result"] == "differs" else line
                    key = (f"`{hook}` {found['result']}", line, "; ".join(sorted(told)))
                    grouped.setdefault(key, {}).setdefault(name, []).append(shown)
    lines = []
    for (what, why, told), names in sorted(grouped.items()):
        told = f" Bulkhead says: {told}." if told else ""
        who = ", ".join(name if len(accounts) == len(ACCOUNTS) else f"{name} ({accounts[0]})"
                        for name, accounts in names.items())
        count = f"{len(names)} packages" if len(names) > 1 else "one package"
        lines.append(f"- {what}: {marked(why)}.{marked(told)} In {count}: {who}.")
    return lines or ["Nothing."]


def kind_of(line):
    """What a line says, without the names of files that it is about."""
    return line.partition(" of ")[0] if " of " in line else line


def marked(text):
    """No markup comes out of what a build says."""
    return text.replace("<", "&lt;").replace("|", "\\|").replace("*", "\\*").replace("_", "\\_")


def wheel_ratio(result, launch=True):
    """Processor time with over without; on demand without what a launch takes by itself."""
    cpu = result.get("hooks", {}).get("build_wheel", {}).get("cpu")
    return (cpu[1] - (0 if launch else cpu[2])) / cpu[0] if cpu and cpu[0] else None


def taken(entry):
    """The seconds that the wheel takes without, of the first account that knows."""
    for result in entry["accounts"].values():
        if cpu := result.get("hooks", {}).get("build_wheel", {}).get("cpu"):
            return cpu[0]
    return -1


def launches(packages, account):
    """The milliseconds that a launch took, beside each wheel."""
    cpus = [result.get("hooks", {}).get("build_wheel", {}).get("cpu")
            for result in results(packages, account)]
    return [1000 * cpu[2] for cpu in cpus if cpu]


def ratios(packages, account):
    wheels, apart, whole = [], [], []
    for result in results(packages, account):
        if ratio := wheel_ratio(result):
            wheels.append(ratio)
            apart.append(wheel_ratio(result, launch=False))
        spent = [found["cpu"] for found in result.get("hooks", {}).values() if "cpu" in found]
        if spent:
            whole.append(sum(cpu[1] for cpu in spent) / sum(cpu[0] for cpu in spent))
    return [f"{statistics.median(found):.2f}" if found else "–" for found in (wheels, apart, whole)]
