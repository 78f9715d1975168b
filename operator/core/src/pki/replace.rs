//! How one authority takes the place of another while nodes run: trust → use → drop.
//!
//! Whoever shows a certificate must be trusted by all who see it, at every moment, and each of them reads what it trusts when it
//! starts. So a new authority is first trusted by everybody (`Trust`), then signs (`Use`), and only when nobody shows anything
//! of the old one any more that is dropped. Between two of them everybody is restarted, which the roll planner does.

use jiff::Timestamp;

use super::bundle::{Before, Bundle};
use super::certificate::Certificate;
use super::identity::Identity;
use super::next::{self, SKEW, Why};

/// How far a replacement is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// There is one authority.
    Settled,
    /// The one before still signs, until everybody trusts the new one.
    Trust,
    /// The new one signs; the one before is trusted until nobody shows anything of it.
    Use,
}

/// What is done next to an authority.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// There is none.
    Make,
    /// Another is to take its place: `Trust` begins.
    Introduce(Why),
    /// From `Trust` to `Use`, from `Use` to `Settled`.
    Advance,
}

/// Which authority there should be.
#[derive(Clone, Debug)]
pub struct Wish<'a> {
    /// Of one of Sluice's own.
    pub identity: &'a Identity,
    /// Somebody's own: its certificate, PEM.
    pub given: Option<&'a str>,
    /// When somebody asked for a new one.
    pub requested: Option<Timestamp>,
}

/// The next turn. `spread`: everybody was restarted since the last one.
pub fn turn(held: Option<&Bundle>, wish: &Wish<'_>, spread: bool, now: Timestamp) -> Option<Turn> {
    let Some((held, certificate)) = held.and_then(|held| Some((held, held.leaf()?))) else {
        return Some(Turn::Make);
    };
    match held.phase() {
        Phase::Trust | Phase::Use => spread.then_some(Turn::Advance),
        Phase::Settled => another(held, &certificate, wish, now).map(Turn::Introduce),
    }
}

fn another(held: &Bundle, certificate: &Certificate, wish: &Wish<'_>, now: Timestamp) -> Option<Why> {
    if let Some(given) = wish.given {
        return (held.certificate != given).then_some(Why::Given);
    }
    // one that somebody gave, and does not any more
    if certificate.subject.as_ref() != Some(&wish.identity.subject) {
        return Some(Why::Identity);
    }
    // certificates know whole seconds
    let made = (certificate.not_before + SKEW).as_second();
    [
        (wish.requested.is_some_and(|at| made < at.as_second() && at <= now), Why::Requested),
        (now >= next::renew_at(certificate), Why::Expires),
    ]
    .into_iter()
    .find_map(|(is_so, why)| is_so.then_some(why))
}

impl Bundle {
    pub fn phase(&self) -> Phase {
        match (&self.before, certificates(&self.trusted).count()) {
            (Some(_), _) => Phase::Trust,
            (None, 0 | 1) => Phase::Settled,
            (None, _) => Phase::Use,
        }
    }

    /// Certificate and key of the authority that signs. No key: it is lost, and what it signed is all there is.
    pub fn signer(&self) -> (&str, Option<&str>) {
        match &self.before {
            Some(before) => (&before.certificate, before.key.as_deref()),
            None => (&self.certificate, Some(&self.key)),
        }
    }

    /// `next` in the place of this one: from now on both are trusted, and this one signs.
    #[must_use]
    pub fn introduce(&self, next: Self) -> Self {
        let before = Before { certificate: self.certificate.clone(), key: Some(self.key.clone()) };
        let trusted = format!("{}{}", self.trusted, next.trusted);
        Self { before: Some(before), trusted, revision: next.revision.max(self.revision + 1), ..next }
    }

    /// This one where another was lost, of which only those that it signed are left, with what they trust: nobody trusts this one yet.
    #[must_use]
    pub fn after_lost(self, certificate: &str) -> Self {
        let before = Before { certificate: certificate.to_owned(), key: None };
        Self { trusted: format!("{certificate}{}", self.trusted), before: Some(before), ..self }
    }

    /// One step on.
    #[must_use]
    pub fn advance(&self, now: Timestamp) -> Self {
        let revision = now.as_second().max(self.revision + 1);
        match self.phase() {
            Phase::Trust => Self { before: None, revision, ..self.clone() },
            Phase::Use | Phase::Settled => {
                Self { trusted: self.certificate.clone(), revision, ..self.clone() }
            }
        }
    }
}

/// Each certificate of a PEM text.
pub fn certificates(pem: &str) -> impl Iterator<Item = &str> {
    const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
    pem.match_indices(BEGIN).map(|(start, _)| {
        const END: &str = "-----END CERTIFICATE-----";
        let rest = &pem[start..];
        rest.find(END).map_or(rest, |end| {
            let end = end + END.len();
            // with its line's end, so that two of them can stand one after the other
            rest.get(..=end).filter(|text| text.ends_with('\n')).unwrap_or(&rest[..end])
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn pem(name: &str) -> String {
        format!("-----BEGIN CERTIFICATE-----\n{name}\n-----END CERTIFICATE-----\n")
    }

    fn authority(name: &str) -> Bundle {
        let certificate = pem(name);
        let trusted = certificate.clone();
        Bundle { certificate, key: name.to_owned(), trusted, revision: 1, before: None }
    }

    fn trusted(bundle: &Bundle) -> Vec<String> {
        certificates(&bundle.trusted).map(str::to_owned).collect()
    }

    fn now() -> Timestamp {
        Timestamp::UNIX_EPOCH
    }

    #[test]
    fn a_pem_text_is_cut_into_its_certificates() {
        let text = format!("words\n{}-----BEGIN PRIVATE KEY-----\n{}", pem("a"), pem("b"));
        assert_eq!(certificates(&text).collect::<Vec<_>>(), [pem("a"), pem("b")]);
        assert_eq!(certificates("").count(), 0);
        assert_eq!(certificates(pem("a").trim_end()).collect::<Vec<_>>(), [pem("a").trim_end()]);
    }

    #[test]
    fn a_new_authority_is_trusted_then_used_and_the_old_one_dropped() {
        let old = authority("a");
        assert_eq!((old.phase(), old.signer()), (Phase::Settled, (pem("a").as_str(), Some("a"))));
        let trust = old.introduce(authority("b"));
        assert_eq!((trust.phase(), trust.signer().1), (Phase::Trust, Some("a")));
        assert_eq!(trusted(&trust), [pem("a"), pem("b")]);
        let used = trust.advance(now());
        assert_eq!((used.phase(), used.signer().1), (Phase::Use, Some("b")));
        assert_eq!(trusted(&used), [pem("a"), pem("b")]);
        let settled = used.advance(now());
        assert_eq!((settled.phase(), trusted(&settled)), (Phase::Settled, vec![pem("b")]));
        let revisions = [&old, &trust, &used, &settled].map(|bundle| bundle.revision);
        assert!(revisions.is_sorted_by(|a, b| a < b), "{revisions:?}");
    }

    #[test]
    fn of_an_authority_that_is_lost_what_it_signed_goes_on() {
        let new = authority("b").after_lost(&pem("a"));
        assert_eq!((new.phase(), new.signer().0, new.signer().1), (Phase::Trust, pem("a").as_str(), None));
        assert_eq!(new.advance(now()).signer().1, Some("b"));
    }

    #[derive(Clone)]
    struct Node {
        shows: String,
        trusts: Vec<String>,
        revision: i64,
    }

    impl Node {
        /// Reads its files.
        fn started(authority: &Bundle) -> Self {
            let shows = authority.signer().0.to_owned();
            Self { shows, trusts: trusted(authority), revision: authority.revision }
        }
    }

    proptest! {
        /// Whatever is restarted when, and however often a new authority is asked for.
        #[test]
        fn at_every_moment_everybody_is_trusted_by_everybody(
            events in proptest::collection::vec((0..4_usize, any::<bool>()), 1..80),
        ) {
            let mut held = authority("0");
            let mut nodes = vec![Node::started(&held); 3];
            let mut made = 0;
            for (node, wish) in events {
                let spread = nodes.iter().all(|node| node.revision == held.revision);
                match held.phase() {
                    Phase::Settled if wish => {
                        made += 1;
                        held = held.introduce(authority(&made.to_string()));
                    }
                    Phase::Trust | Phase::Use if spread => held = held.advance(now()),
                    _ => {}
                }
                if let Some(node) = nodes.get_mut(node) {
                    *node = Node::started(&held);
                }
                for (a, b) in nodes.iter().flat_map(|a| nodes.iter().map(move |b| (a, b))) {
                    prop_assert!(b.trusts.contains(&a.shows), "{:?} shows {}", b.trusts, a.shows);
                }
            }
        }
    }
}
