//! Hosts that refuse something, made for one test each: what the doctor says is what a launch does, the
//! cause is the one that was made, and the remedy is one that helps.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use rstest::rstest;

use crate::machine::{built, directory, is_root};

/// What `script` does in a mount namespace of its own, where `$1` is the program, at a place that
/// every user can reach, and the working directory is one below it.
fn in_namespace(place: &Path, before: &[&str], script: &str) -> Output {
    let program = program(place);
    let work = place.join("work");
    let _ = fs::create_dir(&work);
    let mut command = Command::new("/usr/bin/unshare");
    command.args(["--mount", "/usr/bin/env", "-u", "XDG_RUNTIME_DIR"]).args(before);
    command.args(["/bin/sh", "-c", script, "sh"]).arg(program).current_dir(work);
    command.output().unwrap()
}

fn program(place: &Path) -> PathBuf {
    let program = place.join("bulkhead");
    // Copied by another process: see the tests of rootless callers.
    let copied = Command::new("/bin/cp").arg(built()).arg(&program).status();
    assert!(copied.unwrap().success());
    program
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// What the doctor, a run and an explanation say, one after the other.
const ALL_THREE: &str = "$1 doctor --json; echo \"status $?\"; \
                         $1 run -- /bin/echo ran; echo \"status $?\"; \
                         $1 explain -- /bin/echo > /dev/null; echo \"status $?\"";

/// The same, read.
struct Told {
    doctor: serde_json::Value,
    /// Of the doctor, the run and the explanation.
    statuses: Vec<i32>,
    ran: bool,
    errors: String,
}

impl Told {
    fn of(output: &Output) -> Self {
        let (printed, errors) = (text(&output.stdout), text(&output.stderr));
        let (json, rest) = printed.split_once("\nstatus ").unwrap();
        let rest = format!("status {rest}");
        let statuses = rest.lines().filter_map(|line| line.strip_prefix("status ")?.parse().ok());
        Self {
            doctor: serde_json::from_str(json).unwrap_or_else(|error| panic!("{error}: {json}")),
            statuses: statuses.collect(),
            ran: rest.contains("ran\n"),
            errors,
        }
    }

    fn causes(&self) -> Vec<&str> {
        let findings = self.doctor["findings"].as_array().unwrap();
        findings.iter().map(|finding| finding["cause"].as_str().unwrap()).collect()
    }

    fn remedy(&self) -> &str {
        self.doctor["findings"][0]["remedy"].as_str().unwrap()
    }

    /// All three agree on whether anything can be built.
    fn agrees(&self) -> bool {
        let built = self.doctor["answer"].as_str().unwrap().starts_with("yes");
        let status = if built { 0 } else { 125 };
        self.ran == built && self.statuses == [status; 3]
    }
}

/// A root directory with the system in it, but for what the test adds.
const TREE: &str = "R=$(dirname $1)/root; mkdir -p $R/usr $R/etc $R/dev $R/proc $R/tmp $R/run $R/work; \
                    for link in bin lib lib64 sbin; do \
                    test -L /$link && ln -s $(readlink /$link) $R/$link; done; \
                    for name in usr etc dev; do mount --rbind /$name $R/$name; done; \
                    cp $1 $R/bulkhead; chmod 1777 $R/tmp; ";

/// How the tree becomes the root.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Chroot,
    ChrootOfMount,
    Pivot,
}

fn in_tree(way: Way, proc: bool, user: &str) -> Told {
    let place = directory();
    let proc = if proc { "mount -t proc proc $R/proc; " } else { "" };
    let inner = format!("cd /work; set -- /bulkhead; {ALL_THREE}");
    let enter = match way {
        Way::Chroot => format!("chroot --userspec={user} $R /bin/sh -c '{inner}'"),
        Way::ChrootOfMount => {
            format!("mount --rbind $R $R; chroot --userspec={user} $R /bin/sh -c '{inner}'")
        }
        Way::Pivot => format!(
            "export R; unshare --mount sh -c 'mount --rbind $R $R && cd $R && pivot_root . . && \
             umount -l . && exec sh -c \"$0\"' '{inner}'"
        ),
    };
    Told::of(&in_namespace(place.path(), &[], &format!("{TREE}{proc}{enter}")))
}

#[rstest]
#[case::root(Way::Chroot, "0:0")]
#[case::root_below_a_mount(Way::ChrootOfMount, "0:0")]
#[case::user(Way::Chroot, "1000:1000")]
fn below_a_changed_root_the_cause_is_that(#[case] way: Way, #[case] user: &str) {
    if !is_root() {
        return;
    }
    let told = in_tree(way, true, user);
    assert!(told.agrees(), "{:#} {:?} {}", told.doctor, told.statuses, told.errors);
    assert_eq!(told.doctor["full"]["plan"], "contained");
    assert_eq!(told.causes()[0], "chroot", "{:#}", told.doctor);
    assert!(told.remedy().contains("pivot_root . ."), "{}", told.remedy());
    // What a run says, it says once, and of the plan by which it runs.
    let notes = told.errors.lines().filter(|line| line.contains(" plan; not in full here"));
    assert_eq!(notes.count(), 1, "{}", told.errors);
    assert!(told.errors.contains("bulkhead: contained plan;"), "{}", told.errors);
}

#[test]
fn a_tree_that_is_entered_as_advised_has_namespaces() {
    if !is_root() {
        return;
    }
    let told = in_tree(Way::Pivot, true, "0:0");
    assert!(told.agrees(), "{:#} {:?} {}", told.doctor, told.statuses, told.errors);
    assert_eq!(told.doctor["full"]["plan"], "namespaced", "{:#}", told.doctor);
}

#[rstest]
#[case::root("0:0")]
#[case::user("1000:1000")]
fn without_proc_nothing_is_promised_and_nothing_run(#[case] user: &str) {
    if !is_root() {
        return;
    }
    let told = in_tree(Way::Chroot, false, user);
    assert!(told.agrees(), "{:#} {:?} {}", told.doctor, told.statuses, told.errors);
    assert!(!told.ran);
    assert_eq!(told.causes(), ["no-proc"]);
    assert_eq!(told.remedy(), "as root run `mount -t proc proc /proc` here");
    let said = told.errors.lines().all(|line| line.contains("`mount -t proc proc /proc`"));
    assert!(said && told.errors.lines().count() == 2, "{}", told.errors);
}

#[test]
fn a_proc_that_numbers_processes_otherwise_is_no_obstacle() {
    if !is_root() {
        return;
    }
    let place = directory();
    let script = format!("exec unshare --pid --fork /bin/sh -c '{ALL_THREE}' sh $1");
    let told = Told::of(&in_namespace(place.path(), &[], &script));
    assert!(told.agrees() && told.ran, "{:#} {}", told.doctor, told.errors);
    assert_eq!(told.doctor["full"]["plan"], "namespaced", "{:#}", told.doctor);
}

#[rstest]
#[case::covered("mount -t tmpfs none /proc/irq; mount -t tmpfs none /proc/acpi", "masked-proc")]
#[case::sealed("mount -o remount,bind,ro /proc", "sealed-proc")]
fn what_is_done_to_proc_is_undone_by_the_remedy(#[case] harm: &str, #[case] cause: &str) {
    if !is_root() {
        return;
    }
    let place = directory();
    let told = Told::of(&in_namespace(place.path(), &[], &format!("{harm}; {ALL_THREE}")));
    assert!(told.agrees() && told.ran, "{:#} {}", told.doctor, told.errors);
    assert_eq!(told.causes()[0], cause, "{:#}", told.doctor);
    let remedy = told.remedy().split('`').nth(1).unwrap();
    let script = format!("{harm}; {remedy}; {ALL_THREE}");
    let well = Told::of(&in_namespace(place.path(), &[], &script));
    assert!(!well.causes().contains(&cause), "{:#}", well.doctor);
    assert_eq!(well.doctor["full"]["guarantees"]["processes"]["holding"], "held");
}

#[rstest]
#[case::root(&[], true)]
#[case::user(&["setpriv", "--reuid=1000", "--regid=1000", "--clear-groups"], false)]
fn who_seems_to_be_root_is_uid_0_for_the_kernel_only_if_he_is(
    #[case] before: &[&str],
    #[case] root: bool,
) {
    if !is_root() {
        return;
    }
    let place = directory();
    let script = format!("exec unshare --map-root-user /bin/sh -c '{ALL_THREE}' sh $1");
    let told = Told::of(&in_namespace(place.path(), before, &script));
    assert!(told.agrees() && told.ran, "{:#} {}", told.doctor, told.errors);
    let privileges = &told.doctor["full"]["guarantees"]["privileges"];
    let says = privileges["lacking"].to_string().contains("the kernel's uid 0");
    assert_eq!(says, root, "{privileges}");
    assert_eq!(told.causes().contains(&"no-other-user"), root, "{:#}", told.doctor);
    assert_eq!(told.errors.contains("the kernel's uid 0"), root, "{}", told.errors);
}

#[rstest]
#[case::level(&["--level", "network"])]
#[case::requirement(&["--require", "all"])]
#[case::limit_of_level(&["--level", "proposal"])]
fn an_explanation_exits_as_the_run_would(#[case] options: &[&str]) {
    if !is_root() {
        return;
    }
    let place = directory();
    let options = options.join(" ");
    let both = format!(
        "$1 run {options} -- /bin/true; echo $?; $1 explain {options} -- /bin/true > /dev/null; echo $?"
    );
    let inner = both.replace("$1", "/bulkhead");
    let refused =
        format!("{TREE} mount -t proc proc $R/proc; chroot $R /bin/sh -c 'cd /work; {inner}'");
    let output = in_namespace(place.path(), &[], &refused);
    assert_eq!(text(&output.stdout), "125\n125\n", "{}", text(&output.stderr));
    assert_eq!(text(&output.stderr).lines().count(), 2, "{}", text(&output.stderr));
    let allowed = in_namespace(place.path(), &[], &both);
    assert_eq!(text(&allowed.stdout), "0\n0\n", "{}", text(&allowed.stderr));
}

/// What no look and no trial in small would find: that the lease cannot be kept.
#[test]
fn a_launch_that_fails_is_not_told_as_one_that_holds() {
    if !is_root() {
        return;
    }
    let place = directory();
    let harm = "mount -t tmpfs -o ro none /run";
    let script = format!("{harm}; {}", ALL_THREE.replace("; $1 explain", "; : $1 explain"));
    let told = Told::of(&in_namespace(place.path(), &[], &script));
    let answer = told.doctor["answer"].as_str().unwrap();
    assert!(answer.starts_with("no, nothing can be built here: could not use /run/"), "{answer}");
    assert!(answer.contains("`--runtime`") && !told.ran, "{answer}");
    assert_eq!(told.statuses[..2], [125, 125], "{}", told.errors);
    assert!(told.doctor["full"]["guarantees"].is_null(), "{:#}", told.doctor);
    let remedy = format!("{harm}; $1 run --runtime $(dirname $1)/runtime -- /bin/echo ran");
    let ran = in_namespace(place.path(), &[], &remedy);
    assert_eq!(text(&ran.stdout), "ran\n", "{}", text(&ran.stderr));
}
