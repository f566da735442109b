//! A command line with a mistake: nothing is run, and one sentence says what is wrong and what is right.

use rstest::rstest;

use crate::machine::{bulkhead, directory};

#[rstest]
#[case::option(&["run", "--rwo", "x", "--", "true"], "there is no option `--rwo`; did you mean `--rw`?")]
#[case::switch(&["run", "--quite", "--", "true"], "did you mean `--quiet`?")]
#[case::far_option(&["run", "--give-me-all", "--", "true"], "`bulkhead run --help` lists those there are")]
#[case::short_option(&["run", "-x", "--", "true"], "there is no option `-x`")]
#[case::negative(&["run", "--log", "-1", "--", "true"], "there is no option `-1`")]
#[case::doctors(&["doctor", "--jsno"], "did you mean `--json`?")]
#[case::of_gc(&["gc", "--runtme", "x"], "did you mean `--runtime`?")]
#[case::a_word_too_many(&["doctor", "x"], "`x` is one word too many; `bulkhead doctor --help`")]
#[case::command(&["docter"], "did you mean `doctor`?")]
#[case::of_help(&["help", "rnu"], "did you mean `run`?")]
#[case::nothing(&["run", "--"], "`bulkhead run -- make`")]
#[case::nothing_explained(&["explain"], "`bulkhead explain -- make`")]
#[case::no_hook(&["hook"], "`bulkhead hook -- PYTHON …/_in_process.py HOOK DIR`")]
#[case::an_empty_command(&["run", "--", ""], "no command was given")]
#[case::level(&["run", "--level", "ful", "--", "true"], "did you mean `full`?; known: network proposal full")]
#[case::layer(&["run", "--without", "mount", "--", "true"], "did you mean `mounts`?")]
#[case::guarantee(&["run", "--require", "secret", "--", "true"], "did you mean `secrets`?")]
#[case::no_guarantee(&["run", "--require", "", "--", "true"], "needs a value; known: secrets")]
#[case::identity(&["run", "--identity", "leese", "--", "true"], "did you mean `lease`?")]
#[case::form(&["run", "--why=jsn", "--", "true"], "did you mean `json`?")]
#[case::colour(&["doctor", "--color", "nevr"], "did you mean `never`?")]
#[case::shell(&["completions", "basch"], "did you mean `bash`?")]
#[case::no_shell(&["completions"], "`<SHELL>` is missing")]
#[case::no_variable(&["run", "--env", "", "--", "true"], "write --env NAME")]
#[case::no_name(&["run", "--unset-env", "", "--", "true"], "write --unset-env NAME")]
#[case::no_path_to_write(&["run", "--rw", "", "--", "true"], "`--rw <PATH>` needs a value")]
#[case::no_path_to_read(&["run", "--ro", "", "--", "true"], "`--ro <PATH>` needs a value")]
#[case::the_root(&["run", "--rw", "/", "--", "true"], "name the directories below it")]
#[case::the_root_to_read(&["run", "--ro", "/", "--", "true"], "name the directories below it")]
#[case::no_directory(&["run", "--rw", "/no/such/place", "--", "true"], "make it first")]
#[case::size(&["run", "--memory", "8GB", "--", "true"], "write 8G")]
#[case::no_memory(&["run", "--memory", "0", "--", "true"], "write none for no limit")]
#[case::no_processes(&["run", "--pids", "0", "--", "true"], "write none for no limit")]
#[case::no_unit(&["run", "--timeout", "90", "--", "true"], "write 90s for seconds")]
#[case::no_number(&["run", "--silence", "x", "--", "true"], "for example 90s")]
#[case::fraction(&["run", "--output", "1.5G", "--", "true"], "use the next smaller unit")]
#[case::uids(&["run", "--uids", "x", "--", "true"], "write two whole numbers, as 61000-61999")]
#[case::uids_backwards(&["run", "--uids", "5-3", "--", "true"], "0 < FIRST ≤ LAST")]
#[case::package(&["run", "--package", "a==1", "--", "true"], "`--policy <FILE>` is missing")]
#[case::release(&["hook", "--expect", "a>=1", "--", "true"], "write NAME or NAME==VERSION")]
#[case::policy(&["run", "--policy", "/no/such/place", "--", "true"], "does not exist")]
#[case::scratch(&["run", "--scratch", "/no/such/place", "--", "true"], "name another with `--scratch`")]
#[case::both(&["run", "--best-effort", "--require", "all", "--", "true"], "leave one out")]
#[case::no_hook_call(&["hook", "--", "true"], "any other command is started with `bulkhead run`")]
fn one_sentence_says_what_is_wrong_and_what_is_right(#[case] words: &[&str], #[case] told: &str) {
    let place = directory();
    let output = bulkhead(place.path()).args(words).output().unwrap();
    let errors = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(125), "{errors}");
    assert!(errors.contains(told), "{errors}");
    assert!(errors.starts_with("bulkhead: ") && errors.lines().count() == 1, "{errors}");
    assert!(output.stdout.is_empty() && errors.len() < 400, "{errors}");
}
