use std::path::PathBuf;

use super::*;
use crate::host::groups::{Closed, Place, Version};
use crate::host::limit_support::{Cores, Watching};

fn place(version: Version, directory: &str) -> Place {
    Place { version, directory: PathBuf::from(directory), swap: false, lend: false }
}

/// A host with nothing to lend but the limits of processes.
fn bare() -> LimitSupport {
    LimitSupport {
        processes: None,
        memory: None,
        closed: Some(Closed::Undelegated),
        separate: vec![],
        memory_left: Some(1_000_000),
        counted_alone: true,
        counted_apart: true,
        process_room: u64::MAX,
        file_room: u64::MAX,
        socket_room: u64::MAX,
        watching: None,
        cores: Cores::Files,
        current: Vec::new(),
    }
}

fn v1() -> LimitSupport {
    let (processes, memory) = (place(Version::One, "/p"), place(Version::One, "/m"));
    LimitSupport { processes: Some(processes), memory: Some(memory), closed: None, ..bare() }
}

fn ceiling_of(bounds: &Bounds, resource: Resource) -> Option<(Option<u64>, Option<u64>)> {
    let found = bounds.ceilings.iter().find(|(known, _)| *known == resource);
    found.map(|(_, limit)| (limit.current, limit.maximum))
}

fn settings(bounds: &Bounds) -> Vec<(&'static str, &str)> {
    let all = bounds.groups.iter().flat_map(|group| &group.settings);
    all.map(|(file, value)| (*file, value.as_str())).collect()
}

#[test]
fn the_defaults_are_those_of_the_design() {
    let bounds = resolve(&Limits::default(), &v1()).unwrap();
    let expected = [
        ("memory.limit_in_bytes", "900000"),
        ("memory.kmem.tcp.limit_in_bytes", "112500"),
        ("pids.max", "16384"),
    ];
    assert_eq!(settings(&bounds), expected);
    assert_eq!(ceiling_of(&bounds, Resource::Core), Some((Some(1), Some(1))));
    let size = Some(16 << 30);
    assert_eq!(ceiling_of(&bounds, Resource::Fsize), Some((size, size)));
    assert_eq!(ceiling_of(&bounds, Resource::Nproc), Some((Some(32_768), Some(32_768))));
    assert_eq!(ceiling_of(&bounds, Resource::Cpu), None);
    assert_eq!(ceiling_of(&bounds, Resource::Data), None);
    assert_eq!(
        (bounds.wall_time, bounds.silence, bounds.log, bounds.output),
        (None, None, Some(1 << 30), Some(4 << 30))
    );
    assert_eq!(bounds.fallbacks, []);
}

#[test]
fn one_group_of_version_2_has_both_limits() {
    let both = Some(place(Version::Two, "/u"));
    let support = LimitSupport { processes: both.clone(), memory: both, closed: None, ..bare() };
    let bounds = resolve(&Limits::default(), &support).unwrap();
    assert_eq!(bounds.groups.len(), 1);
    assert_eq!(
        settings(&bounds),
        [("memory.max", "900000"), ("memory.swap.max", "0"), ("pids.max", "16384")]
    );
}

#[test]
fn a_default_that_cannot_be_set_falls_back_and_says_so() {
    let support = LimitSupport { counted_alone: false, ..bare() };
    let bounds = resolve(&Limits::default(), &support).unwrap();
    assert_eq!(bounds.fallbacks, [Fallback::MemoryPerProcess, Fallback::ProcessesPerUser]);
    assert_eq!(ceiling_of(&bounds, Resource::Data), Some((Some(900_000), Some(900_000))));
    assert_eq!(bounds.groups, []);
    let blind = LimitSupport { memory_left: None, ..bare() };
    let bounds = resolve(&Limits::default(), &blind).unwrap();
    assert_eq!((bounds.fallbacks, bounds.memory), (vec![Fallback::MemoryUnbounded], None));
}

#[test]
fn a_demand_that_cannot_be_set_is_a_refusal() {
    let memory = Demand::Exactly(Bytes(1 << 30));
    let refused = resolve(&Limits { memory, ..Limits::default() }, &bare());
    assert_eq!(refused, Err(Unsettable::Memory(Bytes(1 << 30))));
    let processes = Demand::Exactly(Count(9));
    let policy = Limits { pids: processes, ..Limits::default() };
    let crowd = LimitSupport { counted_alone: false, ..bare() };
    assert_eq!(resolve(&policy, &crowd), Err(Unsettable::Processes(Count(9))));
    let alone = resolve(&policy, &bare()).unwrap();
    assert_eq!(ceiling_of(&alone, Resource::Nproc), Some((Some(9), Some(9))));
}

#[test]
fn nothing_is_raised_neither_quietly_nor_at_all() {
    let own = Rlimit { current: Some(256), maximum: Some(1024) };
    let current = vec![(Resource::Nofile, own), (Resource::Fsize, own), (Resource::Cpu, own)];
    let support = LimitSupport { current, ..bare() };
    let bounds = resolve(&Limits::default(), &support).unwrap();
    assert_eq!(ceiling_of(&bounds, Resource::Nofile), Some((Some(256), Some(1024))));
    let demand = |policy: Limits| resolve(&policy, &support).map(drop).map_err(|e| e.to_string());
    let open_files = Demand::Exactly(Count(2000));
    assert_eq!(
        demand(Limits { open_files, ..Limits::default() }),
        Err("open files cannot be limited to 2000: the caller's own limit is 1024".to_owned())
    );
    let file_size = Demand::Exactly(Bytes(1 << 20));
    assert_eq!(
        demand(Limits { file_size, ..Limits::default() }),
        Err("file size cannot be limited to 1M: the caller's own limit is 1K".to_owned())
    );
    let cpu_time = Demand::Exactly(Span(Duration::from_hours(1)));
    assert_eq!(
        demand(Limits { cpu_time, ..Limits::default() }),
        Err("processor time cannot be limited to 1h: the caller's own limit is 17m4s".to_owned())
    );
}

#[test]
fn times_are_whole_seconds_and_end_in_two_steps() {
    let cpu_time = Demand::Exactly(Span(Duration::from_millis(1500)));
    let bounds = resolve(&Limits { cpu_time, ..Limits::default() }, &bare()).unwrap();
    assert_eq!(ceiling_of(&bounds, Resource::Cpu), Some((Some(2), Some(4))));
}

#[test]
fn no_limit_at_all_is_possible() {
    use Resource::{Core, Memlock, Msgqueue, Nice, Rtprio};
    let policy = Limits {
        memory: Demand::Unlimited,
        pids: Demand::Unlimited,
        open_files: Demand::Unlimited,
        file_size: Demand::Unlimited,
        log: Demand::Unlimited,
        output: Demand::Unlimited,
        ..Limits::default()
    };
    let bounds = resolve(&policy, &v1()).unwrap();
    assert_eq!(bounds.groups, []);
    let left: Vec<_> = bounds.ceilings.iter().map(|(resource, _)| *resource).collect();
    assert_eq!(left, [Memlock, Msgqueue, Nice, Rtprio, Core], "what no policy is about");
    assert_eq!((bounds.log, bounds.output), (None, None));
}

#[test]
fn a_build_that_is_its_caller_leaves_it_most_of_what_a_user_may_have() {
    let most = Rlimit { current: Some(8000), maximum: Some(8000) };
    let watching = Some(Watching { instances: 128, watches: 4 });
    let current = vec![(Resource::Sigpending, most)];
    let shared = LimitSupport { counted_apart: false, watching, current, ..bare() };
    let bounds = resolve(&Limits::default(), &shared).unwrap();
    let counts = [("max_inotify_instances", 16), ("max_inotify_watches", 1)];
    assert_eq!(bounds.counts, counts);
    assert_eq!(ceiling_of(&bounds, Resource::Sigpending), Some((Some(1000), Some(1000))));
    assert_eq!(ceiling_of(&bounds, Resource::Msgqueue), Some((Some(204_800), Some(204_800))));
    assert_eq!(ceiling_of(&bounds, Resource::Memlock), Some((Some(1 << 20), Some(1 << 20))));
    let own = resolve(&Limits::default(), &LimitSupport { counted_apart: true, ..shared }).unwrap();
    assert_eq!((own.counts.len(), ceiling_of(&own, Resource::Sigpending)), (0, None));
    assert_eq!(ceiling_of(&own, Resource::Memlock), Some((Some(8 << 20), Some(8 << 20))));
}

#[test]
fn several_builds_side_by_side_leave_numbers_for_processes_to_others() {
    let processes = |room| {
        let support = LimitSupport { process_room: room, ..bare() };
        let bounds = resolve(&Limits::default(), &support).unwrap();
        (bounds.processes, ceiling_of(&bounds, Resource::Nproc).unwrap().1)
    };
    assert_eq!(processes(32_768), (Some(4096), Some(4096)));
    assert_eq!(processes(4 << 20), (Some(16_384), Some(16_384)));
    assert_eq!(processes(3), (Some(1), Some(1)));
}

#[test]
fn a_build_leaves_the_machine_files_that_it_can_open() {
    let found = |policy: Limits, room| {
        let bounds = resolve(&policy, &LimitSupport { file_room: room, ..bare() }).unwrap();
        let files = ceiling_of(&bounds, Resource::Nofile).unwrap().1.unwrap();
        (bounds.processes.unwrap(), files)
    };
    let default = |room| found(Limits::default(), room);
    // systemd's: as many as there is memory for.
    assert_eq!(default(i64::MAX.cast_unsigned()), (16_384, 65_536));
    for room in [1_u64 << 40, 1 << 30, 1 << 25, 2_466_183, 1 << 21] {
        let (processes, files) = default(room);
        assert!(processes * files <= room / 2, "{room}: {processes} times {files}");
        assert!(processes >= 512 && files >= 1024, "{room}: {processes} times {files}");
    }
    assert_eq!(default(4_096), (512, 1_024), "nothing to share out");
    let few = Limits { pids: Demand::Exactly(Count(64)), ..Limits::default() };
    assert_eq!(found(few, 2_466_183), (64, 19_267));
    let many = Limits { open_files: Demand::Exactly(Count(9_999)), ..Limits::default() };
    assert_eq!(found(many, 2_466_183).1, 9_999, "whoever names a number gets it");
}

#[test]
fn a_core_that_a_program_outside_would_get_is_kept_from_it_or_it_is_said() {
    let zero = vec![(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) })];
    let fallbacks = |cores, current| {
        let support = LimitSupport { cores, current, ..v1() };
        let bounds = resolve(&Limits::default(), &support).unwrap();
        let core = ceiling_of(&bounds, Resource::Core).unwrap().0;
        (bounds.fallbacks, core)
    };
    let told = || vec![Fallback::CoresHandedOver];
    assert_eq!(fallbacks(Cores::Files, vec![]), (vec![], Some(1)));
    assert_eq!(fallbacks(Cores::Files, zero.clone()), (vec![], Some(0)));
    let soft = vec![(Resource::Core, Rlimit { current: Some(0), maximum: None })];
    assert_eq!(fallbacks(Cores::Program, soft), (vec![], Some(1)), "raised, for less to happen");
    assert_eq!(fallbacks(Cores::Program, vec![]), (vec![], Some(1)));
    assert_eq!(fallbacks(Cores::Program, zero.clone()), (told(), Some(0)));
    assert_eq!(fallbacks(Cores::Service, vec![]), (told(), Some(1)));
    assert_eq!(fallbacks(Cores::Service, zero), (told(), Some(0)));
}

#[test]
fn a_build_that_is_its_caller_leaves_the_caller_processes() {
    let nproc = |most: Option<u64>, counted_alone, counted_apart| {
        let limit = Rlimit { current: most, maximum: most };
        let current = vec![(Resource::Nproc, limit)];
        let support = LimitSupport { counted_alone, counted_apart, current, ..bare() };
        let bounds = resolve(&Limits::default(), &support).unwrap();
        let (_, limit) =
            bounds.ceilings.iter().find(|(resource, _)| *resource == Resource::Nproc).unwrap();
        limit.maximum.unwrap()
    };
    assert_eq!(nproc(Some(16_000), true, false), 2_000, "an eighth");
    assert_eq!(nproc(Some(120), true, false), 64, "or what a build needs");
    assert_eq!(nproc(Some(40), true, false), 35, "and never all");
    assert_eq!(nproc(Some(4_000), false, false), 3_500, "an eighth is left to others");
    assert_eq!(nproc(Some(4_000), true, true), 4_000, "a user of its own is counted apart");
    assert_eq!(nproc(None, true, false), crate::policy::limits::PROCESSES.0);
}
