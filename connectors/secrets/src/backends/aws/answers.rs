//! What AWS's answers mean. Pure.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use zeroize::Zeroizing;

use crate::backends::{explain_field, time_of};
use crate::document::{Document, field_of_text};
use crate::error::{Category, SecretError};
use crate::fetch::Fetched;
use crate::reference::Reference;
use crate::secret::Secret;

const CURRENT: &str = "AWSCURRENT";

/// Of an answer with status 200.
pub(super) fn value(
    reference: &Reference,
    answer: Option<&Document>,
    field: Option<&str>,
) -> Result<Fetched, SecretError> {
    let damaged = |what: &str| {
        SecretError::new(
            Category::Damaged,
            reference,
            what,
            "see whether secrets.aws.endpoint is Secrets Manager",
        )
    };
    let answer = answer.ok_or_else(|| damaged("the answer is no JSON"))?;
    let stages = answer.at("/VersionStages").and_then(|s| s.as_array());
    if !stages.is_some_and(|stages| stages.iter().any(|stage| stage == CURRENT)) {
        return Err(damaged("the answer is not the version that is AWSCURRENT"));
    }
    let text = text_of(answer).ok_or_else(|| damaged("the secret is no text"))?;
    let secret = match field {
        None => Secret::new(text.as_str()),
        Some(name) => field_of_text(&text, name).map_err(|e| explain_field(reference, name, e))?,
    };
    let created = answer
        .at("/CreatedDate")
        .and_then(serde_json::Value::as_f64);
    Ok(Fetched {
        secret,
        version: answer.text("/VersionId").unwrap_or_default().to_owned(),
        since: created.map(|seconds| time_of(seconds as u64)),
    })
}

fn text_of(answer: &Document) -> Option<Zeroizing<String>> {
    if let Some(text) = answer.text("/SecretString") {
        return Some(Zeroizing::new(text.to_owned()));
    }
    let bytes = Zeroizing::new(BASE64.decode(answer.text("/SecretBinary")?).ok()?);
    let text = std::str::from_utf8(&bytes).ok()?;
    Some(Zeroizing::new(text.to_owned()))
}

/// Of an answer with any other status.
pub(super) fn failure(
    reference: &Reference,
    region: &str,
    status: u16,
    answer: Option<&Document>,
) -> SecretError {
    let kind = answer.and_then(|answer| answer.text("/__type"));
    let kind = kind.map_or("", |kind| kind.rsplit('#').next().unwrap_or_default());
    let error =
        |category, what: String, remedy: &str| SecretError::new(category, reference, what, remedy);
    match kind {
        "ResourceNotFoundException" => error(
            Category::NotFound,
            format!("there is no such secret in {region}, or it has no current version"),
            "see its name and secrets.aws.region",
        ),
        "AccessDeniedException" | "AccessDenied" => error(
            Category::Forbidden,
            "these credentials lack the right secretsmanager:GetSecretValue on it".to_owned(),
            "allow it in their policy, and kms:Decrypt where the secret has a key of its own",
        ),
        "DecryptionFailure" => error(
            Category::Forbidden,
            "its key cannot be used".to_owned(),
            "allow kms:Decrypt on the key, and see whether it is enabled",
        ),
        "InvalidRequestException" => error(
            Category::NotFound,
            "it is marked for deletion, or is managed by another service".to_owned(),
            "restore it, or name another",
        ),
        "InvalidParameterException" | "ValidationException" => error(
            Category::BadReference,
            "AWS takes this for no name of a secret".to_owned(),
            "write its name or its ARN",
        ),
        "ExpiredTokenException" | "ExpiredToken" => error(
            Category::Expired,
            "the session token has ended".to_owned(),
            "renew what secrets.aws.session_token leads to",
        ),
        "UnrecognizedClientException"
        | "InvalidClientTokenId"
        | "InvalidSignatureException"
        | "SignatureDoesNotMatch"
        | "IncompleteSignatureException"
        | "MissingAuthenticationTokenException" => error(
            Category::WrongKey,
            "the credentials are not accepted".to_owned(),
            "see what secrets.aws.access_key and secret_key lead to, and this machine's clock",
        ),
        "ThrottlingException" | "TooManyRequestsException" | "LimitExceededException" => error(
            Category::Unreachable,
            "AWS asks for fewer requests".to_owned(),
            "wait; a longer secrets.poll_every asks less",
        ),
        _ if status == 429 || status >= 500 => error(
            Category::Unreachable,
            format!("AWS answered with HTTP status {status}"),
            "wait; it tells of disturbances itself",
        ),
        _ => error(
            Category::BadReference,
            format!("AWS refused it with HTTP status {status}, for no reason known here"),
            "see secrets.aws.endpoint",
        ),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn reference() -> Reference {
        "secret://aws/prod/db#password".parse().unwrap()
    }

    fn answered(answer: &Value, field: Option<&str>) -> Result<Fetched, SecretError> {
        let document = Document::parse(answer.to_string().as_bytes());
        value(&reference(), document.as_ref(), field)
    }

    #[test]
    fn a_value_is_all_text_or_a_field() {
        let answer = json!({
            "VersionId": "v1", "CreatedDate": 1.5e9, "VersionStages": ["AWSCURRENT"],
            "SecretString": r#"{"password":"canary","n":{}}"#,
        });
        let got = answered(&answer, Some("password")).unwrap();
        assert_eq!((got.secret.expose(), &*got.version), ("canary", "v1"));
        assert_eq!(got.since, Some(time_of(1_500_000_000)));
        let whole = answered(&answer, None).unwrap();
        assert!(whole.secret.expose().starts_with('{'));
        for (field, category) in [("n", Category::BadReference), ("x", Category::NotFound)] {
            let error = answered(&answer, Some(field)).unwrap_err();
            assert_eq!(error.category, category);
            assert!(!error.to_string().contains("canary"));
        }
        let binary = json!({"VersionStages": ["AWSCURRENT"], "SecretBinary": "eA=="});
        assert_eq!(answered(&binary, None).unwrap().secret.expose(), "x");
        let error = answered(&binary, Some("password")).unwrap_err();
        assert_eq!(error.category, Category::BadReference);
    }

    #[test]
    fn only_what_is_current_is_taken() {
        let pending = json!({"VersionStages": ["AWSPENDING"], "SecretString": "canary"});
        let error = answered(&pending, None).unwrap_err();
        assert_eq!(error.category, Category::Damaged);
        let none = json!({"SecretString": "canary"});
        assert_eq!(
            answered(&none, None).unwrap_err().category,
            Category::Damaged
        );
    }

    #[test]
    fn failures_are_told_by_their_type_and_without_aws_text() {
        for (status, kind, category) in [
            (400, "ResourceNotFoundException", Category::NotFound),
            (
                400,
                "com.amazonaws#AccessDeniedException",
                Category::Forbidden,
            ),
            (400, "DecryptionFailure", Category::Forbidden),
            (400, "InvalidRequestException", Category::NotFound),
            (400, "InvalidParameterException", Category::BadReference),
            (400, "ExpiredTokenException", Category::Expired),
            (400, "UnrecognizedClientException", Category::WrongKey),
            (400, "ThrottlingException", Category::Unreachable),
            (500, "InternalServiceError", Category::Unreachable),
            (503, "", Category::Unreachable),
            (418, "canary", Category::BadReference),
        ] {
            let answer = json!({"__type": kind, "Message": "canary"}).to_string();
            let document = Document::parse(answer.as_bytes());
            let error = failure(&reference(), "eu-west-1", status, document.as_ref());
            assert_eq!(error.category, category, "{kind}");
            assert!(!format!("{error:?}").contains("canary"));
        }
    }
}
