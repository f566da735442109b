//! What a failed build that has named a sanitizer may lack here.
#![forbid(unsafe_code)]

use rustix::process::Resource;

use crate::outcome::End;
use crate::plan::Plan;
use crate::policy::syscalls::Choice;

/// What a program with `AddressSanitizer` or `LeakSanitizer`, which a failed build has named, lacks here.
pub(super) fn hint(end: &End, plan: &Plan) -> Option<String> {
    if !end.is_failure() {
        return None;
    }
    let traced = plan.choices.is_none_or(|(chosen, _)| chosen.has(Choice::Tracing));
    let roomy = plan.limits.as_ref().is_none_or(|it| it.ceiling(Resource::As).is_none());
    let leaks = "LeakSanitizer needs `tracing = true` in the `[syscalls]` of a `--policy`";
    let addresses =
        "AddressSanitizer needs `--memory none`, for here memory is bounded by address space";
    let lacks: Vec<_> =
        [(traced, leaks), (roomy, addresses)].into_iter().filter(|(has, _)| !has).collect();
    let lacks: Vec<_> = lacks.into_iter().map(|(_, text)| text).collect();
    (!lacks.is_empty()).then(|| {
        format!("the build failed, and it printed the name of a sanitizer: {}", lacks.join("; "))
    })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::host::fakes;
    use crate::payload::Payload;
    use crate::policy::Policy;
    use crate::policy::levels::Level;

    #[test]
    fn what_a_sanitizer_lacks_is_told_with_its_switches() {
        let told = |policy: &Policy, end: &End| {
            let payload = Payload::command(vec!["x".into()], "/w".into(), vec![]).unwrap();
            let host = fakes::root();
            hint(end, &Plan::resolve(policy, Path::new("/x"), &payload, &host).unwrap())
        };
        let mut policy = Policy::preset(Level::Full);
        let sentence = told(&policy, &End::Exited(1)).unwrap();
        assert!(sentence.contains("`tracing = true`"), "{sentence}");
        assert_eq!(told(&policy, &End::Exited(0)), None);
        policy.syscalls = policy.syscalls.set(Choice::Tracing, true);
        assert_eq!(told(&policy, &End::Signalled(6)), None);
    }
}
