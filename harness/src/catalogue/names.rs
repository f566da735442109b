//! Whether manifest and back end mean the same marks and plants.
#![forbid(unsafe_code)]

use super::attack::Attack;
use super::diagnostic::{Code, Findings};
use super::python::{Literal, literals};
use super::spelling::nearest;

/// The calls of the kit that send a mark.
const MARKING: [&str; 2] = ["kit.mark(", "kit.attempt("];
/// The call of the kit that asks for a plant.
const PLANT: &str = "kit.plant(";

/// Reports every mark and plant that the back end names and the manifest does not have.
pub(crate) fn check_source(source: &str, attack: &Attack, found: &mut Findings) {
    for (literal, call) in named(source) {
        let name = literal.text;
        // An honest build may send marks that nobody waits for.
        let marks = MARKING.contains(&call) && !attack.is_benign();
        if marks && !attack.run.marks.iter().any(|mark| mark == name) {
            let marks: Vec<_> = attack.run.marks.iter().map(String::as_str).collect();
            let message = format!("the mark `{name}` is not among the manifest's `marks`");
            let help = nearest(name, &marks).map_or_else(
                || "add it there, in the order in which marks are sent".to_owned(),
                |near| format!("did you mean `{near}`?"),
            );
            found.report(literal.offset, Code::MarkApart, message, help);
        }
        if call == PLANT && !attack.plants.iter().any(|plant| plant.id == name) {
            let plants: Vec<_> = attack.plants.iter().map(|plant| plant.id.as_str()).collect();
            let message = format!("the back end asks for the plant `{name}`, which is not there");
            let help = nearest(name, &plants).map_or_else(
                || format!("add a `[[plant]]` with `id = \"{name}\"`"),
                |near| format!("did you mean `{near}`?"),
            );
            found.report(literal.offset, Code::OnNothing, message, help);
        }
    }
}

/// Reports every mark of the manifest that no file of the tree names. A back end that computes the
/// names of its marks is believed.
pub(crate) fn check_marks(sources: &str, attack: &Attack, found: &mut Findings) {
    let sent = literals(sources);
    let computed = MARKING.iter().any(|call| {
        let mut calls = sources.split(call).skip(1);
        calls.any(|rest| !rest.trim_start().starts_with(['"', '\'']))
    });
    for mark in attack.run.marks.iter().filter(|_| !computed) {
        if !sent.iter().any(|literal| literal.text == mark) {
            let message = format!("no back end sends the mark `{mark}`");
            let help = format!("write `kit.mark(\"{mark}\")` before the attempt, or remove it");
            found.report(0, Code::MarkApart, message, help);
        }
    }
}

/// The literals that are the first argument of one of these calls, with the call.
fn named(source: &str) -> impl Iterator<Item = (Literal<'_>, &'static str)> {
    literals(source).into_iter().filter_map(|literal| {
        let before = source.get(..literal.offset)?.trim_end_matches(['"', '\'']).trim_end();
        let calls = MARKING.into_iter().chain([PLANT]);
        let call = calls.into_iter().find(|call| before.ends_with(call))?;
        Some((literal, call))
    })
}
