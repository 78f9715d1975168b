//! A PostgreSQL database that a pipeline reads from or writes to.
