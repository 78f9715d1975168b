//! One query, one JSON document, whose names are the fields of [`sluice_core::view::source::SinkView`].

/// `$1`: schema; `$2`: names of tables in it.
pub const FACTS: &str = r"
SELECT json_build_object(
  'version', current_setting('server_version_num')::int,
  'read_only', pg_is_in_recovery()
    OR (SELECT setting = 'on' FROM pg_settings WHERE name = 'default_transaction_read_only'),
  'database', current_database(),
  'role', current_user,
  'create_schema', has_database_privilege(current_database(), 'CREATE'),
  'schema_exists', n.oid IS NOT NULL,
  'schema_usage', coalesce(has_schema_privilege(n.oid, 'USAGE'), false),
  'schema_create', coalesce(has_schema_privilege(n.oid, 'CREATE'), false),
  'tables', (SELECT coalesce(json_object_agg(c.relname, json_build_object(
    'kind', c.relkind,
    'primary_key', (SELECT coalesce(json_agg(a.attname ORDER BY k.place), '[]')
      FROM pg_index i, unnest(i.indkey) WITH ORDINALITY k(number, place), pg_attribute a
      WHERE i.indrelid = c.oid AND i.indisprimary AND a.attrelid = c.oid AND a.attnum = k.number),
    'unique_keys', (SELECT coalesce(json_agg(u.columns), '[]') FROM (
        SELECT json_agg(a.attname ORDER BY k.place) AS columns
        FROM pg_index i, unnest(i.indkey) WITH ORDINALITY k(number, place), pg_attribute a
        WHERE i.indrelid = c.oid AND i.indisunique AND i.indisvalid AND i.indimmediate
          AND i.indpred IS NULL AND i.indexprs IS NULL AND k.place <= i.indnkeyatts
          AND a.attrelid = c.oid AND a.attnum = k.number
        GROUP BY i.indexrelid) u),
    'columns', (SELECT coalesce(json_agg(json_build_object(
        'name', a.attname,
        'type', format_type(a.atttypid, a.atttypmod),
        'base_type', format_type(a.atttypid, a.atttypmod),
        'built_in', t.typnamespace = 'pg_catalog'::regnamespace,
        'not_null', a.attnotnull,
        'filled', a.atthasdef OR coalesce(to_jsonb(a) ->> 'attidentity' <> '', false)) ORDER BY a.attnum), '[]')
      FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
      WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped),
    'owner', pg_get_userbyid(c.relowner),
    'owned', pg_has_role(c.relowner, 'USAGE'),
    'rights', json_build_object(
      'select', has_table_privilege(c.oid, 'SELECT'),
      'insert', has_table_privilege(c.oid, 'INSERT'),
      'update', has_table_privilege(c.oid, 'UPDATE'),
      'delete', has_table_privilege(c.oid, 'DELETE')),
    'rows', c.reltuples::bigint)), '{}')
    FROM pg_class c WHERE c.relnamespace = n.oid AND c.relname = ANY($2) AND c.relkind IN ('r', 'p', 'v', 'm', 'f'))
)::text
FROM (SELECT $1::text AS schema) named
LEFT JOIN pg_namespace n ON n.nspname = named.schema";
