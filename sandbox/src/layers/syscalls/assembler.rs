//! An assembler for classic BPF that writes a program from its end to its beginning.
//!
//! Jumps in classic BPF go forward only, so whoever writes backwards knows every target already.
#![forbid(unsafe_code)]

use crate::policy::syscalls::Decision;
use crate::sys::seccomp::Instruction;

/// `BPF_LD | BPF_W | BPF_ABS`: a word of the data into the accumulator.
pub(super) const LOAD: u16 = 0x20;
/// `BPF_ALU | BPF_AND | BPF_K`.
pub(super) const AND: u16 = 0x54;
/// `BPF_JMP | BPF_JA`.
pub(super) const JUMP: u16 = 0x05;
/// `BPF_JMP | BPF_JEQ | BPF_K`.
pub(super) const EQUAL: u16 = 0x15;
/// `BPF_JMP | BPF_JGE | BPF_K`.
pub(super) const AT_LEAST: u16 = 0x35;
/// `BPF_JMP | BPF_JSET | BPF_K`.
pub(super) const ANY_BIT: u16 = 0x45;
/// `BPF_RET | BPF_K`.
pub(super) const RETURN: u16 = 0x06;

/// `SECCOMP_RET_ALLOW`.
pub(super) const RETURN_ALLOW: u32 = 0x7fff_0000;
/// `SECCOMP_RET_ERRNO`; the error is in the low half.
pub(super) const RETURN_ERROR: u32 = 0x0005_0000;
/// `SECCOMP_RET_KILL_PROCESS`.
pub(super) const RETURN_KILL: u32 = 0x8000_0000;

/// The furthest that a comparison may jump here: two less than its 8-bit offsets can, because up to
/// two long jumps may have to stand between it and its targets.
const REACH: usize = 253;

/// A place in the program, counted from its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Label(usize);

/// A program that grows towards its beginning.
#[derive(Default)]
pub(super) struct Assembler {
    reversed: Vec<Instruction>,
    returns: Vec<(u32, Label)>,
}

impl Assembler {
    /// The program, once its first instruction has been written.
    pub(super) fn finish(self) -> Vec<Instruction> {
        self.reversed.into_iter().rev().collect()
    }

    /// The end of the program with `decision`; an earlier one within reach is used again.
    pub(super) fn decide(&mut self, decision: Decision) -> Label {
        let value = match decision {
            Decision::Allow => RETURN_ALLOW,
            Decision::Refuse(errno) => RETURN_ERROR | (errno as i32).cast_unsigned() & 0xffff,
            // An error that is none: the call answers 0.
            Decision::Pretend => RETURN_ERROR,
            Decision::Kill => RETURN_KILL,
        };
        let known = self.returns.iter().rev().find(|(known, _)| *known == value);
        if let Some((_, label)) = known
            && self.distance(*label) <= REACH
        {
            return *label;
        }
        let label = self.push(RETURN, 0, 0, value);
        self.returns.push((value, label));
        label
    }

    /// The word at `offset` of the data, then on to `then`.
    pub(super) fn load(&mut self, offset: u32, then: Label) -> Label {
        self.fall_to(then);
        self.push(LOAD, 0, 0, offset)
    }

    /// The accumulator masked, then on to `then`.
    pub(super) fn mask(&mut self, mask: u32, then: Label) -> Label {
        self.fall_to(then);
        self.push(AND, 0, 0, mask)
    }

    /// A comparison (`EQUAL`, `AT_LEAST`, `ANY_BIT`) of the accumulator with `operand`.
    pub(super) fn branch(&mut self, code: u16, operand: u32, yes: Label, no: Label) -> Label {
        let (yes, no) = (self.near(yes), self.near(no));
        let (yes, no) = (self.distance(yes), self.distance(no));
        // Within REACH plus the two long jumps, so nothing is cut off.
        let narrow = |distance: usize| u8::try_from(distance).unwrap_or(u8::MAX);
        self.push(code, narrow(yes), narrow(no), operand)
    }

    fn near(&mut self, target: Label) -> Label {
        if self.distance(target) <= REACH { target } else { self.jump(target) }
    }

    fn fall_to(&mut self, target: Label) {
        if self.distance(target) > 0 {
            self.jump(target);
        }
    }

    fn jump(&mut self, target: Label) -> Label {
        let distance = u32::try_from(self.distance(target)).unwrap_or(u32::MAX);
        self.push(JUMP, 0, 0, distance)
    }

    /// How many instructions the next one to be written would skip to get to `target`.
    fn distance(&self, target: Label) -> usize {
        self.reversed.len().saturating_sub(target.0)
    }

    fn push(&mut self, code: u16, jt: u8, jf: u8, k: u32) -> Label {
        self.reversed.push(Instruction { code, jt, jf, k });
        Label(self.reversed.len())
    }
}

#[cfg(test)]
mod tests {
    use super::super::interpreter;
    use super::*;

    #[test]
    fn a_comparison_reaches_targets_beyond_its_eight_bits() {
        let mut assembler = Assembler::default();
        let far = assembler.decide(Decision::Kill);
        let mut near = assembler.decide(Decision::Allow);
        for _ in 0..600 {
            near = assembler.mask(u32::MAX, near);
        }
        let branch = assembler.branch(EQUAL, 7, far, near);
        assembler.load(0, branch);
        let program = assembler.finish();
        let run = |number| interpreter::run(&program, number, 0, &[0; 6]);
        assert_eq!(run(7), Ok(Decision::Kill));
        assert_eq!(run(8), Ok(Decision::Allow));
    }
}
