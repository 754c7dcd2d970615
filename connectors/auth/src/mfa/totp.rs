//! Codes by time (RFC 6238).

mod read;

use tapeline_model::Micros;
use totp_rs::{Algorithm, Totp};

use super::code::Code;

pub use read::SeedError;

/// A code that is sent later in its step may arrive in the next.
const LEAVES_AT_LEAST: u64 = 3;
/// Of an issuer or an account, as it is shown.
const LONGEST_NAME: usize = 80;

/// The seed of an account's codes; apart from its password.
pub struct Seed {
    totp: Totp,
    /// The step whose code was given last: none is given twice.
    used: Option<u64>,
}

#[derive(Debug, PartialEq, Eq)]
pub enum Turn {
    Code(Code),
    /// Ask again in so many seconds.
    In(u64),
}

/// What a person may see of a seed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Form {
    /// Who gave it, and for whom; empty where it does not say.
    pub issuer: String,
    pub name: String,
    /// Like SHA1.
    pub algorithm: &'static str,
    pub digits: u8,
    /// In seconds.
    pub period: u64,
}

impl Seed {
    /// Base32 as venues show it, spaces and small letters included, or the `otpauth://` address
    /// of a QR code.
    pub fn parse(text: &str) -> Result<Self, SeedError> {
        let totp = read::read(text)?;
        Ok(Self { totp, used: None })
    }

    pub fn form(&self) -> Form {
        let totp = &self.totp;
        Form {
            issuer: plain(totp.issuer().unwrap_or_default()),
            name: plain(totp.account_name()),
            algorithm: match totp.algorithm() {
                Algorithm::SHA1 => "SHA1",
                Algorithm::SHA256 => "SHA256",
                Algorithm::SHA512 => "SHA512",
                _ => "unknown",
            },
            digits: totp.digits(),
            period: totp.step(),
        }
    }

    /// What a person types when the venue asks whether the seed arrived: the code of now, for how
    /// many seconds it counts, and the one after it. None of them is noted as used.
    pub fn for_person(&self, time: Micros) -> (Code, u64, Code) {
        let (seconds, length) = (seconds(time), self.totp.step());
        let code = |at| Code::new(self.totp.generate(at).to_string());
        let left = length - seconds % length;
        (code(seconds), left, code(seconds + left))
    }

    /// What an earlier process used.
    #[must_use]
    pub fn after(mut self, step: Option<u64>) -> Self {
        self.used = step;
        self
    }

    pub fn used(&self) -> Option<u64> {
        self.used
    }

    /// The code of now, by the venue's clock; not the end of a step, and not one used before.
    pub fn turn(&mut self, venue_time: Micros) -> Turn {
        let seconds = seconds(venue_time);
        let length = self.totp.step();
        let step = seconds / length;
        let left = length - seconds % length;
        let is_used = self.used.is_some_and(|used| step <= used);
        if is_used {
            let wait = (self.used.unwrap_or(step) - step) * length + left;
            return Turn::In(wait);
        }
        if left < LEAVES_AT_LEAST.min(length) {
            return Turn::In(left);
        }
        self.used = Some(step);
        Turn::Code(Code::new(self.totp.generate(seconds).to_string()))
    }
}

fn seconds(time: Micros) -> u64 {
    u64::try_from(time.0.div_euclid(1_000_000)).unwrap_or(0)
}

/// As a terminal may show what comes from outside.
fn plain(text: &str) -> String {
    let is_plain = |c: &char| c.is_alphanumeric() || (c.is_ascii() && !c.is_ascii_control());
    text.chars().filter(is_plain).take(LONGEST_NAME).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Micros {
        Micros(seconds * 1_000_000)
    }

    fn code(turn: &Turn) -> &str {
        match turn {
            Turn::Code(code) => code.expose(),
            Turn::In(_) => "",
        }
    }

    /// The seeds of RFC 6238, appendix B: the ASCII digits, as long as the hash.
    fn rfc(algorithm: &str) -> Seed {
        let base32 = match algorithm {
            "SHA1" => "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ",
            "SHA256" => "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQGEZA",
            _ => {
                "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQGEZDGNA"
            }
        };
        Seed::parse(&format!(
            "otpauth://totp/a?secret={base32}&algorithm={algorithm}&digits=8&period=30"
        ))
        .unwrap()
    }

    #[test]
    fn the_vectors_of_the_rfc() {
        let vectors = [
            (1_111_111_111, "14050471", "67062674", "99943326"),
            (1_234_567_890, "89005924", "91819424", "93441116"),
            (2_000_000_000, "69279037", "90698825", "38618901"),
            (20_000_000_000, "65353130", "77737706", "47863826"),
        ];
        for (time, sha1, sha256, sha512) in vectors {
            for (algorithm, expected) in [("SHA1", sha1), ("SHA256", sha256), ("SHA512", sha512)] {
                let turn = rfc(algorithm).turn(at(time));
                assert_eq!(code(&turn), expected, "{algorithm} at {time}");
            }
        }
        // These two lie at the end of their steps, where none is given; a second earlier, one is.
        for (time, sha1, sha256, sha512) in [
            (59, "94287082", "46119246", "90693936"),
            (1_111_111_109, "07081804", "68084774", "25091201"),
        ] {
            for (algorithm, expected) in [("SHA1", sha1), ("SHA256", sha256), ("SHA512", sha512)] {
                assert_eq!(
                    rfc(algorithm).turn(at(time)),
                    Turn::In(1),
                    "{algorithm} at {time}"
                );
                assert_eq!(code(&rfc(algorithm).turn(at(time - 10))), expected);
            }
        }
    }

    #[test]
    fn no_step_is_used_twice_not_even_after_a_restart() {
        let mut seed = rfc("SHA1");
        assert!(matches!(seed.turn(at(90)), Turn::Code(_)));
        assert_eq!(seed.turn(at(95)), Turn::In(25));
        let mut restarted = rfc("SHA1").after(seed.used());
        assert_eq!(restarted.turn(at(100)), Turn::In(20));
        assert!(matches!(restarted.turn(at(120)), Turn::Code(_)));
        // A clock that was set back.
        assert_eq!(restarted.turn(at(60)), Turn::In(90));
    }

    #[test]
    fn seeds_as_venues_show_them() {
        let shown = Seed::parse(" jbsw y3dp ehpk 3pxp \n")
            .unwrap()
            .turn(at(1_000_000_000));
        let plain = Seed::parse("JBSWY3DPEHPK3PXP")
            .unwrap()
            .turn(at(1_000_000_000));
        assert_eq!(shown, plain);
        assert_eq!(code(&plain).len(), 6);
    }

    #[test]
    fn a_person_sees_all_of_a_seed_but_itself() {
        let seed = "otpauth://totp/Broker:me%40a.b%1b%5b31m?secret=jbsw+y3dp%20ehpk3pxp%3D&issuer=Other\
                    &algorithm=SHA256&digits=8&period=60";
        let seed = Seed::parse(seed).unwrap();
        let form = Form {
            issuer: "Broker".to_owned(),
            name: "me@a.b[31m".to_owned(),
            algorithm: "SHA256",
            digits: 8,
            period: 60,
        };
        assert_eq!(seed.form(), form);
        let (code, left, next) = seed.for_person(at(119));
        assert_eq!((left, code.expose().len()), (1, 8));
        let mut login = seed;
        assert_eq!(login.turn(at(61)), Turn::Code(code));
        assert_eq!(login.turn(at(120)), Turn::Code(next));

        let bare = Seed::parse("JBSWY3DPEHPK3PXP").unwrap().form();
        assert_eq!((bare.algorithm, bare.digits, bare.period), ("SHA1", 6, 30));
        assert_eq!((bare.issuer.as_str(), bare.name.as_str()), ("", ""));
    }

    #[test]
    fn what_is_no_seed_is_refused_and_not_repeated() {
        let refused = |text: &str| Seed::parse(text).err().unwrap();
        assert_eq!(refused("hunter2!"), SeedError::NotASeed);
        assert_eq!(refused("https://get.example/app"), SeedError::NotASeed);
        assert_eq!(refused("JBSWY3DP"), SeedError::TooShort(40));
        let export = "otpauth-migration://offline?data=CjEKCkhlbGxv";
        assert_eq!(refused(export), SeedError::Export);
        for (address, expected) in [
            (
                "hotp/a?secret=JBSWY3DPEHPK3PXP&counter=0",
                SeedError::Counted,
            ),
            ("steam/a?secret=JBSWY3DPEHPK3PXP", SeedError::NotTimeBased),
            ("totp/a%ff?secret=JBSWY3DPEHPK3PXP", SeedError::NotTimeBased),
            ("totp/a", SeedError::NoSecret),
            ("totp/a?issuer=b", SeedError::NoSecret),
            ("totp/a?secret=hunter2!", SeedError::BadSecret),
            ("totp/a?secret=%ff", SeedError::BadSecret),
            ("totp/a?secret=", SeedError::TooShort(0)),
            (
                "totp/a?secret=JBSWY3DPEHPK3PXP&algorithm=MD5",
                SeedError::Algorithm,
            ),
            ("totp/a?secret=JBSWY3DPEHPK3PXP&digits=4", SeedError::Digits),
            (
                "totp/a?secret=JBSWY3DPEHPK3PXP&digits=six",
                SeedError::Digits,
            ),
            ("totp/a?secret=JBSWY3DPEHPK3PXP&period=0", SeedError::Period),
            (
                "totp/a?secret=JBSWY3DPEHPK3PXP&period=99999",
                SeedError::Period,
            ),
            (
                "totp/a?secret=JBSWY3DPEHPK3PXP&period=-1",
                SeedError::Period,
            ),
        ] {
            let error = refused(&format!("otpauth://{address}"));
            assert_eq!(error, expected, "{address}");
            assert!(!error.to_string().contains("hunter"));
        }
    }
}
