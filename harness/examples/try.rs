//! Scratch.
fn main() {
    let program = std::path::PathBuf::from("target/debug/harness");
    let bench = harness::conduct::Bench::prepare(None, Some(&program)).unwrap();
    let dir = std::path::PathBuf::from("attacks").canonicalize().unwrap();
    let catalogue = harness::catalogue::Catalogue::open(&[dir]).unwrap();
    let level: sandbox::Level = std::env::args().nth(1).unwrap().parse().unwrap();
    let only = std::env::args().nth(2);
    let begin = std::time::Instant::now();
    let mut n = 0;
    for attack in catalogue.entries() {
        if only.as_ref().is_some_and(|o| !attack.id.0.contains(o)) {
            continue;
        }
        let trial = harness::schedule::Trial {
            attack: attack.clone(),
            target: "own".into(),
            level,
            host: "root".into(),
        };
        let t = std::time::Instant::now();
        let o = harness::conduct::conduct(&trial, &bench, 0);
        n += 1;
        let missing: Vec<_> =
            attack.run.marks.iter().filter(|m| !o.run.marks.contains(m)).collect();
        println!(
            "{:40} {:5}ms built={} declared={:?}",
            attack.id.0,
            t.elapsed().as_millis(),
            o.run.built,
            o.findings.iter().filter(|f| f.declared).map(|f| &f.oracle).collect::<Vec<_>>()
        );
        for f in o.findings.iter().filter(|f| !f.declared || only.is_some()) {
            println!("      ~ {} : {}", f.oracle, f.evidence);
        }
        for s in o.self_tests.iter().filter(|s| s.failure.is_some()) {
            println!("      ! self-test {} : {}", s.oracle, s.failure.as_ref().unwrap());
        }
        if !missing.is_empty() {
            println!("      missing marks {missing:?}");
        }
        if o.run.broken.is_some()
            || o.run.timed_out
            || o.unsupported.is_some()
            || o.contaminated.is_some()
            || o.run.refused.is_some()
            || only.is_some()
        {
            println!(
                "      broken={:?} timed_out={} unsupported={:?} contaminated={:?} refused={:?}",
                o.run.broken, o.run.timed_out, o.unsupported, o.contaminated, o.run.refused
            );
        }
        if only.is_some() || missing.len() > 0 {
            println!(
                "      {:?} {:?}\n{}",
                o.run.hooks,
                o.run.hearsay,
                String::from_utf8_lossy(&o.run.log)
            );
        }
    }
    println!("{n} trials in {:?}", begin.elapsed());
}
