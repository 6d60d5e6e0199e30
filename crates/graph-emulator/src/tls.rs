//! Certificates for `--tls`: a certificate authority made at start and one leaf for every host the emulator stands in for.
//! Knows nothing of what is served.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum_server::tls_rustls::RustlsConfig;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, SanType,
};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

/// Hosts real clients have wired in, besides the local ones.
const HOSTS: [&str; 3] = [
    "localhost",
    "graph.microsoft.com",
    "login.microsoftonline.com",
];

/// A server configuration and where its authority's certificate lies.
pub(crate) struct Tls {
    /// The authority's certificate in PEM, for clients to trust.
    pub ca_file: PathBuf,
    pub config: RustlsConfig,
}

/// Why no certificate could be made or written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TlsError {
    #[error("certificate: {0}")]
    Certificate(#[from] rcgen::Error),
    #[error("TLS configuration: {0}")]
    Config(#[from] rustls::Error),
    #[error("{path}: {source}")]
    Write {
        path: PathBuf,
        source: std::io::Error,
    },
}

/// Makes a fresh authority and leaf and writes the authority to `dir/ca.pem`; `dir` is made when missing.
pub(crate) async fn make(dir: &Path) -> Result<Tls, TlsError> {
    let (ca_pem, config) = generate()?;
    let ca_file = dir.join("ca.pem");
    let written = async {
        tokio::fs::create_dir_all(dir).await?;
        tokio::fs::write(&ca_file, ca_pem).await
    };
    written.await.map_err(|source| TlsError::Write {
        path: ca_file.clone(),
        source,
    })?;
    Ok(Tls {
        ca_file,
        config: RustlsConfig::from_config(Arc::new(config)),
    })
}

fn named(name: &str) -> DistinguishedName {
    let mut distinguished = DistinguishedName::new();
    distinguished.push(DnType::CommonName, name);
    distinguished
}

fn generate() -> Result<(String, rustls::ServerConfig), TlsError> {
    let mut authority = CertificateParams::default();
    authority.distinguished_name = named("Graph emulator authority");
    authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let authority_key = KeyPair::generate()?;
    let authority_certificate = authority.self_signed(&authority_key)?;

    let mut leaf = CertificateParams::new(HOSTS.map(String::from))?;
    leaf.distinguished_name = named("Graph emulator");
    leaf.subject_alt_names
        .push(SanType::IpAddress(IpAddr::V4(Ipv4Addr::LOCALHOST)));
    leaf.subject_alt_names
        .push(SanType::IpAddress(IpAddr::V6(Ipv6Addr::LOCALHOST)));
    leaf.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    leaf.use_authority_key_identifier_extension = true;
    let leaf_key = KeyPair::generate()?;
    let issuer = Issuer::new(authority, authority_key);
    let leaf_certificate = leaf.signed_by(&leaf_key, &issuer)?;

    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(leaf_key.serialize_der()));
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![leaf_certificate.der().clone()], key)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok((authority_certificate.pem(), config))
}

#[cfg(test)]
mod tests {
    //! A client that trusts the authority alone reaches every host, and no other.
    #![allow(clippy::unwrap_used)] // a test fails by it

    use rustls::pki_types::pem::PemObject as _;
    use rustls::pki_types::{CertificateDer, ServerName};
    use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConnection};

    use super::*;

    fn handshake(
        roots: &RootCertStore,
        server: &Arc<rustls::ServerConfig>,
        host: &str,
    ) -> Result<(), rustls::Error> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots.clone())
            .with_no_client_auth();
        let name = ServerName::try_from(host.to_owned()).unwrap();
        let mut client = ClientConnection::new(Arc::new(config), name)?;
        let mut server = ServerConnection::new(Arc::clone(server))?;
        while client.is_handshaking() {
            let mut wire = Vec::new();
            client.write_tls(&mut wire).unwrap();
            server.read_tls(&mut wire.as_slice()).unwrap();
            server.process_new_packets()?;
            let mut wire = Vec::new();
            server.write_tls(&mut wire).unwrap();
            client.read_tls(&mut wire.as_slice()).unwrap();
            client.process_new_packets()?;
        }
        Ok(())
    }

    #[test]
    fn clients_that_trust_the_authority_reach_every_host() {
        let (pem, config) = generate().unwrap();
        let mut roots = RootCertStore::empty();
        roots
            .add(CertificateDer::from_pem_slice(pem.as_bytes()).unwrap())
            .unwrap();
        let config = Arc::new(config);
        for host in [
            "localhost",
            "127.0.0.1",
            "::1",
            "graph.microsoft.com",
            "login.microsoftonline.com",
        ] {
            assert!(handshake(&roots, &config, host).is_ok(), "{host}");
        }
        assert!(handshake(&roots, &config, "example.com").is_err());
        let (other, _) = generate().unwrap();
        let mut strangers = RootCertStore::empty();
        strangers
            .add(CertificateDer::from_pem_slice(other.as_bytes()).unwrap())
            .unwrap();
        assert!(handshake(&strangers, &config, "localhost").is_err());
    }
}
