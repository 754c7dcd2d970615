//! References of all kinds.

use proptest::prelude::*;

use super::*;
use crate::reference::{Kinds, LONGEST, Location, ReferenceError};

fn location(text: &str) -> Location {
    let reference: Reference = text.parse().unwrap();
    assert_eq!(reference.to_string(), text);
    reference.location().clone()
}

fn error(text: &str) -> ReferenceError {
    text.parse::<Reference>().unwrap_err()
}

fn kind(name: &str) -> Kind {
    *KINDS.iter().find(|kind| kind.name() == name).unwrap()
}

#[test]
fn every_kind_has_its_parts() {
    let arn = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:db-AbCdEf";
    for (text, name, field) in [
        ("secret://env/KAFKA_PASSWORD", "KAFKA_PASSWORD", None),
        ("secret://file/a/b", "a/b", None),
        ("secret://file//run/secrets/x", "/run/secrets/x", None),
        ("secret://local/broker/alpha-1", "broker/alpha-1", None),
        ("secret://aws/prod/db#key", "prod/db", Some("key")),
        ("secret://aws/prod/db", "prod/db", None),
        ("secret://age//etc/a.age#b", "/etc/a.age", Some("b")),
        ("secret://age/a.age", "a.age", None),
        ("secret://sops/a.yaml#b/0/c", "a.yaml", Some("b/0/c")),
        (&*format!("secret://aws/{arn}"), arn, None),
    ] {
        let expected = Location {
            field: field.map(str::to_owned),
            ..Location::named(name)
        };
        assert_eq!(location(text), expected, "{text}");
    }
    let vault = Location {
        mount: "team/kv".to_owned(),
        name: "app/kafka".to_owned(),
        field: Some("user.name".to_owned()),
    };
    let text = "secret://vault/team%2Fkv/app/kafka#user.name";
    assert_eq!(location(text), vault);
}

#[test]
fn kinds_are_listed_as_a_sentence() {
    let expected = "no such kind of reference; there are secret://env/…, secret://file/…, \
        secret://os/…, secret://local/…, secret://vault/…, secret://aws/…, secret://age/… and secret://sops/…";
    assert_eq!(error("secret://x/y").to_string(), expected);
}

#[test]
fn what_is_wrong_is_told_precisely() {
    use ReferenceError as E;
    for (text, expected) in [
        ("hunter2", E::NotAReference),
        ("", E::NotAReference),
        ("Secret://env/X", E::NotAReference),
        ("secret://", E::UnknownKind(Kinds(KINDS))),
        ("secret://enw/X", E::UnknownKind(Kinds(KINDS))),
        ("secret://env", E::Empty(kind("env"))),
        ("secret://env/", E::Empty(kind("env"))),
        ("secret://env/A=b", E::OddCharacter(kind("env"))),
        ("secret://file/", E::Empty(kind("file"))),
        ("secret://file/a\nb", E::OddCharacter(kind("file"))),
        ("secret://local/a#b", E::FieldNotWanted(kind("local"))),
        ("secret://local/a b", E::OddCharacter(kind("local"))),
        ("secret://vault/kv/app", E::NoField(kind("vault"))),
        ("secret://vault/kv/app#", E::NoField(kind("vault"))),
        ("secret://vault/kv#f", E::NoPath(kind("vault"))),
        ("secret://vault/kv/#f", E::NoPath(kind("vault"))),
        ("secret://vault/kv/a//b#f", E::OddPath(kind("vault"))),
        ("secret://vault/kv/../sys#f", E::OddPath(kind("vault"))),
        ("secret://vault/..%2Fx/a#f", E::OddPath(kind("vault"))),
        (
            "secret://vault/kv/a?list=1#f",
            E::OddCharacter(kind("vault")),
        ),
        ("secret://aws/#f", E::Empty(kind("aws"))),
        ("secret://aws/a#", E::NoField(kind("aws"))),
        ("secret://age/#f", E::Empty(kind("age"))),
        ("secret://sops/#f", E::Empty(kind("sops"))),
        ("secret://sops/a.yaml", E::NoField(kind("sops"))),
        ("secret://sops/a.yaml#", E::NoField(kind("sops"))),
        ("secret://aws/a b", E::OddCharacter(kind("aws"))),
    ] {
        assert_eq!(error(text), expected, "{text}");
    }
    let long = format!("secret://env/{}", "x".repeat(LONGEST));
    assert_eq!(error(&long), E::TooLong);
}

/// All that can be said of a reference, none of it taken from what was written.
fn every_error() -> Vec<ReferenceError> {
    use ReferenceError as E;
    let of_kind = [
        E::Empty,
        E::NoField,
        E::FieldNotWanted,
        E::NoPath,
        E::OddPath,
        E::OddCharacter,
    ];
    let of_kinds = KINDS
        .iter()
        .flat_map(|kind| of_kind.map(|error| error(*kind)));
    let others = [E::NotAReference, E::UnknownKind(Kinds(KINDS)), E::TooLong];
    of_kinds.chain(others).collect()
}

proptest! {
    #[test]
    fn no_error_repeats_what_was_written(text in "(secret://(env|vault|aws|age|sops|local|file|x)?/?)?[!-~]{6,40}") {
        if let Err(error) = text.parse::<Reference>() {
            prop_assert!(every_error().contains(&error), "{error:?}");
        }
    }

    #[test]
    fn parsing_never_panics(text in ".{0,60}") {
        let _either = text.parse::<Reference>();
        let _either = format!("secret://vault/{text}").parse::<Reference>();
    }
}
