//! Runs a compiled filter on one system call, for tests: some calls do not exist on the kernel at
//! hand, and would seem refused without any filter.
#![forbid(unsafe_code)]

use nix::errno::Errno;

use super::assembler::{
    AND, ANY_BIT, AT_LEAST, EQUAL, JUMP, LOAD, RETURN, RETURN_ALLOW, RETURN_ERROR, RETURN_KILL,
};
use super::{ARCHITECTURE, ARGUMENTS, NUMBER};
use crate::policy::syscalls::Decision;
use crate::sys::seccomp::Instruction;

/// Why a program has no meaning; the kernel would refuse to install it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// It runs past its last instruction.
    #[error("the program runs past its end")]
    RunsPastTheEnd,
    /// An instruction that the assembler never writes.
    #[error("unknown instruction {0:#06x}")]
    UnknownInstruction(u16),
    /// A load from outside `struct seccomp_data`, or across a word.
    #[error("load from offset {0}")]
    Load(u32),
    /// A result that stands for no decision.
    #[error("unknown result {0:#010x}")]
    Result(u32),
}

/// What `program` decides about the call `number` of `architecture` with these arguments.
///
/// # Errors
/// [`Malformed`] where the kernel's checker would refuse the program.
pub fn run(
    program: &[Instruction],
    number: u32,
    architecture: u32,
    arguments: &[u64; 6],
) -> Result<Decision, Malformed> {
    let mut accumulator = 0;
    let mut at = 0;
    loop {
        let Instruction { code, jt, jf, k } = *program.get(at).ok_or(Malformed::RunsPastTheEnd)?;
        let branch = |holds: bool| usize::from(if holds { jt } else { jf });
        at += 1;
        match code {
            LOAD => accumulator = word(k, number, architecture, arguments)?,
            AND => accumulator &= k,
            JUMP => at = at.saturating_add(k as usize),
            EQUAL => at += branch(accumulator == k),
            AT_LEAST => at += branch(accumulator >= k),
            ANY_BIT => at += branch(accumulator & k != 0),
            RETURN => return result(k),
            unknown => return Err(Malformed::UnknownInstruction(unknown)),
        }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "an argument is two words")]
fn word(
    offset: u32,
    number: u32,
    architecture: u32,
    arguments: &[u64; 6],
) -> Result<u32, Malformed> {
    match offset {
        NUMBER => Ok(number),
        ARCHITECTURE => Ok(architecture),
        ARGUMENTS.. if offset.is_multiple_of(4) => {
            let half = (offset - ARGUMENTS) / 4;
            let argument = arguments.get(half as usize / 2).ok_or(Malformed::Load(offset))?;
            Ok(if half.is_multiple_of(2) { *argument as u32 } else { (argument >> 32) as u32 })
        }
        _ => Err(Malformed::Load(offset)),
    }
}

fn result(value: u32) -> Result<Decision, Malformed> {
    match value & 0xffff_0000 {
        RETURN_ALLOW => Ok(Decision::Allow),
        RETURN_KILL => Ok(Decision::Kill),
        RETURN_ERROR => Ok(match value & 0xffff {
            0 => Decision::Pretend,
            errno => Decision::Refuse(Errno::from_raw(errno.cast_signed())),
        }),
        _ => Err(Malformed::Result(value)),
    }
}
