//! The project's own tests and trials in a machine: the tests of confinement, and a part of the
//! catalogue held against the committed report.

use std::collections::BTreeSet;

use crate::host::quoted;
use crate::machine::{Answer, Machine};
use crate::root::{Load, in_machines};
use crate::trouble::{Trouble, end_of};

/// How long the tests may take, and how long the trials; all of the catalogue takes hours.
const TESTS: u64 = 3600;
const TRIALS: u64 = 4 * 3600;

/// The trials that every kernel has to tell as committed: one or two attacks of every guarantee.
pub const SOME: [&str; 4] = ["-t", "own@full", "-E", ATTACKS];
const ATTACKS: &str = "id(secrets/home-sweep) + id(secrets/environment-dump) + id(network/tcp-exfil) \
    + id(network/unix-socket-path) + id(processes/kill-victim) + id(files/shell-profile) \
    + id(privileges/device-node) + id(resources/fork-bomb) + id(neighbours/tmp-squat) \
    + id(remnants/daemon-survives) + id(artefacts/wheel-symlink)";

/// The tests of confinement that are run where time is short: those that know the kernel best.
pub const BRIEF: [&str; 6] =
    ["files::", "identity::", "processes::", "privileges::", "outputs::", "rootless::"];

/// What became of tests or trials.
pub struct Became {
    /// Which they were.
    pub what: String,
    /// In a few words.
    pub how: String,
    /// Whether all is as it should be.
    pub well: bool,
}

/// Runs the tests of confinement whose names contain one of the words; all without a word.
pub fn confinement(machine: &mut Machine, load: &Load, words: &[&str]) -> Result<Became, Trouble> {
    let program = load.programs.join("bulkhead");
    let script = format!(
        "# On a disk: before Linux 6.3 files in memory cannot be shown as another user's.
         umount /tmp && cd /tmp || exit 97
         mkdir -p {folder} && cp /opt/machines/{name} {program} || exit 97
         export REQUIRE_ISOLATION=1 RUST_BACKTRACE=0
         /opt/machines/confinement --test-threads 2 {words} 2>&1",
        folder = load.programs.display(),
        name = in_machines("bulkhead"),
        program = program.display(),
        words = words.join(" "),
    );
    let answer = machine.run(&script, TESTS)?;
    let (how, well) = of_tests(&answer);
    let all = if words.is_empty() { "all tests" } else { "tests" };
    let what = format!("{all} of confinement {}", quoted_list(words)).trim_end().to_owned();
    Ok(Became { what, how, well })
}

/// What is run of the tests of the lab, by the program that holds them.
pub const LAB: [(&str, &[&str]); 2] =
    [("lab", &["held::", "shared::", "death::", "inherited::"]), ("trust", &["container::"])];

/// Runs the tests of what a lab and the container around all labs hold of what runs in them. The
/// words choose among [`LAB`]; without one all of these are run.
pub fn lab(machine: &mut Machine, load: &Load, words: &[&str]) -> Result<Vec<Became>, Trouble> {
    let folder = load.programs.display();
    let checkout = load.checkout.display();
    let script = format!(
        "[ \"$(cat /proc/1/comm) $(findmnt -no PROPAGATION /)\" = 'systemd shared' ] &&
         mkdir -p {folder} ~/.cache && cp -r /opt/machines/cache/bulkhead ~/.cache/ &&
         cp /opt/machines/{name} {folder}/harness && cp /opt/machines/lab /opt/machines/trust /srv &&
         cp -r /opt/checkout/attacks {checkout} && umount -l /opt",
        name = in_machines("harness"),
    );
    let answer = machine.run(&script, TESTS)?;
    if answer.status != 0 {
        return Err(Trouble::Found(format!("the tests cannot be put: {}", end_of(&answer.output))));
    }
    let mut became = Vec::new();
    for (program, all) in LAB {
        let is_its = |word: &&str| all.iter().any(|it| word.contains(it));
        let chosen: Vec<_> = words.iter().copied().filter(is_its).collect();
        let chosen = if words.is_empty() { all.to_vec() } else { chosen };
        if chosen.is_empty() {
            continue;
        }
        let script = format!(
            "cd /srv && export REQUIRE_ISOLATION=1 RUST_BACKTRACE=0
             ./{program} --test-threads 2 --show-output {} 2>&1",
            chosen.join(" ")
        );
        let answer = machine.run(&script, TESTS)?;
        let (how, well) = of_tests(&answer);
        if !well {
            eprintln!("{}", answer.output);
        }
        let what = format!("tests of `{program}` under systemd {}", quoted_list(&chosen));
        became.push(Became { what, how, well });
    }
    Ok(became)
}

/// The words as the report has them.
fn quoted_list(words: &[&str]) -> String {
    words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
}

/// What became of tests, from what their program printed, and whether all is well.
fn of_tests(answer: &Answer) -> (String, bool) {
    let failed = answer.output.lines().filter_map(|line| line.strip_suffix(" ... FAILED"));
    let failed: Vec<_> = failed.map(|line| line.trim_start_matches("test ")).collect();
    let counts = answer.output.lines().find_map(|line| line.strip_prefix("test result: "));
    let skipped: BTreeSet<_> =
        answer.output.lines().filter_map(|line| line.strip_prefix("skipped: ")).collect();
    let how = match counts {
        _ if !failed.is_empty() => {
            let said = answer.output.lines().skip_while(|line| !line.contains(" panicked at "));
            let said: Vec<_> = said.skip(1).take(2).map(str::trim).collect();
            format!("{} failed, the first with {said:?}: {}", failed.len(), failed.join(", "))
        }
        Some(counts) => {
            let passed = counts.split(';').next().unwrap_or_default().to_owned();
            let skipped = skipped.iter().map(|why| format!("; skipped, for {why}"));
            passed + &skipped.collect::<String>()
        }
        None => format!("ended with {}: {}", answer.status, end_of(&answer.output)),
    };
    (how, answer.status == 0 && counts.is_some())
}

/// Builds with every option that takes a path, `rounds` times each, on a host whose mounts are all
/// shared, as systemd makes them; gives the lines of the report.
pub fn mounts(machine: &mut Machine, rounds: u32) -> Result<(Became, Vec<String>), Trouble> {
    let script = format!(
        "[ \"$(findmnt -no PROPAGATION /)\" = shared ] || {{ echo / is not shared; exit 97; }}
         mkdir -p /tmp/place && cd /tmp/place &&
         python3 /opt/machines/mounts.py /opt/machines/bulkhead {rounds} 2>&1"
    );
    let answer = machine.run(&script, TESTS)?;
    let lines: Vec<_> = answer.output.lines().map(str::to_owned).collect();
    let how = lines.last().cloned().unwrap_or_default();
    Ok((Became { what: "mounts".to_owned(), how, well: answer.status == 0 }, lines))
}

/// The whole catalogue at the levels `none` and `full`.
const WHOLE: [&str; 2] = ["-t", "own@full"];

/// Runs the harness with some options; its reports must be the committed ones.
pub fn harness(machine: &mut Machine, options: &[&str]) -> Result<Became, Trouble> {
    let words: Vec<_> = options.iter().map(|option| quoted(option)).collect();
    let told = format!("`harness run {}`", options.join(" "));
    let script = format!(
        "mkdir -p ~/.cache && cp -r /opt/machines/cache/bulkhead ~/.cache/ &&
         cp -r /opt/checkout /var/checkout && cd /var/checkout &&
         cp /opt/machines/harness /usr/local/bin && umount -l /opt || exit 97
         harness run --check --out /var/trials {} 2>&1
         status=$?
         mount -o ro /dev/vdb /opt
         [ $status != 0 ] || {{
             python3 /opt/machines/compare.py /var/trials/root/own.json reports/root/own.json
             status=$?
         }}
         rm -rf /var/checkout /var/trials
         exit $status",
        words.join(" ")
    );
    let answer = machine.run(&script, TRIALS)?;
    let how = match answer.status {
        0 => answer.output.trim().lines().last().unwrap_or_default().to_owned(),
        status => format!("ended with {status}: {}", end_of(&answer.output)),
    };
    let what = match options {
        _ if options == SOME => "some of every guarantee",
        _ if options == WHOLE => "the whole catalogue at `none` and `full`",
        _ => told.as_str(),
    };
    Ok(Became { what: format!("trials, {what}"), how, well: answer.status == 0 })
}
