//! The schema registry: ids and schemas that are compiled in, under Confluent's paths, so that
//! clients of others decode at once. It takes no writes.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde_json::{Value, json};
use tokio::net::TcpListener;

const CONTENT_TYPE: &str = "application/vnd.schemaregistry.v1+json";
const MAX_LOOKUP: usize = 1024 * 1024;

/// A schema as clients ask for it. The same id may stand under several subjects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublishedSchema {
    pub id: u32,
    /// `<topic>-value` or `<topic>-key`.
    pub subject: String,
    pub version: u32,
    /// The Avro schema as JSON.
    pub schema: String,
}

type Schemas = Arc<Vec<PublishedSchema>>;

/// Serves until `stopped` changes or its sender is gone.
pub async fn serve_registry(
    listener: TcpListener,
    schemas: Vec<PublishedSchema>,
    mut stopped: tokio::sync::watch::Receiver<bool>,
) -> std::io::Result<()> {
    axum::serve(listener, router(schemas))
        .with_graceful_shutdown(async move {
            let _ = stopped.wait_for(|stop| *stop).await;
        })
        .await
}

fn router(schemas: Vec<PublishedSchema>) -> Router {
    Router::new()
        .route("/", get(|| async { ok(json!({})) }))
        .route("/schemas/types", get(|| async { ok(json!(["AVRO"])) }))
        .route("/schemas/ids/{id}", get(by_id))
        .route("/schemas/ids/{id}/schema", get(plain_by_id))
        .route("/schemas/ids/{id}/versions", get(versions_of_id))
        .route("/schemas/ids/{id}/subjects", get(subjects_of_id))
        .route("/subjects", get(subjects))
        .route("/subjects/{subject}", get(not_found).post(look_up))
        .route("/subjects/{subject}/versions", get(versions))
        .route("/subjects/{subject}/versions/{version}", get(one_version))
        .route(
            "/subjects/{subject}/versions/{version}/schema",
            get(plain_version),
        )
        .route("/config", get(config))
        .route("/config/{subject}", get(config))
        .route("/mode", get(mode))
        .route("/mode/{subject}", get(mode))
        .method_not_allowed_fallback(read_only)
        .fallback(not_found)
        .with_state(Arc::new(schemas))
}

fn ok(body: Value) -> Response {
    ([(header::CONTENT_TYPE, CONTENT_TYPE)], body.to_string()).into_response()
}

fn error(status: StatusCode, code: u32, message: &str) -> Response {
    let body = json!({"error_code": code, "message": message}).to_string();
    (status, [(header::CONTENT_TYPE, CONTENT_TYPE)], body).into_response()
}

fn unknown_subject(subject: &str) -> Response {
    error(
        StatusCode::NOT_FOUND,
        40401,
        &format!("Subject '{subject}' not found."),
    )
}

async fn not_found(uri: Uri) -> Response {
    error(
        StatusCode::NOT_FOUND,
        404,
        &format!("HTTP 404 Not Found: {}", uri.path()),
    )
}

async fn read_only(method: Method) -> Response {
    error(
        StatusCode::FORBIDDEN,
        403,
        &format!(
            "{method} is refused: this registry is read-only, its schemas are compiled into the program"
        ),
    )
}

async fn config() -> Response {
    ok(json!({"compatibilityLevel": "FULL_TRANSITIVE"}))
}

async fn mode() -> Response {
    ok(json!({"mode": "READONLY"}))
}

fn with_id(schemas: &Schemas, id: &str) -> Result<Vec<PublishedSchema>, Box<Response>> {
    let found: Vec<_> = schemas
        .iter()
        .filter(|schema| id.parse() == Ok(schema.id))
        .cloned()
        .collect();
    if found.is_empty() {
        let message = format!("Schema {id} not found");
        return Err(Box::new(error(StatusCode::NOT_FOUND, 40403, &message)));
    }
    Ok(found)
}

async fn by_id(State(schemas): State<Schemas>, Path(id): Path<String>) -> Response {
    match with_id(&schemas, &id) {
        Ok(found) => ok(json!({"schema": found[0].schema})),
        Err(response) => *response,
    }
}

async fn plain_by_id(State(schemas): State<Schemas>, Path(id): Path<String>) -> Response {
    match with_id(&schemas, &id) {
        Ok(found) => plain(&found[0]),
        Err(response) => *response,
    }
}

async fn versions_of_id(State(schemas): State<Schemas>, Path(id): Path<String>) -> Response {
    match with_id(&schemas, &id) {
        Ok(found) => ok(found
            .iter()
            .map(|schema| json!({"subject": schema.subject, "version": schema.version}))
            .collect()),
        Err(response) => *response,
    }
}

async fn subjects_of_id(State(schemas): State<Schemas>, Path(id): Path<String>) -> Response {
    match with_id(&schemas, &id) {
        Ok(found) => ok(found.iter().map(|schema| json!(schema.subject)).collect()),
        Err(response) => *response,
    }
}

async fn subjects(State(schemas): State<Schemas>) -> Response {
    let mut names: Vec<&str> = schemas
        .iter()
        .map(|schema| schema.subject.as_str())
        .collect();
    names.sort_unstable();
    names.dedup();
    ok(json!(names))
}

fn of_subject<'a>(
    schemas: &'a Schemas,
    subject: &str,
) -> Result<Vec<&'a PublishedSchema>, Box<Response>> {
    let mut found: Vec<_> = schemas
        .iter()
        .filter(|schema| schema.subject == subject)
        .collect();
    found.sort_by_key(|schema| schema.version);
    if found.is_empty() {
        return Err(Box::new(unknown_subject(subject)));
    }
    Ok(found)
}

async fn versions(State(schemas): State<Schemas>, Path(subject): Path<String>) -> Response {
    match of_subject(&schemas, &subject) {
        Ok(found) => ok(found.iter().map(|schema| json!(schema.version)).collect()),
        Err(response) => *response,
    }
}

fn version_of<'a>(
    schemas: &'a Schemas,
    subject: &str,
    version: &str,
) -> Result<&'a PublishedSchema, Box<Response>> {
    let found = of_subject(schemas, subject)?;
    let wanted = match version {
        "latest" | "-1" => found.last().copied(),
        number => {
            let Some(number) = number.parse::<u32>().ok().filter(|number| *number > 0) else {
                let message =
                    format!("The specified version '{number}' is not a valid version id.");
                return Err(Box::new(error(
                    StatusCode::UNPROCESSABLE_ENTITY,
                    42202,
                    &message,
                )));
            };
            found.into_iter().find(|schema| schema.version == number)
        }
    };
    wanted.ok_or_else(|| {
        let message = format!("Version {version} not found.");
        Box::new(error(StatusCode::NOT_FOUND, 40402, &message))
    })
}

async fn one_version(
    State(schemas): State<Schemas>,
    Path((subject, version)): Path<(String, String)>,
) -> Response {
    match version_of(&schemas, &subject, &version) {
        Ok(schema) => ok(full(schema)),
        Err(response) => *response,
    }
}

async fn plain_version(
    State(schemas): State<Schemas>,
    Path((subject, version)): Path<(String, String)>,
) -> Response {
    match version_of(&schemas, &subject, &version) {
        Ok(schema) => plain(schema),
        Err(response) => *response,
    }
}

fn full(schema: &PublishedSchema) -> Value {
    json!({
        "subject": schema.subject,
        "version": schema.version,
        "id": schema.id,
        "schema": schema.schema,
    })
}

fn plain(schema: &PublishedSchema) -> Response {
    (
        [(header::CONTENT_TYPE, CONTENT_TYPE)],
        schema.schema.clone(),
    )
        .into_response()
}

/// POST of a schema: under which id is it known? Equal as JSON is equal.
async fn look_up(
    State(schemas): State<Schemas>,
    Path(subject): Path<String>,
    body: axum::body::Body,
) -> Response {
    let found = match of_subject(&schemas, &subject) {
        Ok(found) => found,
        Err(response) => return *response,
    };
    let asked = axum::body::to_bytes(body, MAX_LOOKUP)
        .await
        .ok()
        .and_then(|bytes| serde_json::from_slice::<Value>(&bytes).ok())
        .and_then(|request| serde_json::from_str::<Value>(request.get("schema")?.as_str()?).ok());
    let Some(asked) = asked else {
        return error(
            StatusCode::UNPROCESSABLE_ENTITY,
            42201,
            "Invalid schema: expected {\"schema\": \"…\"} with Avro as JSON",
        );
    };
    found
        .into_iter()
        .find(|schema| {
            serde_json::from_str::<Value>(&schema.schema).is_ok_and(|known| known == asked)
        })
        .map_or_else(
            || error(StatusCode::NOT_FOUND, 40403, "Schema not found"),
            |schema| ok(full(schema)),
        )
}
