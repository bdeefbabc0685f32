//! The loop of an HTTP function: event in, reply out, whatever happens in between.

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_sdk_dynamodb::Client;
use domain::WallTime;
use lambda_runtime::{Error, LambdaEvent, service_fn};
use store::Store;
use tokio::sync::Mutex;
use tracing::Instrument as _;

use crate::reply::Reply;
use crate::request::{HttpEvent, Request};
use crate::secrets::Secrets;
use crate::settings::{Settings, SettingsError};

/// Longest wait for the table where nobody on the telephone waits.
const PATIENT_STORE_DEADLINE: Duration = Duration::from_millis(3000);

/// What every function is built from.
#[derive(Debug, Clone)]
pub struct Parts {
    /// Environment and secrets.
    pub settings: Settings,
    /// The table's client; cheap to clone.
    pub dynamodb: Client,
}

impl Parts {
    /// Of the environment alone, for functions that need no secret.
    pub async fn from_env() -> Self {
        Self { settings: Settings::from_env(), dynamodb: store::client::connect().await }
    }

    /// The table, with `deadline` for each question to it unless `TABLE_DEADLINE_MS` says otherwise.
    ///
    /// # Errors
    /// Naming the variable that is wrong.
    pub fn store(&self, deadline: Duration) -> Result<Store, SettingsError> {
        let deadline = self.settings.deadline("TABLE_DEADLINE_MS", deadline)?;
        Ok(Store::new(self.dynamodb.clone(), self.settings.table()?).with_deadline(deadline))
    }

    /// The table for functions whom a machine asks: nobody on the telephone waits for the answer.
    ///
    /// # Errors
    /// Naming the variable that is wrong.
    pub fn patient_store(&self) -> Result<Store, SettingsError> {
        self.store(PATIENT_STORE_DEADLINE)
    }

    /// LiveKit, with `deadline` for each question to it unless `LIVEKIT_DEADLINE_MS` says otherwise.
    ///
    /// # Errors
    /// Naming the variable that is wrong.
    pub fn livekit(&self, deadline: Duration) -> Result<livekit::Client, SettingsError> {
        let deadline = self.settings.deadline("LIVEKIT_DEADLINE_MS", deadline)?;
        Ok(livekit::Client::new(self.settings.livekit()?, deadline))
    }
}

/// An HTTP function.
pub trait Function: Sized + Send + Sync + 'static {
    /// When an answer is given without it. Below what the carriers wait: 15 s at Twilio, 5 s at SignalWire.
    const DEADLINE: Duration;

    /// Builds it, at start and whenever a secret has changed.
    ///
    /// # Errors
    /// Naming the variable that is wrong.
    fn build(parts: &Parts) -> Result<Self, SettingsError>;

    /// Answers one request. A refusal is an error, so that nothing is done after it.
    fn serve(&self, request: &Request, now: WallTime) -> impl Future<Output = Result<Reply, Reply>> + Send;

    /// The reply to one request, be it an answer or a refusal.
    fn handle(&self, request: Request, now: WallTime) -> impl Future<Output = Reply> + Send {
        async move {
            match self.serve(&request, now).await {
                Ok(reply) | Err(reply) => reply,
            }
        }
    }

    /// What is answered when it was too slow or panicked.
    fn fallback(path: &str) -> Reply;
}

/// Runs a function until Lambda ends the environment.
///
/// # Errors
/// When a setting is wrong, or the Runtime API is gone.
pub async fn serve<F: Function>() -> Result<(), Error> {
    crate::logging::start();
    let current = Arc::new(Mutex::new(Current::<F>::start().await?));
    let answered = |event: LambdaEvent<HttpEvent>| {
        let current = Arc::clone(&current);
        async move {
            let function = current.lock().await.fresh().await;
            Ok::<Reply, Error>(answer(function, event.payload, now()).await)
        }
    };
    lambda_runtime::run(service_fn(answered)).await
}

/// The wall clock.
pub fn now() -> WallTime {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    WallTime::from_millis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

/// Answers one event: the function's reply, or its fallback when it is too slow or panics.
pub async fn answer<F: Function>(function: Arc<F>, event: HttpEvent, now: WallTime) -> Reply {
    let request = match Request::from_event(event) {
        Ok(request) => request,
        Err(refusal) => return refusal,
    };
    let path = request.path.clone();
    let task = tokio::spawn(async move { function.handle(request, now).await }.in_current_span());
    let abort = task.abort_handle();
    match tokio::time::timeout(F::DEADLINE, task).await {
        Ok(Ok(reply)) => reply,
        Ok(Err(_panicked)) => F::fallback(&path),
        Err(_) => {
            abort.abort();
            tracing::error!(
                { telemetry::field::EVENT } = telemetry::event::CALL_DEGRADED,
                { telemetry::field::CODE } = "deadline",
                "no answer in time"
            );
            F::fallback(&path)
        }
    }
}

/// The function as built from the secrets that are valid now.
struct Current<F> {
    secrets: Secrets,
    parts: Parts,
    function: Arc<F>,
}

impl<F: Function> Current<F> {
    async fn start() -> Result<Self, Error> {
        let env = Settings::from_env();
        let config = store::client::sdk_config().await;
        let mut secrets = Secrets::new(env, &config);
        let parts = Parts { settings: secrets.read().await?, dynamodb: store::client::dynamodb(&config) };
        let function = F::build(&parts).inspect_err(|error| {
            tracing::error!({ telemetry::field::ERROR } = %error, "the function cannot start");
        })?;
        Ok(Self { secrets, parts, function: Arc::new(function) })
    }

    /// The function, built again when a secret has changed. What fails to read or build changes nothing.
    async fn fresh(&mut self) -> Arc<F> {
        if self.secrets.is_stale() {
            let read = self.secrets.read().await;
            if let Err(error) = read.and_then(|settings| self.rebuild(settings)) {
                tracing::error!({ telemetry::field::ERROR } = %error, "the secrets could not be renewed");
            }
        }
        Arc::clone(&self.function)
    }

    fn rebuild(&mut self, settings: Settings) -> Result<(), SettingsError> {
        if settings == self.parts.settings {
            return Ok(());
        }
        let parts = Parts { settings, ..self.parts.clone() };
        self.function = Arc::new(F::build(&parts)?);
        self.parts = parts;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Odd;

    impl Function for Odd {
        const DEADLINE: Duration = Duration::from_millis(50);

        fn build(_: &Parts) -> Result<Self, SettingsError> {
            Ok(Self)
        }

        async fn serve(&self, request: &Request, _: WallTime) -> Result<Reply, Reply> {
            match request.path.as_str() {
                "/panic" => panic!("+15550100199 said something"),
                "/never" => std::future::pending().await,
                "/refused" => Err(Reply::error(403, "no", "no")),
                _ => Ok(Reply::no_content()),
            }
        }

        fn fallback(path: &str) -> Reply {
            Reply::twiml(&carrier::Twiml::goodbye(path, None))
        }
    }

    async fn ask(path: &str) -> Reply {
        let event = serde_json::from_value(serde_json::json!({"rawPath": path})).unwrap();
        answer(Arc::new(Odd), event, now()).await
    }

    #[tokio::test]
    async fn a_panic_or_a_missed_deadline_is_answered_by_the_fallback() {
        for path in ["/panic", "/never"] {
            let reply = ask(path).await;
            assert_eq!(reply.status, 200);
            assert!(reply.body.contains(path) && !reply.body.contains("+1555"));
        }
        assert_eq!(ask("/fine").await.status, 204);
        assert_eq!(ask("/refused").await.status, 403);
    }
}
