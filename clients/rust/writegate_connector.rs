//! A PowerSync connector for Rust that uploads to writegate.
//!
//! Besides `powersync` it takes `async-trait`, `futures-lite`, `reqwest` with the feature `json`, `serde` and `serde_json`.

use std::collections::HashMap;
use std::pin::pin;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use futures_lite::StreamExt;
use powersync::error::PowerSyncError;
use powersync::{BackendConnector, CrudEntry, CrudTransaction, PowerSyncCredentials, PowerSyncDatabase, UpdateType};
use reqwest::header::RETRY_AFTER;
use reqwest::{Client, Method, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

const MAX_TRANSACTIONS: usize = 50;
const MAX_OPERATIONS: usize = 1000;
const TIMEOUT: Duration = Duration::from_secs(150); // the server may take two minutes
const LONGEST_PAUSE: u64 = 300; // seconds that the server is left alone at most, whatever it asks for
const TOKEN: &str = "/api/auth/token";
const UPLOAD: &str = "/api/data";

/// What an app adds to the connector.
#[async_trait]
pub trait App: Send + Sync {
    /// The token of the app's own session, `None` when nobody is signed in.
    async fn session(&self) -> Option<String>;

    /// Told of a refused transaction before the device forgets it. After an error the transaction stays and comes again.
    async fn refused(&self, crud: &[CrudEntry], result: &Value) -> Result<(), PowerSyncError>;
}

/// Whatever happens, a write leaves the queue only when the server has applied it, or has refused and kept it. Make a new
/// connector for each sign-in.
pub struct WritegateConnector<A: App> {
    db: PowerSyncDatabase,
    url: String,
    app: A,
    http: Client,
    token: Mutex<Option<String>>,
    not_before: Mutex<HashMap<&'static str, Instant>>, // when each path may be asked again
}

#[derive(Deserialize)]
struct Issued {
    token: String,
    endpoint: String,
}

#[derive(Deserialize)]
struct Answer {
    results: Vec<Value>,
}

impl<A: App> WritegateConnector<A> {
    /// `url` is the address of writegate, such as `https://write.example.com`, without a slash at the end.
    pub fn new(db: PowerSyncDatabase, url: impl Into<String>, app: A) -> Self {
        Self { db, url: url.into(), app, http: Client::new(), token: Mutex::new(None), not_before: Mutex::default() }
    }

    fn keep(&self, token: Option<String>) {
        *self.token.lock().unwrap() = token;
    }

    async fn send(&self, body: &Value) -> Result<(StatusCode, String), PowerSyncError> {
        let (status, text) = self.post(body).await?;
        if status != StatusCode::UNAUTHORIZED {
            return Ok((status, text));
        }
        self.post(body).await
    }

    async fn post(&self, body: &Value) -> Result<(StatusCode, String), PowerSyncError> {
        let have = self.token.lock().unwrap().clone();
        let token = match have {
            Some(token) => token,
            None => self.fetch_credentials().await?.token,
        };
        let answer = self.ask(UPLOAD, &token, Some(body)).await?;
        // With 403 the token lacks what the policy requires, and the next one may have it.
        if answer.0 == StatusCode::UNAUTHORIZED || answer.0 == StatusCode::FORBIDDEN {
            let mut current = self.token.lock().unwrap();
            current.take_if(|t| *t == token); // the SDK may have a newer one already
        }
        Ok(answer)
    }

    async fn ask(
        &self,
        path: &'static str,
        token: &str,
        body: Option<&Value>,
    ) -> Result<(StatusCode, String), PowerSyncError> {
        let until = self.not_before.lock().unwrap().get(path).copied();
        if until.is_some_and(|until| Instant::now() < until) {
            return Err(fault(format!("{path}: the server asks to be left alone for a while")));
        }
        let url = format!("{}{path}", self.url);
        let request = match body {
            Some(body) => self.http.request(Method::POST, url).json(body),
            None => self.http.request(Method::GET, url),
        };
        let response = request.bearer_auth(token).timeout(TIMEOUT).send().await.map_err(fault)?;
        let status = response.status();
        let pause = response.headers().get(RETRY_AFTER).and_then(|v| v.to_str().ok()?.parse().ok());
        let until = Instant::now() + Duration::from_secs(pause.unwrap_or(0).min(LONGEST_PAUSE));
        self.not_before.lock().unwrap().insert(path, until);
        Ok((status, response.text().await.map_err(fault)?))
    }

    async fn device(&self) -> Result<String, PowerSyncError> {
        let reader = self.db.reader().await?;
        Ok(reader.query_row("SELECT powersync_client_id()", [], |row| row.get(0))?)
    }
}

#[async_trait]
impl<A: App> BackendConnector for WritegateConnector<A> {
    async fn fetch_credentials(&self) -> Result<PowerSyncCredentials, PowerSyncError> {
        let Some(own) = self.app.session().await else {
            self.keep(None);
            return Err(fault("token: nobody is signed in"));
        };
        let (status, text) = self.ask(TOKEN, &own, None).await?;
        if status != StatusCode::OK {
            return Err(fault(format!("token: {status}: {text:.300}")));
        }
        let Issued { token, endpoint } = serde_json::from_str(&text)?;
        self.keep(Some(token.clone()));
        Ok(PowerSyncCredentials { endpoint, token })
    }

    async fn upload_data(&self) -> Result<(), PowerSyncError> {
        let mut sent: Vec<CrudTransaction<'_>> = vec![];
        let mut operations = 0;
        let mut queue = pin!(self.db.crud_transactions());
        while sent.len() < MAX_TRANSACTIONS && operations < MAX_OPERATIONS {
            let Some(transaction) = queue.try_next().await? else {
                break;
            };
            operations += transaction.crud.len();
            sent.push(transaction);
        }
        if sent.is_empty() {
            return Ok(());
        }

        let device = self.device().await?;
        let (mut status, mut text) = self.send(&upload(&device, &sent)).await?;
        while status == StatusCode::PAYLOAD_TOO_LARGE && sent.len() > 1 {
            sent.truncate(sent.len().div_ceil(2)); // too much at once; the rest comes later
            (status, text) = self.send(&upload(&device, &sent)).await?;
        }
        if status != StatusCode::OK {
            return Err(fault(format!("upload: {status}: {text:.300}")));
        }
        let Answer { results } = serde_json::from_str(&text)?;
        if results.len() != sent.len() {
            return Err(fault("upload: the answer is not one of writegate"));
        }
        let mut settled = None;
        let mut outcome = Ok(());
        for (transaction, result) in sent.into_iter().zip(&results) {
            let refused = result["status"] == "fatal_error" && result["requires_client_handling"] == false;
            if result["status"] != "success" && !refused {
                break;
            }
            if refused {
                outcome = self.app.refused(&transaction.crud, result).await;
                if outcome.is_err() {
                    break;
                }
            }
            settled = Some(transaction);
        }
        match settled {
            Some(transaction) => transaction.complete().await?, // this one and all before it
            None if outcome.is_ok() => return Err(fault(format!("upload: {}", results[0]))),
            None => {}
        }
        outcome
    }
}

fn upload(device: &str, sent: &[CrudTransaction<'_>]) -> Value {
    json!({
        "client_id": device,
        "transactions": sent.iter().map(|t| json!({
            "transaction_id": t.id, "crud": t.crud.iter().map(operation).collect::<Vec<_>>(),
        })).collect::<Vec<_>>(),
    })
}

fn operation(entry: &CrudEntry) -> Value {
    json!({
        "op_id": entry.client_id,
        "tx_id": entry.transaction_id,
        "op": match entry.update_type {
            UpdateType::Put => "PUT",
            UpdateType::Patch => "PATCH",
            UpdateType::Delete => "DELETE",
        },
        "table": entry.table,
        "id": entry.id,
        "data": entry.data,
        "old": entry.previous_values,
        "metadata": entry.metadata,
    })
}

/// The SDK has no error that others may make but that of JSON. It keeps the writes and tries again.
fn fault(message: impl std::fmt::Display) -> PowerSyncError {
    <serde_json::Error as serde::ser::Error>::custom(message).into()
}
