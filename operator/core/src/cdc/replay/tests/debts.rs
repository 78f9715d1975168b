//! What an interrupted run has written is put in order, whatever became of its letters since.

use super::left::{beside, ground, letter, seen};
use super::*;

/// Row 1: 1 is the letter, 3 a newer change of it, 4 the copy of 1 that came behind that.
fn overtaken(run: &str) -> [Seen; 3] {
    let copied = Some(Copied { rank: 1, run: run.into() });
    [seen(1, 1, 0), seen(3, 1, 0), Seen { copied, ..seen(4, 1, 0) }]
}

fn again(ground: Ground) -> Ground {
    Ground { again: true, ..ground }
}

/// What is written, of partition 0, 1 and what could not be opened before an offset of the first.
fn written(ground: &Ground, here: &[Seen], there: &[Seen], sealed: Option<i64>) -> Vec<What> {
    let mut batch = Batch::new(RUN, &[letter(&seen(1, 1, 0))], ground);
    if let Some(before) = sealed {
        batch.sealed(&place(), before);
    }
    for seen in here {
        batch.saw(&place(), seen);
    }
    for seen in there {
        batch.saw(&beside(), seen);
    }
    let counts = counted(&batch.sums());
    assert_eq!(counts.2, 1, "it is left out: {counts:?}");
    batch.sends().iter().map(|sending| sending.what).collect()
}

#[test]
fn a_copy_of_a_letter_that_is_left_out_now_is_followed_by_what_overtook_it() {
    let all = || ground(&[(place(), 0, 9)]);
    let expired = || ground(&[(place(), 2, 9)]);
    let compacted = || Ground { compacted: BTreeSet::from([TOPIC.to_owned()]), ..all() };
    let ours = overtaken(RUN);
    let other = overtaken("copy/before@1");
    let keyed = |offset| Seen { key: Key::of(Some(br#"{"schema":{},"payload":7}"#)), ..seen(offset, 1, 0) };
    let behind: Vec<_> = ours.iter().cloned().chain([keyed(5)]).collect();
    let before: Vec<_> = [ours[0].clone(), keyed(2)].into_iter().chain(ours[1..].iter().cloned()).collect();
    let due = vec![What::Newest(3)];
    for (name, ground, here, sealed, sends) in [
        ("the record has expired", again(expired()), &ours[1..], None, due.clone()),
        ("in a run that begins there are no copies of it", expired(), &ours[1..], None, vec![]),
        ("compacted", again(compacted()), &ours[..], None, due.clone()),
        ("something cannot be opened", again(all()), &ours[..], Some(2), due.clone()),
        ("another run has written it", again(all()), &other[..], Some(2), vec![]),
        ("keys of other fields came before it", again(all()), &before[..], None, due.clone()),
        ("what came behind it may be of the row", again(all()), &behind[..], None, vec![]),
        ("nothing has overtaken it", again(expired()), &ours[2..], None, vec![]),
    ] {
        assert_eq!(written(&ground, here, &[], sealed), sends, "{name}");
    }
}

#[test]
fn among_partitions_it_is_unless_another_one_has_the_row() {
    let of = |begin| again(ground(&[(place(), 0, 9), (beside(), begin, 9)]));
    let ours = overtaken(RUN);
    assert_eq!(written(&of(5), &ours, &[seen(5, 2, 0)], None), [What::Newest(3)], "it may have had it");
    assert_eq!(written(&of(0), &ours, &[seen(5, 1, 0)], None), [], "that one may be newer");
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
fn of_another_partition_that_was_cut_meanwhile_the_time_of_its_first_record_decides() {
    const HOUR: i64 = 3_600_000;
    let record = seen(3, 1, 5 * HOUR);
    for (first, sent) in [(4 * HOUR, 1), (4 * HOUR + 1, 0)] {
        let mut batch = Batch::new(RUN, &[letter(&record)], &ground(&[(place(), 0, 4), (beside(), 0, 20)]));
        batch.saw(&place(), &record);
        batch.saw(&beside(), &seen(0, 2, 0));
        batch.forgot(&beside(), 8);
        batch.saw(&beside(), &seen(8, 2, first));
        assert_eq!(batch.sends().len(), sent, "{first}");
    }
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
