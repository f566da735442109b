//! Runs a program behind one layer: the test program starts itself again, confines the thread that
//! runs the one test below, and lets that thread start the program.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};

use sandbox::layers::landlock::{self, Access, Grant, Proof};
use sandbox::layers::syscalls;
use sandbox::policy::syscalls::{Architecture, Syscalls};

const LAYER: &str = "BULKHEAD_TEST_LAYER";
const ARGV: &str = "BULKHEAD_TEST_ARGV";
/// More places to read and execute below, separated like PATH.
const TOOLS: &str = "BULKHEAD_TEST_TOOLS";
const STDOUT: &str = "BULKHEAD_TEST_STDOUT";

/// How a program ended, and what it wrote.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// Runs `argv` behind `layer` (`none` is no layer at all) with `directory` as working directory.
pub(crate) fn run(layer: &str, argv: &[&str], directory: &Path) -> Ran {
    run_with(layer, argv, directory, &[], &[])
}

/// The same with more variables in the environment, and more places that Landlock grants.
pub(crate) fn run_with(
    layer: &str,
    argv: &[&str],
    directory: &Path,
    variables: &[(&str, &OsStr)],
    tools: &[PathBuf],
) -> Ran {
    let stdout = tempfile::NamedTempFile::new().expect("a file for the output");
    let this = concat!(module_path!(), "::the_program_starts_behind_its_layer");
    // libtest names a test without the crate that it is in.
    let (_, this) = this.split_once("::").expect("a path in a crate");
    let output = Command::new(std::env::current_exe().expect("this program"))
        .args([this, "--exact", "--nocapture", "--test-threads=1"])
        .env(LAYER, layer)
        .env(ARGV, serde_json::to_string(argv).expect("words"))
        .env(STDOUT, stdout.path())
        .env(TOOLS, std::env::join_paths(tools).expect("no colons"))
        .envs(variables.iter().copied())
        .current_dir(directory)
        .output()
        .expect("this program starts");
    Ran {
        status: output.status,
        stdout: std::fs::read_to_string(stdout.path()).expect("text"),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

#[test]
fn the_program_starts_behind_its_layer() {
    let Ok(layer) = std::env::var(LAYER) else { return };
    let argv: Vec<String> =
        serde_json::from_str(&std::env::var(ARGV).expect("an argv")).expect("words");
    let stdout = std::fs::File::create(std::env::var_os(STDOUT).expect("a file")).expect("a file");
    confine(&layer);
    let status = Command::new(&argv[0])
        .args(&argv[1..])
        .env_remove(LAYER)
        .env_remove(ARGV)
        .env_remove(STDOUT)
        .env_remove(TOOLS)
        .stdout(stdout)
        .status()
        .unwrap_or_else(|error| panic!("{}: {error}", argv[0]));
    let signal = std::os::unix::process::ExitStatusExt::signal(&status);
    std::process::exit(status.code().unwrap_or_else(|| 128 + signal.unwrap_or(0)));
}

fn confine(layers: &str) {
    // Whether the filter needs it is one of the questions, so it is set by name.
    if layers != "syscalls without no_new_privs" {
        rustix::thread::set_no_new_privs(true).expect("no_new_privs");
    }
    for layer in layers.split(" + ") {
        match layer {
            "none" => {}
            "syscalls" | "syscalls without no_new_privs" => filter(Syscalls::default()),
            "syscalls, contained" => filter(Syscalls::NOTHING),
            "landlock" => restrict(false),
            "landlock, contained" => restrict(true),
            limits if limits.starts_with("limits ") => crate::limits::confine(limits),
            other => panic!("no layer `{other}`"),
        }
    }
}

fn filter(policy: Syscalls) {
    let filter = syscalls::resolve(policy, Architecture::native().expect("supported"));
    assert!(!sandbox::sys::seccomp::is_filtered());
    syscalls::apply(&filter).expect("the filter is installed");
    assert!(sandbox::sys::seccomp::is_filtered());
}

/// Reads and executes what a build needs, writes the working directory alone.
fn restrict(deny_tcp: bool) {
    let tools = std::env::var(TOOLS).unwrap_or_default();
    let here = std::env::current_dir().expect("a working directory");
    let read = ["/usr", "/bin", "/lib", "/lib64", "/etc", "/proc"].map(Path::new);
    let tools: Vec<_> = std::env::split_paths(&tools).collect();
    let mut grants: Vec<_> = read
        .into_iter()
        .chain(tools.iter().map(PathBuf::as_path))
        .filter(|path| path.exists())
        .map(|path| Grant { path: path.into(), access: Access::READ | Access::EXECUTE })
        .collect();
    let write = Access::READ | Access::WRITE;
    grants.push(Grant { path: "/dev".into(), access: write | Access::CONTROL });
    grants.push(Grant { path: here, access: write | Access::EXECUTE });
    let rules = landlock::resolve(&grants, deny_tcp, landlock::probe()).expect("rules");
    assert_eq!(landlock::apply(&rules).expect("the rules are applied"), Proof::Taken);
}
