//! neighbours: did the second, honest build come through unharmed, and with the wheel it should?
#![forbid(unsafe_code)]

use super::evidence::{Entry, Evidence};

/// What happened to the honest build beside, before or after the one on trial.
#[must_use]
pub fn harmed(evidence: &Evidence) -> Option<String> {
    match evidence.second.as_ref()? {
        Ok(()) => None,
        Err(reason) => Some(format!("the honest build was harmed: {reason}")),
    }
}

/// How the outputs of the honest build differ from the wheel that its source gives.
#[must_use]
pub fn difference(outputs: &[Entry], expected: &[u8]) -> Option<String> {
    match outputs {
        [] => None,
        [wheel] if wheel.content == expected => None,
        [wheel] => Some(format!("the honest build's {} is another one", wheel.name)),
        more => Some(format!("the honest build has {} outputs in place of one", more.len())),
    }
}

/// Whether a changed wheel is told from the right one; the reason when it is not.
#[must_use]
pub fn self_test() -> Option<String> {
    let (right, wrong) = (Entry::file("x.whl", b"right"), Entry::file("x.whl", b"wrong"));
    let notices =
        difference(&[right], b"right").is_none() && difference(&[wrong], b"right").is_some();
    (!notices).then(|| "a changed wheel is not told from the right one".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::layout::Interpreter;

    #[test]
    fn an_honest_build_that_fails_was_harmed() {
        let interpreter = Interpreter { program: "/p".into(), site: "/s".into(), home: "/root" };
        let mut evidence = Evidence::none(interpreter);
        assert_eq!(harmed(&evidence), None);
        evidence.second = Some(Ok(()));
        assert_eq!(harmed(&evidence), None);
        evidence.second = Some(Err("it did not return".to_owned()));
        assert!(harmed(&evidence).is_some());
    }

    #[test]
    fn a_wheel_with_another_byte_is_another_one() {
        assert_eq!(self_test(), None);
        let two = [Entry::file("a.whl", b"right"), Entry::file("b.whl", b"right")];
        assert!(difference(&two, b"right").is_some());
    }
}
