//! neighbours: did the second, honest build come through unharmed?
#![forbid(unsafe_code)]

use super::evidence::Evidence;

/// What happened to the honest build beside, before or after the one on trial.
#[must_use]
pub fn harmed(evidence: &Evidence) -> Option<String> {
    match evidence.second.as_ref()? {
        Ok(()) => None,
        Err(reason) => Some(format!("the honest build was harmed: {reason}")),
    }
}

#[cfg(test)]
mod tests {
    use sandbox::Level;

    use super::*;
    use crate::lab::layout::Interpreter;

    #[test]
    fn an_honest_build_that_fails_was_harmed() {
        let interpreter = Interpreter { program: "/p".into(), site: "/s".into() };
        let mut evidence = Evidence::none(Level::None, interpreter);
        assert_eq!(harmed(&evidence), None);
        evidence.second = Some(Ok(()));
        assert_eq!(harmed(&evidence), None);
        evidence.second = Some(Err("it did not return".to_owned()));
        assert!(harmed(&evidence).is_some());
    }
}
