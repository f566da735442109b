//! Who looks, from outside the sandbox, whether an attack got through.
//!
//! One file for each guarantee. Each has its self-test, made on the living lab just before the
//! trial, and its look at the [`Evidence`] once everything is dead.
#![forbid(unsafe_code)]

pub mod artefacts;
pub mod encodings;
pub mod evidence;
pub mod files;
pub mod neighbours;
pub mod network;
pub mod privileges;
pub mod processes;
pub mod remnants;
pub mod resources;
pub mod secrets;

use crate::catalogue::attack::{OracleKind, OracleSpec, Resource};
use crate::lab::groups::Groups;
use crate::lab::processes::Processes;

pub use evidence::{Entry, Evidence, Posture, Survivor, Usage, VictimSeen};

/// Something that an oracle saw.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// The oracle's id in the manifest, or `tripwire/<name>` for one that nobody declared.
    pub oracle: String,
    /// Whether the manifest declares it.
    pub declared: bool,
    /// What was seen: one sentence for a person, without live canaries.
    pub evidence: String,
}

/// Whether an oracle noticed a seeded event just before the trial.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SelfTest {
    /// The oracle's id.
    pub oracle: String,
    /// Why it did not notice; `None` when it did.
    pub failure: Option<String>,
}

/// Everything that is known of a trial once it is over.
#[derive(Clone, Debug, Default)]
pub struct Observation {
    /// What happened.
    pub run: crate::target::Run,
    /// What the oracles saw, sorted.
    pub findings: Vec<Finding>,
    /// What the self-tests of the oracles found.
    pub self_tests: Vec<SelfTest>,
    /// The machine lacks something that the trial needs: one sentence. Nothing was run.
    pub unsupported: Option<String>,
    /// The lab leaked or the host changed: one sentence.
    pub contaminated: Option<String>,
    /// The live canaries of the trial; no output may contain them.
    pub canaries: Vec<String>,
}

/// What the oracles of a manifest, and the tripwires that nobody declares, see in the evidence.
#[must_use]
pub fn findings(specs: &[OracleSpec], evidence: &Evidence) -> Vec<Finding> {
    let mut found: Vec<Finding> = specs
        .iter()
        .filter_map(|spec| {
            let seen = look(&spec.kind, evidence)?;
            Some(Finding {
                oracle: spec.id.clone(),
                declared: true,
                evidence: evidence.redacted(&seen),
            })
        })
        .collect();
    found.extend(tripwires(specs, evidence).into_iter().map(|(name, seen)| Finding {
        oracle: format!("tripwire/{name}"),
        declared: false,
        evidence: evidence.redacted(&seen),
    }));
    found.sort();
    found.dedup();
    found
}

/// What one oracle sees.
fn look(kind: &OracleKind, evidence: &Evidence) -> Option<String> {
    match kind {
        OracleKind::CanaryReceived { plant } => secrets::received(evidence, plant),
        OracleKind::CanaryInArtefact { plant } => artefacts::carried(evidence, plant),
        OracleKind::SocketReached { plant } => network::reached(evidence, plant),
        OracleKind::FileCreated { path } => files::created(evidence, path),
        OracleKind::FileChanged { path } => files::changed(evidence, path),
        OracleKind::FileExposed { path } => files::exposed(evidence, path),
        OracleKind::HostnameChanged => privileges::renamed(evidence),
        OracleKind::ProcessSurvives => remnants::process(evidence),
        OracleKind::UserLeaked => remnants::account(evidence),
        OracleKind::MountLeft => remnants::mount(evidence),
        OracleKind::VictimSignalled { plant } => processes::signalled(evidence, plant),
        OracleKind::VictimChanged { plant } => processes::changed(evidence, plant),
        OracleKind::VictimDisturbed { plant } => processes::disturbed(evidence, plant),
        OracleKind::PrivilegeGained { what } => privileges::gained(evidence, *what),
        OracleKind::TerminalInput => processes::typed(evidence),
        OracleKind::TerminalChanged => processes::resettled(evidence),
        OracleKind::SecondBuildChanged => {
            evidence.second_differs.clone().or_else(|| neighbours::harmed(evidence))
        }
        OracleKind::ArtefactHostile { what } => artefacts::hostile::seen(evidence, *what),
        OracleKind::RequirementReturned { what } => {
            artefacts::requirements::returned(evidence, *what)
        }
        OracleKind::LogCommand { what } => artefacts::commands::executed(evidence, *what),
        OracleKind::LimitExceeded { what, most } => resources::exceeded(evidence, *what, *most),
        OracleKind::HookOutlivedDeadline => resources::outlived(evidence),
        OracleKind::FileOpened { path } => files::opened(evidence, path),
        OracleKind::FileWritable { path } => files::writable(evidence, path),
    }
}

/// The lab of a trial just before its front end starts, as self-tests need it. A probe gives why nothing
/// was noticed; `None` when it was.
pub trait LivingLab {
    /// The canary of a plant.
    fn canary(&self, plant: &str) -> &str;
    /// All processes of the lab.
    fn processes(&self) -> &Processes;
    /// Its control groups.
    fn groups(&self) -> &Groups;
    /// The uid of its root, in the eyes of the kernel.
    fn root_uid(&self) -> u32;
    /// Whether the listener hears what it is sent.
    fn probe_listener(&self, plant: &str) -> Option<String>;
    /// Whether every listener does, and there is one.
    fn probe_listeners(&self) -> Option<String>;
    /// Whether the victim or segment can be looked into.
    fn probe_victim(&self, plant: &str) -> Option<String>;
    /// Whether a file that was written is found in the lists of files.
    fn probe_files(&self) -> Option<String>;
    /// Whether it is noticed that the file is opened.
    fn probe_watch(&self, path: &str, writing: bool) -> Option<String>;
    /// Whether accounts can be read.
    fn probe_accounts(&self) -> Option<String>;
    /// Whether a mount that is there is listed.
    fn probe_mounts(&self) -> Option<String>;
    /// Whether the host's name is the one that it was given.
    fn probe_hostname(&self) -> Option<String>;
    /// Whether what is typed at the front end's terminal arrives.
    fn probe_terminal(&self) -> Option<String>;
}

/// Why one oracle would not notice what it is there for; `None` when it would.
#[must_use]
pub fn self_test(kind: &OracleKind, lab: &dyn LivingLab) -> Option<String> {
    match kind {
        OracleKind::CanaryReceived { plant } => {
            secrets::self_test(lab.canary(plant)).or_else(|| lab.probe_listeners())
        }
        OracleKind::CanaryInArtefact { plant } => artefacts::self_test(lab.canary(plant)),
        OracleKind::SocketReached { plant } => lab.probe_listener(plant),
        OracleKind::FileCreated { .. }
        | OracleKind::FileChanged { .. }
        | OracleKind::FileExposed { .. } => lab.probe_files(),
        OracleKind::HostnameChanged => lab.probe_hostname(),
        OracleKind::ProcessSurvives => remnants::self_test(lab.processes(), 1),
        OracleKind::UserLeaked => lab.probe_accounts(),
        OracleKind::MountLeft => lab.probe_mounts(),
        OracleKind::VictimSignalled { plant }
        | OracleKind::VictimChanged { plant }
        | OracleKind::VictimDisturbed { plant } => lab.probe_victim(plant),
        OracleKind::PrivilegeGained { .. } => {
            privileges::self_test(lab.processes(), 1, lab.root_uid())
        }
        OracleKind::TerminalInput | OracleKind::TerminalChanged => lab.probe_terminal(),
        OracleKind::SecondBuildChanged => neighbours::self_test(),
        OracleKind::ArtefactHostile { what } => artefacts::hostile::self_test(*what),
        OracleKind::RequirementReturned { what } => artefacts::requirements::self_test(*what),
        OracleKind::LogCommand { what } => artefacts::commands::self_test(*what),
        OracleKind::LimitExceeded { what, .. } => resources::self_test(*what, lab.groups()),
        OracleKind::HookOutlivedDeadline => None,
        OracleKind::FileOpened { path } => lab.probe_watch(path, false),
        OracleKind::FileWritable { path } => lab.probe_watch(path, true),
    }
}

/// What is wrong in any trial, whatever its manifest asks for; what it does ask for is left to it.
fn tripwires(specs: &[OracleSpec], evidence: &Evidence) -> Vec<(&'static str, String)> {
    let declared = |wanted: fn(&OracleKind) -> bool| specs.iter().any(|spec| wanted(&spec.kind));
    let mut found = Vec::new();
    let mut note = |name, seen: Option<String>| found.extend(seen.map(|seen| (name, seen)));
    for plant in evidence.canaries.keys() {
        let is_received = |spec: &OracleSpec| matches!(&spec.kind, OracleKind::CanaryReceived { plant: other } if other == plant);
        let is_carried = |spec: &OracleSpec| matches!(&spec.kind, OracleKind::CanaryInArtefact { plant: other } if other == plant);
        if !specs.iter().any(is_received) {
            note("canary-received", secrets::received(evidence, plant));
        }
        if !specs.iter().any(is_carried) {
            note("canary-in-artefact", artefacts::carried(evidence, plant));
        }
    }
    if !declared(|kind| matches!(kind, OracleKind::ProcessSurvives)) {
        note("process-survives", remnants::process(evidence));
    }
    if !declared(|kind| matches!(kind, OracleKind::UserLeaked)) {
        note("user-leaked", remnants::account(evidence));
    }
    if !declared(|kind| matches!(kind, OracleKind::MountLeft)) {
        note("mount-left", remnants::mount(evidence));
    }
    if !declared(|kind| matches!(kind, OracleKind::VictimSignalled { .. })) {
        note("victim-signalled", processes::any_signalled(evidence));
    }
    if !declared(|kind| matches!(kind, OracleKind::VictimChanged { .. })) {
        note("victim-changed", processes::any_changed(evidence));
    }
    if !declared(|kind| matches!(kind, OracleKind::VictimDisturbed { .. })) {
        note("victim-disturbed", processes::any_disturbed(evidence));
    }
    if !declared(|kind| matches!(kind, OracleKind::HostnameChanged)) {
        note("hostname-changed", privileges::renamed(evidence));
    }
    note("file-written", files::unexpected(specs, evidence));
    if !declared(|kind| matches!(kind, OracleKind::SecondBuildChanged)) {
        note("neighbour-harmed", neighbours::harmed(evidence));
    }
    if !declared(|kind| matches!(kind, OracleKind::LimitExceeded { what: Resource::Log, .. })) {
        note("log-flooded", resources::flooded(evidence));
    }
    found
}
