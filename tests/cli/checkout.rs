//! A small checkout, and a command line whose trials are only pretended.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use harness::cli::{self, Conductor, World};
use harness::oracle::{Finding, Observation, SelfTest};
use harness::schedule::Trial;
use harness::target::Run;
use sandbox::Level;

const PYPROJECT: &str = "[build-system]\nrequires = []\nbuild-backend = \"backend\"\n\
                         backend-path = [\".\", \"_lab\"]\n";

/// A live canary of the pretended trials.
pub(crate) const CANARY: &str = "bulkhead-canary-0f3a";

/// How a pretended trial goes.
pub(crate) type Pretend = fn(&Trial) -> Observation;

/// Where a command prints.
pub(crate) type Sink<'a> = dyn Write + Send + 'a;

/// A checkout with two attacks and an honest build.
pub(crate) struct Checkout {
    dir: tempfile::TempDir,
    pub(crate) require_isolation: bool,
    pub(crate) stop: AtomicBool,
}

/// What a command printed, and how it ended.
#[derive(Debug)]
pub(crate) struct End {
    pub(crate) status: u8,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Checkout {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let checkout = Self { dir, require_isolation: false, stop: AtomicBool::new(false) };
        checkout.attack("secrets/netrc-read", "[\"identity\", \"mounts\"]");
        checkout.attack("files/cron-drop", "[\"mounts\"]");
        let benign = "schema = 1\nid = \"benign/honest-wheel\"\ntitle = \"A wheel\"\n\
                      summary = \"What must work.\"\n[run]\nhooks = [\"build_wheel\"]\n\
                      timeout = \"10s\"\n";
        checkout.entry("benign/honest-wheel", benign);
        checkout
    }

    /// Adds an attack.
    pub(crate) fn attack(&self, id: &str, stopped_by: &str) {
        let manifest = format!(
            "schema = 1\nid = \"{id}\"\ntitle = \"Does {id}\"\nseverity = \"high\"\n\
             summary = \"Tries it.\"\nstopped_by = {stopped_by}\ncwe = [\"CWE-522\"]\n[run]\n\
             hooks = [\"build_wheel\"]\ntimeout = \"10s\"\nmarks = [\"open\"]\n[[oracle]]\n\
             id = \"left\"\nkind = \"process-survives\"\n"
        );
        self.entry(id, &manifest);
    }

    fn entry(&self, id: &str, manifest: &str) {
        self.write(&format!("attacks/{id}/attack.toml"), manifest);
        self.write(&format!("attacks/{id}/pyproject.toml"), PYPROJECT);
        self.write(&format!("attacks/{id}/backend.py"), "import kit\n\nkit.mark(\"open\")\n");
    }

    pub(crate) fn write(&self, path: &str, content: &str) {
        let path = self.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    pub(crate) fn read(&self, path: &str) -> String {
        fs::read_to_string(self.path().join(path)).unwrap_or_else(|_| panic!("{path} is not there"))
    }

    pub(crate) fn has(&self, path: &str) -> bool {
        self.path().join(path).exists()
    }

    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    /// Runs `harness` with these arguments and a correct sandbox.
    pub(crate) fn harness(&self, args: &[&str]) -> End {
        self.pretending(args, correct)
    }

    /// Runs `harness` with these arguments and a sandbox of this kind.
    pub(crate) fn pretending(&self, args: &[&str], pretend: Pretend) -> End {
        self.from(self.path().to_owned(), args, Some(pretend))
    }

    /// Runs `harness` from the directory `here`; without a sandbox nothing can be conducted.
    pub(crate) fn from(&self, here: PathBuf, args: &[&str], pretend: Option<Pretend>) -> End {
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let status = self.printing(here, args, pretend, (&mut out, &mut err));
        End { status, out: plain(&out), err: plain(&err) }
    }

    /// The same, with what it prints written elsewhere.
    pub(crate) fn printing(
        &self,
        here: PathBuf,
        args: &[&str],
        pretend: Option<Pretend>,
        (out, err): (&mut Sink<'_>, &mut Sink<'_>),
    ) -> u8 {
        let prepare = move |_: &cli::Wishes| match pretend {
            Some(pretend) => Ok(Conductor {
                conduct: Box::new(move |trial, _| pretend(trial)),
                look_on: Box::new(move |trial, _| pretend(trial)),
                unmet: Box::new(move |trial| pretend(trial).unsupported),
                facts: [("python".to_owned(), "3.11.2".to_owned())].into(),
            }),
            None => Err("the lab needs root; start it as root in a container".into()),
        };
        let mut world = World {
            here,
            home: Some("/home/somebody".into()),
            require_isolation: self.require_isolation,
            live: false,
            out,
            err,
            stop: &self.stop,
            prepare: &prepare,
        };
        let args = ["harness"].iter().chain(args).map(Into::into);
        cli::start(args, &mut world)
    }
}

/// Without colours, and without the time that a run took.
fn plain(bytes: &[u8]) -> String {
    let text = anstream::adapter::strip_bytes(bytes).into_vec();
    let text = String::from_utf8(text).unwrap();
    let timeless = |line: &str| match line.split_once(" trials in ") {
        Some((start, rest)) => {
            let end = rest.split_once(": ").map_or("", |(_, end)| end);
            format!("{start} trials in TIME: {end}\n")
        }
        None => format!("{line}\n"),
    };
    text.lines().map(timeless).collect::<Vec<_>>().concat()
}

/// What a correct sandbox shows.
pub(crate) fn correct(trial: &Trial) -> Observation {
    let blocked = match trial.attack.id.0.as_str() {
        "secrets/netrc-read" => trial.level >= Level::Proposal,
        _ => trial.level == Level::Full,
    };
    if blocked || trial.attack.is_benign() { quiet(trial) } else { escaped(trial) }
}

/// A trial in which nothing was seen.
pub(crate) fn quiet(trial: &Trial) -> Observation {
    Observation {
        run: Run { marks: trial.attack.run.marks.clone(), built: true, ..Run::default() },
        self_tests: vec![SelfTest { oracle: "left".to_owned(), failure: None }],
        canaries: vec![CANARY.to_owned()],
        ..Observation::default()
    }
}

/// A trial in which the attack got through.
pub(crate) fn escaped(trial: &Trial) -> Observation {
    let evidence = "a process outlives the build".to_owned();
    let finding = Finding { oracle: "left".to_owned(), declared: true, evidence };
    Observation { findings: vec![finding], ..quiet(trial) }
}
