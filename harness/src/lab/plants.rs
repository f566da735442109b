//! Puts the victim state of a manifest in place, with a fresh canary for every plant.
#![forbid(unsafe_code)]

mod listeners;
mod privileged;

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;

use nix::mqueue::{MQ_OFlag, MqAttr, MqdT, mq_open, mq_send};
use nix::sys::stat::Mode;
use sandbox::sys::sysv::Segment;
use serde_json::{Value, json};

use super::layout::{Interpreter, fill};
use super::listeners::Listener;
use super::profile::Profile;
use super::root::Root;
use super::wire::Victim;
use super::{LabError, at_step};
use crate::catalogue::attack::{Attack, Plant, PlantKind};
use crate::catalogue::spelling::Spelt as _;

/// What makes a trial unlike any other: its nonce, and a canary for every plant.
#[derive(Clone, Debug)]
pub struct TrialSecrets {
    /// Sixteen hexadecimal digits; the build may know it.
    pub nonce: String,
    /// The canaries by plant; the build may not.
    pub canaries: BTreeMap<String, String>,
}

/// What is in place before the lab's first process.
#[derive(Debug, Default)]
pub struct Planted {
    /// What the build is told of each plant.
    pub facts: BTreeMap<String, Value>,
    /// The listeners, bound.
    pub listeners: Vec<Listener>,
    /// The victims to start.
    pub victims: Vec<Victim>,
    /// The keys to add: plant, description, payload.
    pub keys: Vec<(String, String, String)>,
    /// The variables of the front end.
    pub variables: Vec<(String, String)>,
    /// The shared memory segments.
    pub segments: BTreeMap<String, Segment>,
    /// The queues; they live as long as their namespace, the descriptors only keep them open.
    pub queues: Vec<MqdT>,
    /// The host's name, where the manifest makes it a plant.
    pub hostname: Option<String>,
    /// Where each plant with a path lies.
    pub paths: BTreeMap<String, PathBuf>,
}

impl TrialSecrets {
    /// A secrets for one trial of `attack` on a host.
    ///
    /// # Errors
    /// When the kernel has no random numbers.
    pub fn of(attack: &Attack, profile: Profile) -> Result<Self, LabError> {
        let mut canaries = BTreeMap::new();
        for plant in &all_plants(attack, profile) {
            canaries.insert(plant.id.clone(), format!("bhcanary{}", random()?));
        }
        Ok(Self { nonce: random()?, canaries })
    }

    /// The canary of a plant.
    #[must_use]
    pub fn canary(&self, plant: &str) -> &str {
        self.canaries.get(plant).map_or("", String::as_str)
    }
}

/// What the manifest plants, and what the host has where the manifest has nothing of its own.
fn all_plants(attack: &Attack, profile: Profile) -> Vec<Plant> {
    let same = |one: &PlantKind, two: &PlantKind| match (one, two) {
        (PlantKind::File { path: one, .. }, PlantKind::File { path: two, .. })
        | (PlantKind::UnixListener { path: one, .. }, PlantKind::UnixListener { path: two, .. }) => {
            one == two
        }
        (PlantKind::Sudo, PlantKind::Sudo) => true,
        _ => false,
    };
    let mut plants = attack.plants.clone();
    for plant in profile.furniture() {
        if !plants.iter().any(|other| same(&other.kind, &plant.kind)) {
            plants.push(plant);
        }
    }
    plants
}

/// Whether a lab of this attack on this host has programs that lend a privilege.
#[must_use]
pub fn has_helpers(attack: &Attack, profile: Profile) -> bool {
    let helps = |plant: &Plant| {
        matches!(
            plant.kind,
            PlantKind::SetUidHelper | PlantKind::CapabilityHelper | PlantKind::Sudo
        )
    };
    all_plants(attack, profile).iter().any(helps)
}

/// Sixteen fresh hexadecimal digits.
fn random() -> Result<String, LabError> {
    let number = getrandom::u64()
        .map_err(|error| LabError::Network(format!("no random numbers: {error}")))?;
    Ok(format!("{number:016x}"))
}

/// Where nothing is a user's own.
const SYSTEM: [&str; 7] = ["/etc", "/usr", "/var", "/root", "/lib", "/bin", "/sbin"];

/// Plants everything that the manifest lists; the calling thread is in the lab's network and IPC
/// namespaces.
///
/// # Errors
/// An error that names the plant.
pub fn plant(
    attack: &Attack,
    secrets: &TrialSecrets,
    root: &Root,
    interpreter: &Interpreter,
    profile: Profile,
) -> Result<Planted, LabError> {
    let mut planted = Planted::default();
    for plant in &all_plants(attack, profile) {
        let canary = secrets.canary(&plant.id);
        let installer = PlantInstaller { plant, canary, secrets, root, interpreter, profile };
        at_step(&format!("plant {}", plant.id), installer.plant(&mut planted))?;
    }
    Ok(planted)
}

/// One plant, and all that is needed to put it in place.
struct PlantInstaller<'a> {
    plant: &'a Plant,
    canary: &'a str,
    secrets: &'a TrialSecrets,
    root: &'a Root,
    interpreter: &'a Interpreter,
    profile: Profile,
}

impl PlantInstaller<'_> {
    fn plant(&self, planted: &mut Planted) -> io::Result<()> {
        let fact = match &self.plant.kind {
            PlantKind::File { path, mode, content } => {
                let path = self.path(path, planted);
                self.root.write(&path, *mode, self.fill(content, planted).as_bytes())?;
                json!({ "path": path })
            }
            PlantKind::Directory { path, mode } => {
                let path = self.path(path, planted);
                self.root.directory_made(&path)?;
                if path.parent().is_some() {
                    self.root.set_mode(&path, *mode)?;
                }
                json!({ "path": path })
            }
            PlantKind::Link { path, to } => {
                let path = self.path(path, planted);
                self.root.link(&path, self.fill(to, planted).as_ref())?;
                json!({ "path": path })
            }
            PlantKind::Variable { name, value } => {
                let value = self.fill(value, planted);
                planted.variables.push((name.clone(), value));
                json!({ "name": name })
            }
            PlantKind::Process { .. } => self.victim(planted),
            PlantKind::SessionKey => {
                let description = format!("bulkhead:{}", self.secrets.nonce);
                planted.keys.push((
                    self.plant.id.clone(),
                    description.clone(),
                    self.canary.to_owned(),
                ));
                json!({ "description": description })
            }
            PlantKind::Hostname => {
                planted.hostname = Some(self.canary.to_owned());
                json!({})
            }
            PlantKind::SysvShm => self.segment(planted)?,
            PlantKind::MessageQueue => self.queue(planted)?,
            PlantKind::Namespace { what } => {
                json!({ "path": format!("/proc/self/ns/{}", what.spelt()) })
            }
            PlantKind::SetUidHelper | PlantKind::CapabilityHelper => {
                let is_set_uid = matches!(self.plant.kind, PlantKind::SetUidHelper);
                let owner = self.profile.root();
                let path = privileged::place(self.root, &self.plant.id, is_set_uid, owner)?;
                json!({ "path": path })
            }
            PlantKind::Sudo => json!({ "path": privileged::sudo(self.root)? }),
            _ => self.listener(planted)?,
        };
        self.hand_over(planted)?;
        planted.facts.insert(self.plant.id.clone(), fact);
        Ok(())
    }

    /// Fills in what stands for the lab, for the canary, and for the address of another plant.
    fn fill(&self, template: &str, planted: &Planted) -> String {
        let mut text = fill(template, self.interpreter, self.canary);
        for (plant, fact) in &planted.facts {
            if let (Some(address), Some(port)) = (fact.get("address"), fact.get("port")) {
                let address = address.as_str().unwrap_or_default();
                text = text.replace(&format!("{{address.{plant}}}"), &format!("{address}:{port}"));
            }
        }
        text
    }

    fn path(&self, template: &str, planted: &mut Planted) -> PathBuf {
        let path = PathBuf::from(self.fill(template, planted));
        planted.paths.insert(self.plant.id.clone(), path.clone());
        path
    }

    /// Makes what lies outside the system's own directories the caller's, where he is not root.
    fn hand_over(&self, planted: &Planted) -> io::Result<()> {
        let Some(path) = planted.paths.get(&self.plant.id) else { return Ok(()) };
        let owner = (self.profile.caller(), self.profile.group());
        if owner.0 == 0 || SYSTEM.iter().any(|system| path.starts_with(system)) {
            return Ok(());
        }
        self.root.give(path, owner, false)
    }

    /// A victim is started later; its number is not known yet.
    fn victim(&self, planted: &mut Planted) -> Value {
        let PlantKind::Process { name, args, env, memory, open } = &self.plant.kind else {
            return Value::Null;
        };
        let fill = |template: &str| self.fill(template, planted);
        let victim = Victim {
            plant: self.plant.id.clone(),
            name: name.clone(),
            args: args.iter().map(|arg| fill(arg)).collect(),
            env: env.iter().map(|(key, value)| (key.clone(), fill(value))).collect(),
            memory: fill(memory.as_deref().unwrap_or("{canary}")),
            open: open.as_deref().map(fill),
        };
        planted.victims.push(victim);
        json!({ "name": name })
    }

    fn segment(&self, planted: &mut Planted) -> io::Result<Value> {
        // The namespace is new, so any number is free; a positive one is no IPC_PRIVATE.
        let key = 0x4248_0000 + i32::try_from(planted.segments.len()).unwrap_or_default();
        let segment = Segment::create(key, 4096, 0o666)?;
        segment.write(self.canary.as_bytes());
        let fact = json!({ "id": segment.id(), "key": key, "size": segment.size() });
        planted.segments.insert(self.plant.id.clone(), segment);
        Ok(fact)
    }

    fn queue(&self, planted: &mut Planted) -> io::Result<Value> {
        let name = format!("/bulkhead-{}-{}", self.secrets.nonce, planted.queues.len());
        let flags = MQ_OFlag::O_CREAT | MQ_OFlag::O_EXCL | MQ_OFlag::O_RDWR | MQ_OFlag::O_NONBLOCK;
        let mode = Mode::from_bits_truncate(0o666);
        let queue = mq_open(name.as_str(), flags, mode, Some(&MqAttr::new(0, 8, 512, 0)))?;
        mq_send(&queue, self.canary.as_bytes(), 0)?;
        planted.queues.push(queue);
        Ok(json!({ "name": name }))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::catalogue::attack::Purpose;

    #[test]
    fn no_two_trials_and_no_two_plants_have_a_secret_in_common() {
        let plant = |id: &str| Plant {
            id: id.to_owned(),
            kind: PlantKind::Directory { path: format!("/{id}"), mode: 0o755 },
            answer: None,
        };
        let plants = vec![plant("one"), plant("other")];
        let attack = Attack { plants, ..Attack::bare("benign/wheel", Purpose::Benign, &[]) };
        let trials = [(); 2].map(|()| TrialSecrets::of(&attack, Profile::Root).unwrap());
        let all = || trials.iter().flat_map(|one| one.canaries.values().chain([&one.nonce]));
        assert!(all().count() >= 6);
        assert_eq!(all().collect::<BTreeSet<_>>().len(), all().count());
    }
}
