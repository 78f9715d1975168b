-- The shop of the reference workload: what applications keep in PostgreSQL, in the types that get lost on the way.
CREATE TYPE order_state AS ENUM ('open', 'paid', 'sent', 'returned');
CREATE DOMAIN percent AS integer CHECK (VALUE BETWEEN 0 AND 100);

CREATE TABLE customers (
    id bigint PRIMARY KEY,
    name text NOT NULL,
    credit numeric(12,2) NOT NULL DEFAULT 0,
    discount percent,
    since timestamptz NOT NULL DEFAULT now(),
    birthday date,
    preferences jsonb,
    tags text[],
    -- kilobytes, out of line: an update of another column does not carry it
    letter text
);

CREATE TABLE products (
    sku text PRIMARY KEY,
    name varchar(80) NOT NULL,
    price numeric(10,2) NOT NULL,
    weight double precision,
    size integer[],
    picture bytea,
    article uuid,
    description json
);

CREATE TABLE orders (
    id bigint PRIMARY KEY,
    customer bigint NOT NULL,
    state order_state NOT NULL DEFAULT 'open',
    total money,
    placed timestamptz NOT NULL DEFAULT now(),
    sent timestamp,
    patience interval,
    origin inet
);

CREATE TABLE lines (
    order_id bigint NOT NULL,
    line smallint NOT NULL,
    sku text NOT NULL,
    quantity integer NOT NULL,
    price numeric(10,2) NOT NULL,
    PRIMARY KEY (order_id, line)
);

-- no key: nobody can tell which row a change belongs to, so no sink takes it. It is only ever added to.
CREATE TABLE visits (at timestamptz NOT NULL DEFAULT clock_timestamp(), customer bigint, page text);
ALTER TABLE visits REPLICA IDENTITY FULL;

INSERT INTO products
SELECT 'sku-' || n, 'Thing ' || n, n * 1.05, n * 0.1, ARRAY[n, n + 1, n + 2], decode(md5(n::text), 'hex'), md5(n::text)::uuid,
    json_build_object('en', 'Thing ' || n, 'de', NULL)
FROM generate_series(1, 200) n;
INSERT INTO customers
SELECT n, 'Customer ' || n, n * 10, n % 101, timestamptz '2020-03-29 01:30:00+01' + n * interval '7 hours', date '1970-01-01' + n,
    jsonb_build_object('news', n % 2 = 0, 'colours', jsonb_build_array(n, NULL, 'ü')), ARRAY['a', 'b c', NULL],
    (SELECT string_agg(md5((n * 1000 + i)::text), '') FROM generate_series(1, 150) i)
FROM generate_series(1, 300) n;
