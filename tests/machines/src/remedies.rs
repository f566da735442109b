//! What the doctor advises, applied as it is printed on hosts that have the cause.

use serde::Deserialize;
use serde_json::Value;

use crate::host::Caller;

use crate::kernel::Kernel;
use crate::machine::Machine;
use crate::matrix::Workshop;
use crate::root::System;
use crate::trials::Became;
use crate::trouble::{Trouble, end_of};

/// How long all remedies of one system may take.
const SECONDS: u64 = 1500;

/// A line of `remedies.py`.
#[derive(Deserialize)]
struct Line {
    what: String,
    how: String,
    well: bool,
}

/// Tries the remedies of both systems, each in a machine of its own.
pub fn go(workshop: &Workshop, kernel: &Kernel) -> Result<Vec<Became>, Trouble> {
    let mut became = Vec::new();
    for system in [System::Small, System::Systemd] {
        let mut machine = workshop.boot(kernel, system, "")?;
        became.extend(of(&mut machine, system)?);
    }
    for boot in BOOTS {
        became.extend(boot.became(workshop, kernel)?);
    }
    Ok(became)
}

/// A cause for which the remedy is a word of the kernel's command line.
struct Boot {
    cause: &'static str,
    host: &'static str,
    system: System,
    caller: Caller,
    /// The words that make the cause.
    words: &'static str,
    /// What is there if they have made it; a kernel may not know them.
    made: &'static str,
}

const BOOTS: [Boot; 2] = [
    Boot {
        cause: "no-landlock",
        host: "a machine without Landlock",
        system: System::Small,
        caller: Caller::Root,
        words: "lsm=lockdown,yama",
        made: "! grep -q landlock /sys/kernel/security/lsm",
    },
    Boot {
        cause: "no-control-group",
        host: "systemd, control groups v1",
        system: System::Systemd,
        caller: Caller::User,
        words: "systemd.unified_cgroup_hierarchy=0 SYSTEMD_CGROUP_ENABLE_LEGACY_FORCE=1",
        made: "[ -d /sys/fs/cgroup/memory ]",
    },
];

impl Boot {
    fn became(&self, workshop: &Workshop, kernel: &Kernel) -> Result<Option<Became>, Trouble> {
        let asked = |words: &str| {
            let mut machine = workshop.boot(kernel, self.system, words)?;
            let made = machine.run(self.made, SECONDS)?.status == 0;
            let ask = self.caller.runs("/opt/machines/bulkhead doctor --json");
            let said = machine.run(&ask, SECONDS)?.output;
            let remedy = remedy_for(self.cause, &said);
            Ok::<_, Trouble>((made, remedy.map_err(|why| format!("{why}: {}", end_of(&said)))))
        };
        let (made, before) = asked(self.words)?;
        if !made {
            return Ok(None);
        }
        let (how, well) = match before {
            Err(why) => (why, false),
            Ok(None) => ("the doctor does not name it".to_owned(), false),
            Ok(Some(remedy)) => match asked(word_of(&remedy))?.1 {
                Ok(None) => (remedy, true),
                // What is left is another matter: the same cause by another sentence.
                Ok(Some(other)) if other != remedy => (remedy, true),
                Ok(Some(_)) => (format!("{remedy} – the doctor names it still"), false),
                Err(why) => (why, false),
            },
        };
        let what = format!("remedy for `{}` ({}, {})", self.cause, self.host, self.caller.name());
        Ok(Some(Became { what, how, well }))
    }
}

/// What a diagnosis advises for a cause, if it names that.
fn remedy_for(cause: &str, diagnosis: &str) -> Result<Option<String>, String> {
    let line = diagnosis.lines().last().unwrap_or_default();
    let found: Value = serde_json::from_str(diagnosis)
        .or_else(|_| serde_json::from_str(line))
        .map_err(|error| error.to_string())?;
    let findings = found.get("findings").and_then(Value::as_array).cloned().unwrap_or_default();
    let named = findings.iter().find(|finding| finding.get("cause") == Some(&Value::from(cause)));
    let remedy = named.and_then(|finding| finding.get("remedy")).and_then(Value::as_str);
    Ok(remedy.map(str::to_owned))
}

/// The first word in backticks.
fn word_of(remedy: &str) -> &str {
    remedy.split('`').nth(1).unwrap_or_default()
}

fn of(machine: &mut Machine, system: System) -> Result<Vec<Became>, Trouble> {
    let name = system.name();
    let script = format!(
        "mkdir -p /srv/root /srv/user && chown user: /srv/user && cp /opt/machines/bulkhead /usr/local/bin/ &&
         python3 /opt/machines/remedies.py /usr/local/bin/bulkhead {name} 2>&1"
    );
    let answer = machine.run(&script, SECONDS)?;
    let lines = answer.output.lines().filter_map(|line| serde_json::from_str::<Line>(line).ok());
    let became = lines.map(|Line { what, how, well }| Became { what, how, well });
    let mut became: Vec<_> = became.collect();
    if answer.status != 0 || became.is_empty() {
        let how = format!("ended with {}: {}", answer.status, end_of(&answer.output));
        became.push(Became { what: format!("remedies, {name}"), how, well: false });
    }
    Ok(became)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Causes whose remedy is not applied in a machine, with what is done instead.
    const ELSEWHERE: [(&str, &str); 5] = [
        ("old-kernel", "the other kernels of the report, of which each is 5.13 or later but one"),
        (
            "old-landlock",
            "the kernels of the report from 6.12 on, where the doctor names it nowhere",
        ),
        ("machine", "a processor that the recipe has not"),
        ("filter", "containers of Docker's and Podman's, in `tests/engines/doctor.rs`"),
        ("apparmor", "a switch that only kernels of Ubuntu's have"),
    ];

    #[test]
    fn every_cause_that_the_doctor_knows_has_a_remedy_that_was_applied() {
        let causes = include_str!("../../../sandbox/src/doctor/causes.rs");
        let table = include_str!("../guest/remedies.py");
        let names = causes.lines().filter_map(|line| {
            let (variant, name) = line.trim().strip_prefix("Self::")?.split_once(" => \"")?;
            variant.chars().all(char::is_alphanumeric).then(|| name.trim_end_matches("\","))
        });
        let names: Vec<_> = names.collect();
        assert!(names.len() > 15, "{names:?}");
        for name in names {
            let here = table.contains(&format!("(\"{name}\", "));
            let by_boot = BOOTS.iter().any(|boot| boot.cause == name);
            let elsewhere = ELSEWHERE.iter().any(|(cause, _)| *cause == name);
            assert!((here || by_boot) != elsewhere, "`{name}` is tried nowhere, or told twice");
        }
    }

    #[test]
    fn a_newer_kernel_ends_what_an_older_one_is_told() {
        let page = include_str!("../../../reports/machines.md");
        let mut seen = [0, 0];
        for part in page.split("\n## Linux ").skip(1) {
            let series = part.lines().next().unwrap_or_default();
            let numbers: Vec<u32> = series.split('.').filter_map(|it| it.parse().ok()).collect();
            for (kind, cause, from) in [(0, "old-kernel", [5, 13]), (1, "old-landlock", [6, 12])] {
                let newer = numbers.as_slice() >= from.as_slice();
                assert!(!(part.contains(cause) && newer), "{cause} on {series}");
                seen[kind] += usize::from(part.contains(cause));
            }
        }
        assert!(seen.iter().all(|count| *count > 0), "no kernel of the report is old: {seen:?}");
    }

    #[test]
    fn a_remedy_is_found_by_its_cause() {
        let said = r#"{"findings": [{"cause": "chroot", "remedy": "boot with `a=b`, or not"}]}"#;
        let remedy = remedy_for("chroot", said).unwrap().unwrap();
        assert_eq!(word_of(&remedy), "a=b");
        assert_eq!(remedy_for("no-proc", said), Ok(None));
        assert!(remedy_for("chroot", "no JSON").is_err());
    }
}
