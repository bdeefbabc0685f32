//! DynamoDB in this process: the table from its one definition, kept in a file, seeded with the samples.

use std::net::SocketAddr;
use std::path::Path;

use anyhow::{Context, Result, anyhow};
use dynoxide::Database;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// The table's name on the local stack.
pub const TABLE: &str = "ringdown";

/// The running emulator. Dropping it closes the port; the file stays.
#[derive(Debug)]
pub struct LocalDatabase {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    server: JoinHandle<()>,
}

impl LocalDatabase {
    /// Opens `file`, serves it on a free port and creates the table if it is not there.
    ///
    /// # Errors
    /// When the file cannot be opened or the table not created.
    pub async fn start(file: &Path) -> Result<Self> {
        let path = file.to_str().context("the database's path is not UTF-8")?;
        let database = Database::new(path).map_err(|error| anyhow!("cannot open {path}: {error:?}"))?;
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.context("no free port for DynamoDB")?;
        let address = listener.local_addr()?;
        let (stop, stopped) = oneshot::channel();
        let server = tokio::spawn(async move {
            let stopped = async {
                // A dropped sender stops it too.
                let _ = stopped.await;
            };
            if let Err(error) = dynoxide::server::serve_with_shutdown(listener, database, stopped).await {
                tracing::error!(%error, "DynamoDB's emulator ended");
            }
        });
        let running = Self { address, stop: Some(stop), server };
        store::table::create_table(&running.client(), TABLE).await.context("cannot create the table")?;
        Ok(running)
    }

    /// The endpoint for `AWS_ENDPOINT_URL_DYNAMODB`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// A client of it.
    #[must_use]
    pub fn client(&self) -> aws_sdk_dynamodb::Client {
        store::client::local(&self.url())
    }
}

impl Drop for LocalDatabase {
    fn drop(&mut self) {
        drop(self.stop.take());
        self.server.abort();
    }
}
