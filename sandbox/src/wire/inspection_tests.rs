//! Words between a supervisor and its inspector, whole and broken.

use proptest::prelude::*;

use super::*;

fn words() -> Vec<Word> {
    let hook = HookKind::BuildWheel;
    let name = || "pkg-1.0-py3-none-any.whl".to_owned();
    let file = Answer::File { name: name(), artefact: Artefact::wheel(&name()).unwrap() };
    let warning = Warning { message: "m".into(), filename: "f".into(), lineno: 3 };
    let answers = [
        file,
        Answer::Requirements(vec!["a>=1".into(), "b".into()]),
        Answer::Features(vec!["build_editable".into()]),
        Answer::Unsupported { traceback: "t".into() },
        Answer::NoBackend { message: "m".into(), traceback: "t".into() },
        Answer::BackendInvalid { message: "m".into() },
        Answer::HookMissing { missing: HookKind::BuildEditable },
    ];
    let answers = answers.into_iter().map(|answer| {
        let warnings = vec![warning.clone()];
        Word::Opinion(Opinion::Answer(Return { hook, answer, warnings }))
    });
    let note = Note { kind: NoteKind::Twin, member: "pkg/a".into() };
    let confinement = Confinement {
        user: Some((1, 2)),
        rooted: true,
        namespaces: Some(false),
        cpu: 3,
        memory: 4,
    };
    let others = [
        Word::Confine(confinement),
        Word::Confine(Confinement { user: None, namespaces: None, ..confinement }),
        Word::Entered,
        Word::Confined(true),
        Word::Failed(Fault::new(Step::Landlock, Errno::PERM)),
        Word::Question(Question::Answer(hook)),
        Word::Question(Question::Archive(
            hook,
            name(),
            Release::new("pkg", "1").into_iter().collect(),
        )),
        Word::Question(Question::Metadata("pkg-1.0.dist-info".into(), vec![])),
        Word::Question(Question::Part("entry_points.txt".into(), vec![])),
        Word::Opinion(Opinion::Refused("no".into())),
        Word::Opinion(Opinion::Metadata([7; 32])),
        Word::Opinion(Opinion::Archive(vec![note], [8; 32])),
    ];
    answers.chain(others).collect()
}

#[test]
fn every_word_arrives_as_it_was_sent() {
    let (here, there) = Line::pair().unwrap();
    let file = std::fs::File::open("/dev/null").unwrap();
    for word in words() {
        here.send(&word, &[file.as_fd()]).unwrap();
        let (received, descriptors) = there.receive().unwrap().unwrap();
        assert_eq!((&received, descriptors.len()), (&word, 1));
        there.write(&word).unwrap();
        match here.take(&mut Vec::new()).unwrap() {
            Taken::Word(taken) => assert_eq!(*taken, word),
            other => panic!("{other:?}"),
        }
    }
    drop(there);
    assert!(matches!(here.take(&mut Vec::new()).unwrap(), Taken::Ended));
}

#[test]
fn a_word_that_is_longer_than_any_or_says_that_it_is_is_none() {
    let (here, there) = Line::pair().unwrap();
    write(&there, &u32::MAX.to_le_bytes()).unwrap();
    assert_eq!(here.take(&mut Vec::new()).unwrap_err(), Errno::BADMSG);
    let long = Word::Opinion(Opinion::Refused("x".repeat(LONGEST)));
    assert!(framed(&long).1.len() < 1000);
    // A list that would take more than there is.
    let mut out = Out::default();
    out.number(9).text("build_wheel").number(u64::MAX);
    assert_eq!(decode(&out.0), None);
}

#[test]
fn what_a_terminal_obeys_is_gone_when_it_arrives() {
    let word = Word::Opinion(Opinion::Refused("a\u{1b}[31mb ##vso[x]".into()));
    let Some(Word::Opinion(Opinion::Refused(why))) = decode(&encode(&word)) else { panic!() };
    assert!(!why.contains('\u{1b}') && !why.contains("##vso["), "{why:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn arbitrary_bytes_never_panic(kind in 0_u64..11, rest: Vec<u8>) {
        let _ = decode(&[kind.to_le_bytes().as_slice(), &rest].concat());
    }

    #[test]
    fn a_word_that_is_cut_or_changed_never_panics(which: prop::sample::Index, at: prop::sample::Index, flip in 1_u8..) {
        let words = words();
        let mut body = encode(which.get(&words));
        let index = at.index(body.len());
        let _ = decode(&body[..index]);
        body[index] ^= flip;
        let _ = decode(&body);
    }
}
