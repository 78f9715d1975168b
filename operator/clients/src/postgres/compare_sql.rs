//! One query, one JSON document, whose names are the fields of [`sluice_core::cdc::verify::pair::Described`].

/// `$1`, `$2`: schema and name of a table. No row where there is none.
///
/// `plain`: types of `pg_catalog` that Debezium carries, enums, and the texts of well-known extensions; the text of others changes on
/// its way.
pub const DESCRIBE: &str = r"
SELECT json_build_object(
  'key', (SELECT coalesce(json_agg(a.attname ORDER BY k.place), '[]')
    FROM pg_index i, unnest(i.indkey) WITH ORDINALITY k(number, place), pg_attribute a
    WHERE i.indrelid = c.oid AND i.indisprimary AND a.attrelid = c.oid AND a.attnum = k.number),
  'columns', (SELECT coalesce(json_agg(json_build_object(
      'name', a.attname,
      'type', CASE b.typtype WHEN 'd' THEN format_type(b.typbasetype, b.typtypmod)
        ELSE format_type(a.atttypid, a.atttypmod) END,
      'plain', (t.typnamespace = 'pg_catalog'::regnamespace AND t.typtype = 'b'
          AND t.typname NOT IN ('tsvector', 'tsquery', 'point', 'line', 'lseg', 'box', 'path', 'polygon', 'circle', 'txid_snapshot',
            'pg_snapshot', 'pg_lsn'))
        OR (t.typnamespace = 'pg_catalog'::regnamespace AND t.typtype = 'r')
        OR t.typtype = 'e' OR t.typname IN ('citext', 'ltree'),
      'generated', to_jsonb(a) ->> 'attgenerated' <> '',
      'collation', CASE WHEN a.attcollation = 0 THEN NULL
        WHEN l.collname = 'default' THEN (SELECT CASE WHEN d.datcollate IN ('C', 'POSIX') AND coalesce(to_jsonb(d) ->> 'datlocprovider', 'c') = 'c'
            THEN 'C' ELSE concat_ws(' ', d.datcollate, to_jsonb(d) ->> 'datlocprovider', to_jsonb(d) ->> 'daticulocale',
              to_jsonb(d) ->> 'datlocale', to_jsonb(d) ->> 'datcollversion') END || ' ' || pg_encoding_to_char(d.encoding)
          FROM pg_database d WHERE d.datname = current_database())
        ELSE CASE WHEN l.collname IN ('C', 'POSIX', 'ucs_basic') THEN 'C' ELSE concat_ws(' ', l.collname, l.collprovider, l.collversion) END
          || ' ' || pg_encoding_to_char((SELECT encoding FROM pg_database WHERE datname = current_database())) END
      ) ORDER BY a.attnum), '[]')
    FROM pg_attribute a
    JOIN pg_type b ON b.oid = a.atttypid
    JOIN pg_type t ON t.oid = CASE b.typtype WHEN 'd' THEN b.typbasetype ELSE b.oid END
    LEFT JOIN pg_collation l ON l.oid = a.attcollation
    WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped)
)::text
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = $1 AND c.relname = $2 AND c.relkind IN ('r', 'p')";
