"""Puts one defect at a time into a copy of the sources and asks who notices it.

    run.py [NAME …] [--family FAMILY …] [--sample N [--seed TEXT]] [--ask WHO …] [--first]
           [--update]
    run.py --list | --check | --update --none

A name is FAMILY/ID. Without names all mutants are run, which takes hours; trials need root. Who can
be asked: read-back, catalogue, ablation, unit, confinement, program. The unchanged sources are asked
first, and if they fail nothing is run. Exit status 1: a mutant survived.
"""

import argparse
import datetime
import hashlib
import os
import signal
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
sys.dont_write_bytecode = True

import listed  # noqa: E402
import report  # noqa: E402
import workshop  # noqa: E402

TOP = listed.TOP
ASKED = report.WHO[1:]
# What `--again` runs.
AGAIN = ("not run", "changed", "undecided")


def arguments():
    parser = argparse.ArgumentParser(description="mutants")
    parser.add_argument("names", nargs="*")
    parser.add_argument("--family", action="append", default=[])
    parser.add_argument("--sample", type=int, help="so many, which the seed decides")
    parser.add_argument("--seed", default=str(datetime.date.today()), help="default: the day")
    parser.add_argument("--ask", action="append", choices=ASKED, help="ask these only")
    parser.add_argument("--first", action="store_true", help="stop at the first who notices")
    parser.add_argument("--again", action="store_true", help="only what has no result that counts")
    parser.add_argument("--update", action="store_true", help="write the reports")
    parser.add_argument("--none", action="store_true", help="run no mutant")
    parser.add_argument("--list", action="store_true", help="list them, and run none")
    parser.add_argument("--check", action="store_true", help="check the lists, and build nothing")
    return parser.parse_intermixed_args()


def chosen(given, mutants):
    """The mutants to run."""
    known = {one.name for one in mutants}
    families = {one.family for one in mutants}
    strange = [name for name in given.names if name not in known]
    strange += [name for name in given.family if name not in families]
    if strange:
        sys.exit(f"no such mutants: {', '.join(strange)}")
    wanted = [one for one in mutants if not one.equivalent]
    if given.names or given.family:
        wanted = [one for one in wanted
                  if one.name in given.names or one.family in given.family]
    if given.again:
        results = report.merged(TOP, mutants, report.read(TOP), {})
        wanted = [one for one in wanted if report.state(one, results) in AGAIN]
    if given.sample is not None:
        # By a digest, so that the same seed gives the same on every machine.
        def order(one):
            return hashlib.sha256(f"{given.seed}\0{one.name}".encode()).digest()

        names = {one.name for one in sorted(wanted, key=order)[:given.sample]}
        wanted = [one for one in wanted if one.name in names]
        print(f"seed {given.seed}: {', '.join(one.name for one in wanted)}", flush=True)
    return wanted


def show(mutants):
    results = report.merged(TOP, mutants, report.read(TOP), {})
    for one in mutants:
        print(f"{one.name:44} {report.state(one, results):10} {one.says}")


def examined(given, mutants, wanted):
    """Runs them; gives how many survived."""
    asked = set(given.ask or ASKED)
    if os.geteuid() != 0 and asked & {"read-back", "catalogue", "ablation", "confinement"}:
        sys.exit("trials need root; `--ask unit` does not")
    shop = workshop.Workshop(TOP, TOP / workshop.PLACE)
    old, new, survived = report.read(TOP), {}, 0
    try:
        shop.synchronise()
        print(f"the unchanged sources are asked what {len(wanted)} mutants are", flush=True)
        workshop.baseline(shop, wanted, asked)
        for one in wanted:
            begun = time.monotonic()
            answers = workshop.examine(shop, one, asked, given.first)
            new[one.name] = report.result(shop.tree, one, answers, old.get(one.name))
            told = new[one.name]["noticed"]
            survived += not told
            print(f"{time.monotonic() - begun:5.0f} s  {one.name}: "
                  f"{', '.join(told) or 'SURVIVED'}", flush=True)
            if given.update:
                report.write(TOP, mutants, report.merged(TOP, mutants, old, new))
    except workshop.Broken as broken:
        sys.exit(f"{broken}; see {shop.log / 'unchanged.log'}")
    finally:
        shop.leave()
    return survived


def interrupted(number, _frame):
    raise SystemExit(128 + number)


def main():
    given = arguments()
    mutants = listed.mutants()
    if given.list:
        show(mutants)
        return
    wrong = listed.mistakes(mutants)
    if given.check:
        wrong += report.drift(TOP, mutants)
    if wrong:
        sys.exit("\n".join(wrong))
    if given.check:
        print(f"{len(mutants)} mutants apply")
        return
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupted)
    survived = 0 if given.none else examined(given, mutants, chosen(given, mutants))
    if given.update:
        report.write(TOP, mutants, report.merged(TOP, mutants, report.read(TOP), {}))
    sys.exit(1 if survived else 0)


if __name__ == "__main__":
    main()
