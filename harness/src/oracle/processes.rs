//! processes: was a victim outside the sandbox stopped, ended, traced, or written to?
#![forbid(unsafe_code)]

use sandbox::plain::plural;

use super::evidence::{Evidence, VictimSeen};
use crate::lab::processes::{Processes, SchedulingState};
use crate::lab::wire::Living;

/// What a signal did to the victim `plant`.
#[must_use]
pub fn signalled(evidence: &Evidence, plant: &str) -> Option<String> {
    evidence.victims.iter().filter(|victim| victim.plant == plant).find_map(harm)
}

/// What a signal did to any victim.
#[must_use]
pub fn any_signalled(evidence: &Evidence) -> Option<String> {
    evidence.victims.iter().find_map(harm)
}

/// Whether the memory of `plant`, a victim or a segment, is another than before.
#[must_use]
pub fn changed(evidence: &Evidence, plant: &str) -> Option<String> {
    let victim = evidence.victims.iter().any(|victim| victim.plant == plant && victim.changed);
    let segment = evidence.segments.get(plant).copied().unwrap_or(false);
    (victim || segment).then(|| format!("the memory of {plant} was changed"))
}

/// Whether the memory of any victim or segment is another than before.
#[must_use]
pub fn any_changed(evidence: &Evidence) -> Option<String> {
    let victims = evidence.victims.iter().map(|victim| &victim.plant);
    victims.chain(evidence.segments.keys()).find_map(|plant| changed(evidence, plant))
}

/// Whether the kernel treats the victim `plant` otherwise than before.
#[must_use]
pub fn disturbed(evidence: &Evidence, plant: &str) -> Option<String> {
    let is_it = |victim: &&VictimSeen| victim.plant == plant && victim.ended.is_none();
    let victim = evidence.victims.iter().find(is_it)?;
    let (before, after) = victim.standing;
    if before.nice != after.nice {
        return Some(format!("{plant} has the nice value {}, not {}", after.nice, before.nice));
    }
    if before.oom != after.oom {
        return Some(format!("{plant} has the OOM score {}, not {}", after.oom, before.oom));
    }
    if before.policy != after.policy {
        return Some(format!(
            "{plant} is scheduled by rule {}, not {}",
            after.policy, before.policy
        ));
    }
    if before.processors != after.processors {
        return Some(format!("{plant} may not run on the processors that it had"));
    }
    (before.limits != after.limits).then(|| format!("{plant} has other limits than before"))
}

/// Whether the kernel treats any victim otherwise than before.
#[must_use]
pub fn any_disturbed(evidence: &Evidence) -> Option<String> {
    evidence.victims.iter().find_map(|victim| disturbed(evidence, &victim.plant))
}

/// What was put into the input of the terminal, where the next shell takes it for typed.
#[must_use]
pub fn typed(evidence: &Evidence) -> Option<String> {
    let (input, _) = evidence.terminal.as_ref()?;
    (!input.is_empty())
        .then(|| format!("the input of the terminal holds {}", plural(input.len(), "byte")))
}

/// Whether the settings of the terminal are others than before.
#[must_use]
pub fn resettled(evidence: &Evidence) -> Option<String> {
    let (_, changed) = evidence.terminal.as_ref()?;
    changed.then(|| "the settings of the terminal are others than before".to_owned())
}

fn harm(victim: &VictimSeen) -> Option<String> {
    let plant = &victim.plant;
    match victim.ended {
        Some(Some(signal)) => Some(format!("{plant} was ended by signal {signal}")),
        Some(None) => Some(format!("{plant} ended")),
        None if victim.stopped => Some(format!("{plant} is stopped")),
        None if victim.traced => Some(format!("{plant} is traced")),
        None => None,
    }
}

/// Whether a victim can be watched; the reason when it cannot.
#[must_use]
pub fn self_test(processes: &Processes, living: &Living, word: &str) -> Option<String> {
    let plant = &living.plant;
    let Some(process) = processes.look(living.pid) else {
        return Some(format!("{plant} cannot be seen"));
    };
    if matches!(process.state, 'T' | 't' | 'Z') || process.tracer != 0 {
        return Some(format!("{plant} is not well: state {}", process.state));
    }
    match processes.memory(living.pid, living.address, word.len()) {
        Ok(memory) if memory == word.as_bytes() => None,
        Ok(_) => Some(format!("the memory of {plant} holds something else")),
        Err(error) => Some(format!("the memory of {plant} cannot be read: {error}")),
    }
}

/// How a victim is now.
#[must_use]
pub fn examine(
    processes: &Processes,
    living: &Living,
    word: &str,
    before: SchedulingState,
    ended: Option<Option<i32>>,
) -> VictimSeen {
    let process = processes.look(living.pid).unwrap_or_default();
    let memory = processes.memory(living.pid, living.address, word.len());
    VictimSeen {
        plant: living.plant.clone(),
        ended,
        stopped: ended.is_none() && matches!(process.state, 'T' | 't'),
        traced: ended.is_none() && process.tracer != 0,
        // A dead victim has no memory; that it is dead is another oracle's word.
        changed: memory.is_ok_and(|memory| memory != word.as_bytes()),
        standing: (before, processes.standing(living.pid)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::layout::Interpreter;

    #[test]
    fn a_stopped_victim_was_signalled_and_a_quiet_one_was_not() {
        let interpreter = Interpreter { program: "/p".into(), site: "/s".into(), home: "/root" };
        let mut evidence = Evidence::none(interpreter);
        let quiet = VictimSeen {
            plant: "agent".to_owned(),
            ended: None,
            stopped: false,
            traced: false,
            changed: false,
            standing: (SchedulingState::default(), SchedulingState::default()),
        };
        evidence.victims = vec![quiet.clone()];
        assert_eq!(signalled(&evidence, "agent"), None);
        evidence.victims = vec![VictimSeen { stopped: true, ..quiet.clone() }];
        assert_eq!(signalled(&evidence, "agent").unwrap(), "agent is stopped");
        evidence.victims = vec![VictimSeen { ended: Some(Some(9)), ..quiet }];
        assert_eq!(signalled(&evidence, "agent").unwrap(), "agent was ended by signal 9");
    }
}
