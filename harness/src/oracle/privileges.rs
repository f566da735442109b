//! privileges: what did a held process have, as the host sees it?
#![forbid(unsafe_code)]

use super::evidence::{Evidence, Posture};
use crate::catalogue::attack::Privilege;
use crate::lab::processes::{Process, Processes};

/// The host name, where it is another than before.
#[must_use]
pub fn renamed(evidence: &Evidence) -> Option<String> {
    let (before, after) = &evidence.hostname;
    (before != after).then(|| "the host has another name than before".to_owned())
}

/// The privilege `what` that a held process had.
#[must_use]
pub fn gained(evidence: &Evidence, what: Privilege) -> Option<String> {
    evidence.postures.iter().find_map(|posture| match what {
        Privilege::CallerUid => (posture.uid == evidence.caller.0)
            .then(|| "the hook runs with the front end's own uid".to_owned()),
        Privilege::Capabilities => (posture.capabilities != 0)
            .then(|| format!("the hook has the capabilities {:x}", posture.capabilities)),
        Privilege::NestedUserns => {
            posture.nested.then(|| "the hook made a user namespace of its own".to_owned())
        }
        Privilege::CallerGroup => posture
            .groups
            .contains(&evidence.caller.1)
            .then(|| "the hook is in the front end's group".to_owned()),
        Privilege::NewPrivileges => posture
            .new_privileges
            .then(|| "what the hook executes may have more rights than it has".to_owned()),
        Privilege::IoUring => holds(posture, "anon_inode:[io_uring]"),
        Privilege::Userfaultfd => holds(posture, "anon_inode:[userfaultfd]"),
        Privilege::PerfEvent => holds(posture, "anon_inode:[perf_event]"),
        Privilege::BpfMap => holds(posture, "anon_inode:bpf-map"),
        Privilege::BpfProgram => holds(posture, "anon_inode:bpf-prog"),
        Privilege::PacketSocket => holds(posture, "PACKET"),
    })
}

/// Whether one of its descriptors is of this.
fn holds(posture: &Posture, what: &str) -> Option<String> {
    let held = posture.descriptors.iter().any(|descriptor| descriptor == what);
    held.then(|| format!("the hook holds a descriptor of {what}"))
}

/// Whether a process can be looked at; the reason when it cannot. `pid` is known to be alive, and to
/// be root, whose uid is `root` in the eyes of the host.
#[must_use]
pub fn self_test(processes: &Processes, pid: i32, root: u32) -> Option<String> {
    match (processes.look(pid), processes.namespace(pid, "user")) {
        (Some(process), Some(_)) if process.capabilities != 0 && process.uid == root => None,
        (Some(_), Some(_)) => Some("root without capabilities cannot be told from others".into()),
        _ => Some("a process known to live cannot be looked at".to_owned()),
    }
}

/// The process that announced itself by `number`, its own name for itself, among the descendants
/// of `ancestor`; the deepest, since processes of the sandbox may have the same number.
///
/// The monitor of a container engine is adopted by the lab's first process, and what it starts
/// descends from nobody that called it. Where no descendant fits, it is the only process with that
/// number in a process namespace below the lab's.
#[must_use]
pub fn held(all: &[Process], ancestor: i32, number: i32) -> Option<&Process> {
    descendant(all, ancestor, number).or_else(|| {
        let is_it = |process: &&Process| {
            process.innermost == number && process.pid != number && process.state != 'Z'
        };
        let mut nested = all.iter().filter(is_it);
        let only = nested.next()?;
        nested.next().is_none().then_some(only)
    })
}

fn descendant(all: &[Process], ancestor: i32, number: i32) -> Option<&Process> {
    all.iter()
        .filter(|process| process.innermost == number && process.state != 'Z')
        .filter_map(|process| depth(all, process.pid, ancestor).map(|depth| (depth, process)))
        .max_by_key(|(depth, _)| *depth)
        .map(|(_, process)| process)
}

/// How many generations `pid` is below `ancestor`.
fn depth(all: &[Process], pid: i32, ancestor: i32) -> Option<usize> {
    let mut at = pid;
    // A chain longer than the list would be a circle.
    for generation in 0..=all.len() {
        if at == ancestor {
            return Some(generation);
        }
        at = all.iter().find(|process| process.pid == at)?.parent;
    }
    None
}

/// The hook that `pid` belongs to: the topmost ancestor that runs the script of `pyproject_hooks`.
#[must_use]
pub fn hook_of(processes: &Processes, all: &[Process], pid: i32) -> Option<i32> {
    let mut at = pid;
    let mut hook = None;
    for _ in 0..=all.len() {
        let arguments = processes.arguments(at);
        if arguments.get(1).is_some_and(|script| script.ends_with("_in_process.py")) {
            hook = Some(at);
        }
        match all.iter().find(|process| process.pid == at) {
            Some(process) if process.parent > 0 => at = process.parent,
            _ => break,
        }
    }
    hook
}

/// Looks at a held process. `known` is the user namespace of its hook, as it was seen before.
#[must_use]
pub fn examine(
    processes: &Processes,
    all: &[Process],
    process: &Process,
    known: Option<&String>,
) -> Posture {
    let own = processes.namespace(process.pid, "user");
    let hook = hook_of(processes, all, process.pid).filter(|hook| *hook != process.pid);
    let expected = match hook {
        Some(hook) => processes.namespace(hook, "user"),
        // The hook itself is held: it may have moved since it was first seen.
        None => known.cloned(),
    };
    Posture {
        uid: process.uid,
        capabilities: process.capabilities,
        core: processes.core_limit(process.pid),
        groups: process.groups.clone(),
        new_privileges: !process.no_new_privs,
        descriptors: processes.descriptors(process.pid),
        nested: own.is_some() && expected.is_some() && own != expected,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn process(pid: i32, innermost: i32, parent: i32) -> Process {
        Process { pid, innermost, parent, state: 'S', ..Process::default() }
    }

    #[test]
    fn the_held_process_is_found_by_the_number_that_it_has_inside() {
        // The supervisor 7 runs the init 8 (1 inside) and the payload 9 (2 inside); 2 is a victim.
        let all = [process(2, 2, 1), process(7, 7, 3), process(8, 1, 7), process(9, 2, 8)];
        assert_eq!(held(&all, 7, 2).map(|process| process.pid), Some(9));
        assert_eq!(held(&all, 7, 5), None);
    }

    #[test]
    fn a_held_process_that_an_engines_monitor_started_is_found_if_it_is_the_only_one() {
        // The monitor 8 was adopted by 1 and runs the payload 9, which is 1 inside; 5 is a victim.
        let mut all = vec![process(1, 1, 0), process(5, 5, 1), process(7, 7, 3)];
        all.extend([process(8, 8, 1), process(9, 1, 8)]);
        assert_eq!(held(&all, 7, 1).map(|process| process.pid), Some(9));
        assert_eq!(held(&all, 7, 5), None, "a victim is in the lab's own namespace");
        all.push(process(10, 1, 8));
        assert_eq!(held(&all, 7, 1), None, "which of the two cannot be told");
    }

    #[test]
    fn what_a_held_process_holds_is_told_by_the_kernels_name_for_it() {
        let posture = Posture {
            uid: 61500,
            capabilities: 0,
            nested: false,
            core: 0,
            groups: Vec::new(),
            new_privileges: false,
            descriptors: vec!["/dev/null".to_owned(), "anon_inode:[io_uring]".to_owned()],
        };
        assert!(holds(&posture, "anon_inode:[io_uring]").is_some());
        assert_eq!(holds(&posture, "PACKET"), None);
    }

    #[test]
    fn a_circle_of_parents_ends() {
        let all = [process(4, 4, 5), process(5, 5, 4)];
        assert_eq!(held(&all, 7, 4), None);
    }
}
