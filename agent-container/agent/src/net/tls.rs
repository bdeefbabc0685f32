//! The process's one TLS set-up: rustls on ring, the machine's own certificates, sessions resumed.

use std::sync::{Arc, OnceLock};

use rustls::{ClientConfig, RootCertStore};
use tracing::warn;

static PLAIN: OnceLock<Arc<ClientConfig>> = OnceLock::new();

/// Makes ring the process's provider. Call once, before the first connection.
pub fn install_provider() {
    // Fails only when one is installed already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

/// The shared client set-up without ALPN, as WebSockets want it. The first call reads the certificates.
pub fn client_config() -> Arc<ClientConfig> {
    Arc::clone(PLAIN.get_or_init(|| {
        install_provider();
        let mut roots = RootCertStore::empty();
        let found = rustls_native_certs::load_native_certs();
        let (added, ignored) = roots.add_parsable_certificates(found.certs);
        if added == 0 {
            warn!(ignored, errors = found.errors.len(), "no root certificates: TLS connections will fail");
        }
        Arc::new(ClientConfig::builder().with_root_certificates(roots).with_no_client_auth())
    }))
}

/// As [`client_config`], offering HTTP/2 before HTTP/1.1.
pub fn http_config() -> ClientConfig {
    let mut config = ClientConfig::clone(&client_config());
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    config
}
