//! Keys that the operating system keeps: of Linux, the kernel's, in memory until the machine is
//! switched off, for the user alone.

use super::{AtOnce, Backend};
use crate::error::{Category, SecretError};
use crate::fetch::Fetched;
use crate::reference::{Reference, Syntax, plain_name};
use crate::secret::Secret;

#[cfg(target_os = "linux")]
mod kernel {
    use linux_keyutils::{KeyError, KeyPermissionsBuilder, KeyRing, KeyRingIdentifier, Permission};
    use zeroize::Zeroizing;

    use super::KeyringError;

    /// Beside the keys of other programs.
    fn described(name: &str) -> String {
        format!("tapeline:{name}")
    }

    pub fn get(name: &str) -> Result<Zeroizing<Vec<u8>>, KeyringError> {
        let key = keys()?.search(&described(name)).map_err(trouble)?;
        key.read_to_vec().map(Zeroizing::new).map_err(trouble)
    }

    pub fn set(name: &str, secret: &str) -> Result<(), KeyringError> {
        let key = keys()?
            .add_key(&described(name), secret.as_bytes())
            .map_err(trouble)?;
        // Also for processes that were not started from this login.
        let permissions = KeyPermissionsBuilder::builder()
            .posessor(Permission::ALL)
            .user(Permission::ALL)
            .build();
        key.set_perms(permissions).map_err(trouble)
    }

    /// Those of the user, whatever they logged in by.
    fn keys() -> Result<KeyRing, KeyringError> {
        KeyRing::from_special_id(KeyRingIdentifier::User, true).map_err(trouble)
    }

    fn trouble(error: KeyError) -> KeyringError {
        match error {
            KeyError::KeyDoesNotExist | KeyError::KeyExpired | KeyError::KeyRevoked => {
                KeyringError::NotThere
            }
            error => KeyringError::Refused(format!("{error:?}")),
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod kernel {
    use zeroize::Zeroizing;

    use super::KeyringError;

    pub fn get(_: &str) -> Result<Zeroizing<Vec<u8>>, KeyringError> {
        Err(KeyringError::Refused("only Linux has such keys".to_owned()))
    }

    pub fn set(_: &str, _: &str) -> Result<(), KeyringError> {
        Err(KeyringError::Refused("only Linux has such keys".to_owned()))
    }
}

enum KeyringError {
    NotThere,
    Refused(String),
}

pub(super) static BACKEND: Backend = Backend {
    syntax: Syntax {
        name: "os",
        form: "secret://os/NAME",
        section: "os",
        parse: plain_name,
    },
    read_here: Some(read),
    open: |_| Ok(Some(Box::new(AtOnce(read)))),
};

fn read(reference: &Reference) -> Result<Fetched, SecretError> {
    let name = &reference.location().name;
    let bytes = kernel::get(name).map_err(|trouble| explain(reference, trouble))?;
    let text = std::str::from_utf8(&bytes).map_err(|_| {
        let (what, remedy) = ("it is not UTF-8 text", "set it to a text");
        SecretError::new(Category::Damaged, reference, what, remedy)
    })?;
    Ok(Fetched::new(Secret::new(text)))
}

/// Hands a secret to the operating system; it is `secret://os/NAME` then.
pub fn keep_in_os(name: &str, secret: &Secret) -> Result<Reference, SecretError> {
    let reference: Reference = format!("secret://os/{name}").parse().map_err(|wrong| {
        let what = format!("{wrong}");
        SecretError::new(Category::BadReference, "the name", what, "name it anew")
    })?;
    let kept = kernel::set(name, secret.expose());
    kept.map_err(|trouble| explain(&reference, trouble))?;
    Ok(reference)
}

fn explain(reference: &Reference, trouble: KeyringError) -> SecretError {
    match trouble {
        KeyringError::NotThere => SecretError::new(
            Category::NotFound,
            reference,
            "the kernel has no such key; it forgets all of them when the machine is switched off",
            "tapeline secrets set --os NAME",
        ),
        KeyringError::Refused(why) => SecretError::new(
            Category::Unreachable,
            reference,
            format!("the kernel gives no key: {why}"),
            "see whether keyctl(2) is allowed here: containers often forbid it",
        ),
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use linux_keyutils::{KeyRing, KeyRingIdentifier};

    use super::*;

    #[test]
    fn what_the_kernel_was_given_it_gives_back_until_it_forgets() {
        let name = format!("test/{}", std::process::id());
        let reference = match keep_in_os(&name, &Secret::new("planted-passphrase")) {
            Ok(reference) => reference,
            Err(error) => {
                // Where keyctl(2) is forbidden, that is what is said.
                assert_eq!(error.category, Category::Unreachable);
                assert!(error.remedy.contains("keyctl(2)"));
                return;
            }
        };
        let read = || read(&reference);
        assert_eq!(read().unwrap().secret.expose(), "planted-passphrase");
        keep_in_os(&name, &Secret::new("another")).unwrap();
        assert_eq!(read().unwrap().secret.expose(), "another");

        let keys = KeyRing::from_special_id(KeyRingIdentifier::User, false).unwrap();
        let key = keys.search(&format!("tapeline:{name}")).unwrap();
        key.invalidate().unwrap();
        let error = read().unwrap_err();
        assert_eq!(error.category, Category::NotFound);
        assert!(error.remedy.contains("secrets set --os"));
    }

    #[test]
    fn a_name_is_plain() {
        let error = keep_in_os("a b", &Secret::new("x")).unwrap_err();
        assert_eq!(error.category, Category::BadReference);
    }
}
