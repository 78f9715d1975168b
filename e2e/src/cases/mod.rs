//! The acceptance cases, each a readable scenario named by its number.
//!
//! `cluster`, `change`, `isr`, `machine`, `quorum`, `rebalance`, `roll` (K) · `secure` (S, U) · `topic` (T) · `connector` (C) ·
//! `pipeline`, `snapshot`, `adhoc`, `blocking`, `guard`, `offsets`, `sink`, `replay`, `verify`, `workload` (P) · `deaths` (F) · `input`, `unparsable`, `away` (bad input and faults: B). The table
//! below is the only register: a case that is not in it does not exist.

use anyhow::Result;
use futures::future::LocalBoxFuture;

use crate::scene::Scene;

mod adhoc;
mod away;
mod blocking;
mod canary;
mod change;
mod cluster;
mod connector;
mod deaths;
mod guard;
mod held;
mod input;
mod isr;
mod machine;
mod offsets;
mod pipeline;
mod quorum;
mod rebalance;
mod replay;
mod roll;
mod secure;
mod sink;
mod snapshot;
mod topic;
mod unparsable;
mod verify;
mod workload;

pub struct Case {
    pub id: &'static str,
    pub sentence: &'static str,
    pub home: Home,
    pub company: Company,
    /// Seconds it takes on a warm two-core test bed: the order of start, and a third of its deadline.
    pub about: u64,
    pub scenario: for<'a> fn(&'a Scene<'a>) -> LocalBoxFuture<'a, Result<()>>,
}

/// Which namespace a case plays in.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Home {
    /// That of the shared clusters: references do not leave their namespace.
    Shared,
    /// One of its own.
    Own,
}

/// Whether a case minds others, or they it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Company {
    Beside,
    /// It stops Sluice or the API server, changes a CRD, or measures what needs the whole machine.
    Alone,
}

macro_rules! cases {
    ($($id:literal $home:ident $company:ident $about:literal $scenario:path, $sentence:literal;)+) => {
        pub const CASES: &[Case] = &[$(Case {
            id: $id, sentence: $sentence, home: Home::$home, company: Company::$company, about: $about,
            scenario: |scene| Box::pin($scenario(scene)),
        }),+];
    };
}

cases! {
    "K1" Shared Beside 15 cluster::k01_records_arrive_on_every_listener,
        "produce and consume on every listener kind (plain, TLS, SCRAM with and without TLS, mTLS): all records arrive";
    "K2" Shared Beside 8 cluster::k02_a_dynamic_key_restarts_nothing,
        "a dynamic broker key changes: describeConfigs shows it, no pod UID changes";
    "K3" Own Beside 75 change::k03_a_listener_is_added_one_by_one,
        "a listener is added: brokers roll one by one with the reason in status; an acks=all producer never fails";
    "K4" Own Alone 150 isr::k04_a_broker_in_a_shrunken_isr_does_not_restart,
        "a partition's ISR has shrunk to min.insync.replicas: no broker that is in that ISR restarts until it has recovered";
    "K5" Own Beside 90 roll::k05_a_bad_option_takes_one_broker_at_most,
        "a bad JVM option or image: at most one broker goes down, status names it, reverting heals";
    "K6" Own Alone 110 roll::k06_a_roll_survives_the_operator,
        "the operator is killed between two nodes and while one is down: the roll finishes, each pod restarted exactly once";
    "K7" Own Beside 50 rebalance::k07_a_broker_that_holds_replicas_is_not_scaled_in,
        "a broker that holds replicas is scaled in with rebalancing off: refused, condition says which topics, nothing touched";
    "K8" Own Beside 90 rebalance::k08_a_new_broker_gets_its_share,
        "3→4 brokers with 60 partitions RF 3: moves = lower bound, each broker in {floor, ceil}, no throttle left, no producer error";
    "K9" Own Alone 100 rebalance::k09_the_plan_survives_the_operator,
        "the operator is killed while partitions move: the same plan finishes, no throttle left";
    "K10" Own Beside 120 rebalance::k10_two_brokers_leave_in_one_edit,
        "5→3 in one edit: pods leave only when they hold nothing; 3→2 below a replication factor is refused";
    "K11" Own Beside 90 quorum::k11_the_quorum_follows_the_spec,
        "controllers 1→3→1: quorum voters follow, the cluster stays available";
    "K12" Own Beside 30 cluster::k12_children_are_repaired,
        "a Service, ConfigMap or PDB is deleted or edited: repaired within 5 s";
    "K13" Own Alone 90 roll::k13_kafka_returns_without_the_operator,
        "all brokers' pods are deleted while the operator is down: Kafka returns without it; a refused spec takes nobody down";
    "K14" Own Beside 5 cluster::k14_what_kafka_does_not_know_is_refused,
        "an unsupported version or an unknown config key: Ready=False with the supported ones, nothing created";
    "K15" Own Beside 35 change::k15_volumes_grow_and_do_not_shrink,
        "a volume grows: PVCs grow without a restart; shrinking is refused at the field";
    "K16" Own Alone 150 machine::k16_a_machine_is_drained_and_later_dies,
        "a node is drained with a PDB; a node dies and returns: no data lost, status told the truth meanwhile";
    "K17" Own Alone 150 rebalance::k17_sluice_ends_at_every_fault_point,
        "Sluice ends before and after each step of a broker that comes, and of one that leaves: the same end state, no throttle left";
    "K18" Own Beside 100 quorum::k18_the_founder_loses_the_log_of_the_quorum,
        "the node that founded the quorum loses the quorum's log: it joins the others again, no topic and no record is lost";
    "K19" Own Beside 150 cluster::k19_a_deleted_cluster_is_made_again_at_once,
        "a cluster is deleted and made again at once under the same name: it waits for the end of the first, and comes up with nodes of its own";
    "K20" Own Beside 70 canary::k20_records_go_through_every_listener,
        "Sluice's own records go through every listener kind: status has their latency, and says within 10 s where they do not get through";
    "S1" Own Beside 70 secure::s1_nobody_gets_in_without_a_certificate,
        "nobody reaches the ports of controllers, brokers and Sluice; were they open, no certificate, a forged one or a user's lets nobody in";
    "S2" Own Beside 40 secure::s2_a_secret_that_was_deleted_comes_back_as_it_was,
        "a Secret with the cluster's certificates is deleted: it comes back as it was, and nothing is restarted";
    "S3" Own Beside 60 secure::s3_a_certificate_lets_its_user_in_and_nobody_elses_does,
        "a user's certificate opens the listener for users, within its ACLs; one of the cluster's own or of another cluster's does not";
    "U1" Own Beside 60 secure::u1_a_user_may_what_is_declared_and_its_password_rotates,
        "a SCRAM user with a prefix ACL can produce to its topics and to no other; password rotation works without a restart";
    "T1" Shared Beside 20 topic::t01_ten_lives,
        "a topic is created, deleted and recreated ten times; Kafka matches each time";
    "T2" Shared Beside 8 topic::t02_impossible_changes_are_refused,
        "partitions decreased, name changed: refused by the API server; RF above the brokers: Ready=False, Kafka unchanged";
    "T3" Shared Beside 20 topic::t03_drift_is_seen,
        "a config or partition count is changed behind our back: seen and handled as declared within 10 s";
    "T4" Shared Beside 45 rebalance::t04_replicas_follow_the_declaration,
        "replication factor 1→3→2 while producing: no error, throttled, progress in status";
    "T5" Shared Beside 8 topic::t05_the_older_claim_wins,
        "two Topics claim one name: the older wins, the other says so";
    "T6" Own Beside 40 topic::t06_deletion_follows_its_policy,
        "Topic deleted with Retain: the topic stays; with Delete: it goes; with the cluster gone: no finalizer hangs";
    "T7" Shared Beside 20 topic::t07_an_existing_topic_is_adopted_as_declared,
        "an existing topic is adopted only as adoption says; what would change is shown first";
    "C1" Shared Beside 30 connector::c01_a_bad_transform_is_said_and_mended,
        "a bad SMT: Ready=False within 10 s with the error's first line; fixing the spec recovers";
    "C2" Shared Beside 20 connector::c02_a_connector_made_by_rest_is_left_alone,
        "a connector made by REST is left alone and listed";
    "C3" Shared Beside 40 connector::c03_a_rotated_password_restarts_who_uses_it,
        "a password rotates in its Secret: only the connectors that use it restart";
    "P1" Shared Beside 50 pipeline::p01_wal_level_is_named_and_mended,
        "wal_level=replica: preflight names it with the fix and no connector is created; after the fix it goes Ready unaided";
    "P2" Shared Beside 35 pipeline::p02_a_role_without_replication_is_named_and_mended,
        "a role without REPLICATION: the same";
    "P3" Shared Beside 35 pipeline::p03_tables_that_are_not_captured_stay_writable,
        "a table without primary key that is not captured keeps accepting UPDATE and DELETE";
    "P4" Shared Alone 400 snapshot::p04_the_progress_of_a_snapshot_rises,
        "1 M rows snapshot: progress rises in status; SnapshotComplete only when counts match";
    "P5" Own Alone 200 snapshot::p05_a_snapshot_that_is_cut_short_begins_again,
        "the Connect pod is killed at 50 % of the snapshot: final row set equals the source";
    "P6" Shared Beside 360 pipeline::p06_five_minutes_without_the_database,
        "PostgreSQL is down for 5 minutes: recovers unaided, no row lost";
    "P7" Shared Beside 70 guard::p07_a_slot_that_was_advanced_is_refused_and_heals_on_request,
        "the slot was advanced past the stored offset: refused with the gap in bytes; resnapshot on request heals";
    "P8" Shared Beside 90 guard::p08_wal_over_the_budget_is_told_while_paused,
        "the retained WAL passes the budget while paused: condition, Event and metric before wal_status=lost";
    "P9" Shared Beside 120 guard::p09_deletion_follows_its_policy,
        "the pipeline is deleted with Delete or Retain: slot, publication, topics and offsets follow the policy";
    "P10" Shared Beside 45 sink::p10_a_poison_record_goes_to_the_dead_letters,
        "a poison record at the sink: it lands in the dead-letter topic, the flow continues, the count is in status";
    "P11" Shared Beside 70 guard::p11_the_same_request_runs_once,
        "the same resnapshot id applied ten times runs once";
    "P12" Shared Beside 90 verify::p12_source_and_sink_are_compared,
        "source and sink agree: Verified=True; one row changed in the sink behind our back: found and named";
    "P13" Shared Beside 190 sink::p13_a_sink_that_is_stuck_falls_behind_and_is_named,
        "a sink is stuck while its connector runs: its lag grows by the age of real changes, LagBudget names it, and it recovers";
    "P14" Shared Beside 120 adhoc::p14_a_table_that_is_added_is_read_while_changes_flow,
        "a table is added to a pipeline that runs: its rows are read while changes flow; so is a part of them on request, once";
    "P15" Shared Beside 120 adhoc::p15_what_a_sink_will_never_read_is_told_and_read_anew,
        "records are removed from a topic before the sink has read them: Ready=False names the table, and its rows are read anew on request";
    "P16" Shared Beside 180 snapshot::p16_a_transaction_that_holds_up_the_slot_is_named,
        "a transaction is open while the slot is made: status names the session, and the snapshot begins once it has ended";
    "P17" Shared Beside 180 blocking::p17_rows_are_read_while_changes_wait,
        "rows are read on request while changes wait, once; a restart in the middle has them read again to the end, and nothing is missing";
    "P18" Shared Beside 150 offsets::p18_offsets_are_set_by_id_and_once,
        "a sink and the source are set by id, once: records come again, changes are skipped knowingly and recorded, and the guard agrees";
    "P19" Shared Beside 120 replay::p19_dead_letters_are_sent_again_once_their_cause_is_mended,
        "dead letters are sent again once their cause is mended: their rows are in the sink, no newer row is overwritten, each id runs once";
    "P20" Shared Beside 100 workload::p20_the_reference_workload_arrives_row_by_row,
        "the reference workload runs while its snapshot is read and after: the sink is the source, row by row, and a table without key is in its topic";
    "F3" Shared Beside 60 deaths::f03_what_failed_stops_when_it_is_told_to,
        "a sink's task has failed and the pipeline is stopped: Connect has no task of it left, and it goes on once mended";
    "F4" Shared Beside 50 deaths::f04_tables_at_rest_do_not_hold_the_log,
        "only tables that nobody captures are written: the heartbeat lets the slot go on";
    "F6" Shared Beside 70 deaths::f06_a_slot_that_a_failover_lost_is_missed,
        "the slot is gone, as after a failover: refused, nothing runs; a snapshot on request heals";
    "F8" Shared Beside 80 deaths::f08_a_slot_whose_log_was_removed_is_not_read_on,
        "the server removes WAL that the slot had not been read to the end: refused, nothing runs; a snapshot on request heals";
    "F13" Shared Beside 60 deaths::f13_a_table_without_a_key_is_refused_and_topics_are_as_declared,
        "a table without a key is refused with the statement that mends it, nothing created; topics have the declared replicas and retention";
    "F14" Shared Beside 150 held::f14_a_slot_that_another_holds_is_told,
        "another program reads the slot: named, and what it took is a gap; a reader that is gone holds it: named, and it goes on by itself";
    "B1" Own Beside 10 input::b01_wrong_references_are_named,
        "references to objects that do not exist: each kind says which is missing and recovers when it comes";
    "B2" Own Beside 5 input::b02_the_schema_refuses_what_cannot_be_meant,
        "wrong quantities, names, ranges and forbidden changes: refused by the API server, the field named";
    "B3" Shared Beside 10 input::b03_unknown_keys_are_refused_with_the_nearest,
        "unknown or reserved config keys of topics and workers: refused with what was probably meant";
    "B4" Shared Beside 30 input::b04_missing_secrets_are_named,
        "missing Secrets and keys: named, and mended when they appear";
    "B5" Shared Beside 30 input::b05_an_unreachable_database_is_named,
        "an unreachable database, a wrong password, a missing database or table: each named, nothing created";
    "B6" Shared Beside 10 input::b06_an_unknown_plugin_is_named,
        "an unknown connector plugin: Ready=False with the plugins there are";
    "B7" Own Alone 30 unparsable::b07_an_object_that_does_not_parse_harms_no_other,
        "an object that no longer parses: says so, and leaves all others running";
    "B8" Own Alone 60 away::b08_the_api_server_is_away,
        "the API server is away: the operator waits, does not crash, and goes on";
    "B9" Own Beside 120 away::b09_kafka_and_connect_are_away,
        "Kafka, then Connect is away: status is Unknown with since when, and recovers";
}
