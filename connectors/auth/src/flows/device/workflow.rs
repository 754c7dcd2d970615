//! A second factor as a workflow: opened, looked at until it says what it wants, met, gone on with.
//! The credentials were right, so nothing of it is counted.

use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};
use tapeline_model::records::LoginCategory;
use tokio::time::sleep;

use super::answers::{is_id, method, wants};
use crate::challenge::Challenge;
use crate::flow::Approval;
use crate::flows::http::{Http, HttpAnswer};
use crate::refusal::Refusal;

const MACHINE: &str = "/pathfinder/user_machine/";
const APPROVED: &str = "workflow_status_approved";
/// Between looks; well below a minute together, which is what an answer may take.
const LOOKS: [Duration; 7] = [
    Duration::ZERO,
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(4),
    Duration::from_secs(5),
    Duration::from_secs(5),
    Duration::from_secs(5),
];

/// Between the ids of an inquiry and of its challenge.
const BETWEEN: char = '/';

#[derive(Deserialize)]
struct Machine {
    id: String,
}

#[derive(Deserialize)]
struct WorkflowChallenge {
    id: String,
    #[serde(rename = "type")]
    kind: String,
    remaining_attempts: Option<u32>,
}

#[derive(Deserialize)]
struct Prompt {
    challenge_status: String,
}

/// What the workflow wants. Its id names the inquiry and the challenge.
pub(super) async fn begin(http: &Http, device: &str, id: &str) -> Result<Challenge, Refusal> {
    let input = json!({"workflow_id": id});
    let asked = json!({"device_id": device, "flow": "suv", "input": input});
    let answer = http.ask(http.post_json(MACHINE, &asked)).await?;
    let machine = fine(&answer)?.json::<Machine>();
    let inquiry = machine.ok_or(LoginCategory::ChangedApi)?.id;
    let view = view(&inquiry)?;
    for pause in LOOKS {
        sleep(pause).await;
        let answer = http.ask(http.get(&view)).await?;
        let words = fine(&answer)?.json::<Value>();
        if let Some(asked) = wanted(words.ok_or(LoginCategory::ChangedApi)?) {
            return challenge(&inquiry, asked?);
        }
    }
    Err(LoginCategory::VenueDown.into())
}

/// Inquiry and challenge, if the id is one of a workflow.
pub(super) fn ids(challenge: &Challenge) -> Option<(&str, &str)> {
    challenge.id.split_once(BETWEEN)
}

/// Whether a person said yes to the prompt.
pub(super) async fn approval(http: &Http, challenge: &Challenge) -> Result<Approval, Refusal> {
    let id = ids(challenge).map_or(challenge.id.as_str(), |(_, id)| id);
    if !is_id(id) {
        return Err(LoginCategory::ChangedApi.into());
    }
    let path = format!("/push/{id}/get_prompts_status/");
    let answer = http.ask(http.get(&path)).await?;
    let prompt = fine(&answer)?
        .json::<Prompt>()
        .ok_or(LoginCategory::ChangedApi)?;
    match prompt.challenge_status.as_str() {
        "issued" => Ok(Approval::Pending),
        "validated" => Ok(Approval::Given),
        "expired" | "failed" => Err(LoginCategory::MfaFailed.into()),
        // Who says no is asked no second time: it may not have been they who logged in.
        "denied" | "rejected" => Err(LoginCategory::Forbidden.into()),
        _ => Err(LoginCategory::ChangedApi.into()),
    }
}

/// Ends a workflow whose challenge was met.
pub(super) async fn go_on(http: &Http, inquiry: &str) -> Result<(), Refusal> {
    let view = view(inquiry)?;
    let said = json!({"sequence": 0, "user_input": {"status": "continue"}});
    for pause in LOOKS {
        sleep(pause).await;
        let answer = http.ask(http.post_json(&view, &said)).await?;
        let words = fine(&answer)?.json::<Value>();
        if is_approved(&words.ok_or(LoginCategory::ChangedApi)?) {
            return Ok(());
        }
    }
    Err(LoginCategory::MfaFailed.into())
}

fn view(inquiry: &str) -> Result<String, Refusal> {
    if !is_id(inquiry) {
        return Err(LoginCategory::ChangedApi.into());
    }
    Ok(format!("/pathfinder/inquiries/{inquiry}/user_view/"))
}

fn fine(answer: &HttpAnswer) -> Result<&HttpAnswer, Refusal> {
    if answer.is_fine() {
        return Ok(answer);
    }
    Err(answer.refusal(LoginCategory::MfaFailed))
}

/// None while it wants nothing yet. It was seen in each of these places.
fn wanted(mut words: Value) -> Option<Result<WorkflowChallenge, Refusal>> {
    let places = [
        "/context/sheriff_challenge",
        "/type_context/context/sheriff_challenge",
        "/type_context/sheriff_challenge",
    ];
    let found = places.iter().find_map(|place| {
        let found = words.pointer_mut(place)?.take();
        (!found.is_null()).then_some(found)
    })?;
    Some(serde_json::from_value(found).map_err(|_| LoginCategory::ChangedApi.into()))
}

fn challenge(inquiry: &str, asked: WorkflowChallenge) -> Result<Challenge, Refusal> {
    let method = method(&asked.kind).ok_or(LoginCategory::ChangedApi)?;
    Ok(Challenge {
        id: format!("{inquiry}{BETWEEN}{}", asked.id),
        method,
        wants: wants(method),
        link: None,
        left: asked.remaining_attempts,
    })
}

fn is_approved(words: &Value) -> bool {
    let places = [
        "/type_context/result",
        "/verification_workflow/workflow_status",
    ];
    let says = |place: &str| words.pointer(place).and_then(Value::as_str);
    places.iter().any(|place| says(place) == Some(APPROVED))
}
