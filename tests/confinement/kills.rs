//! SIGKILL for a supervisor, at any moment of a launch.
//!
//! How many are killed is told by `BULKHEAD_KILLS`, else two hundred, or fewer where accounts are
//! made. Two thousand each, as `just kills` has it, take minutes.

use std::fs;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use sandbox::host::limit_support::LimitSupport;

use crate::apart::{accounts, leased, set_apart, tables};
use crate::contained::hook::BACKEND;
use crate::machine::{bulkhead, directory, is_root};
use crate::outputs::FrontEnd;
use crate::remnants::{await_true, held_locks, living};

/// How many launches there are at a time.
const PARALLEL: usize = 8;

/// A payload that would like to stay: a daemon in a session of its own, deaf to every signal. The word
/// behind it, by which it is found, stands in the command line of both.
const DAEMON: &str = "echo ready; trap '' TERM HUP INT; \
                      setsid sh -c \"trap '' TERM HUP INT; sleep 300; true\" $0 & sleep 300; true";

/// These tests take turns: each counts what the uids of all have left.
static TURN: Mutex<()> = Mutex::new(());

/// Builds that are killed, and all that they could leave.
struct Killed {
    _turn: MutexGuard<'static, ()>,
    options: &'static [&'static str],
    /// One working directory for each of those at a time: this design hands it over.
    places: Vec<tempfile::TempDir>,
    runtime: tempfile::TempDir,
    before: Vec<String>,
    groups_before: Vec<(PathBuf, bool)>,
}

impl Killed {
    fn new(options: &'static [&'static str]) -> Self {
        let place = |_| {
            let place = directory();
            fs::write(place.path().join("source"), "here").unwrap();
            place
        };
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        Self {
            _turn: turn,
            options,
            places: (0..PARALLEL).map(place).collect(),
            runtime: directory(),
            before: tables(),
            groups_before: all_groups(),
        }
    }

    fn start(&self, place: usize) -> Child {
        let mut command = bulkhead(self.places[place].path());
        let uids = format!("{}-{}", leased().start(), leased().end());
        command.args(["run", "--uids", &uids, "--runtime"]).arg(self.runtime.path());
        command.args(self.options).args(["--", "/bin/sh", "-c", DAEMON]).arg(self.runtime.path());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        command.spawn().unwrap()
    }

    /// How long it takes until as many builds as will be started at a time have all begun; these are
    /// killed while they run.
    fn time_of_a_launch(&self) -> Duration {
        let begun = Instant::now();
        let mut children: Vec<_> = (0..PARALLEL).map(|place| self.start(place)).collect();
        for child in &mut children {
            child.stdout.as_mut().unwrap().read_exact(&mut [0; 6]).unwrap();
        }
        let time = begun.elapsed();
        children.iter_mut().for_each(end);
        time
    }

    /// Starts and kills builds, at moments that are spread evenly over one and a half launches.
    fn kill(&self, count: usize) {
        let longest = self.time_of_a_launch().mul_f64(1.5);
        let each = count.div_ceil(PARALLEL);
        std::thread::scope(|scope| {
            for thread in 0..PARALLEL {
                scope.spawn(move || {
                    for round in 0..each {
                        let mut child = self.start(thread);
                        // By a step that shares no factor with the number of all.
                        let share = (round * PARALLEL + thread) * 61 % (each * PARALLEL);
                        let share = longest * u32::try_from(share).unwrap();
                        std::thread::sleep(share / u32::try_from(each * PARALLEL).unwrap());
                        end(&mut child);
                    }
                });
            }
        });
    }

    fn gc(&self) -> String {
        let mut command = bulkhead(self.runtime.path());
        let output = command.args(["gc", "--runtime"]).arg(self.runtime.path()).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    fn below(&self, name: &str) -> Vec<fs::DirEntry> {
        fs::read_dir(self.runtime.path().join(name)).into_iter().flatten().flatten().collect()
    }

    /// The leases whose holder could not say that it is done.
    fn records(&self) -> usize {
        let leases = self.below("uid").into_iter();
        leases.filter(|file| file.metadata().unwrap().len() > 0).count()
    }

    /// Nothing lives, is locked or mounted: it holds a moment after the last supervisor is dead, as the
    /// kernel ends a namespace a moment after its init, and with it what only a process could have.
    fn await_death(&self) {
        let runtime = self.runtime.path();
        await_true("no process is left", || {
            living(runtime, &leased()).is_empty() && living(runtime, &accounts()).is_empty()
        });
        self.await_locks();
    }

    fn await_locks(&self) {
        let runtime = self.runtime.path();
        await_true("no lock is held", || {
            held_locks(&runtime.join("uid")) + held_locks(&runtime.join("user")) == 0
        });
    }

    /// What of the directories is somebody else's than root's, who started all.
    fn given_away(&self) -> Vec<PathBuf> {
        let places = self.places.iter().map(tempfile::TempDir::path);
        let all = places.flat_map(|place| [place.to_owned(), place.join("source")]);
        all.filter(|path| path.metadata().unwrap().uid() != 0).collect()
    }

    fn assert_nothing_is_left(&self) {
        assert_eq!(tables(), self.before, "an account or a mount is left");
        for name in ["private", "claim", "user"] {
            assert_eq!(self.below(name).len(), 0, "{name}");
        }
        assert_eq!(self.given_away(), Vec::<PathBuf>::new());
        for place in &self.places {
            assert_eq!(fs::read_dir(place.path()).unwrap().count(), 1, "a file beside the source");
        }
    }

    /// The control groups of these builds, and whether somebody is in them.
    fn groups(&self) -> Vec<(PathBuf, bool)> {
        let mut groups = all_groups();
        groups.retain(|group| !self.groups_before.contains(group));
        groups
    }
}

fn end(child: &mut Child) {
    child.kill().unwrap();
    child.wait().unwrap();
}

/// The control groups of these uids, and whether somebody is in them. What a test that was killed has
/// left is among them.
fn all_groups() -> Vec<(PathBuf, bool)> {
    let offer = LimitSupport::probe(true);
    let places = offer.memory.iter().chain(&offer.processes).map(|place| &place.directory);
    let entries = places.flat_map(fs::read_dir).flatten().flatten();
    let ours = entries.filter(|entry| {
        let name = entry.file_name().to_string_lossy().into_owned();
        let uid =
            name.strip_prefix("bulkhead-").and_then(|rest| rest.split('-').next()?.parse().ok());
        uid.is_some_and(|uid: u32| leased().contains(&uid))
    });
    ours.map(|entry| {
        let members = fs::read_to_string(entry.path().join("cgroup.procs")).unwrap_or_default();
        (entry.path(), !members.is_empty())
    })
    .collect()
}

fn count(default: usize) -> usize {
    let told = std::env::var("BULKHEAD_KILLS").ok();
    told.map_or(default, |told| told.parse().unwrap())
}

#[test]
fn supervisors_killed_at_random_moments_leave_nothing() {
    if !is_root() {
        return;
    }
    let _apart = set_apart();
    let killed = Killed::new(&[]);
    let count = count(200);
    killed.kill(count);
    killed.await_death();
    killed.assert_nothing_is_left();
    let groups = killed.groups();
    assert!(groups.iter().all(|(_, occupied)| !occupied), "{groups:?}");
    assert!(groups.len() <= 2 * killed.below("uid").len(), "one for each lease and controller");
    let records = killed.records();
    assert_ne!(records, 0, "some were killed while their build ran");
    println!("full: {count} killed, of which {records} had still a lease to be swept");
    killed.gc();
    assert_eq!(killed.records(), 0);
    assert_eq!(killed.groups(), [], "control groups are left");
    assert_eq!(killed.gc(), "", "a second sweep finds nothing to do");
}

#[test]
fn the_accounts_of_killed_supervisors_are_removed_by_the_next_sweep() {
    if !is_root() {
        return;
    }
    let _apart = set_apart();
    let killed = Killed::new(&["--level", "proposal"]);
    let count = count(24);
    killed.kill(count);
    // Each start sweeps what the ones before it left. This last one is killed while it builds.
    let mut last = killed.start(0);
    last.stdout.as_mut().unwrap().read_exact(&mut [0; 6]).unwrap();
    end(&mut last);
    // A `useradd` that was under way goes on; it holds its supervisor's lock until it is done.
    killed.await_locks();
    assert_ne!(tables(), killed.before, "what an account costs: a killed supervisor leaves it");
    assert_ne!(living(killed.runtime.path(), &accounts()).len(), 0, "and this level has no leash");
    let swept = killed.gc();
    killed.await_death();
    println!("proposal: {count} killed; the last sweep said {:?}", swept.trim());
    killed.assert_nothing_is_left();
    assert_eq!(killed.gc(), "", "a second sweep finds nothing to do");
}

/// Supervisors of hooks, killed from the launch on until what was handed over has its name: there is the
/// whole of it or nothing.
#[test]
fn supervisors_of_hooks_killed_at_random_moments_leave_no_half_of_an_output() {
    if !is_root() {
        return;
    }
    let _apart = set_apart();
    let killed = Killed::new(&[]);
    let runtime = killed.runtime.path().to_str().unwrap();
    let uids = format!("{}-{}", leased().start(), leased().end());
    let options = ["--replace", "--uids", &uids, "--runtime", runtime];
    let whole = FrontEnd::new(BACKEND);
    let begun = Instant::now();
    assert!(whole.build(&options).status.success());
    let longest = begun.elapsed().mul_f64(1.3);
    let name = "dist/pkg-1.0-py3-none-any.whl";
    let size = fs::metadata(whole.path(name)).unwrap().len();
    let all = count(200).div_ceil(4);
    let counts: Vec<[usize; 3]> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4)
            .map(|thread| {
                let options = &options;
                scope.spawn(move || {
                    let (front_end, mut ended) = (FrontEnd::new(BACKEND), [0; 3]);
                    for round in 0..all {
                        let mut command = front_end.command(options);
                        command.stdout(Stdio::null()).stderr(Stdio::null());
                        let mut child = command.spawn().unwrap();
                        let share = u32::try_from((round * 4 + thread) * 61 % (all * 4)).unwrap();
                        std::thread::sleep(longest * share / u32::try_from(all * 4).unwrap());
                        end(&mut child);
                        let found =
                            fs::metadata(front_end.path(name)).map(|found| found.len()).ok();
                        let answer = front_end.path("control/output.json");
                        assert!(found.is_none_or(|found| found == size), "half of a wheel");
                        assert!(found.is_some() || !answer.exists(), "an answer without its wheel");
                        let beside = fs::read_dir(front_end.path("dist")).unwrap().count();
                        assert_eq!(beside, usize::from(found.is_some()), "a file beside it");
                        ended[usize::from(found.is_some()) + usize::from(answer.exists())] += 1;
                        let _ = fs::remove_file(front_end.path(name));
                        let _ = fs::remove_file(&answer);
                    }
                    ended
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    killed.await_death();
    let sum = |which: usize| counts.iter().map(|ended| ended[which]).sum::<usize>();
    println!("hooks: nothing, wheel alone, all handed over: {}, {}, {}", sum(0), sum(1), sum(2));
    assert_ne!(sum(0), 0, "none was killed in time");
    killed.gc();
    assert_eq!(killed.records(), 0);
}

/// A directory that was handed to an account is not left to whoever gets its uid next.
#[test]
fn what_was_handed_to_an_account_comes_back_although_its_supervisor_was_killed() {
    if !is_root() {
        return;
    }
    let _apart = set_apart();
    let killed = Killed::new(&["--level", "proposal"]);
    let mut build = killed.start(0);
    build.stdout.as_mut().unwrap().read_exact(&mut [0; 6]).unwrap();
    assert_ne!(killed.given_away(), Vec::<PathBuf>::new(), "the control");
    end(&mut build);
    killed.gc();
    killed.await_death();
    killed.assert_nothing_is_left();
}

/// While one supervisor sweeps what a dead one has left, the next one waits for the directory: else it would
/// give it back to an account that is no more.
#[test]
fn a_directory_that_is_being_given_back_is_not_handed_on_before_that() {
    if !is_root() {
        return;
    }
    let _apart = set_apart();
    let killed = Killed::new(&["--level", "proposal"]);
    let mut first = killed.start(0);
    first.stdout.as_mut().unwrap().read_exact(&mut [0; 6]).unwrap();
    end(&mut first);
    let dead = killed.given_away();
    assert_ne!(dead, Vec::<PathBuf>::new(), "the control");
    let owner = |path: &PathBuf| fs::metadata(path).unwrap().uid();
    let account = owner(&dead[0]);
    let records: Vec<_> = fs::read_dir(killed.runtime.path().join("user"))
        .unwrap()
        .map(|it| it.unwrap().path())
        .collect();
    let [record] = &records[..] else { panic!("{records:?}") };
    let sweep = fs::File::open(record).unwrap();
    sweep.lock().unwrap();
    let mut second = killed.start(0);
    std::thread::sleep(Duration::from_secs(1));
    assert_eq!(owner(&dead[0]), account, "it is handed on only when it is given back");
    drop(sweep);
    second.stdout.as_mut().unwrap().read_exact(&mut [0; 6]).unwrap();
    assert_ne!(owner(&dead[0]), account);
    end(&mut second);
    killed.gc();
    killed.await_death();
    killed.assert_nothing_is_left();
}
