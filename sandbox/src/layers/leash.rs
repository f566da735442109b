//! The death of the supervisor ends everything.
//!
//! The init of the sandbox holds the read end of a pipe, the supervisor the only write end: when
//! the supervisor dies, in whatever way, the pipe ends, the init exits and the kernel ends every
//! process of its namespace. `PR_SET_PDEATHSIG` alone is racy, is bound to a thread and is
//! cleared by a change of user (`prctl(2)`), so it is the second line only.
#![forbid(unsafe_code)]

use rustix::process::{Signal, set_parent_process_death_signal, setpgid};

use crate::step::{At, Fault, Step};

/// Without a process namespace the init is the guardian of its descendants: it has to outlive the
/// supervisor by the time that ending them takes. So it asks for no signal, and leaves the
/// supervisor's process group, which a caller may kill as a whole.
///
/// # Errors
/// The errno of `setpgid(2)`.
pub fn stand_guard() -> Result<(), Fault> {
    setpgid(None, None).at(Step::Lifeline)
}

/// Asks the kernel for SIGKILL when the supervisor's thread ends; to be called after the change
/// of user.
///
/// # Errors
/// The errno of `prctl(2)`.
pub fn apply() -> Result<(), Fault> {
    set_parent_process_death_signal(Some(Signal::KILL)).at(Step::Lifeline)
}
