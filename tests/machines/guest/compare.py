"""What became of the trials on this kernel, beside what is committed, in one line.

`compare.py NEW COMMITTED`: two reports of one host. A cell is the same only if every key of it is.
Ends with 1 where one differs that could be tried here.
"""

import json
import sys


def cells(path):
    with open(path, encoding="utf-8") as file:
        results = json.load(file)["results"]
    for entry, levels in results.items():
        for level, cell in levels.items():
            if isinstance(cell, dict):
                yield f"{entry} at {level}", (levels["fixture"], cell)


def main(new, committed):
    new, committed = dict(cells(new)), dict(cells(committed))
    other = {name: cell for name, cell in new.items() if committed.get(name) != cell}
    untried = [name for name, (_, cell) in other.items() if cell["verdict"] == "unsupported"]
    differs = [name for name in other if name not in untried]
    parts = [f"{len(new) - len(other)} of {len(new)} cells as committed"]
    reasons = {}
    for name in untried:
        reasons.setdefault(other[name][1].get("reason", "no reason"), []).append(name)
    for reason, names in reasons.items():
        parts.append(f"{len(names)} cannot be tried here, for {reason} ({', '.join(names)})")
    if differs:
        parts.append(f"{len(differs)} not as committed ({', '.join(differs)})")
    print("; ".join(parts))
    return 1 if differs or not new else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
