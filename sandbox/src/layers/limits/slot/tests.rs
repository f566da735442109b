use super::*;

#[test]
fn memory_cannot_move_to_swap() {
    let place = |version| Place { version, directory: "/g".into(), swap: true, lend: false };
    let files = |version| {
        let group = Group::of_memory(&place(version), 16, 8);
        group
            .settings
            .into_iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        files(Version::One),
        [
            "memory.limit_in_bytes=16",
            "memory.memsw.limit_in_bytes=16",
            "memory.kmem.tcp.limit_in_bytes=1",
        ]
    );
    assert_eq!(files(Version::Two), ["memory.max=16", "memory.swap.max=0"]);
}

#[test]
fn a_limit_that_is_not_taken_is_an_error_that_names_the_file() {
    let root = tempfile::tempdir().unwrap();
    let place = Place {
        version: Version::One,
        directory: root.path().to_owned(),
        swap: false,
        lend: false,
    };
    let error = Slot::make(&[Group::of_processes(&place, 5)], "x").unwrap_err();
    assert!(matches!(&error, SlotError::Set { path, .. } if path.ends_with("bulkhead-x/pids.max")));
    assert!(error.to_string().starts_with("cannot write 5 to "));
    assert_eq!(fs::read_dir(root.path()).unwrap().count(), 0, "nothing is left of it");
}

#[test]
fn nothing_but_a_group_of_ours_is_removed_as_one() {
    let root = tempfile::tempdir().unwrap();
    let (ours, others) = (root.path().join("bulkhead-1"), root.path().join("others"));
    fs::create_dir(&ours).unwrap();
    fs::create_dir(&others).unwrap();
    assert!(remove_dead(&others).is_err() && others.exists());
    remove_dead(&ours).unwrap();
    assert!(!ours.exists());
    remove_dead(&ours).unwrap();
}
