//! AWS Secrets Manager: only the version that is AWSCURRENT, never one that is
//! AWSPENDING, since that may not be accepted yet.

mod answers;
mod settings;
mod sign;

use reqwest::Url;
use serde_json::json;

use super::{Backend, now_seconds, read_here};
use crate::document;
use crate::error::{Category, SecretError};
use crate::fetch::{Fetch, Fetched, Fetching};
use crate::http::{Http, hidden_header};
use crate::reference::{Kind, Location, Reference, ReferenceError, Syntax, with_field};
use crate::retry::retried;
use crate::secret::Secret;
pub use settings::{AwsSection, AwsSettings};
use sign::{Signed, Signer};

const WHOM: &str = "AWS Secrets Manager";
const SERVICE: &str = "secretsmanager";
const ACTION: &str = "secretsmanager.GetSecretValue";
const CONTENT: &str = "application/x-amz-json-1.1";

pub(super) static BACKEND: Backend = Backend {
    syntax: Syntax {
        name: "aws",
        form: "secret://aws/NAME#FIELD",
        section: "aws",
        parse,
    },
    read_here: None,
    open: |settings| {
        let aws = settings.aws.clone().map(Aws::new).transpose()?;
        Ok(aws.map(|aws| Box::new(aws) as Box<dyn Fetch>))
    },
};

/// A name or an ARN.
fn parse(kind: Kind, rest: &str) -> Result<Location, ReferenceError> {
    let location = with_field(kind, rest)?;
    let known = |c: char| c.is_ascii_alphanumeric() || "/_+=.@-:!".contains(c);
    if !location.name.chars().all(known) {
        return Err(ReferenceError::OddCharacter(kind));
    }
    Ok(location)
}

impl Fetch for Aws {
    fn fetch<'a>(&'a self, reference: &'a Reference) -> Fetching<'a> {
        Box::pin(retried(|| self.ask(reference)))
    }
}

struct Aws {
    settings: AwsSettings,
    http: Http,
}

impl Aws {
    fn new(settings: AwsSettings) -> Result<Self, SecretError> {
        Ok(Self {
            settings,
            http: Http::new(None)?,
        })
    }

    async fn ask(&self, reference: &Reference) -> Result<Fetched, SecretError> {
        let Location { name, field, .. } = reference.location();
        // Read each time: they are rotated as well.
        let access_key = read_here(&self.settings.access_key)?;
        let secret_key = read_here(&self.settings.secret_key)?;
        let token = self.settings.session_token.as_ref();
        let token = token.map(read_here).transpose()?;

        let url = self.url()?;
        let host = host_of(&url);
        let body = document::body(json!({ "SecretId": name, "VersionStage": "AWSCURRENT" }));
        let time = amz_date(now_seconds());
        let mut headers = vec![
            ("content-type", CONTENT),
            ("host", host.as_str()),
            ("x-amz-date", time.as_str()),
            ("x-amz-target", ACTION),
        ];
        if let Some(token) = &token {
            headers.push(("x-amz-security-token", token.expose()));
        }
        let signer = Signer {
            access_key: access_key.expose(),
            secret_key: &secret_key,
            region: &self.settings.region,
            service: SERVICE,
        };
        let request = Signed {
            method: "POST",
            path: url.path(),
            query: &[],
            headers: &headers,
            body: &body,
        };
        let authorization = Secret::new(signer.authorization(&request, &time));
        let mut request = self
            .http
            .post(url, &body)
            .header("content-type", CONTENT)
            .header("x-amz-date", &time)
            .header("x-amz-target", ACTION)
            .header("authorization", hidden_header(WHOM, &authorization)?);
        if let Some(token) = &token {
            request = request.header("x-amz-security-token", hidden_header(WHOM, token)?);
        }
        let answer = self.http.send(WHOM, request).await?;
        let document = answer.document();
        if answer.status == 200 {
            answers::value(reference, document.as_ref(), field.as_deref())
        } else {
            let region = &self.settings.region;
            Err(answers::failure(
                reference,
                region,
                answer.status,
                document.as_ref(),
            ))
        }
    }

    fn url(&self) -> Result<Url, SecretError> {
        self.settings.address().parse().map_err(|_| {
            SecretError::new(
                Category::BadReference,
                WHOM,
                "its address is none",
                "see secrets.aws.endpoint",
            )
        })
    }
}

/// As it stands in the header `Host`.
fn host_of(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port()
        .map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

/// `20150830T123600Z`
fn amz_date(seconds: u64) -> String {
    let seconds = i64::try_from(seconds).unwrap_or(0);
    let time = jiff::Timestamp::from_second(seconds).unwrap_or_default();
    time.strftime("%Y%m%dT%H%M%SZ").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_hosts_are_as_aws_writes_them() {
        assert_eq!(amz_date(1_440_938_160), "20150830T123600Z");
        assert_eq!(amz_date(0), "19700101T000000Z");
        let host = |url: &str| host_of(&url.parse().unwrap());
        assert_eq!(host("https://a.example.org"), "a.example.org");
        assert_eq!(host("http://127.0.0.1:4566/"), "127.0.0.1:4566");
    }
}
