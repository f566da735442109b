"""The mutants: one file of TOML for each family, and what must hold of every entry."""

import fnmatch
import re
import tomllib
from dataclasses import dataclass, field
from pathlib import Path

import known

HERE = Path(__file__).resolve().parent
TOP = HERE.parent.parent
KEYS = {"id", "says", "file", "old", "new", "attacks", "ablate", "level", "host", "tests",
        "equivalent", "lacks"}


@dataclass
class Mutant:
    """One defect, and who is asked about it."""

    family: str
    id: str
    says: str
    file: str
    old: str
    new: str
    attacks: list = field(default_factory=list)
    ablate: list = field(default_factory=list)
    level: str = "full"
    host: str = "root"
    tests: list = field(default_factory=list)
    equivalent: str = ""
    lacks: str = ""

    @property
    def name(self):
        return f"{self.family}/{self.id}"


def mutants():
    """All of them, by family and then in the order of their file."""
    found = []
    for file in sorted(HERE.glob("*.toml")):
        for entry in tomllib.loads(file.read_text())["mutant"]:
            if strange := sorted(set(entry) - KEYS):
                raise SystemExit(f"{file.name}: {entry.get('id')}: unknown: {', '.join(strange)}")
            found.append(Mutant(family=file.stem, **entry))
    return found


def attacks(top):
    """The ids of all attacks of the catalogue."""
    folder = top / "attacks"
    return sorted(str(file.parent.relative_to(folder)) for file in folder.glob("*/*/attack.toml"))


def expression(patterns, ids):
    """What `harness run -E` is given for these ids, in which `*` may stand."""
    found = [one for one in ids if any(fnmatch.fnmatchcase(one, wish) for wish in patterns)]
    return " | ".join(f"id({one})" for one in found)


def mistakes(all_of_them, top=TOP):
    """Everything that is wrong with the list, held against the sources and the catalogue."""
    wrong, texts, seen = [], {}, set()
    ids, tests = attacks(top), known.tests(top)
    for one in all_of_them:
        if one.name in seen:
            wrong.append(f"{one.name}: the id stands twice")
        seen.add(one.name)
        if not re.fullmatch(r"[a-z0-9-]+", one.id) or not one.says.endswith("."):
            wrong.append(f"{one.name}: an id has small letters, and it says a sentence")
        if one.file not in texts:
            path = top / one.file
            texts[one.file] = path.read_text() if path.is_file() else ""
        count = texts[one.file].count(one.old)
        if count != 1 or one.old == one.new:
            wrong.append(f"{one.name}: its old text is {count} times in {one.file}")
        for wish in [*one.attacks, *one.ablate]:
            if not any(fnmatch.fnmatchcase(name, wish) for name in ids):
                wrong.append(f"{one.name}: no attack is called {wish}")
        for wish in one.tests:
            suite, _, part = wish.partition(" ")
            if not part or not any(part in name for name in tests.get(suite, ())):
                wrong.append(f"{one.name}: no test is called {wish}")
        asked = bool(one.attacks or one.ablate or one.tests)
        if asked == bool(one.equivalent):
            wrong.append(f"{one.name}: either somebody is asked, or it says why nobody can tell")
    return wrong
