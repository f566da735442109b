//! The context, and source trees that do one thing.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use harness::catalogue::attack::{
    Attack, AttackId, Hook, OracleKind, OracleSpec, Plant, PlantKind, Purpose, RunPlan,
};
use harness::catalogue::tree::Node;
use harness::conduct::{RunContext, conduct};
use harness::lab::host_tree::HostTree;
use harness::oracle::Observation;
use harness::schedule::{Sandbox, Trial};
use sandbox::Level;

/// The context, once; `None`, with a reason on standard error, where tests must be skipped.
pub(crate) fn run_context() -> Option<&'static RunContext> {
    static BENCH: OnceLock<Result<RunContext, String>> = OnceLock::new();
    let context = BENCH.get_or_init(|| {
        let program = Path::new(env!("CARGO_BIN_EXE_harness"));
        let measured = |context: RunContext| context.measure(2).map(|()| context);
        let prepared =
            RunContext::prepare(None, Some(program), Arc::new(HostTree::own())).and_then(measured);
        prepared.map_err(|error| error.to_string())
    });
    let told = |why: &String| {
        let must = std::env::var_os("REQUIRE_ISOLATION").is_some_and(|v| v == "1");
        assert!(!must, "REQUIRE_ISOLATION=1, but: {why}");
        crate::skipped::note(why);
    };
    context.as_ref().map_err(told).ok()
}

const BACKEND: &str = "backend.py";

/// A source tree whose `build_wheel` does `body` and then builds honestly.
pub(crate) struct Fixture {
    pub(crate) attack: Attack,
}

impl Fixture {
    pub(crate) fn new(body: &str) -> Self {
        let indented: String = body.lines().flat_map(|line| ["    ", line, "\n"]).collect();
        let backend = format!(
            "import os, socket, subprocess, sys, time\nimport kit\n\n\
             def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):\n\
             {indented}    return kit.wheel(wheel_directory)\n"
        );
        let project = "[build-system]\nrequires = []\nbuild-backend = \"backend\"\n\
                       backend-path = [\".\", \"_lab\"]\n";
        let file = |content: &str| Node::File { executable: false, content: content.into() };
        let tree = [(BACKEND.into(), file(&backend)), ("pyproject.toml".into(), file(project))];
        let attack = Attack {
            id: AttackId("test/fixture".to_owned()),
            dir: PathBuf::new(),
            title: String::new(),
            summary: String::new(),
            purpose: Purpose::Benign,
            techniques: Vec::new(),
            weaknesses: Vec::new(),
            rows: Vec::new(),
            run: RunPlan {
                hooks: vec![Hook::BuildWheel],
                timeout: Duration::from_secs(20),
                ..RunPlan::default()
            },
            requires: Vec::new(),
            plants: Vec::new(),
            oracles: Vec::new(),
            expect: BTreeMap::new(),
            references: Vec::new(),
            fixture: String::new(),
            tree: tree.into(),
        };
        Self { attack }
    }

    /// One that connects to a sink of the lab, and an oracle that sees it.
    pub(crate) fn that_connects() -> Self {
        Self::new(
            "sink = kit.plant('sink')\n\
             with socket.create_connection((sink.address, sink.port), 5) as s:\n    \
                 s.sendall(kit.nonce.encode())",
        )
        .plant("sink", PlantKind::TcpListener)
        .oracle("reached", OracleKind::SocketReached { plant: "sink".to_owned() })
    }

    /// Adds a file to the tree.
    pub(crate) fn add(&mut self, name: &str, content: &str) {
        let node = Node::File { executable: false, content: content.into() };
        self.attack.tree.insert(name.into(), node);
    }

    /// Changes the back end's text.
    pub(crate) fn replace(&mut self, old: &str, new: &str) {
        let Some(Node::File { content, .. }) = self.attack.tree.get_mut(Path::new(BACKEND)) else {
            panic!("there is no back end");
        };
        let text = String::from_utf8(content.clone()).unwrap();
        assert!(text.contains(old));
        *content = text.replace(old, new).into();
    }

    pub(crate) fn plant(mut self, id: &str, kind: PlantKind) -> Self {
        self.attack.plants.push(Plant { id: id.to_owned(), kind, answer: None });
        self
    }

    pub(crate) fn oracle(mut self, id: &str, kind: OracleKind) -> Self {
        self.attack.oracles.push(OracleSpec { id: id.to_owned(), kind });
        self
    }

    pub(crate) fn trial(&self) -> Trial {
        Trial {
            attack: Arc::new(self.attack.clone()),
            target: "own".to_owned(),
            level: Level::None,
            host: "root".to_owned(),
            sandbox: Sandbox::OWN,
        }
    }

    /// Runs it on a host of another kind.
    pub(crate) fn run_on(&self, host: &str, context: &RunContext) -> Observation {
        let seen = conduct(&Trial { host: host.to_owned(), ..self.trial() }, context, 0);
        assert_eq!(seen.run.broken, None, "{}", String::from_utf8_lossy(&seen.run.log));
        seen
    }

    /// Runs it at level `none`; every self-test must pass.
    pub(crate) fn run(&self, context: &RunContext) -> Observation {
        let seen = conduct(&self.trial(), context, 0);
        assert_eq!(seen.run.broken, None, "{}", String::from_utf8_lossy(&seen.run.log));
        assert_eq!(seen.contaminated, None);
        let failed: Vec<_> = seen.self_tests.iter().filter(|it| it.failure.is_some()).collect();
        assert!(failed.is_empty(), "{failed:?}");
        seen
    }
}

pub(crate) fn saw(seen: &Observation) -> Vec<&str> {
    seen.findings.iter().map(|finding| finding.oracle.as_str()).collect()
}

pub(crate) fn file(path: &str) -> PlantKind {
    PlantKind::File { path: path.to_owned(), mode: 0o600, content: "{canary}\n".to_owned() }
}

pub(crate) fn victim(memory: &str) -> PlantKind {
    PlantKind::Process {
        name: "agent".to_owned(),
        args: vec!["--token={canary}".to_owned()],
        env: Vec::new(),
        memory: Some(memory.to_owned()),
        open: None,
    }
}
