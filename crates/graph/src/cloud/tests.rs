//! Unit tests of `cloud`.

use super::*;

#[test]
fn plain_http_only_to_this_machine() {
    for good in [
        "http://127.0.0.1:8080",
        "http://[::1]:1/",
        "http://localhost:9",
        "https://graph.example",
    ] {
        assert!(Cloud::custom(good, good).is_ok(), "{good}");
    }
    for bad in [
        "http://graph.example",
        "http://127.0.0.1.example",
        "http://localhost.example",
        "http://10.0.0.1",
    ] {
        assert!(
            matches!(Cloud::custom(bad, bad), Err(CloudError::PlainHttp { .. })),
            "{bad}"
        );
    }
    for bad in [
        "",
        "graph.example",
        "ftp://x",
        "https://u:p@x",
        "https://x/?a",
    ] {
        assert!(
            matches!(Cloud::custom(bad, bad), Err(CloudError::BadAddress { .. })),
            "{bad}"
        );
    }
}

#[test]
fn settings_name_the_five_clouds() {
    for (name, graph) in [
        ("global", "https://graph.microsoft.com/"),
        ("us-gov", "https://graph.microsoft.us/"),
        ("us-dod", "https://dod-graph.microsoft.us/"),
        ("china", "https://microsoftgraph.chinacloudapi.cn/"),
    ] {
        let cloud = Cloud::from_settings(name, None, None).unwrap();
        assert_eq!(cloud.graph_url().as_str(), graph);
        assert_eq!(cloud.graph_base().as_str(), format!("{graph}v1.0/"));
    }
    assert_eq!(
        Cloud::from_settings("custom", Some("https://a.example"), None),
        Err(CloudError::Missing("microsoft.graph_url"))
    );
    assert!(matches!(
        Cloud::from_settings("Global", None, None),
        Err(CloudError::UnknownCloud(_))
    ));
}
