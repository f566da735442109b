//! The system call filter: the table of the policy compiled to a tree of classic BPF.
//!
//! A search tree over the numbers, not a chain: when a filter is installed the kernel walks it once
//! for every number to learn which calls it always allows, and a chain makes that walk long.
#![forbid(unsafe_code)]

mod assembler;
#[doc(hidden)]
pub mod interpreter;

use std::io;

use self::assembler::{ANY_BIT, AT_LEAST, Assembler, EQUAL, Label};
use crate::policy::syscalls::rules::{Check, Test};
use crate::policy::syscalls::{Architecture, Decision, Rule, Syscalls, Table};
use crate::sys::seccomp::{self, Instruction};

/// Where `struct seccomp_data` has the number of the call (seccomp(2)).
const NUMBER: u32 = 0;
/// Where it has the architecture.
const ARCHITECTURE: u32 = 4;
/// Where its six arguments begin, 64 bits each, low half first on both architectures.
const ARGUMENTS: u32 = 16;

/// A compiled filter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter {
    /// The program, in the order in which the kernel reads it.
    pub program: Vec<Instruction>,
}

/// The filter that `policy` asks for on `architecture`. Pure.
#[must_use]
pub fn resolve(policy: Syscalls, architecture: Architecture) -> Filter {
    compile(&Table::of(policy, architecture))
}

/// The program that decides what `table` says. Pure.
#[must_use]
pub fn compile(table: &Table) -> Filter {
    assemble(&[(table.architecture.audit(), ranges(table))])
}

/// The program for several entries to the kernel: for each the `AUDIT_ARCH_…` constant, and its
/// numbers as runs, of which each begins at a number and has one rule. The runs begin at 0. A call
/// through any other entry kills. Pure.
#[must_use]
pub fn assemble(entries: &[(u32, Vec<(u32, Rule)>)]) -> Filter {
    let mut compiler = Compiler::default();
    // The architecture before anything else: `int 0x80` enters the kernel from a 64-bit process
    // with numbers that mean other calls, past every filter that does not look.
    let foreign = compiler.assembler.decide(Decision::Kill);
    let entry = entries.iter().rev().fold(foreign, |others, (audit, runs)| {
        let tree = compiler.search(runs);
        let native = compiler.assembler.load(NUMBER, tree);
        compiler.assembler.branch(EQUAL, *audit, native, others)
    });
    compiler.assembler.load(ARCHITECTURE, entry);
    Filter { program: compiler.assembler.finish() }
}

/// Puts `filter` in front of every later call of this thread and its descendants.
///
/// # Errors
/// Those of [`seccomp::install`]: EACCES where `no_new_privs` is not set.
pub fn apply(filter: &Filter) -> io::Result<()> {
    seccomp::install(&filter.program)
}

/// The table as runs of numbers with one rule each: where a run begins, and its rule.
fn ranges(table: &Table) -> Vec<(u32, Rule)> {
    let mut ranges: Vec<(u32, Rule)> = Vec::with_capacity(table.entries.len());
    let mut begin = |number, rule| {
        if ranges.last().is_none_or(|(_, last)| *last != rule) {
            ranges.push((number, rule));
        }
    };
    let mut next = 0;
    for entry in &table.entries {
        if entry.number > next {
            begin(next, Rule::Always(Table::UNKNOWN));
        }
        begin(entry.number, entry.rule);
        next = entry.number + 1;
    }
    begin(next, Rule::Always(Table::UNKNOWN));
    ranges
}

#[derive(Default)]
struct Compiler {
    assembler: Assembler,
    checks: Vec<(&'static Check, Label)>,
}

impl Compiler {
    /// A search by halves: the comparisons that a call passes are as many for every number.
    fn search(&mut self, ranges: &[(u32, Rule)]) -> Label {
        let (below, above) = ranges.split_at(ranges.len() / 2);
        match (below, above) {
            ([_, ..], [(start, _), ..]) => {
                let yes = self.search(above);
                let no = self.search(below);
                self.assembler.branch(AT_LEAST, *start, yes, no)
            }
            (_, [(_, rule)]) => self.rule(*rule),
            _ => self.assembler.decide(Table::UNKNOWN),
        }
    }

    fn rule(&mut self, rule: Rule) -> Label {
        match rule {
            Rule::Always(decision) => self.assembler.decide(decision),
            Rule::Arguments(check) => self.check(check),
        }
    }

    /// Written once; `chmod` and `fchmod` jump to the same instructions.
    fn check(&mut self, check: &'static Check) -> Label {
        if let Some((_, label)) = self.checks.iter().find(|(known, _)| *known == check) {
            return *label;
        }
        let otherwise = self.assembler.decide(check.otherwise);
        let label = check.clauses.iter().rev().fold(otherwise, |no, clause| {
            let yes = self.assembler.decide(clause.then);
            clause.all.iter().rev().fold(yes, |yes, test| self.test(*test, yes, no))
        });
        self.checks.push((check, label));
        label
    }

    /// The low half of the argument alone is loaded, but of a pointer: see
    /// [`crate::policy::syscalls::rules`].
    fn test(&mut self, test: Test, yes: Label, no: Label) -> Label {
        let (argument, compare) = match test {
            Test::AnyBit { argument, bits } => {
                (argument, self.assembler.branch(ANY_BIT, bits, yes, no))
            }
            Test::Null { argument } => {
                let upper = self.assembler.branch(EQUAL, 0, yes, no);
                let upper = self.assembler.load(ARGUMENTS + 8 * u32::from(argument) + 4, upper);
                (argument, self.assembler.branch(EQUAL, 0, upper, no))
            }
            Test::OneOf { argument, mask, values } => {
                let compare = values
                    .iter()
                    .rev()
                    .fold(no, |no, value| self.assembler.branch(EQUAL, *value, yes, no));
                let masked = mask != u32::MAX;
                (argument, if masked { self.assembler.mask(mask, compare) } else { compare })
            }
        };
        self.assembler.load(ARGUMENTS + 8 * u32::from(argument), compare)
    }
}

#[cfg(test)]
mod tests;
