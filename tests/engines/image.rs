//! `dist/Containerfile`: an engine builds it, and what it makes is the harness.
//!
//! The daemon of the tests has no network, so both bases are one root that is copied from this machine,
//! and the compiler in it hands over the programs that are built already. What a real compiler makes of
//! the sources is what every other test runs.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::daemon::{Daemon, Engine, lay_out};
use crate::here;

/// What the image needs of a distribution, beside Python.
const PROGRAMS: [&str; 4] = ["sh", "cp", "mkdir", "rm"];

/// Stands in for the compiler: it is asked for what the file asks for, and hands over what is there.
const CARGO: &str = "#!/bin/sh\nset -e\n\
    [ \"$*\" = 'build --release --locked -p harness -p sandbox --bins' ]\n\
    [ -f Cargo.lock ] && [ -d attacks ] && [ -d harness/src ] && [ -d tests ]\n\
    [ ! -e target ] && [ ! -e .git ]\n\
    mkdir -p target/release\ncp /built/harness /built/bulkhead target/release/\n";

fn top() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// The programs under test; the harness lies beside the sandbox if the workspace is built.
fn programs() -> Result<[PathBuf; 2], String> {
    let bulkhead = PathBuf::from(env!("CARGO_BIN_EXE_bulkhead"));
    let harness = bulkhead.with_file_name("harness");
    if harness.is_file() {
        Ok([harness, bulkhead])
    } else {
        Err("the harness is not built; run `cargo build -p harness`".to_owned())
    }
}

fn said(program: &str, words: &[&str]) -> String {
    let output = Command::new(program).args(words).output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

/// The libraries that a file is linked with, by their names here.
fn libraries(file: &Path) -> BTreeSet<PathBuf> {
    let told = said("ldd", &[file.to_str().unwrap()]);
    told.split_whitespace().filter(|word| word.starts_with('/')).map(PathBuf::from).collect()
}

fn copy(from: &Path, root: &Path) {
    let to = root.join(from.strip_prefix("/").unwrap());
    fs::create_dir_all(to.parent().unwrap()).unwrap();
    let done = Command::new("cp").args(["-RL", "--preserve=mode"]).arg(from).arg(&to).status();
    assert!(done.unwrap().success(), "{}", from.display());
}

/// A root with a shell, this machine's Python, and the stand-in for a compiler.
fn base(root: &Path, programs: &[PathBuf; 2]) {
    lay_out(root).unwrap();
    // What the links of the root lead to.
    for name in ["bin", "sbin", "lib", "lib64"] {
        fs::create_dir_all(root.join("usr").join(name)).unwrap();
    }
    let python = fs::canonicalize("/usr/bin/python3").unwrap();
    let mut files: Vec<_> = PROGRAMS
        .iter()
        .map(|name| Path::new("/usr/bin").join(name))
        .chain([python.clone()])
        .collect();
    let told = said(
        python.to_str().unwrap(),
        &[
            "-I",
            "-c",
            "import pip, sysconfig; print(sysconfig.get_path('stdlib'), pip.__path__[0])",
        ],
    );
    let folders: Vec<_> = told.split_whitespace().map(PathBuf::from).collect();
    let extensions = fs::read_dir(folders[0].join("lib-dynload")).unwrap().flatten();
    let linked: Vec<_> = extensions.map(|entry| entry.path()).chain(files.clone()).collect();
    let linked: BTreeSet<_> = linked.iter().chain(programs).flat_map(|it| libraries(it)).collect();
    files.extend(linked);
    files.extend(folders);
    for file in &files {
        copy(file, root);
    }
    std::os::unix::fs::symlink(&python, root.join("usr/bin/python3")).unwrap();
    fs::create_dir_all(root.join("built")).unwrap();
    for program in programs {
        let to = root.join("built").join(program.file_name().unwrap());
        // Symbols for a debugger are most of it.
        let stripped = Command::new("strip").arg("-o").arg(&to).arg(program).status();
        if !stripped.is_ok_and(|status| status.success()) {
            fs::copy(program, &to).unwrap();
        }
    }
    let cargo = root.join("usr/local/bin/cargo");
    fs::create_dir_all(cargo.parent().unwrap()).unwrap();
    fs::write(&cargo, CARGO).unwrap();
    fs::set_permissions(&cargo, fs::Permissions::from_mode(0o755)).unwrap();
}

/// Makes an image of a directory.
fn import(daemon: &Daemon, root: &Path, name: &str) {
    let mut tar = Command::new("/bin/tar");
    tar.args(["-c", "-C"]).arg(root).arg(".").stdout(Stdio::piped());
    let mut tar = tar.spawn().unwrap();
    let archive = Stdio::from(tar.stdout.take().unwrap());
    let path = "ENV PATH=/usr/local/bin:/usr/bin:/usr/sbin";
    let mut client = daemon.client();
    let answer =
        client.args(["import", "--change", path, "-", name]).stdin(archive).output().unwrap();
    assert!(answer.status.success(), "{}", String::from_utf8_lossy(&answer.stderr));
    assert!(tar.wait().unwrap().success());
}

#[test]
fn the_image_is_built_and_runs_the_harness() {
    let Some(programs) = here(programs()) else { return };
    let Some(daemon) = here(Daemon::start(Engine::Docker)) else { return };
    let root = tempfile::tempdir().unwrap();
    base(root.path(), &programs);
    import(&daemon, root.path(), "base");
    let mut build = daemon.client();
    build.env("DOCKER_BUILDKIT", "0").current_dir(top());
    build.args(["build", "--network=none", "--file=dist/Containerfile", "--tag=harness"]);
    build.args(["--build-arg=BUILDER=base", "--build-arg=BASE=base", "."]);
    let made = build.output().unwrap();
    let told = String::from_utf8_lossy(&made.stderr);
    assert!(made.status.success(), "{told}{}", String::from_utf8_lossy(&made.stdout));
    let run = |options: &[&str], words: &[&str]| {
        let mut client = daemon.client();
        client.args(["run", "--rm", "--network=none"]).args(options).arg("harness").args(words);
        let output = client.output().unwrap();
        let text = [output.stdout, output.stderr].map(|it| String::from_utf8(it).unwrap());
        (output.status.code(), text.concat())
    };
    let (status, text) = run(&[], &["-V"]);
    assert_eq!((status, text.trim()), (Some(0), concat!("harness ", env!("CARGO_PKG_VERSION"))));
    // Without rights it says what it lacks, as the file says.
    let (status, text) = run(&[], &[]);
    assert_eq!(status, Some(20), "{text}");
    assert!(text.starts_with("runs here     no: "), "{text}");
    // With them it tries what it is asked to. What `--privileged` lends beyond these it does not need, and
    // a machine that is a container itself has not all of it.
    let rights = [
        "--cap-add=SYS_ADMIN",
        "--cap-add=NET_ADMIN",
        "--security-opt=seccomp=unconfined",
        "--security-opt=apparmor=unconfined",
        "--security-opt=systempaths=unconfined",
    ];
    let words = ["run", "-E", "id(secrets/netrc-read)", "-t", "own@full", "--out", "/tmp/out"];
    let (status, text) = run(&rights, &words);
    assert_eq!(status, Some(0), "{text}");
    // The small base has no compiler, which one honest build needs.
    assert!(text.contains("as expected\n"), "{text}");
    assert!(text.contains("full: 0 of 1 got through; 2 honest builds built"), "{text}");
}

#[test]
fn the_compiler_of_the_image_is_the_pinned_one() {
    let read = |name: &str| fs::read_to_string(top().join(name)).unwrap();
    let pinned = read("rust-toolchain.toml");
    let channel = pinned.lines().find_map(|line| line.strip_prefix("channel = ")).unwrap();
    let image = format!("BUILDER=docker.io/library/rust:{}-slim-", channel.trim_matches('"'));
    assert!(read("dist/Containerfile").contains(&image), "dist/Containerfile has no {image}");
}
