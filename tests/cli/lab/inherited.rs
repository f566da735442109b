//! What the harness's caller left open is in no process of a lab.

use std::fs::File;

use harness::conduct::conduct_before;
use harness::conduct::onlooker::{Moment, Onlooker};
use harness::lab::profile::Profile;
use harness::schedule::Trial;
use rstest::rstest;
use rustix::io::FdFlags;

use crate::fixture::{Fixture, bench, victim};

/// Looks at every descriptor in a lab while the build stands still.
#[derive(Default)]
struct Inspector {
    processes: usize,
    descriptors: Vec<String>,
}

impl Onlooker for Inspector {
    fn pauses(&self) -> Vec<String> {
        vec!["here".to_owned()]
    }

    fn sees(&mut self, moment: Moment<'_>) {
        if let Moment::AtTheEscape(room) = moment {
            let processes = &room.lab.processes;
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
    let Some(bench) = bench() else { return };
    let (_, host) = Profile::ALL[number];
    let dir = tempfile::Builder::new().prefix("of-the-caller-").tempdir().unwrap();
    let left = left_open(dir.path());
    let fixture = Fixture::new("kit.mark('here')").plant("agent", victim("agent"));
    let mut eyes = Inspector::default();
    let trial = Trial { host: host.to_owned(), ..fixture.trial() };
    let seen = conduct_before(&trial, bench, 0, &mut eyes);
    drop(left);
    assert_eq!(seen.run.marks, ["here"], "{host}: {:?}", seen.run);
    // The first process, the victim, the front end, the hook.
    assert!(eyes.processes >= 4, "{host}: {} processes", eyes.processes);
    assert!(eyes.descriptors.len() > eyes.processes, "{host}: {:?}", eyes.descriptors);
    let found: Vec<_> =
        eyes.descriptors.iter().filter(|name| name.contains("of-the-caller")).collect();
    assert!(found.is_empty(), "{host}: {found:?}");
}
