use super::super::load::parse_text;
use super::*;

fn resolve(value: &str) -> Result<String, Fault> {
    resolve_reference(&Places::default(), "clickhouse.password", value)
}

fn faults(text: &str) -> Vec<String> {
    let error = parse_text(text).expect_err("has faults");
    error.faults.iter().map(ToString::to_string).collect()
}

#[test]
fn a_secret_written_out_is_refused_without_being_shown() {
    let fault = resolve("hunter2").unwrap_err();
    assert!(!fault.to_string().contains("hunter2"));
    assert!(fault.to_string().starts_with("clickhouse.password: "));
    assert!(resolve("secret://env/").is_err());
    let fault = resolve("secret://hunter2").unwrap_err();
    assert!(!fault.to_string().contains("hunter2"));
}

#[test]
fn references_lead_to_files_and_a_trailing_newline_is_no_part_of_it() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "s3cret\n").unwrap();
    let reference = format!("secret://file/{}", file.path().display());
    assert_eq!(resolve(&reference).unwrap(), "s3cret");
    let fault = resolve("secret://file/no/such/file").unwrap_err();
    assert!(fault.message.contains("no/such/file"));
    let fault = resolve("secret://env/TAPELINE_NO_SUCH_VARIABLE").unwrap_err();
    let not_set = "TAPELINE_NO_SUCH_VARIABLE is not set";
    assert!(fault.message.contains(not_set));
}

#[test]
fn nothing_is_no_secret() {
    assert_eq!(resolve("").unwrap(), "");
    let plain = resolve_if_reference(&Places::default(), "k", "PLAIN").unwrap();
    assert_eq!(plain, "PLAIN");
}

#[test]
fn a_kind_that_is_not_configured_says_what_to_fill_in() {
    let found = faults(
        "[clickhouse]\npassword = 'secret://vault/kv/app#password'\n\
         [kafka.properties]\n'sasl.password' = 'secret://aws/app'\n\
         'ssl.key.password' = 'secret://wault/x'\n",
    );
    assert_eq!(found.len(), 3, "{found:#?}");
    assert!(found[0].starts_with("clickhouse.password: nothing is configured for vault"));
    assert!(
        found[1].starts_with("kafka.properties.\"sasl.password\": ")
            && found[1].contains("[secrets.aws]")
    );
    assert!(found[2].contains("no such kind"));
}

#[test]
fn logins_need_their_kind_configured_too() {
    let found = faults(
        "[auth]\nsession_key = 'secret://env/KEY'\n[[accounts]]\nid = 'a'\n\
         [[logins]]\naccount = 'a'\nvenue = 'alpha'\nway = 'key'\naddress = 'https://alpha.example'\n\
         name = 'secret://vault/kv/a#name'\npassword = 'secret://env/PASSWORD'\n",
    );
    assert_eq!(found.len(), 1, "{found:#?}");
    assert!(found[0].starts_with("logins[0].name: ") && found[0].contains("[secrets.vault]"));
}

#[test]
fn every_fault_of_the_section_is_told_at_once() {
    let found = faults(
        "[secrets]\npoll_every = '0s'\n\
         [secrets.local]\npassphrase = 'hunter2'\n\
         [secrets.vault]\naddress = 'http://vault.example.org'\nauth = 'approle'\n\
         secret_id = 'secret://vault/kv/a#b'\n\
         [secrets.aws]\nregion = 'Europe'\naccess_key = ''\n",
    );
    let keys: Vec<&str> = found.iter().filter_map(|f| f.split(':').next()).collect();
    let expected = [
        "secrets.local.passphrase",
        "secrets.aws.access_key",
        "secrets.poll_every",
        "secrets.vault.address",
        "secrets.vault.role_id",
        "secrets.vault.secret_id",
        "secrets.aws.region",
    ];
    assert_eq!(keys, expected, "{found:#?}");
    assert!(!found.concat().contains("hunter2"));
}

#[test]
fn every_reference_of_a_configuration_is_listed() {
    let config = parse_text(
        "[clickhouse]\npassword = 'secret://local/clickhouse'\n\
         [kafka.properties]\n'sasl.password' = 'secret://vault/kv/kafka#password'\n\
         'socket.keepalive.enable' = 'true'\n\
         [secrets.local]\npassphrase = 'secret://env/PASS'\n\
         [secrets.vault]\naddress = 'https://vault.example.org'\nauth = 'kubernetes'\nrole = 'r'\n",
    )
    .unwrap();
    let listed = config.references();
    let listed: Vec<String> = listed.iter().map(|(key, r)| format!("{key} {r}")).collect();
    let expected = [
        "kafka.properties.\"sasl.password\" secret://vault/kv/kafka#password",
        "clickhouse.password secret://local/clickhouse",
        "secrets.local.passphrase secret://env/PASS",
    ];
    assert_eq!(listed, expected);
}

/// As the settings of Kafka and the store do it, from any thread.
#[tokio::test]
async fn what_is_in_the_encrypted_file_is_looked_up_inside_another_runtime() {
    let folder = tempfile::tempdir().unwrap();
    let passphrase = folder.path().join("passphrase");
    std::fs::write(&passphrase, "correct horse\n").unwrap();
    let places = Places {
        local: tapeline_secrets::LocalSection {
            file: folder.path().join("secrets"),
            passphrase: format!("secret://file/{}", passphrase.display()),
        },
        ..Places::default()
    };
    let local = places.settings().unwrap().local.unwrap();
    let file = tapeline_secrets::LocalFile::new(local);
    let secret = tapeline_secrets::Secret::new("s3cret");
    file.set("clickhouse", &secret).unwrap();
    let got = resolve_reference(&places, "k", "secret://local/clickhouse");
    assert_eq!(got.unwrap(), "s3cret");
    let fault = resolve_reference(&places, "k", "secret://local/other").unwrap_err();
    assert!(
        fault.message.contains("tapeline secrets set other"),
        "{fault}"
    );
    // Another configuration takes the place of the first one, here inside a runtime.
    let fault = resolve_reference(&Places::default(), "k", "secret://local/other").unwrap_err();
    assert!(fault.message.contains("[secrets.local]"), "{fault}");
}
