# The role as which the pipeline writes. It makes the tables itself, so it may create in the schema, and owns them.
psql -v ON_ERROR_STOP=1 -v password="$SLUICE_PASSWORD" -U postgres -d warehouse <<'SQL'
CREATE ROLE sluice LOGIN PASSWORD :'password';
GRANT CREATE, USAGE ON SCHEMA public TO sluice;
SQL
