"""The names of the tests of each suite, as their programs list them, read from the sources."""

import re
from pathlib import Path

# A suite is a package and a target of cargo; where its modules begin.
SUITES = {
    "sandbox/lib": "sandbox/src/lib.rs",
    "sandbox/confinement": "tests/confinement/main.rs",
    "sandbox/filters": "tests/confinement/filters.rs",
    "harness/lib": "harness/src/lib.rs",
    "harness/cli": "tests/cli/main.rs",
    "harness/lab": "tests/cli/lab/main.rs",
    "harness/trust": "tests/trust/main.rs",
    "harness/catalogue": "tests/catalogue/main.rs",
}
FUNCTION = re.compile(r"^( *)fn (\w+)\(")
MODULE = re.compile(r"^( *)(?:pub(?:\([a-z]+\))? )?mod (\w+)( \{|;)")
PLACE = re.compile(r'^ *#\[path = "([^"]+)"\]')


def tests(top):
    """For each suite the paths of its functions; tests are among them."""
    return {suite: sorted(functions(top / file, True, "")) for suite, file in SUITES.items()}


def functions(file, is_root, prefix):
    """The functions of a module and of all below it."""
    if not file.is_file():
        return
    folder = file.parent if is_root or file.name == "mod.rs" else file.with_suffix("")
    place, inline = None, []
    for line in file.read_text().splitlines():
        while inline and line == inline[-1][0] + "}":
            inline.pop()
        path = "".join(f"{name}::" for _, name in inline)
        if found := PLACE.match(line):
            place = found[1]
        elif found := MODULE.match(line):
            indent, name, how = found.groups()
            if how == " {":
                inline.append((indent, name))
            else:
                yield from functions(module(file, folder, place, name), False,
                                     f"{prefix}{path}{name}::")
            place = None
        elif found := FUNCTION.match(line):
            yield f"{prefix}{path}{found[2]}"


def module(file, folder, place, name):
    """Where the module of that name is."""
    if place:
        return Path(file.parent, place)
    flat = folder / f"{name}.rs"
    return flat if flat.is_file() else folder / name / "mod.rs"
