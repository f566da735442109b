//! Labs, front end and oracles on the real kernel: each test needs root.
#![forbid(unsafe_code)]

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use harness::catalogue::attack::{
    Attack, AttackId, Hook, OracleKind, OracleSpec, Plant, PlantKind, Purpose, RunPlan,
};
use harness::conduct::{Bench, conduct};
use harness::oracle::Observation;
use harness::schedule::Trial;
use sandbox::Level;

/// The bench, once; `None`, with a reason on standard error, where tests must be skipped.
fn bench() -> Option<&'static Bench> {
    static BENCH: OnceLock<Option<Bench>> = OnceLock::new();
    BENCH
        .get_or_init(|| {
            let program = Path::new(env!("CARGO_BIN_EXE_harness"));
            match Bench::prepare(None, Some(program)) {
                Ok(bench) => Some(bench),
                Err(error) => {
                    let must = std::env::var_os("REQUIRE_ISOLATION").is_some_and(|v| v == "1");
                    assert!(!must, "REQUIRE_ISOLATION=1, but: {error}");
                    eprintln!("skipped: {error}");
                    None
                }
            }
        })
        .as_ref()
}

/// A source tree whose `build_wheel` does `body` and then builds honestly.
struct Fixture {
    dir: tempfile::TempDir,
    attack: Attack,
}

impl Fixture {
    fn new(body: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let indented: String = body.lines().map(|line| format!("    {line}\n")).collect();
        let backend = format!(
            "import os, socket, subprocess, sys, time\nimport kit\n\n\
             def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):\n\
             {indented}    return kit.wheel(wheel_directory)\n"
        );
        std::fs::write(dir.path().join("backend.py"), backend).unwrap();
        std::fs::write(
            dir.path().join("pyproject.toml"),
            "[build-system]\nrequires = []\nbuild-backend = \"backend\"\nbackend-path = [\".\", \"_lab\"]\n",
        )
        .unwrap();
        let attack = Attack {
            id: AttackId("test/fixture".to_owned()),
            dir: dir.path().to_owned(),
            title: String::new(),
            summary: String::new(),
            purpose: Purpose::Benign,
            techniques: Vec::new(),
            weaknesses: Vec::new(),
            rows: Vec::new(),
            run: RunPlan {
                hooks: vec![Hook::BuildWheel],
                timeout: Duration::from_secs(20),
                marks: Vec::new(),
                levels: Vec::new(),
                interrupt: None,
                second: None,
                inherit: Vec::new(),
            },
            requires: Vec::new(),
            plants: Vec::new(),
            oracles: Vec::new(),
            expect: std::collections::BTreeMap::new(),
            references: Vec::new(),
            fixture: String::new(),
        };
        Self { dir, attack }
    }

    fn plant(mut self, id: &str, kind: PlantKind) -> Self {
        self.attack.plants.push(Plant { id: id.to_owned(), kind });
        self
    }

    fn oracle(mut self, id: &str, kind: OracleKind) -> Self {
        self.attack.oracles.push(OracleSpec { id: id.to_owned(), kind });
        self
    }

    fn run(&self, bench: &Bench) -> Observation {
        let trial = Trial {
            attack: Arc::new(self.attack.clone()),
            target: "own".to_owned(),
            level: Level::None,
            host: "root".to_owned(),
        };
        let seen = conduct(&trial, bench, 0);
        assert_eq!(seen.run.broken, None, "{}", String::from_utf8_lossy(&seen.run.log));
        assert_eq!(seen.contaminated, None);
        seen
    }
}

fn saw(seen: &Observation) -> Vec<&str> {
    seen.findings.iter().map(|finding| finding.oracle.as_str()).collect()
}

#[test]
fn an_honest_build_builds_and_trips_nothing() {
    let Some(bench) = bench() else { return };
    let seen = Fixture::new("kit.mark('here')").run(bench);
    assert!(seen.run.built, "{:?}\n{}", seen.run, String::from_utf8_lossy(&seen.run.log));
    assert_eq!(seen.run.marks, ["here"]);
    assert_eq!(seen.findings, []);
    let began = std::time::Instant::now();
    let seen = Fixture::new("kit.mark('here')").run(bench);
    eprintln!("trial {:?}, front end {:?}", began.elapsed(), seen.run.elapsed);
    for _ in 0..5 {
        eprintln!("{:?}", bench.rehearse().unwrap());
    }
}
