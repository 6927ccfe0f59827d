//! Encrypted connections.

use std::io;
use std::sync::{Arc, OnceLock};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, ClientConnection, DigitallySignedStruct, Error, RootCertStore,
    SignatureScheme,
};

use super::certificates::AcceptedCertificates;

/// Creates a connection to this host, whose certificate must be one of the accepted ones.
pub(crate) fn client(host: &str, accepted: &AcceptedCertificates) -> io::Result<ClientConnection> {
    static SYSTEM: OnceLock<Option<Arc<ClientConfig>>> = OnceLock::new();
    let config = match accepted {
        AcceptedCertificates::System => SYSTEM.get_or_init(|| config(None)).clone(),
        AcceptedCertificates::Named(path) => {
            let read = CertificateDer::from_pem_file(path);
            let wrong = |e| io::Error::other(format!("no certificate in {}: {e}", path.display()));
            config(Some(Some(read.map_err(wrong)?)))
        }
        AcceptedCertificates::Any => config(Some(None)),
    };
    let config = config.ok_or_else(|| io::Error::other("TLS cannot be set up"))?;
    let host = host.trim_matches(['[', ']']).to_owned();
    let name = ServerName::try_from(host).map_err(io::Error::other)?;
    ClientConnection::new(config, name).map_err(io::Error::other)
}

/// Describes the fault of the camera's certificate, with advice. `None` if the error has another cause.
pub(crate) fn certificate_fault(error: &io::Error) -> Option<String> {
    let Error::InvalidCertificate(fault) = error.get_ref()?.downcast_ref::<Error>()? else { return None };
    Some(format!(
        "the camera's certificate is not accepted ({fault:?}): add it to the system's store, or name its PEM file \
         (#certificate=FILE)"
    ))
}

/// Creates the settings. `named` is the only accepted certificate, or accepts every one; without it, the system's store decides.
fn config(named: Option<Option<CertificateDer<'static>>>) -> Option<Arc<ClientConfig>> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider));
    let builder = builder.with_safe_default_protocol_versions().ok()?;
    if let Some(certificate) = named {
        let verifier = Arc::new(NamedCertificate { certificate, provider });
        let builder = builder.dangerous().with_custom_certificate_verifier(verifier);
        return Some(Arc::new(builder.with_no_client_auth()));
    }
    let mut roots = RootCertStore::empty();
    // Certificates that cannot be read are left out.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    Some(Arc::new(builder.with_root_certificates(roots).with_no_client_auth()))
}

/// Accepts one certificate alone, or every one. The camera must still prove that it has the certificate's key.
#[derive(Debug)]
struct NamedCertificate {
    /// `None` accepts every certificate.
    certificate: Option<CertificateDer<'static>>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for NamedCertificate {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if self.certificate.as_ref().is_none_or(|named| named == certificate) {
            return Ok(ServerCertVerified::assertion());
        }
        Err(Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure))
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
