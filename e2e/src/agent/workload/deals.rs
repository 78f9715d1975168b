use anyhow::Result;
use fastrand::Rng;
use tokio_postgres::Client;

/// One transaction.
#[derive(Debug, PartialEq)]
pub struct Deal {
    pub statements: Vec<String>,
    pub commits: bool,
}

/// How far the shop's numbers are.
pub struct Shop {
    customers: i64,
    orders: i64,
}

impl Shop {
    /// As the database has it: a second run goes on behind the first.
    pub async fn of(client: &Client) -> Result<Self> {
        let last =
            "SELECT (SELECT coalesce(max(id), 0) FROM customers), (SELECT coalesce(max(id), 0) FROM orders)";
        let row = client.query_one(last, &[]).await?;
        Ok(Self { customers: row.get(0), orders: row.get(1) })
    }

    /// What somebody does next. One in ten changes their mind at the end.
    pub fn deal(&mut self, dice: &mut Rng) -> Deal {
        let kind = dice.u32(0..100);
        let statements = match kind {
            0..30 => self.order(dice),
            30..45 => vec![self.visit(dice)],
            45..55 => vec![self.register(dice)],
            55..70 => self.deliver(dice),
            70..78 => vec![self.write_a_letter(dice), self.credit(dice)],
            78..84 => vec![self.credit(dice)],
            84..88 => self.think_twice(dice),
            88..91 => vec![rename_a_product(dice)],
            91..94 => vec![self.leave(dice)],
            94..97 => vec![raise_prices(dice)],
            _ => tidy_up(dice),
        };
        Deal { statements, commits: dice.u32(0..10) > 0 }
    }

    fn customer(&self, dice: &mut Rng) -> i64 {
        dice.i64(1..=self.customers.max(1))
    }

    fn any_order(&self, dice: &mut Rng) -> i64 {
        dice.i64(1..=self.orders.max(1))
    }

    fn order(&mut self, dice: &mut Rng) -> Vec<String> {
        self.orders += 1;
        let (id, customer) = (self.orders, self.customer(dice));
        let (cents, patience, host) = (dice.u32(1..1_000_000), dice.u32(1..40), dice.u8(..));
        let mut statements = vec![format!(
            "INSERT INTO orders (id, customer, total, patience, origin) VALUES ({id}, {customer}, ({cents} / 100.0)::numeric::money, \
             make_interval(days => {patience}, secs => {cents} / 7.0), '10.0.0.{host}')"
        )];
        for line in 1..=dice.u32(1..5) {
            let (sku, quantity) = (dice.u32(1..200), dice.u32(1..9));
            statements.push(format!(
                "INSERT INTO lines VALUES ({id}, {line}, 'sku-{sku}', {quantity}, coalesce((SELECT price FROM products WHERE sku = 'sku-{sku}'), 0))"
            ));
        }
        statements.push(self.credit(dice));
        statements
    }

    fn visit(&self, dice: &mut Rng) -> String {
        let customer = self.customer(dice);
        format!(
            "INSERT INTO visits (customer, page) SELECT {customer}, '/page/' || n FROM generate_series(1, {}) n",
            dice.u32(1..6)
        )
    }

    fn register(&mut self, dice: &mut Rng) -> String {
        self.customers += 1;
        let (id, n) = (self.customers, dice.u32(0..1_000_000));
        format!(
            "INSERT INTO customers (id, name, discount, birthday, preferences, tags) VALUES ({id}, 'O''Brien \\ {n}', {}, \
             date '1900-01-01' + {}, '{{\"n\": {n}, \"deep\": {{\"nothing\": null, \"text\": \"\u{fc}\\n\"}}}}', {})",
            n % 101,
            n % 40_000,
            if dice.bool() { "'{}'" } else { "NULL" }
        )
    }

    fn deliver(&self, dice: &mut Rng) -> Vec<String> {
        let id = self.any_order(dice);
        let state = ["paid", "sent", "returned"][dice.usize(0..3)];
        vec![
            format!("UPDATE orders SET state = '{state}', sent = localtimestamp WHERE id = {id}"),
            format!("UPDATE lines SET quantity = quantity + 1 WHERE order_id = {id}"),
        ]
    }

    /// What is not in the log of a later update that leaves it as it is.
    fn write_a_letter(&self, dice: &mut Rng) -> String {
        let (customer, seed, length) = (self.customer(dice), dice.u32(..), dice.u32(100..400));
        format!(
            "UPDATE customers SET letter = (SELECT string_agg(md5(({seed}::bigint + i)::text), '') FROM generate_series(1, {length}) i) WHERE id = {customer}"
        )
    }

    fn credit(&self, dice: &mut Rng) -> String {
        let (customer, cents) = (self.customer(dice), dice.i32(-5000..5000));
        format!(
            "UPDATE customers SET credit = credit + {cents} / 100.0, tags = array_append(tags, 'seen') WHERE id = {customer}"
        )
    }

    /// A part of it is taken back.
    fn think_twice(&mut self, dice: &mut Rng) -> Vec<String> {
        let mut statements = vec!["SAVEPOINT before".to_owned()];
        statements.extend(self.order(dice));
        statements.push("ROLLBACK TO before".into());
        statements.push(self.visit(dice));
        statements
    }

    fn leave(&self, dice: &mut Rng) -> String {
        format!("DELETE FROM customers WHERE id = {}", self.customer(dice))
    }
}

/// A key that moves, there and back.
fn rename_a_product(dice: &mut Rng) -> String {
    let sku = dice.u32(1..200);
    format!(
        "UPDATE products SET sku = CASE sku WHEN 'sku-{sku}' THEN 'old-{sku}' ELSE 'sku-{sku}' END, picture = decode(md5(random()::text), 'hex') \
         WHERE sku IN ('sku-{sku}', 'old-{sku}')"
    )
}

fn raise_prices(dice: &mut Rng) -> String {
    format!(
        "UPDATE products SET price = round(price * 1.01, 2), weight = weight / 3 WHERE length(name) % 3 = {}",
        dice.u32(0..3)
    )
}

/// Many rows at once.
fn tidy_up(dice: &mut Rng) -> Vec<String> {
    let rest = dice.u32(0..20);
    vec![
        format!("DELETE FROM lines WHERE order_id % 20 = {rest}"),
        format!("DELETE FROM orders WHERE id % 20 = {rest} AND state <> 'open'"),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_makes_the_same_deals_again_and_they_are_of_every_kind() {
        let deals = |seed: u64| {
            let (mut shop, mut dice) = (Shop { customers: 300, orders: 0 }, Rng::with_seed(seed));
            (0..500).map(|_| shop.deal(&mut dice)).collect::<Vec<_>>()
        };
        let made = deals(7);
        assert_eq!(made, deals(7));
        assert_ne!(made, deals(8));
        let text = made.iter().flat_map(|deal| &deal.statements).cloned().collect::<Vec<_>>().join("\n");
        for part in [
            "INSERT INTO orders",
            "SAVEPOINT",
            "letter =",
            "SET sku",
            "DELETE FROM lines",
            "visits",
            "price * 1.01",
        ] {
            assert!(text.contains(part), "{part}");
        }
        let rolled_back = made.iter().filter(|deal| !deal.commits).count();
        assert!((20..100).contains(&rolled_back), "{rolled_back}");
    }
}
