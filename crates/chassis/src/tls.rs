//! One TLS library, rustls with ring, for every HTTP client that looks for the process's own.

/// Makes it the process's. Somebody else may have done so before.
pub fn install_provider() {
    let _ = rustls::crypto::ring::default_provider().install_default();
}
