//! Codes by time (RFC 6238).

use tapeline_model::Micros;
use thiserror::Error;
use totp_rs::{Builder, Secret, Totp};

use super::code::Code;

/// A code that is sent later in its step may arrive in the next.
const LEAVES_AT_LEAST: u64 = 3;

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

/// Never repeats what was given.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SeedError {
    #[error("the seed is neither base32 (A to Z, 2 to 7) nor an otpauth:// address")]
    NotASeed,
    #[error(
        "the otpauth:// address is not one of time-based codes: otpauth://totp/… with a secret, 6 to 8 digits and a period"
    )]
    NotTimeBased,
    #[error("the seed has {0} bits; a venue gives 80 at least: was it cut off?")]
    TooShort(usize),
}

impl Seed {
    /// Base32 as venues show it, spaces and small letters included, or the `otpauth://` address
    /// of a QR code.
    pub fn parse(text: &str) -> Result<Self, SeedError> {
        let text = text.trim();
        let totp = if text
            .get(..10)
            .is_some_and(|start| start.eq_ignore_ascii_case("otpauth://"))
        {
            Totp::from_url_unchecked(text).map_err(|_| SeedError::NotTimeBased)?
        } else {
            let clean: String = text
                .chars()
                .filter(|c| !matches!(c, ' ' | '-' | '='))
                .collect();
            let secret = Secret::try_from_base32(clean.to_ascii_uppercase())
                .map_err(|_| SeedError::NotASeed)?;
            // What venues give is often shorter than the 128 bits that the RFC asks for.
            Builder::new().with_secret(secret).build_noncompliant()
        };
        let bits = totp.secret().as_ref().len() * 8;
        if bits < 80 {
            return Err(SeedError::TooShort(bits));
        }
        if !(6..=8).contains(&totp.digits()) || totp.step() == 0 {
            return Err(SeedError::NotTimeBased);
        }
        Ok(Self { totp, used: None })
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
        let seconds = u64::try_from(venue_time.0.div_euclid(1_000_000)).unwrap_or(0);
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
    fn what_is_no_seed_is_refused_and_not_repeated() {
        let refused = |text: &str| Seed::parse(text).err().unwrap();
        assert_eq!(refused("hunter2!"), SeedError::NotASeed);
        assert_eq!(refused("JBSWY3DP"), SeedError::TooShort(40));
        assert_eq!(
            refused("otpauth://hotp/a?secret=JBSWY3DPEHPK3PXP"),
            SeedError::NotTimeBased
        );
        assert_eq!(
            refused("otpauth://totp/a?secret=JBSWY3DPEHPK3PXP&digits=4"),
            SeedError::NotTimeBased
        );
        assert!(!refused("hunter2!").to_string().contains("hunter"));
    }
}
