//! What an interrupted run has written is put in order, whatever became of its letters since.

use super::left::{ground, letter, seen};
use super::*;

/// Row 1: 1 is the letter, 3 a newer change of it, 4 the copy of 1 that came behind that.
fn overtaken(run: &str) -> [Seen; 3] {
    let copied = Some(Copied { rank: 1, run: run.into() });
    [seen(1, 1, 0), seen(3, 1, 0), Seen { copied, ..seen(4, 1, 0) }]
}

fn again(ground: Ground) -> Ground {
    Ground { again: true, ..ground }
}

/// What is written, and whether the run's own copy is in doubt.
fn written(ground: &Ground, seen: &[Seen], sealed: Option<i64>) -> (Vec<What>, bool) {
    let mut batch = Batch::new(RUN, &[letter(&super::left::seen(1, 1, 0))], ground);
    if let Some(before) = sealed {
        batch.sealed(&place(), before);
    }
    for seen in seen {
        batch.saw(&place(), seen);
    }
    let counts = counted(&batch.sums());
    assert_eq!(counts.2, 1, "it is left out: {counts:?}");
    (batch.sends().iter().map(|sending| sending.what).collect(), !batch.doubtful().is_empty())
}

#[test]
fn a_copy_of_a_letter_that_is_left_out_now_is_followed_by_what_overtook_it_or_told() {
    let all = || ground(&[(place(), 0, 9)]);
    let expired = || ground(&[(place(), 2, 9)]);
    let topic = || BTreeSet::from([TOPIC.to_owned()]);
    let compacted = || Ground { compacted: topic(), ..all() };
    let several = || Ground { several: topic(), ..all() };
    let packed = || Ground { packed: topic(), ..all() };
    let ours = overtaken(RUN);
    let mend = Seen { copied: Some(Copied { rank: 3, run: RUN.into() }), ..seen(5, 1, 0) };
    let mended: Vec<_> = ours.iter().cloned().chain([mend]).collect();
    let other = overtaken("copy/before@1");
    let keyed = Seen { key: Key::of(Some(br#"{"schema":{},"payload":7}"#)), ..seen(2, 1, 0) };
    let altered: Vec<_> =
        [ours[0].clone(), keyed.clone()].into_iter().chain(ours[1..].iter().cloned()).collect();
    // 3 is not known to be the newest any more
    let far = |record: &Seen| Seen { offset: record.offset + 2, ..record.clone() };
    let between: Vec<_> = [ours[0].clone(), ours[1].clone(), far(&keyed), far(&ours[2])].into();
    let behind: Vec<_> = ours.iter().cloned().chain([Seen { offset: 5, ..keyed.clone() }]).collect();
    let after: Vec<_> =
        [ours[0].clone(), Seen { offset: 2, ..ours[2].clone() }, Seen { offset: 5, ..keyed }].into();
    let (due, doubt) = ((vec![What::Newest(3)], false), (vec![], true));
    let nothing = (vec![], false);
    for (name, ground, seen, sealed, sends) in [
        ("the record has expired", again(expired()), &ours[1..], None, due.clone()),
        ("in a run that begins there are no copies of it", expired(), &ours[1..], None, nothing.clone()),
        ("compacted", again(compacted()), &ours[..], None, due.clone()),
        ("the topic has got more partitions", again(several()), &ours[..], None, doubt.clone()),
        ("what is written now cannot be opened", again(packed()), &ours[..], None, doubt.clone()),
        ("it need not be written", again(packed()), &mended[..], None, nothing.clone()),
        ("something older cannot be opened", again(all()), &ours[..], Some(3), due.clone()),
        ("something cannot be opened", again(all()), &ours[..], Some(4), doubt.clone()),
        ("another run has written it", again(all()), &other[..], Some(4), nothing.clone()),
        ("keys of other fields came before it", again(all()), &altered[..], None, due.clone()),
        ("keys of other fields came", again(all()), &between[..], None, doubt.clone()),
        ("what has to come last may be older than them", again(all()), &behind[..], None, doubt.clone()),
        ("they came behind the newest", again(all()), &after[..], None, nothing.clone()),
        ("nothing has overtaken it", again(expired()), &ours[2..], None, nothing),
    ] {
        assert_eq!(written(&ground, seen, sealed), sends, "{name}");
    }
}

#[test]
fn what_was_removed_before_it_was_read_leaves_the_letters_before_it_out() {
    let records = [seen(3, 1, 0), seen(9, 2, 0)];
    let letters = records.clone().map(|record| letter(&record));
    let mut batch = Batch::new(RUN, &letters, &ground(&[(place(), 0, 10)]));
    batch.saw(&place(), &records[0]);
    batch.forgot(&place(), 7);
    assert_eq!(batch.asks(), [(place(), 7)]);
    batch.saw(&place(), &records[1]);
    let sends = batch.sends();
    assert_eq!((sends.len(), sends[0].letter, batch.sums().left_out), (1, 1, 1));
}

#[test]
fn a_letter_and_its_copy_that_was_put_aside_too_are_sent_once() {
    let mut log = Log::of(&[1]);
    log.settle("copy/failed@5", &[log.letter(0)]);
    let letters = [log.letter(0), log.letter(1)];
    for parts in [vec![&letters[..]], vec![&letters[..1], &letters[1..]]] {
        let mut log = log.clone();
        let mut sums = Sums::default();
        for _ in 0..2 {
            // the second time as one that was interrupted
            sums = Sums::default();
            for part in &parts {
                sums.add(&log.settle(RUN, part));
            }
        }
        assert_eq!((counted(&sums), log.0.len()), ((1, 1, 0, 0), 3), "{} parts", parts.len());
    }
}

#[test]
fn what_hides_a_letter_of_a_row_is_no_doubt_about_a_later_one() {
    let records = [seen(1, 1, 0), seen(9, 1, 0)];
    let letters = records.clone().map(|record| letter(&record));
    let mut batch = Batch::new(RUN, &letters, &ground(&[(place(), 0, 10)]));
    batch.sealed(&place(), 8);
    for record in &records {
        batch.saw(&place(), record);
    }
    let sends = batch.sends();
    assert_eq!((sends.len(), sends[0].letter), (1, 1));
    batch.saw(&place(), &Seen { copied: Some(sends[0].copied.clone()), ..seen(10, 1, 0) });
    assert_eq!((batch.sends(), batch.doubtful().len(), counted(&batch.sums())), (vec![], 0, (1, 0, 1, 0)));
}
