//! One query, one JSON document, whose names are the fields of [`sluice_core::view::source::SourceView`].
//!
//! `to_jsonb(row) ->> 'column'` reads a column that only newer versions have. Catalogs only: a function that opens the table itself
//! (`pg_total_relation_size`) would wait behind everybody who alters it.

use sluice_core::cdc::sql;
use sluice_core::view::source::TableName;

/// For queries that must see every row, or be refused.
pub const ALL_ROWS: &str = "SET LOCAL row_security = off";

/// The rows of a table, then the position: what was committed before the one is before the other.
pub fn count(table: &TableName) -> String {
    format!(
        "SELECT count(*)::text, (CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END)::text \
         FROM {}",
        sql::table(table)
    )
}

/// A slot that is being made has no position: whoever makes it waits until all transactions that were there before have ended.
macro_rules! position_and_slots {
    () => {
        r"'position', CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END,
  'slots', (SELECT coalesce(json_object_agg(s.slot_name, to_jsonb(s) || jsonb_build_object('waits_for',
    CASE WHEN s.plugin IS NOT NULL AND s.confirmed_flush_lsn IS NULL AND s.active_pid IS NOT NULL
      THEN (SELECT coalesce(jsonb_agg(jsonb_build_object('pid', b.pid, 'user', a.usename, 'database', a.datname,
          'application', a.application_name, 'state', a.state, 'since', date_trunc('second', a.xact_start))), '[]')
        FROM unnest(pg_blocking_pids(s.active_pid)) b(pid) LEFT JOIN pg_stat_activity a ON a.pid = b.pid)
      ELSE '[]' END,
    'reader', (SELECT jsonb_build_object('application', a.application_name, 'replied',
        (SELECT to_jsonb(r) ->> 'reply_time' FROM pg_stat_replication r WHERE r.pid = a.pid))
      FROM pg_stat_activity a WHERE a.pid = s.active_pid))), '{}')
    FROM pg_replication_slots s)"
    };
}

/// Position and slots.
pub const PULSE: &str = concat!("SELECT json_build_object(\n  ", position_and_slots!(), ")::text");

pub const IDENTITY: &str = r"
SELECT json_build_object(
  'system_identifier', (SELECT system_identifier::text FROM pg_control_system()),
  'timeline', (SELECT timeline_id FROM pg_control_checkpoint())
)::text";

/// `$1`, `$2`: schemas and names of tables; `$3`: names of publications.
pub const FACTS: &str = concat!(
    "SELECT json_build_object(\n  ",
    position_and_slots!(),
    r",
  'server', json_build_object(
    'version', current_setting('server_version_num')::int,
    'in_recovery', pg_is_in_recovery(),
    'wal_level', current_setting('wal_level'),
    'max_replication_slots', current_setting('max_replication_slots')::int,
    'max_wal_senders', current_setting('max_wal_senders')::int,
    'used_wal_senders', (SELECT count(*) FROM pg_stat_replication),
    'wal_sender_timeout', (SELECT setting::bigint FROM pg_settings WHERE name = 'wal_sender_timeout'),
    'max_slot_wal_keep_size',
      coalesce((SELECT setting::bigint FROM pg_settings WHERE name = 'max_slot_wal_keep_size'), -1),
    'database', current_database()),
  'role', (SELECT json_build_object(
    'name', r.rolname,
    'superuser', r.rolsuper,
    'replication', r.rolreplication,
    'provider_replication', EXISTS (SELECT FROM pg_roles g
      WHERE g.rolname IN ('rds_replication', 'rds_superuser') AND pg_has_role(r.oid, g.oid, 'MEMBER')),
    'create', has_database_privilege(current_database(), 'CREATE'))
    FROM pg_roles r WHERE r.rolname = current_user),
  'tables', (SELECT coalesce(json_object_agg(n.nspname || '.' || c.relname, json_build_object(
    'kind', c.relkind,
    'replica_identity', c.relreplident,
    'primary_key', (SELECT coalesce(json_agg(a.attname ORDER BY k.place), '[]')
      FROM pg_index i, unnest(i.indkey) WITH ORDINALITY k(number, place), pg_attribute a
      WHERE i.indrelid = c.oid AND i.indisprimary AND a.attrelid = c.oid AND a.attnum = k.number),
    'columns', (SELECT coalesce(json_agg(json_build_object(
        'name', a.attname,
        'type', format_type(a.atttypid, a.atttypmod),
        'base_type', CASE t.typtype WHEN 'd' THEN format_type(t.typbasetype, t.typtypmod)
          ELSE format_type(a.atttypid, a.atttypmod) END,
        'built_in', coalesce(b.typnamespace, t.typnamespace) = 'pg_catalog'::regnamespace,
        'not_null', a.attnotnull,
        'generated', to_jsonb(a) ->> 'attgenerated' <> '',
        'toastable', a.attlen = -1 AND a.attstorage <> 'p') ORDER BY a.attnum), '[]')
      FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid LEFT JOIN pg_type b ON b.oid = t.typbasetype
      WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped),
    'owner', pg_get_userbyid(c.relowner),
    'owned', pg_has_role(c.relowner, 'USAGE'),
    'rights', json_build_object(
      'select', has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT')),
    'row_security', row_security_active(c.oid),
    'toasted', coalesce(o.relpages > 0, false),
    'rows', c.reltuples::bigint)), '{}')
    FROM unnest($1, $2) wanted(schema, name)
    JOIN pg_namespace n ON n.nspname = wanted.schema
    JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = wanted.name
    LEFT JOIN pg_class o ON o.oid = c.reltoastrelid),
  'publications', (SELECT coalesce(json_object_agg(p.pubname, json_build_object(
    'owner', pg_get_userbyid(p.pubowner),
    'owned', pg_has_role(p.pubowner, 'USAGE'),
    'all_tables', p.puballtables,
    'insert', p.pubinsert,
    'update', p.pubupdate,
    'delete', p.pubdelete,
    'tables', (SELECT coalesce(json_agg(n.nspname || '.' || c.relname), '[]')
      FROM pg_publication_rel m JOIN pg_class c ON c.oid = m.prrelid JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE m.prpubid = p.oid),
    'filtered', (SELECT coalesce(json_agg(n.nspname || '.' || c.relname), '[]')
      FROM pg_publication_rel m JOIN pg_class c ON c.oid = m.prrelid JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE m.prpubid = p.oid AND coalesce(to_jsonb(m) ->> 'prqual', to_jsonb(m) ->> 'prattrs') IS NOT NULL),
    'comment', obj_description(p.oid, 'pg_publication'))), '{}')
    FROM pg_publication p WHERE p.pubname = ANY($3)
      OR obj_description(p.oid, 'pg_publication') LIKE 'Managed by Sluice: CdcPipeline %'),
  'heartbeat', (SELECT json_build_object(
    'schema_exists', n.oid IS NOT NULL,
    'table_exists', c.oid IS NOT NULL,
    'creatable', CASE WHEN n.oid IS NULL THEN has_database_privilege(current_database(), 'CREATE')
      ELSE has_schema_privilege(n.oid, 'CREATE') AND has_schema_privilege(n.oid, 'USAGE') END,
    'writable', coalesce(has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT')
      AND has_table_privilege(c.oid, 'INSERT') AND has_table_privilege(c.oid, 'UPDATE'), false),
    'owned', coalesce(pg_has_role(c.relowner, 'USAGE'), false))
    FROM (SELECT 'sluice' AS schema) named
    LEFT JOIN pg_namespace n ON n.nspname = named.schema
    LEFT JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = 'heartbeat'),
  'signals', (SELECT coalesce(json_object_agg(c.relname,
      c.relkind = 'r' AND has_schema_privilege(n.oid, 'USAGE') AND pg_has_role(c.relowner, 'USAGE')), '{}')
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = 'sluice' AND c.relname LIKE 'signal\_%')
)::text"
);
