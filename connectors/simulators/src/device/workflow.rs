//! The second factor of a [`Venue`] as a workflow: opened, asked about, met, gone on with.

use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{get, post};
use serde_json::{Value, json};

use super::{Factor, SecondFactor, Venue, VenueState};
use crate::CodeChannel;
use crate::faults::json_response;

/// The newest one: an older one is forgotten.
#[derive(Debug, Default, Clone)]
pub struct Workflow {
    /// So often its inquiry is asked about before it says what it wants.
    pub ready_after: u32,
    /// So often a prompt is asked about before a person says yes, if that is to come by itself.
    pub approved_after: Option<u32>,
    pub begun: u32,
    pub views: u32,
    pub polls: u32,
    pub(crate) is_denied: bool,
    pub(crate) is_expired: bool,
    open: Option<OpenWorkflow>,
}

#[derive(Debug, Clone)]
struct OpenWorkflow {
    id: String,
    device: String,
    inquiry: Option<String>,
    challenge: Option<String>,
    is_approved: bool,
}

pub(crate) fn router() -> Router<Venue> {
    let view = get(view).post(proceed);
    Router::new()
        .route("/pathfinder/user_machine/", post(machine))
        .route("/pathfinder/inquiries/{id}/user_view/", view)
        .route("/push/{id}/get_prompts_status/", get(prompt))
}

impl Workflow {
    pub(crate) fn begin(&mut self, device: &str) -> Response {
        self.begun += 1;
        (self.views, self.polls) = (0, 0);
        (self.is_denied, self.is_expired) = (false, false);
        let id = format!("planted-workflow-{}", self.begun);
        let words = json!({"verification_workflow": {
            "id": id, "workflow_status": "workflow_status_internal_pending",
        }});
        self.open = Some(OpenWorkflow {
            id,
            device: device.to_owned(),
            inquiry: None,
            challenge: None,
            is_approved: false,
        });
        json_response(StatusCode::FORBIDDEN, &words)
    }

    /// An approved one counts for one login of its device.
    pub(crate) fn use_up(&mut self, device: &str) -> bool {
        let fits = |open: &mut OpenWorkflow| open.is_approved && open.device == device;
        self.open.take_if(fits).is_some()
    }

    fn of_inquiry(&mut self, inquiry: &str) -> Option<&mut OpenWorkflow> {
        let open = self.open.as_mut()?;
        (open.inquiry.as_deref() == Some(inquiry)).then_some(open)
    }
}

impl VenueState {
    pub(crate) fn approve(&mut self) {
        let open = self.workflow.open.as_ref();
        if let Some(id) = open.and_then(|open| open.challenge.as_ref()) {
            self.challenges.approve(id);
        }
    }

    fn machine(&mut self, asked: &Value) -> Response {
        let inquiry = format!("planted-inquiry-{}", self.workflow.begun);
        let is_known = |open: &&mut OpenWorkflow| {
            asked["flow"] == "suv"
                && asked["device_id"] == open.device.as_str()
                && asked["input"]["workflow_id"] == open.id.as_str()
        };
        let Some(open) = self.workflow.open.as_mut().filter(is_known) else {
            return not_found();
        };
        open.inquiry = Some(inquiry.clone());
        json_response(StatusCode::OK, &json!({"id": inquiry}))
    }

    /// An answer, and the code that is sent with it.
    fn view(&mut self, inquiry: &str, at: i64) -> (Response, Option<(CodeChannel, String)>) {
        self.workflow.views += 1;
        let is_ready = self.workflow.views > self.workflow.ready_after;
        let (Some(open), SecondFactor::Workflow(factor)) =
            (self.workflow.of_inquiry(inquiry), self.asks)
        else {
            return (not_found(), None);
        };
        if !is_ready {
            return (json_response(StatusCode::OK, &json!({"context": {}})), None);
        }
        let mut sent = None;
        let id = open.challenge.get_or_insert_with(|| {
            let (id, code) = self.challenges.issue(at);
            if let Factor::Sent(by) = factor {
                sent = Some((by, code));
            }
            id
        });
        let status = if self.challenges.is_met(id) {
            "validated"
        } else {
            "issued"
        };
        let kind = match factor {
            Factor::Prompt => "prompt",
            Factor::Sent(CodeChannel::Sms) => "sms",
            Factor::Sent(CodeChannel::Email) => "email",
        };
        let challenge = json!({"id": id, "type": kind, "status": status});
        let words = json!({"context": {"sheriff_challenge": challenge}});
        (json_response(StatusCode::OK, &words), sent)
    }

    fn prompt(&mut self, id: &str) -> Response {
        self.workflow.polls += 1;
        let of_now = |open: &OpenWorkflow| open.challenge.as_deref() == Some(id);
        if !self.workflow.open.as_ref().is_some_and(of_now) {
            return not_found();
        }
        let after = self.workflow.approved_after;
        if after.is_some_and(|after| self.workflow.polls > after) {
            self.challenges.approve(id);
        }
        let status = match () {
            () if self.workflow.is_denied => "denied",
            () if self.workflow.is_expired => "expired",
            () if self.challenges.is_met(id) => "validated",
            () => "issued",
        };
        json_response(StatusCode::OK, &json!({"challenge_status": status}))
    }

    fn proceed(&mut self, inquiry: &str, said: &Value) -> Response {
        let challenges = &self.challenges;
        let Some(open) = self.workflow.of_inquiry(inquiry) else {
            return not_found();
        };
        let is_met = open
            .challenge
            .as_ref()
            .is_some_and(|id| challenges.is_met(id));
        let goes_on = said["sequence"] == 0 && said["user_input"]["status"] == "continue";
        open.is_approved |= is_met && goes_on;
        let result = if open.is_approved {
            "workflow_status_approved"
        } else {
            "workflow_status_internal_pending"
        };
        json_response(StatusCode::OK, &json!({"type_context": {"result": result}}))
    }
}

async fn machine(State(venue): State<Venue>, body: String) -> Response {
    venue.open().machine(&read(&body))
}

async fn view(State(venue): State<Venue>, Path(id): Path<String>) -> Response {
    let (answer, sent) = venue.open().view(&id, venue.settings.clock.now());
    if let Some((by, code)) = sent {
        (venue.settings.on_code)(by, &code);
    }
    answer
}

async fn prompt(State(venue): State<Venue>, Path(id): Path<String>) -> Response {
    venue.open().prompt(&id)
}

async fn proceed(State(venue): State<Venue>, Path(id): Path<String>, body: String) -> Response {
    venue.open().proceed(&id, &read(&body))
}

fn read(body: &str) -> Value {
    serde_json::from_str(body).unwrap_or_default()
}

fn not_found() -> Response {
    json_response(StatusCode::NOT_FOUND, &json!({"detail": "Not found."}))
}
