//! What is tried, and what is brought along.

use rstest::rstest;
use sandbox::{Guarantee, Layer};

use super::*;
use crate::catalogue::attack::{Purpose, Severity};

fn attack(id: &str) -> Attack {
    let guarantee = id.split('/').next().unwrap().parse::<Guarantee>().unwrap();
    let stopped_by = LayerSet::of(&[Layer::Mounts]);
    Attack::bare(id, Purpose::Attack { guarantee, severity: Severity::High, stopped_by }, &["m"])
}

fn catalogue() -> Catalogue {
    let mut account = attack("remnants/account");
    account.run.levels = vec![Level::Proposal, Level::Full];
    [
        attack("secrets/netrc"),
        attack("files/cron"),
        attack("files/pth"),
        account,
        Attack::bare("benign/wheel", Purpose::Benign, &[]),
    ]
    .into_iter()
    .collect()
}

fn own(levels: &[Level]) -> Contender {
    Contender {
        name: "own".to_owned(),
        host: "root".to_owned(),
        levels: levels.iter().copied().collect(),
        layers: Level::layers,
        sandbox: Sandbox::OWN,
    }
}

fn select(expression: &str) -> Selection {
    Selection { filter: Some(expression.parse().unwrap()), ..Selection::default() }
}

fn names(schedule: &Schedule) -> Vec<String> {
    let name = |cell: &Cell| {
        let brought = if cell.asked { "" } else { " (control)" };
        format!("{}@{} {}{brought}", cell.trial.attack.id, cell.trial.level, cell.expected)
    };
    schedule.cells.iter().map(name).collect()
}

#[test]
fn without_a_selection_every_cell_is_there() {
    let schedule = Schedule::of(&catalogue(), &[own(&Level::ALL)], &Selection::default()).unwrap();
    assert_eq!(schedule.cells.len(), 5 * 4);
    assert_eq!(schedule.trials().count(), 5 * 4 - 2, "the account has no meaning at two levels");
}

#[test]
fn one_attack_at_one_level_brings_its_control_and_the_honest_builds() {
    let schedule =
        Schedule::of(&catalogue(), &[own(&[Level::Full])], &select("id(secrets/netrc)")).unwrap();
    assert_eq!(
        names(&schedule),
        [
            "benign/wheel@full built",
            "secrets/netrc@none escaped (control)",
            "secrets/netrc@full blocked",
        ]
    );
}

#[test]
fn the_control_is_the_first_level_that_the_attack_lists() {
    let schedule =
        Schedule::of(&catalogue(), &[own(&[Level::Full])], &select("remnants/")).unwrap();
    assert!(names(&schedule).contains(&"remnants/account@proposal escaped (control)".to_owned()));
}

/// A sandbox that is a command, and an attack whose hole only that one opens.
fn opened_by_the_box() -> (BTreeMap<String, Arc<Recipe>>, Catalogue) {
    let recipe = Recipe::bare("box", Level::Proposal);
    let mut leak = attack("remnants/leak");
    leak.run.levels = vec![Level::Proposal, Level::Full];
    leak.run.control = Some("box".to_owned());
    let honest = Attack::bare("benign/wheel", Purpose::Benign, &[]);
    let recipes = BTreeMap::from([("box".to_owned(), Arc::new(recipe))]);
    (recipes, [leak, honest].into_iter().collect())
}

#[test]
fn a_control_in_another_sandbox_is_brought_along_once() {
    let (recipes, catalogue) = opened_by_the_box();
    let schedule = Schedule::of(&catalogue, &[own(&[Level::Full])], &Selection::default()).unwrap();
    let schedule = schedule.with_controls(&recipes).with_controls(&recipes);
    assert_eq!(
        names(&schedule),
        [
            "benign/wheel@full built",
            "remnants/leak@full blocked",
            "remnants/leak@proposal escaped (control)",
        ]
    );
    let control = schedule.cells.last().unwrap();
    assert!(control.is_elsewhere() && control.trial.target == "box");
    assert!(matches!(&control.trial.sandbox, Sandbox::Command(recipe) if recipe.name == "box"));
}

#[test]
fn a_sandbox_that_is_on_trial_shows_its_own_hole_and_no_other_sandbox_does() {
    let (recipes, catalogue) = opened_by_the_box();
    let rival = |recipe: Recipe| Contender {
        name: recipe.name.clone(),
        levels: BTreeSet::from([recipe.level]),
        sandbox: Sandbox::Command(Arc::new(recipe)),
        ..own(&[])
    };
    let contenders =
        [rival(recipes["box"].as_ref().clone()), rival(Recipe::bare("crate", Level::Proposal))];
    let schedule = Schedule::of(&catalogue, &contenders, &Selection::default()).unwrap();
    let built = "benign/wheel@proposal built";
    assert_eq!(
        names(&schedule.with_controls(&recipes)),
        [built, "remnants/leak@proposal escaped", built, "remnants/leak@proposal not-run"]
    );
}

#[test]
fn honest_builds_can_be_tried_alone() {
    let schedule = Schedule::of(&catalogue(), &[own(&[Level::Full])], &select("benign/")).unwrap();
    assert_eq!(names(&schedule), ["benign/wheel@full built"]);
}

#[test]
fn shares_are_disjoint_and_together_whole() {
    let mut seen = Vec::new();
    for which in 1..=3 {
        let selection = Selection { slice: Some(Slice { which, of: 3 }), ..Selection::default() };
        let schedule = Schedule::of(&catalogue(), &[own(&Level::ALL)], &selection).unwrap();
        let attacks = schedule.cells.iter().filter(|cell| !cell.trial.attack.is_benign());
        seen.extend(attacks.map(|cell| cell.trial.attack.id.to_string()));
        assert!(schedule.cells.iter().any(|cell| cell.trial.attack.is_benign()));
    }
    seen.dedup();
    seen.sort();
    assert_eq!(seen, ["files/cron", "files/pth", "remnants/account", "secrets/netrc"]);
}

#[rstest]
#[case::the_expression_finds_nothing(
    select("files/ & secrets/"),
    &Level::ALL,
    "none of 5 attacks and honest builds is found by `files/ & secrets/`"
)]
#[case::the_share_is_empty(
    Selection { slice: Some(Slice { which: 5, of: 5 }), ..Selection::default() },
    &Level::ALL,
    "the catalogue has only 4 attacks, so share 5 of 5 is empty"
)]
#[case::the_attack_runs_elsewhere(
    select("remnants/"),
    &[Level::Network],
    "what was selected runs only at other levels: remnants/account at proposal and full"
)]
fn when_nothing_is_selected_it_says_why(
    #[case] selection: Selection,
    #[case] levels: &[Level],
    #[case] why: &str,
) {
    let error = Schedule::of(&catalogue(), &[own(levels)], &selection).unwrap_err();
    assert_eq!(error.to_string(), why);
}

#[test]
fn an_empty_catalogue_selects_nothing() {
    let error = Schedule::of(&Catalogue::default(), &[own(&Level::ALL)], &Selection::default());
    assert_eq!(error.unwrap_err(), NothingSelected::EmptyCatalogue);
}

#[rstest]
#[case("slice:1/3", Some(Slice { which: 1, of: 3 }))]
#[case("slice:3/3", Some(Slice { which: 3, of: 3 }))]
#[case("slice:0/3", None)]
#[case("slice:4/3", None)]
#[case("slice:1", None)]
#[case("hash:1/3", None)]
#[case("slice:a/b", None)]
fn a_share_is_read_or_refused(#[case] text: &str, #[case] slice: Option<Slice>) {
    assert_eq!(text.parse::<Slice>().ok(), slice);
}

#[test]
fn only_what_a_change_affects_is_tried_with_its_control_and_the_honest_builds() {
    let affected = Affected { entries: ["files/cron".to_owned()].into(), ..Affected::default() };
    let selection = Selection { affected: Some(affected), ..Selection::default() };
    let schedule = Schedule::of(&catalogue(), &[own(&[Level::Full])], &selection).unwrap();
    assert_eq!(
        names(&schedule),
        ["benign/wheel@full built", "files/cron@none escaped (control)", "files/cron@full blocked"]
    );
}

#[test]
fn a_target_in_an_expression_leaves_the_others_alone() {
    let other = Contender { name: "other".to_owned(), ..own(&[Level::Full]) };
    let contenders = [own(&[Level::Full]), other];
    let schedule =
        Schedule::of(&catalogue(), &contenders, &select("files/ & target(other)")).unwrap();
    let tried = schedule.trials().filter(|trial| !trial.attack.is_benign());
    let targets: BTreeSet<_> = tried.map(|trial| trial.target.as_str()).collect();
    assert_eq!(targets, BTreeSet::from(["other"]));
}

#[test]
fn changes_that_affect_nothing_select_nothing_and_say_so() {
    let affected = Affected { base: "main".to_owned(), changes: 3, ..Affected::default() };
    let selection = Selection { affected: Some(affected), ..Selection::default() };
    let told = Schedule::of(&catalogue(), &[own(&[Level::Full])], &selection).unwrap_err();
    assert!(told.to_string().starts_with("3 files have changed since main, and none"), "{told}");
}
