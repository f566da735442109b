//! Our own sandbox, started as a prefix in front of every hook.
#![forbid(unsafe_code)]

use sandbox::policy::IdentityChoice;
use sandbox::policy::limits::amounts::Span;
use sandbox::{Layer, LayerSet, Level};

use crate::catalogue::attack::RunLimits;
use crate::lab::layout::{BULKHEAD, OUTCOME};
use crate::lab::pace::Pace;
use crate::lab::profile::Profile;
use crate::schedule::{Sandbox, Trial};

/// The first uid that trials lease: above those that a sandbox leases by default. One that runs on
/// this machine beside the harness ends whatever it finds under the uid that it has got, and sees
/// into labs.
const FIRST_UID: usize = 62_012;
/// How many of them a slot has for itself: limits and keyrings are counted by uid.
const UIDS: usize = 64;

/// The sandbox at `level` without some of its layers, or as somebody else, in slot `slot` of the
/// pool, with the limits of the trial's manifest; time is longer on a slower machine. Only root
/// leases uids.
#[must_use]
pub fn prefix(
    level: Level,
    without: LayerSet,
    identity: Option<IdentityChoice>,
    slot: usize,
    trial: &Trial,
    pace: Pace,
) -> Vec<String> {
    let (first, last) = uids(slot);
    let uids = format!("{first}-{last}");
    let limits = &trial.attack.run.limits;
    let is_root = Profile::of(&trial.host).is_root();
    let start = [BULKHEAD, "hook", "--level", level.name(), "--lab"].map(str::to_owned);
    // A limit cannot be asked of a sandbox that has no limits.
    let limited = level.layers().has(Layer::Limits) && !without.has(Layer::Limits);
    let unset = RunLimits::default();
    let limits = if limited || without.is_empty() { limits } else { &unset };
    let options = [
        ("--identity", identity.map(|who| who.name().to_owned())),
        ("--uids", is_root.then_some(uids)),
        ("--memory", limits.memory.map(|size| size.to_string())),
        ("--pids", limits.pids.map(|count| count.to_string())),
        ("--timeout", limits.timeout.map(|time| Span(pace.stretched(time.0)).to_string())),
        ("--log", limits.log.map(|size| size.to_string())),
        ("--outcome", Some(OUTCOME.to_owned())),
    ];
    // A front end knows what it builds, and says so. The driver has the release of each build.
    let harvests = level.layers().has(Layer::Harvest) && !without.has(Layer::Harvest);
    let asked = ["--expect", "{release}", "--strict-artefacts"].map(str::to_owned);
    let asked = asked.into_iter().filter(|_| harvests);
    let off = without.iter().map(|layer| ("--without", Some(layer.name().to_owned())));
    let given = off.chain(options).filter_map(|(option, value)| Some([option.to_owned(), value?]));
    start.into_iter().chain(asked).chain(given.flatten()).chain(["--".to_owned()]).collect()
}

/// The first and the last uid of those that a slot has for itself.
#[must_use]
pub const fn uids(slot: usize) -> (usize, usize) {
    let first = FIRST_UID + UIDS * slot;
    (first, first + UIDS - 1)
}

/// What our own sandbox enforces at `level` on a host: the layers of the plan that it resolves
/// there, and those for which another layer stands in.
#[must_use]
pub fn layers(host: &str) -> fn(Level) -> LayerSet {
    match Profile::of(host) {
        Profile::Root => Level::layers,
        // Who is not root has nobody else to be: the build runs as the caller.
        Profile::User => |level| level.layers().without(Layer::Identity),
        // Something lies over `/proc`, so that the kernel gives nobody a fresh one.
        Profile::DockerUnconfined | Profile::PodUserns => {
            |level| level.layers().without(Layer::Proc)
        }
        // And Podman's filter lets nobody set a host name.
        Profile::PodmanRootless => {
            |level| level.layers().without(Layer::Proc).without(Layer::Hostname)
        }
        Profile::Docker => |level| level.layers().and(CONTAINED),
        Profile::Ubuntu | Profile::Kubernetes | Profile::Runner => {
            |level| level.layers().and(CONTAINED).without(Layer::Identity)
        }
    }
}

/// The layers of the plan without namespaces, and those for which others stand in: Landlock and
/// private directories at paths of their own for `mounts`, Landlock for `proc`, a filter that
/// refuses every internet socket and every object of System V for `network` and `ipc`. Where they
/// hold less than what they stand in for, that is a gap on record.
const CONTAINED: LayerSet =
    LayerSet::ALL.without(Layer::Userns).without(Layer::Pid).without(Layer::Hostname);

/// Whether the sandbox of `trial` is our own, and has to do without namespaces.
#[must_use]
pub fn is_contained(trial: &Trial) -> bool {
    let contains = matches!(
        Profile::of(&trial.host),
        Profile::Docker | Profile::Ubuntu | Profile::Kubernetes | Profile::Runner
    );
    contains && trial.level != Level::None && matches!(trial.sandbox, Sandbox::Own { .. })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use sandbox::policy::limits::amounts::Count;

    use super::*;
    use crate::catalogue::attack::{Attack, Purpose};

    fn trial(host: &str, pids: Option<u64>) -> Trial {
        let mut attack = Attack::bare("benign/x", Purpose::Benign, &[]);
        attack.run.limits.pids = pids.map(Count);
        Trial {
            attack: Arc::new(attack),
            target: "own".to_owned(),
            level: Level::Full,
            host: host.to_owned(),
            sandbox: Sandbox::OWN,
        }
    }

    fn words(host: &str, pids: Option<u64>, without: LayerSet, slot: usize) -> Vec<String> {
        prefix(Level::Full, without, None, slot, &trial(host, pids), Pace::default())
    }

    fn value(words: &[String], option: &str) -> Option<String> {
        let at = words.iter().position(|word| word == option)?;
        words.get(at + 1).cloned()
    }

    #[test]
    fn the_limits_of_the_manifest_are_told_to_the_sandbox() {
        let words = words("root", Some(64), LayerSet::EMPTY, 0);
        assert_eq!(value(&words, "--pids").as_deref(), Some("64"));
        assert_eq!(value(&words, "--memory"), None);
    }

    #[test]
    fn what_is_built_is_told_where_somebody_looks_at_it() {
        let told = |without| words("root", None, without, 0).contains(&"{release}".to_owned());
        assert!(told(LayerSet::EMPTY));
        assert!(!told(LayerSet::EMPTY.with(Layer::Harvest)));
    }

    #[test]
    fn a_slow_machine_gives_the_sandbox_more_time() {
        let mut trial = trial("root", None);
        Arc::get_mut(&mut trial.attack).unwrap().run.limits.timeout =
            Some(Span(Duration::from_secs(1)));
        let told = |build| {
            let pace = Pace::of(Duration::from_millis(build));
            value(&prefix(Level::Full, LayerSet::EMPTY, None, 0, &trial, pace), "--timeout")
        };
        assert_eq!(told(300).as_deref(), Some("1s"));
        assert_eq!(told(4_500).as_deref(), Some("4s500ms"));
    }

    #[test]
    fn an_account_is_asked_for_where_a_hole_is_its_doing() {
        let account = Some(IdentityChoice::Useradd);
        let words =
            prefix(Level::Full, LayerSet::EMPTY, account, 0, &trial("root", None), Pace::default());
        assert_eq!(value(&words, "--identity").as_deref(), Some("useradd"));
    }

    #[test]
    fn slots_do_not_share_uids_and_a_user_leases_none() {
        let uids = |host, slot| value(&words(host, None, LayerSet::EMPTY, slot), "--uids");
        assert_eq!(uids("root", 0).as_deref(), Some("62012-62075"));
        assert_eq!(uids("root", 1).as_deref(), Some("62076-62139"));
        assert_eq!(uids("user", 0), None);
        let taken = sandbox::policy::DEFAULT_UIDS;
        assert!(!taken.contains(&u32::try_from(FIRST_UID).unwrap()), "a sandbox beside us has it");
    }

    #[test]
    fn a_build_of_a_user_runs_as_that_user() {
        assert!(layers("root")(Level::Full).has(Layer::Identity));
        assert!(!layers("user")(Level::Full).has(Layer::Identity));
        assert!(layers("user")(Level::Full).has(Layer::Mounts));
    }

    #[test]
    fn every_layer_is_switched_off_by_its_own_option() {
        let words = words("root", None, LayerSet::ALL, 0);
        assert_eq!(words.iter().filter(|word| *word == "--without").count(), 17);
        assert_eq!(words.last().map(String::as_str), Some("--"));
    }
}
