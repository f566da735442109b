//! Real builds behind all of these layers at once.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use crate::payload::run_with;

/// Runs `script` behind the filter and the rules, unless the tools that it needs are missing.
fn build(tools: &[&str], files: &[(&str, &str)], script: &str) {
    for tool in tools {
        let path = std::env::var_os("PATH").unwrap_or_default();
        if !std::env::split_paths(&path).any(|directory| directory.join(tool).exists()) {
            assert!(std::env::var_os("REQUIRE_ISOLATION").is_none(), "{tool} is missing");
            crate::skipped::note(format_args!("{tool} is missing"));
            return;
        }
    }
    let directory = tempfile::tempdir().expect("a directory");
    let temporary = directory.path().join("tmp");
    std::fs::create_dir(&temporary).expect("made");
    for (name, content) in files {
        let path = directory.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("made");
        std::fs::write(path, content).expect("written");
    }
    let variables: &[(&str, &OsStr)] = &[
        ("TMPDIR", temporary.as_os_str()),
        ("GIT_CONFIG_GLOBAL", Path::new("/dev/null").as_os_str()),
        ("GIT_AUTHOR_NAME", OsStr::new("a")),
        ("GIT_AUTHOR_EMAIL", OsStr::new("a@b")),
        ("GIT_COMMITTER_NAME", OsStr::new("a")),
        ("GIT_COMMITTER_EMAIL", OsStr::new("a@b")),
    ];
    let home = std::env::var_os("HOME").map(PathBuf::from);
    let argv = ["sh", "-exc", script];
    let layers = "limits processes=4000 + landlock + syscalls";
    let ran = run_with(layers, &argv, directory.path(), variables, home.as_slice());
    assert!(ran.status.success(), "{}\n{}\n{:?}", ran.stdout, ran.stderr, ran.status);
    assert!(ran.stdout.ends_with("built\n"), "{ran:?}");
}

#[test]
fn python_builds_and_loads_a_c_extension() {
    build(
        &["python3", "gcc"],
        &[(
            "m.c",
            "#include <Python.h>\nstatic struct PyModuleDef m = {PyModuleDef_HEAD_INIT, \"m\"};\n\
             PyMODINIT_FUNC PyInit_m(void) { return PyModule_Create(&m); }\n",
        )],
        "gcc -shared -fPIC -I$(python3 -c 'import sysconfig; print(sysconfig.get_path(\"include\"))') \
         -o m.so m.c
         python3 -c 'import m, multiprocessing as p; print(p.Pool(2).map(abs, [-1, -2]))'
         python3 -m venv --without-pip e && e/bin/python -m compileall -q . && echo built",
    );
}

#[test]
fn make_builds_in_parallel() {
    build(
        &["make", "gcc"],
        &[
            (
                "Makefile",
                "all: a b c\n\t@./a && ./b && ./c\n%: %.c\n\t$(CC) -pipe -O2 -g -o $@ $< -lpthread\n",
            ),
            (
                "a.c",
                "#include <pthread.h>\nstatic void *f(void *x) { return x; }\n\
              int main(void) { pthread_t t; return pthread_create(&t, 0, f, 0) || pthread_join(t, 0); }\n",
            ),
            ("b.c", "#include <stdlib.h>\nint main(void) { return system(\"true\"); }\n"),
            (
                "c.c",
                "#include <stdio.h>\nint main(void) { FILE *f = popen(\"true\", \"r\"); return pclose(f); }\n",
            ),
        ],
        "make -j4 && echo built",
    );
}

#[test]
fn cargo_builds_and_tests_a_crate() {
    build(
        &["cargo"],
        &[
            (
                "Cargo.toml",
                "[package]\nname = \"a\"\nversion = \"0.1.0\"\nedition = \"2021\"\n[workspace]\n",
            ),
            ("build.rs", "fn main() { println!(\"cargo:rerun-if-changed=build.rs\"); }\n"),
            ("src/lib.rs", "#[test]\nfn a() { std::thread::spawn(|| ()).join().unwrap(); }\n"),
            ("src/main.rs", "fn main() {}\n"),
        ],
        "CARGO_NET_OFFLINE=true CARGO_TARGET_DIR=t cargo test -q && echo built",
    );
}

#[test]
fn git_commits_clones_and_packs() {
    build(
        &["git"],
        &[("r/a", "a\n")],
        "git init -q r && git -C r add a && git -C r commit -qm a && git -C r gc -q --prune=now
         git clone -q r s && git -C s log --oneline && git -C r archive HEAD | tar xf - && echo built",
    );
}

#[test]
fn tar_keeps_modes_links_and_fifos() {
    build(
        &["tar", "gzip"],
        &[("d/a", "a\n")],
        "ln -s a d/l && ln d/a d/h && mkfifo d/f && chmod 1777 d
         tar czf d.tgz d && mkdir e && tar xpzf d.tgz -C e && cp -a e f && test -p f/d/f && rm -r d e
         install -m 755 f/d/a b && touch -d @0 b && echo built",
    );
}

#[test]
fn node_and_java_start() {
    build(
        &["node"],
        &[(
            "a.js",
            "const fs = require('fs'); new (require('worker_threads').Worker)('', {eval: true}); \
             fs.promises.readFile(__filename).then(() => \
             require('child_process').execFileSync('true'));\n",
        )],
        "node a.js && echo built",
    );
    build(
        &["java"],
        &[(
            "A.java",
            "class A { public static void main(String[] a) { System.out.println(1); } }\n",
        )],
        "java -version && (java A.java || java -version) && echo built",
    );
}

#[test]
fn cmake_configures_and_ninja_builds() {
    build(
        &["cmake", "ninja", "gcc"],
        &[
            (
                "CMakeLists.txt",
                "cmake_minimum_required(VERSION 3.16)\nproject(a C)\nadd_executable(a a.c)\n",
            ),
            ("a.c", "int main(void) { return 0; }\n"),
        ],
        "cmake -G Ninja -B b && cmake --build b && b/a && echo built",
    );
}
