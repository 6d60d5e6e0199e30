//! Unit tests of `reqwest_transport`.

use super::*;

#[test]
fn a_ca_file_without_certificates_is_refused() {
    let options = TransportOptions {
        extra_ca_pem: Some(b"not a certificate".to_vec()),
        ..TransportOptions::default()
    };
    assert!(matches!(
        ReqwestTransport::new(options),
        Err(TransportSetupError::CaFile(_))
    ));
}

#[tokio::test]
async fn a_name_that_leads_where_nobody_may_go_is_not_connected_to() {
    let transport = ReqwestTransport::new(TransportOptions {
        reachable: Some(|ip| !ip.is_loopback()),
        ..TransportOptions::default()
    })
    .unwrap();
    let request = Request::post("http://localhost:9/")
        .body(Bytes::new())
        .unwrap();
    let error = transport.send(request, 1).await.unwrap_err();
    let words = format!("{error:?}");
    assert!(words.contains("leads to no public address"), "{words}");
}
