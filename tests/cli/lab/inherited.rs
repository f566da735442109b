//! What the harness's caller left open is in no process of a lab.

use std::fs::File;

use harness::conduct::conduct_before;
use harness::conduct::observer::{Observer, TrialEvent};
use harness::lab::profile::Profile;
use harness::schedule::Trial;
use rstest::rstest;
use rustix::io::FdFlags;

use crate::fixture::{Fixture, run_context, victim};

/// Looks at every descriptor in a lab while the build stands still.
#[derive(Default)]
struct Inspector {
    processes: usize,
    descriptors: Vec<String>,
}

impl Observer for Inspector {
    fn pauses(&self) -> Vec<String> {
        vec!["here".to_owned()]
    }

    fn sees(&mut self, moment: TrialEvent<'_>) {
        if let TrialEvent::AtTheEscape(handle) = moment {
            let processes = &handle.lab.processes;
            let all = processes.list().unwrap();
            self.processes = all.len();
            self.descriptors =
                all.iter().flat_map(|process| processes.descriptors(process.pid)).collect();
        }
    }
}

/// A file and a directory that every program which is started now inherits, and their names.
fn left_open(dir: &std::path::Path) -> Vec<File> {
    std::fs::write(dir.join("left-open"), "").unwrap();
    let files = vec![
        File::options().append(true).open(dir.join("left-open")).unwrap(),
        File::open(dir).unwrap(),
    ];
    for file in &files {
        rustix::io::fcntl_setfd(file, FdFlags::empty()).unwrap();
    }
    files
}

#[rstest]
fn no_process_of_a_lab_has_what_the_caller_left_open(
    #[values(0, 1, 2, 3, 4, 5, 6, 7, 8)] number: usize,
) {
    let Some(context) = run_context() else { return };
    let (_, host) = Profile::ALL[number];
    let dir = tempfile::Builder::new().prefix("of-the-caller-").tempdir().unwrap();
    let left = left_open(dir.path());
    let fixture = Fixture::new("kit.mark('here')").plant("agent", victim("agent"));
    let mut observer = Inspector::default();
    let trial = Trial { host: host.to_owned(), ..fixture.trial() };
    let seen = conduct_before(&trial, context, 0, &mut observer);
    drop(left);
    assert_eq!(seen.run.marks, ["here"], "{host}: {:?}", seen.run);
    // The first process, the victim, the front end, the hook.
    assert!(observer.processes >= 4, "{host}: {} processes", observer.processes);
    assert!(observer.descriptors.len() > observer.processes, "{host}: {:?}", observer.descriptors);
    let found: Vec<_> =
        observer.descriptors.iter().filter(|name| name.contains("of-the-caller")).collect();
    assert!(found.is_empty(), "{host}: {found:?}");
}
