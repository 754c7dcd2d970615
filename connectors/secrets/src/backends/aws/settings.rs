use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::backends::section::{Faults, ReferenceParser, Section, must_be_here};
use crate::http::fault_of_address;
use crate::reference::Reference;

/// secret://aws/NAME#FIELD: AWS Secrets Manager.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(rename = "AwsPlace")]
pub struct AwsSection {
    /// Like eu-west-1; empty where it is not used.
    pub region: String,
    /// In place of the region's own.
    pub endpoint: String,
    pub access_key: String,
    pub secret_key: String,
    /// For credentials that end.
    pub session_token: String,
}

impl Default for AwsSection {
    fn default() -> Self {
        Self {
            region: String::new(),
            endpoint: String::new(),
            access_key: "secret://env/AWS_ACCESS_KEY_ID".to_owned(),
            secret_key: "secret://env/AWS_SECRET_ACCESS_KEY".to_owned(),
            session_token: String::new(),
        }
    }
}

impl Section for AwsSection {
    type Settings = AwsSettings;

    fn is_filled(&self) -> bool {
        !self.region.is_empty()
    }

    fn settings(&self, parser: &mut ReferenceParser) -> Option<AwsSettings> {
        if self.region.is_empty() {
            return None;
        }
        let token = Some(&self.session_token).filter(|text| !text.is_empty());
        Some(AwsSettings {
            region: self.region.clone(),
            endpoint: Some(self.endpoint.clone()).filter(|text| !text.is_empty()),
            access_key: parser.wanted("aws.access_key", &self.access_key),
            secret_key: parser.wanted("aws.secret_key", &self.secret_key),
            session_token: token.map(|text| parser.wanted("aws.session_token", text)),
        })
    }

    fn references(&self) -> Vec<(&'static str, &str)> {
        if !self.is_filled() {
            return Vec::new();
        }
        vec![
            ("aws.access_key", &self.access_key),
            ("aws.secret_key", &self.secret_key),
            ("aws.session_token", &self.session_token),
        ]
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AwsSettings {
    pub region: String,
    /// In place of the region's own.
    pub endpoint: Option<String>,
    /// Credentials, as references to environment variables or files.
    pub access_key: Reference,
    pub secret_key: Reference,
    pub session_token: Option<Reference>,
}

impl AwsSettings {
    /// Where requests go.
    pub(crate) fn address(&self) -> String {
        let own = || format!("https://secretsmanager.{}.amazonaws.com", self.region);
        self.endpoint.clone().unwrap_or_else(own)
    }

    pub(crate) fn faults(&self, faults: &mut Faults) {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if self.region.is_empty() || !self.region.chars().all(plain) {
            faults.push(("aws.region", "must be like eu-west-1".to_owned()));
        } else if let Some(fault) = fault_of_address(&self.address()) {
            faults.push(("aws.endpoint", fault));
        }
        must_be_here(faults, "aws.access_key", &self.access_key);
        must_be_here(faults, "aws.secret_key", &self.secret_key);
        if let Some(token) = &self.session_token {
            must_be_here(faults, "aws.session_token", token);
        }
    }
}
