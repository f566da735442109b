use super::*;

fn grant(path: &str, access: Access) -> Grant {
    Grant { path: path.into(), access }
}

fn rules(grants: &[Grant], abi: u32) -> Rules {
    resolve(grants, false, abi).unwrap()
}

#[test]
fn each_version_handles_what_it_knows_and_no_more() {
    let bits = |abi| rules(&[], abi).handled.files.count_ones();
    assert_eq!([1, 2, 3, 4, 5, 6, 7, 8].map(bits), [13, 14, 15, 15, 16, 16, 16, 16]);
    assert_eq!([9, 10, 11, 99].map(bits), [17; 4]);
    let scoped = |abi| rules(&[], abi).handled.scopes != 0;
    assert_eq!([5, 6, 7].map(scoped), [false, true, true]);
}

#[test]
fn tcp_and_udp_are_denied_only_where_it_is_asked_for() {
    let network = |deny, abi| resolve(&[], deny, abi).unwrap().handled.network;
    assert_eq!([3, 4, 9, 10, 11, 99].map(|abi| network(true, abi)), [0, 3, 3, 15, 15, 15]);
    assert_eq!([3, 4, 9, 10, 11, 99].map(|abi| network(false, abi)), [0; 6]);
    assert!(resolve(&[], true, 3).unwrap().lacking.contains(&Lacking::Tcp));
    assert!(!resolve(&[], false, 3).unwrap().lacking.contains(&Lacking::Tcp));
}

#[test]
fn what_a_kernel_cannot_take_away_is_named() {
    use Lacking::{Moves, Requests, Scopes, Truncation};
    let lacking = |abi| rules(&[], abi).lacking;
    assert_eq!(lacking(7), []);
    assert_eq!(lacking(5), [Scopes]);
    assert_eq!(lacking(1), [Moves, Truncation, Requests, Scopes]);
}

#[test]
fn no_rule_gives_what_its_ruleset_does_not_handle() {
    let everything = Access::READ | Access::WRITE | Access::EXECUTE | Access::CONTROL;
    for abi in 1..=NEWEST + 1 {
        let rules = rules(&[grant("/tmp", everything)], abi);
        assert_eq!(rules.grants[0].1 & !rules.handled.files, 0, "ABI {abi}");
    }
}

#[test]
fn sockets_of_others_are_reached_only_where_it_may_be_written() {
    let rules = |abi| rules(&[grant("/usr", Access::READ), grant("/w", Access::WRITE)], abi);
    assert_eq!([8, 9, 11].map(|abi| rules(abi).denies_sockets()), [false, true, true]);
    let given: Vec<_> = rules(9).grants.iter().map(|(_, it)| it & RESOLVE_UNIX != 0).collect();
    assert_eq!(given, [false, true]);
}

#[test]
fn what_this_kernel_says_that_it_knows_it_takes() {
    let found = probe();
    for abi in 1..=found {
        begin(&resolve(&[], true, abi).unwrap()).unwrap();
    }
    println!("Landlock {found}");
}

#[test]
fn without_landlock_and_with_odd_paths_there_are_no_rules() {
    assert_eq!(resolve(&[], false, 0), Err(Unresolvable::NoLandlock));
    let odd = |path: &str| resolve(&[grant(path, Access::READ)], false, 7).map(drop);
    assert_eq!(odd("tmp"), Err(Unresolvable::RelativePath("tmp".into())));
    assert_eq!(odd("/t\0mp"), Err(Unresolvable::NulInPath("/t\0mp".into())));
    assert_eq!(odd("/a\nb"), Ok(()));
}

#[test]
fn the_witness_is_something_that_no_grant_covers() {
    let seen = |grants: &[Grant], abi| rules(grants, abi).witness;
    let usr = grant("/usr", Access::READ);
    let root = grant("/", Access::READ);
    assert_eq!(seen(&[usr], 1), Some(Witness::Root));
    assert_eq!(seen(std::slice::from_ref(&root), 7), Some(Witness::Null));
    assert_eq!(seen(std::slice::from_ref(&root), 4), None);
    assert_eq!(seen(&[root, grant("/dev", Access::CONTROL)], 7), None);
}
