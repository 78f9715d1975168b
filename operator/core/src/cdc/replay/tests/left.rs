//! What is left out because nobody can tell, and what stands in its way.

use super::*;

/// Partition 1 of the same topic.
pub(super) fn beside() -> Place {
    Place { partition: 1, ..place() }
}

/// A record of row 1 that was written at this time.
pub(super) fn seen(offset: i64, row: u8, at: i64) -> Seen {
    let print = Print::of(None, Some(&offset.to_be_bytes()));
    Seen { offset, key: key(row), copied: None, truncates: false, empty: false, print, made: Some(at) }
}

/// What such a record becomes.
pub(super) fn letter(of: &Seen) -> Letter {
    let Seen { offset, key, copied, print, made, .. } = of.clone();
    Letter { from: Some((place(), offset)), key, copied, print, made, lsn: None }
}

pub(super) fn ground(bounds: &[(Place, i64, i64)]) -> Ground {
    let bounds = bounds.iter().map(|(place, begin, end)| (place.clone(), (*begin, *end))).collect();
    Ground { ours: BTreeSet::from([TOPIC.to_owned()]), bounds, ..Ground::default() }
}

pub(super) fn message(batch: &Batch) -> String {
    batch.sums().message()
}

#[test]
fn a_tombstone_is_no_end_of_a_row_and_its_delete_is_sent() {
    let mut log = Log::of(&[1, 1]); // 1: the delete
    log.changes(Some(1));
    log.0[2].as_mut().unwrap().empty = true;
    let letters = [log.letter(1)];
    assert_eq!(counted(&log.settle(RUN, &letters)), (1, 0, 0, 0));
    assert_eq!(log.end_of(1), (1, 1));
    // a tombstone behind a copy is not the newest either
    log.changes(Some(1));
    log.0[4].as_mut().unwrap().empty = true;
    let before = log.0.len();
    assert_eq!(counted(&log.settle(RUN, &letters)), (1, 0, 0, 0));
    assert_eq!(log.0.len(), before);
}

#[test]
fn what_is_not_the_same_to_the_byte_and_the_moment_is_not_the_letter_s_record() {
    let record = seen(3, 1, 1000);
    let other = Print::of(None, Some(b"read anew"));
    let cases = [
        (record.clone(), letter(&record), (0, 1)),
        (record.clone(), Letter { print: other, ..letter(&record) }, (1, 0)),
        (record.clone(), Letter { made: Some(1001), ..letter(&record) }, (1, 0)),
        (record.clone(), Letter { made: None, ..letter(&record) }, (0, 1)),
        (Seen { made: None, ..record.clone() }, letter(&record), (0, 1)),
        (Seen { key: key(2), ..record.clone() }, letter(&record), (1, 0)),
    ];
    for (there, letter, (left, due)) in cases {
        let mut batch = Batch::new(RUN, std::slice::from_ref(&letter), &ground(&[(place(), 0, 4)]));
        batch.saw(&place(), &there);
        batch.read_to(&place(), 4);
        assert_eq!((batch.sums().left_out, batch.sends().len()), (left, due), "{there:?} {letter:?}");
    }
}

#[test]
fn letters_of_topics_that_are_compacted_are_left_out() {
    let record = seen(3, 1, 1000);
    let compacted = BTreeSet::from([TOPIC.to_owned()]);
    let ground = Ground { compacted, ..ground(&[(place(), 0, 4)]) };
    let batch = Batch::new(RUN, &[letter(&record)], &ground);
    assert_eq!((batch.asks(), batch.sums().left_out), (vec![], 1));
    assert!(message(&batch).contains("compacted"), "{}", message(&batch));
}

#[test]
fn letters_of_topics_that_the_broker_packs_are_left_out() {
    let configs = |compression: Option<&'static str>| {
        Keeps::of(|name| match name {
            "compression.type" => compression,
            "cleanup.policy" => Some("delete"),
            "max.message.bytes" => Some("1048588"),
            _ => None,
        })
    };
    for (compression, packs) in [
        (Some("producer"), false),
        (Some("uncompressed"), false),
        (Some("lz4"), false),
        (Some("gzip"), true),
        (Some("snappy"), true),
        (Some("zstd"), true),
        (Some("of a Kafka to come"), true),
        (None, true),
    ] {
        let keeps = configs(compression);
        assert_eq!(keeps, Keeps { compacts: false, packs, room: 1_048_588 }, "{compression:?}");
    }
    assert!(Keeps::of(|_| None).compacts);
    let packed = BTreeSet::from([TOPIC.to_owned()]);
    let ground = Ground { packed, ..ground(&[(place(), 0, 4)]) };
    let batch = Batch::new(RUN, &[letter(&seen(3, 1, 1000))], &ground);
    assert_eq!((batch.asks(), batch.sums().left_out), (vec![], 1));
    assert!(message(&batch).contains("compression.type"), "{}", message(&batch));
    let sums = Sums { unread: true, ..Sums::default() };
    assert!(sums.message().contains("is not known"), "{}", sums.message());
}

#[test]
fn letters_of_topics_with_several_partitions_are_left_out() {
    let several = BTreeSet::from([TOPIC.to_owned()]);
    let ground = Ground { several, ..ground(&[(place(), 0, 4), (beside(), 0, 4)]) };
    let batch = Batch::new(RUN, &[letter(&seen(3, 1, 1000))], &ground);
    assert_eq!((batch.asks(), batch.sums().left_out), (vec![], 1));
    assert!(message(&batch).contains("several partitions"), "{}", message(&batch));
}

#[test]
fn records_that_cannot_be_opened_stop_the_letters_before_them_and_no_others() {
    let records = [seen(3, 1, 0), seen(9, 2, 0)];
    let letters = [letter(&records[0]), letter(&records[1])];
    let mut batch = Batch::new(RUN, &letters, &ground(&[(place(), 0, 10)]));
    batch.saw(&place(), &records[0]);
    batch.sealed(&place(), 8);
    batch.read_to(&place(), 8);
    batch.saw(&place(), &records[1]);
    let sends = batch.sends();
    assert_eq!((sends.len(), sends[0].letter), (1, 1));
    assert_eq!(batch.sums().left_out, 1);
    assert!(message(&batch).contains("compression"), "{}", message(&batch));

    let mut sums = Sums::default();
    sums.packed(0);
    assert_eq!(sums, Sums::default());
    sums.packed(2);
    assert!(sums.message().contains("Left out: 2, because the dead-letter topic"), "{}", sums.message());
}

#[test]
fn of_a_copy_all_is_looked_at_since_what_it_is_a_copy_of() {
    // 1 is the letter, 4 its copy, which a change at 2 had overtaken, and the run was interrupted
    let copied = Some(Copied { rank: 1, run: "copy/before@1".into() });
    let copy = Seen { copied, ..seen(4, 1, 0) };
    let mut batch = Batch::new(RUN, &[letter(&copy)], &ground(&[(place(), 0, 5)]));
    assert_eq!(batch.asks(), [(place(), 1)]);
    for seen in [&seen(1, 1, 0), &seen(2, 1, 0), &copy] {
        batch.saw(&place(), seen);
    }
    let sends = batch.sends();
    assert_eq!((sends.len(), sends[0].what, sends[0].copied.rank), (1, What::Newest(2), 2));
    let batch = Batch::new(RUN, &[letter(&copy)], &ground(&[(place(), 2, 5)]));
    assert_eq!((batch.asks(), batch.sums().left_out), (vec![], 1), "what came between may have been removed");
}

#[test]
fn a_correction_that_kafka_refuses_is_not_tried_for_ever() {
    let mut log = Log::of(&[1]);
    let letters = [log.letter(0)];
    let mut batch = log.batch(RUN, &letters);
    log.show(&mut batch);
    let sends = batch.sends();
    log.changes(Some(1));
    log.write(&sends, &letters);
    log.show(&mut batch);
    assert_eq!(batch.sends()[0].what, What::Newest(1));
    batch.stuck(0);
    assert_eq!(batch.sends(), []);
    assert_eq!(log.batch("copy/second@9", &letters).sends(), [], "it has seen nothing");
    let mut next = log.batch("copy/second@9", &letters);
    log.show(&mut next);
    assert_eq!(next.sends()[0].what, What::Newest(1), "another run begins with it");
}

#[test]
fn only_what_no_topic_will_ever_take_is_refused_for_good() {
    for (code, refusal) in [
        (10, Refusal::Never),    // MESSAGE_TOO_LARGE
        (18, Refusal::Never),    // RECORD_LIST_TOO_LARGE
        (87, Refusal::Never),    // INVALID_RECORD
        (5, Refusal::NotNow),    // LEADER_NOT_AVAILABLE
        (19, Refusal::NotNow),   // NOT_ENOUGH_REPLICAS
        (29, Refusal::NotNow),   // TOPIC_AUTHORIZATION_FAILED
        (6, Refusal::Unsure),    // NOT_LEADER_OR_FOLLOWER
        (7, Refusal::Unsure),    // REQUEST_TIMED_OUT
        (20, Refusal::Unsure),   // NOT_ENOUGH_REPLICAS_AFTER_APPEND
        (-1, Refusal::Unsure),   // UNKNOWN_SERVER_ERROR
        (4242, Refusal::Unsure), // of a Kafka to come
    ] {
        assert_eq!(Refusal::of(code), refusal, "{code}");
    }
}

#[test]
fn copies_are_read_once_the_last_of_each_partition_is() {
    let of = |offsets: &[(Place, i64)]| {
        let mut copies = Copies::default();
        for (place, offset) in offsets {
            copies.note(place, *offset);
        }
        copies
    };
    let sent = of(&[(place(), 10), (place(), 12), (beside(), 5)]);
    let cases = [
        (vec![], vec![], false),
        (vec![(place(), 13), (beside(), 6)], vec![], true),
        (vec![(place(), 12), (beside(), 6)], vec![], false),
        (vec![(place(), 11), (beside(), 6)], vec![(place(), 10)], false),
        (vec![(place(), 11), (beside(), 6)], vec![(place(), 12)], true),
        (vec![(place(), 13)], vec![], false),
    ];
    for (committed, again, read) in cases {
        let committed = committed.into_iter().collect();
        assert_eq!(sent.are_read(&committed, &of(&again)), read, "{committed:?} {again:?}");
    }
    let twice = of(&[(place(), 10), (place(), 12), (place(), 10), (place(), 12), (place(), 15)]);
    assert_eq!(twice.count(), 3, "a sink that was restarted has put them aside twice");
    let mut left = sent.clone();
    left.forget(&BTreeMap::from([(place(), 13), (beside(), 5)]));
    assert_eq!(left.places().collect::<Vec<_>>(), [&place()], "the other topic was made anew");
    left.forget(&BTreeMap::from([(place(), 0)]));
    assert!(left.is_empty());
}
