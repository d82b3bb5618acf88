//! Whom we believe to be the relay.

use std::path::Path;
use std::sync::Arc;

use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto};

use super::TransportError;

/// The certificates in a PEM file, such as that of a relay's own authority.
pub(super) fn read_roots(path: &Path) -> Result<Vec<CertificateDer<'static>>, TransportError> {
    let roots: Result<Vec<_>, _> = CertificateDer::pem_file_iter(path).and_then(Iterator::collect);
    match roots {
        Ok(roots) if !roots.is_empty() => {
            store_of(&roots)?;
            Ok(roots)
        }
        _ => Err(TransportError(
            "the file of authorities holds no certificate in PEM",
        )),
    }
}

fn store_of(roots: &[CertificateDer<'static>]) -> Result<RootCertStore, TransportError> {
    if roots.is_empty() {
        return Ok(RootCertStore {
            roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
        });
    }
    let mut store = RootCertStore::empty();
    for root in roots {
        store
            .add(root.clone())
            .map_err(|_| TransportError("a certificate of an authority cannot be used"))?;
    }
    Ok(store)
}

/// Verifies name and chain: by `roots`, or by the authorities that browsers believe when there are none.
pub(super) fn connector(roots: &[CertificateDer<'static>]) -> Result<TlsConnector, String> {
    let store = store_of(roots).map_err(|error| error.to_string())?;
    let config = ClientConfig::builder_with_provider(Arc::new(crypto::aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(store)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}
