//! Who may do what.

use passerby_preview::{PreviewError, PreviewServer, PreviewSettings};
use serde_json::{Value, json};

use crate::client::{change, get, send};
use crate::site::{Site, settings};

const TOKEN: &str = "correct-horse-battery";

fn secured() -> Site {
    Site::with(PreviewSettings { token: Some(TOKEN.into()), ..settings() }, None, None)
}

#[test]
fn without_the_token_only_the_page_and_health_are_answered() {
    let site = secured();
    for path in ["/api/info", "/api/cameras", "/api/persons", "/metrics", "/api/events"] {
        assert_eq!(get(site.address, path).status, 401, "{path}");
    }
    assert_eq!((get(site.address, "/").status, get(site.address, "/health").status), (200, 200));
    let bearer = format!("Authorization: Bearer {TOKEN}\r\n");
    assert_eq!(send(site.address, "GET", "/api/info", &bearer, b"").status, 200);
    let _ = site.stop();
}

#[test]
fn the_token_in_the_address_becomes_a_cookie() {
    let site = secured();
    let answer = get(site.address, &format!("/?token={TOKEN}"));
    assert_eq!(answer.status, 303);
    assert!(
        answer.head.contains("httponly; samesite=strict") && answer.head.contains("location: /"),
        "{}",
        answer.head
    );
    let cookie = format!("Cookie: a=b; passerby_token={TOKEN}\r\n");
    assert_eq!(send(site.address, "GET", "/api/info", &cookie, b"").status, 200);
    let wrong = get(site.address, "/?token=wrong");
    assert!(wrong.status == 303 && !wrong.head.contains("set-cookie"), "{}", wrong.head);
    let _ = site.stop();
}

#[test]
fn wrong_tokens_are_limited() {
    let site = secured();
    let wrong = "Authorization: Bearer correct-horse-batterx\r\n";
    let statuses: Vec<u16> =
        (0..30).map(|_| send(site.address, "GET", "/api/info", wrong, b"").status).collect();
    assert!(statuses.iter().all(|status| [401, 429].contains(status)), "{statuses:?}");
    assert!(statuses.contains(&429), "{statuses:?}");
    let right = format!("Authorization: Bearer {TOKEN}\r\n");
    assert_eq!(
        send(site.address, "GET", "/api/info", &right, b"").status,
        200,
        "its owner is not locked out"
    );
    let _ = site.stop();
}

#[test]
fn a_foreign_host_or_origin_is_refused() {
    let site = Site::new();
    assert_eq!(send(site.address, "GET", "/api/info", "Host: evil.example\r\n", b"").status, 403);
    assert_eq!(send(site.address, "GET", "/api/info", "Origin: http://evil.example\r\n", b"").status, 403);
    assert_eq!(send(site.address, "GET", "/api/info", "Sec-Fetch-Site: cross-site\r\n", b"").status, 403);
    assert_eq!(send(site.address, "GET", "/api/info", "Host: localhost\r\n", b"").status, 200);
    let _ = site.stop();
}

#[test]
fn a_change_needs_an_origin_or_the_bearer() {
    let site = secured();
    let body = json!({ "uri": "test:" }).to_string();
    let cookie = format!("Cookie: passerby_token={TOKEN}\r\n");
    let post = |headers: &str| send(site.address, "POST", "/api/cameras", headers, body.as_bytes()).status;
    assert_eq!(post(&cookie), 403);
    assert_eq!(post(&format!("{cookie}Origin: http://{}\r\n", site.address)), 201);
    assert_eq!(post(&format!("Authorization: Bearer {TOKEN}\r\n")), 201);
    let _ = site.stop();
}

#[test]
fn a_read_only_server_changes_nothing() {
    let site = Site::with(PreviewSettings { editable: false, ..settings() }, None, None);
    assert_eq!(change(site.address, "POST", "/api/cameras", &json!({ "uri": "test:" })).status, 403);
    assert_eq!(change(site.address, "DELETE", "/api/persons/1", &Value::Null).status, 403);
    assert_eq!(get(site.address, "/api/info").json()["editable"], false);
    let _ = site.stop();
}

#[test]
fn every_answer_has_the_headers_that_protect_a_browser() {
    let site = secured();
    for path in ["/", "/health", "/api/info", "/nothing"] {
        let head = get(site.address, path).head;
        for header in
            ["content-security-policy: default-src 'none'", "nosniff", "x-frame-options: deny", "no-store"]
        {
            assert!(head.contains(header), "{path}: {header}: {head}");
        }
    }
    let _ = site.stop();
}

#[test]
fn the_rate_of_requests_is_limited() {
    let site = Site::with(PreviewSettings { max_requests_per_s: 5, ..settings() }, None, None);
    let statuses: Vec<u16> = (0..40).map(|_| get(site.address, "/health").status).collect();
    assert!(statuses.contains(&429) && statuses[0] == 200, "{statuses:?}");
    let _ = site.stop();
}

#[test]
fn one_client_does_not_use_up_the_requests_of_another() {
    if std::net::TcpListener::bind("[::1]:0").is_err() {
        println!("SKIPPED: this machine has no IPv6, and so one loopback address alone");
        return;
    }
    let settings = PreviewSettings {
        address: "[::]:0".parse().unwrap(),
        token: Some(TOKEN.into()),
        max_requests_per_s: 5,
        ..settings()
    };
    let site = Site::with(settings, None, None);
    let port = site.address.port();
    let status = |host: &str| get(format!("{host}:{port}").parse().unwrap(), "/health").status;
    let statuses: Vec<u16> = (0..40).map(|_| status("[::1]")).collect();
    assert!(statuses.contains(&429), "{statuses:?}");
    assert_eq!(status("127.0.0.1"), 200);
    let _ = site.stop();
}

#[test]
fn an_open_address_needs_a_good_token() {
    let site = Site::new();
    let start = |token: Option<&str>| {
        let address = "0.0.0.0:0".parse().unwrap();
        let settings =
            PreviewSettings { address, token: token.map(Into::into), ..PreviewSettings::default() };
        PreviewServer::start(settings, site.sources()).map(drop)
    };
    assert!(matches!(start(None), Err(PreviewError::NoToken(_))));
    assert!(matches!(start(Some("short")), Err(PreviewError::ShortToken(5))));
    assert!(matches!(start(Some("with a space in the middle")), Err(PreviewError::TokenText)));
    assert!(start(Some(TOKEN)).is_ok());
    let text = format!("{:?}", PreviewSettings { token: Some(TOKEN.into()), ..settings() });
    assert!(!text.contains(TOKEN), "{text}");
    let _ = site.stop();
}
