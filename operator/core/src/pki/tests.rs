//! Certificates are made by rcgen, as in the manager.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};

use super::*;
use crate::meta::Owner;

const NOW: i64 = 1_795_250_000;

fn now() -> Timestamp {
    Timestamp::from_second(NOW).unwrap()
}

fn identity(name: &str, names: &[&str]) -> Identity {
    let names = names.iter().map(|name| (*name).to_owned()).collect();
    Identity { subject: Subject::new("web", "shop", name), names, purpose: Use::Node }
}

fn params(identity: &Identity, life: Life) -> CertificateParams {
    let mut params = CertificateParams::new(identity.names.iter().cloned().collect::<Vec<_>>()).unwrap();
    params.distinguished_name = rcgen::DistinguishedName::new();
    for (part, text) in [
        (DnType::OrganizationName, &identity.subject.organization),
        (DnType::OrganizationalUnitName, &identity.subject.unit),
        (DnType::CommonName, &identity.subject.common_name),
    ] {
        params.distinguished_name.push(part, text.as_str());
    }
    let time = |at: Timestamp| time::OffsetDateTime::from_unix_timestamp(at.as_second()).unwrap();
    (params.not_before, params.not_after) = (time(life.not_before), time(life.not_after));
    params.use_authority_key_identifier_extension = true;
    params
}

struct Authority {
    certificate: Certificate,
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

fn authority_of(life: Life) -> Authority {
    let key = KeyPair::generate().unwrap();
    let mut params = params(&identity("ca", &[]), life);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let pem = params.self_signed(&key).unwrap().pem();
    let certificate = Certificate::first(&pem).unwrap();
    Authority { certificate, pem, issuer: Issuer::new(params, key) }
}

impl Authority {
    fn sign(&self, identity: &Identity, life: Life) -> Certificate {
        let key = KeyPair::generate().unwrap();
        let pem = params(identity, life).signed_by(&key, &self.issuer).unwrap().pem();
        Certificate::first(&format!("{}{pem}", key.serialize_pem())).unwrap()
    }
}

#[test]
fn a_certificate_says_who_it_is_for() {
    let ca = authority_of(Life::of_authority(now()));
    assert!(ca.certificate.is_authority);
    let wanted = identity("node", &["*.shop-nodes.web.svc", "shop-bootstrap"]);
    let life = Life::of_leaf(&ca.certificate, now());
    let leaf = ca.sign(&wanted, life);
    assert_eq!(leaf.subject.as_ref().unwrap().to_string(), "CN=node,OU=shop,O=web");
    assert_eq!((leaf.names.clone(), leaf.is_authority), (wanted.names.clone(), false));
    assert_eq!((leaf.not_before, leaf.not_after), (life.not_before, life.not_after));
    assert_eq!(leaf.issuer_key_id, ca.certificate.key_id);
    assert!(leaf.not_before < now(), "another machine's clock may be behind");
}

#[test]
fn what_is_no_certificate_is_said_so() {
    assert_eq!(Certificate::first(""), Err(Unreadable::NoCertificate));
    let key = KeyPair::generate().unwrap().serialize_pem();
    assert_eq!(Certificate::first(&key), Err(Unreadable::NoCertificate));
    let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    assert_eq!(Certificate::first(broken), Err(Unreadable::Malformed));
}

#[test]
fn a_certificate_is_issued_when_one_of_the_facts_about_it_is_not_so() {
    let ca = authority_of(Life::of_authority(now()));
    let wanted = identity("node", &["a"]);
    let held = ca.sign(&wanted, Life::of_leaf(&ca.certificate, now()));
    let days = |n: i64| now() + SignedDuration::from_hours(24 * n);
    for (held, wanted, at, expected) in [
        (None, &wanted, now(), Some(Why::Missing)),
        (Some(&held), &wanted, now(), None),
        (Some(&held), &wanted, days(243), None),
        (Some(&held), &wanted, days(244), Some(Why::Expires)),
        (Some(&held), &wanted, days(1000), Some(Why::Expires)),
        (Some(&held), &identity("node", &["a", "b"]), now(), Some(Why::Identity)),
        (Some(&held), &identity("operator", &["a"]), now(), Some(Why::Identity)),
    ] {
        assert_eq!(leaf(held, wanted, &ca.certificate, at), expected);
    }
    let other = authority_of(Life::of_authority(now()));
    assert_eq!(leaf(Some(&held), &wanted, &other.certificate, now()), Some(Why::Issuer), "the same name");
}

#[test]
fn an_issued_certificate_is_never_issued_again_at_once() {
    // also at the end of the authority's own life, when it cannot be any longer
    for age in [0, 3_000, 3_400, 3_600, 3_649] {
        let ca = authority_of(Life::of_authority(now()));
        let at = now() + SignedDuration::from_hours(24 * age);
        let wanted = identity("node", &[]);
        let held = ca.sign(&wanted, Life::of_leaf(&ca.certificate, at));
        assert!(held.not_after <= ca.certificate.not_after);
        assert_eq!(leaf(Some(&held), &wanted, &ca.certificate, at), None, "{age} days");
    }
}

#[test]
fn an_authority_is_replaced_when_it_ends_when_asked_or_when_another_is_given() {
    let ca = authority_of(Life::of_authority(now()));
    let identity = identity("ca", &[]);
    let held = Bundle {
        certificate: ca.pem.clone(),
        key: String::new(),
        trusted: ca.pem.clone(),
        revision: 1,
        before: None,
    };
    let years = |n: i64| now() + SignedDuration::from_hours(n * 365 * 24);
    let wish = |given, requested| Wish { identity: &identity, given, requested };
    let other = authority_of(Life::of_authority(now())).pem;
    let intro = |why| Some(Turn::Introduce(why));
    for (held, wish, at, expected) in [
        (None, wish(None, None), now(), Some(Turn::Make)),
        (Some(&held), wish(None, None), now(), None),
        (Some(&held), wish(None, None), years(6), None),
        (Some(&held), wish(None, None), years(7), intro(Why::Expires)),
        (Some(&held), wish(None, Some(now())), now(), None),
        (Some(&held), wish(None, Some(years(1))), years(1), intro(Why::Requested)),
        (Some(&held), wish(None, Some(years(1))), now(), None),
        (Some(&held), wish(Some(&ca.pem), None), years(9), None),
        (Some(&held), wish(Some(&other), None), now(), intro(Why::Given)),
    ] {
        assert_eq!(turn(held, &wish, true, at), expected, "{wish:?} at {at}");
    }
    let replaced =
        held.introduce(Bundle { certificate: other.clone(), trusted: other.clone(), ..held.clone() });
    assert_eq!(
        turn(Some(&replaced), &wish(None, None), false, now()),
        None,
        "somebody does not trust it yet"
    );
    assert_eq!(turn(Some(&replaced), &wish(None, None), true, now()), Some(Turn::Advance));
}

#[test]
fn what_cannot_sign_for_a_cluster_is_refused_in_words() {
    let days = |n: i64| now() + SignedDuration::from_hours(24 * n);
    let whole = Life { not_before: days(-1), not_after: days(100) };
    let made = |life: Life, is_ca: IsCa, usages: &[KeyUsagePurpose]| {
        let key = KeyPair::generate().unwrap();
        let mut params = params(&identity("theirs", &[]), life);
        (params.is_ca, params.key_usages) = (is_ca, usages.to_vec());
        (params.self_signed(&key).unwrap().pem(), key.serialize_pem())
    };
    let of = |files: &[(&str, &str)]| {
        let data = files.iter().map(|(file, text)| ((*file).to_owned(), ByteString((*text).into())));
        given(&Secret { data: Some(data.collect()), ..Secret::default() }, now())
    };
    let told = |life, is_ca, usages: &[KeyUsagePurpose]| {
        let (certificate, key) = made(life, is_ca, usages);
        of(&[("tls.crt", &certificate), ("tls.key", &key)]).map(drop).map_err(|refusal| refusal.to_string())
    };
    let ca = || IsCa::Ca(BasicConstraints::Unconstrained);
    assert_eq!(told(whole, ca(), &[]), Ok(()));
    assert_eq!(told(whole, ca(), &[KeyUsagePurpose::KeyCertSign]), Ok(()));
    let past = Life { not_before: days(-9), not_after: days(-2) };
    let future = Life { not_before: days(2), not_after: days(9) };
    for (refused, words) in [
        (told(past, ca(), &[]), "was good until 2026-11-19"),
        (told(future, ca(), &[]), "is good from 2026-11-23"),
        (told(whole, IsCa::ExplicitNoCa, &[]), "is not that of an authority"),
        (told(whole, ca(), &[KeyUsagePurpose::DigitalSignature]), "keyUsage lacks keyCertSign"),
        (of(&[("tls.key", "K")]).map(drop).map_err(|refusal| refusal.to_string()), "it has no tls.crt"),
        (
            of(&[("tls.crt", "C"), ("tls.key", "K")]).map(drop).map_err(|refusal| refusal.to_string()),
            "it holds no certificate in PEM",
        ),
    ] {
        let told = refused.unwrap_err();
        assert!(told.contains(words), "{told}");
    }
}

#[test]
fn a_bundle_reads_as_it_was_written_and_hides_its_key() {
    let reference = OwnerReference { name: "shop".into(), ..OwnerReference::default() };
    let owner = Owner { namespace: "web".into(), name: "shop".into(), app: "kafka", reference };
    let bundle = Bundle {
        certificate: "C\n".into(),
        key: "K\n".into(),
        trusted: "T\n".into(),
        revision: 7,
        before: None,
    };
    let secret = bundle.secret(&owner, "shop-kafka-node".into(), "node");
    assert_eq!(Bundle::of(&secret), Some(bundle.clone()));
    let files: BTreeSet<_> = secret.data.as_ref().unwrap().keys().map(String::as_str).collect();
    assert_eq!(files, ["ca.crt", "keystore.pem", "revision", "tls.crt", "tls.key"].into());
    assert_eq!(secret.data.unwrap()["keystore.pem"].0, b"K\nC\n");
    let authority = bundle.authority_secret(&owner, "shop-ca".into(), "node");
    assert_eq!(Bundle::of(&authority), Some(bundle.clone()));
    for key in [None, Some("L\n".to_owned())] {
        let before = Some(Before { certificate: "B\n".into(), key });
        let replacing = Bundle { before, ..bundle.clone() };
        let secret = replacing.authority_secret(&owner, "shop-ca".into(), "node");
        assert_eq!(Bundle::of(&secret), Some(replacing));
    }
    assert!(!format!("{bundle:?}").contains('K'), "{bundle:?}");
}
