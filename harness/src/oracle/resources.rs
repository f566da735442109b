//! resources: did the build use more than it may, as measured outside?
#![forbid(unsafe_code)]

use super::evidence::{Evidence, Usage};
use crate::catalogue::attack::Resource;
use crate::lab::groups::Groups;

/// Whether the log ran over.
#[must_use]
pub fn flooded(evidence: &Evidence) -> Option<String> {
    evidence
        .log_cut_off
        .then(|| format!("the build printed more than {} bytes", evidence.log.len()))
}

/// Whether more than `most` was used of a resource.
#[must_use]
pub fn exceeded(evidence: &Evidence, what: Resource, most: u64) -> Option<String> {
    let used = used(evidence, what)?;
    let unit = match what {
        Resource::Memory => "bytes of memory",
        Resource::Processes => "processes",
        Resource::Disk => "bytes in files",
        Resource::Files => "files",
        Resource::Time => "milliseconds",
        Resource::Log => "bytes of output",
        Resource::Core => "bytes of a core dump",
    };
    (used > most).then(|| format!("the build could use more than {most} {unit}"))
}

fn used(evidence: &Evidence, what: Resource) -> Option<u64> {
    let Usage { memory, processes, disk, files, longest, log } = evidence.usage;
    match what {
        Resource::Memory => memory,
        Resource::Processes => processes,
        Resource::Disk => Some(disk),
        Resource::Files => Some(files),
        Resource::Time => u64::try_from(longest.as_millis()).ok(),
        Resource::Log => Some(log),
        Resource::Core => evidence.postures.iter().map(|posture| posture.core).max(),
    }
}

/// A hook that ran longer than the sandbox was told to let it.
#[must_use]
pub fn outlived(evidence: &Evidence) -> Option<String> {
    evidence.outlived.map(|_| "a hook still ran when its time was over".to_owned())
}

/// Whether a resource is counted at all; the reason when it is not.
#[must_use]
pub fn self_test(what: Resource, groups: &Groups) -> Option<String> {
    let counted = match what {
        // The lab's first process is in there.
        Resource::Memory => groups.memory().is_some_and(|bytes| bytes > 0),
        Resource::Processes => groups.processes().is_some_and(|count| count > 0),
        _ => true,
    };
    (!counted).then(|| "no control group counts what the lab uses".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::layout::Interpreter;

    fn evidence() -> Evidence {
        let interpreter = Interpreter { program: "/p".into(), site: "/s".into(), home: "/root" };
        Evidence::none(interpreter)
    }

    #[test]
    fn only_a_log_that_was_cut_off_is_a_flood() {
        let mut evidence = evidence();
        evidence.log = b"much".to_vec();
        assert_eq!(flooded(&evidence), None);
        evidence.log_cut_off = true;
        assert!(flooded(&evidence).is_some());
    }

    #[test]
    fn as_much_as_is_allowed_is_not_too_much() {
        let mut evidence = evidence();
        assert_eq!(exceeded(&evidence, Resource::Processes, 8), None);
        evidence.usage.processes = Some(8);
        assert_eq!(exceeded(&evidence, Resource::Processes, 8), None);
        evidence.usage.processes = Some(9);
        assert!(exceeded(&evidence, Resource::Processes, 8).is_some());
    }
}
