//! With a key configured, a person sees and places only their own orders.

use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use order_service::Settings;
use reqwest::Method;
use serde_json::{Value, json};
use testbed::{Databases, Queues};

use crate::answer::Answer;
use crate::edge::edge;
use crate::{Service, settings};

const SECRET: &str = "0123456789abcdef0123456789abcdef";

const AUDIENCE: (&str, &str) = ("AUTH_JWT_AUDIENCE", "orders");
const ISSUER: (&str, &str) = ("AUTH_JWT_ISSUER", "https://id.example");

async fn service(queues: &Queues, databases: &Databases) -> Service {
    service_with(("AUTH_JWT_SECRET", SECRET), queues, databases).await
}

async fn service_with(key: (&str, &str), queues: &Queues, databases: &Databases) -> Service {
    let mut settings = settings(queues, &databases.create_url().await);
    settings.edge = edge(&[key, AUDIENCE, ISSUER]);
    Service::with(&queues.sqs, settings).await
}

/// A key of these tests, made for nothing else.
fn key_file(name: &str) -> String {
    format!("{}/tests/service/keys/{name}.pem", env!("CARGO_MANIFEST_DIR"))
}

/// A token signed with a private key of these tests.
fn signed(algorithm: Algorithm, key: &str) -> String {
    let pem = std::fs::read(key_file(key)).unwrap();
    let key = match algorithm {
        Algorithm::RS256 | Algorithm::RS384 | Algorithm::PS256 => EncodingKey::from_rsa_pem(&pem),
        Algorithm::ES256 => EncodingKey::from_ec_pem(&pem),
        _ => EncodingKey::from_ed_pem(&pem),
    };
    encode(&Header::new(algorithm), &claims("ann"), &key.unwrap()).unwrap()
}

fn claims(user: &str) -> Value {
    json!({ "sub": user, "aud": "orders", "iss": "https://id.example", "exp": 4_000_000_000_u64 })
}

fn token(claims: &Value) -> String {
    encode(&Header::default(), claims, &EncodingKey::from_secret(SECRET.as_bytes())).unwrap()
}

async fn get(service: &Service, path: &str, token: &str) -> Answer {
    Answer::to(service.request(Method::GET, path).bearer_auth(token)).await
}

async fn place(service: &Service, user: &str, token: &str, key: &str) -> Answer {
    let order = format!(r#"{{"userId":"{user}","total":42.00}}"#);
    Answer::to(service.posting(&order).bearer_auth(token).header("Idempotency-Key", key)).await
}

#[tokio::test]
async fn only_a_whole_and_valid_token_lets_somebody_in() {
    let (queues, databases) = (Queues::start().await, Databases::new());
    let service = service(&queues, &databases).await;
    let without = |claim: &str| {
        let mut claims = claims("ann");
        claims.as_object_mut().unwrap().remove(claim);
        token(&claims)
    };
    let with = |claim: &str, value: Value| {
        let mut claims = claims("ann");
        claims[claim] = value;
        token(&claims)
    };
    let other_key = EncodingKey::from_secret(b"another secret of at least 32 bytes");
    let other_algorithm = Header::new(jsonwebtoken::Algorithm::HS512);
    let unsigned = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhbm4iLCJhdWQiOiJvcmRlcnMifQ.";
    let refused = [
        ("no token", String::new()),
        ("not a token", "a.b.c".to_owned()),
        ("unsigned", unsigned.to_owned()),
        ("another key", encode(&Header::default(), &claims("ann"), &other_key).unwrap()),
        (
            "another algorithm",
            encode(&other_algorithm, &claims("ann"), &EncodingKey::from_secret(SECRET.as_bytes())).unwrap(),
        ),
        ("expired", with("exp", json!(1_000_000_000))),
        ("not yet valid", with("nbf", json!(3_900_000_000_u64))),
        ("another audience", with("aud", json!("payments"))),
        ("another issuer", with("iss", json!("https://evil.example"))),
        ("a sub that is no user id", with("sub", json!(""))),
        ("no exp", without("exp")),
        ("no aud", without("aud")),
        ("no iss", without("iss")),
        ("no sub", without("sub")),
    ];
    for (why, token) in refused {
        let answer = get(&service, "/orders", &token).await;
        assert_eq!(answer.status, 401, "{why}");
        assert_eq!(answer.problem(401)["type"], "urn:problem-type:unauthenticated");
        assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
    }
    assert_eq!(get(&service, "/orders", &token(&claims("ann"))).await.status, 200);
    assert_eq!(service.get("/healthz").await.status, 200, "health checks need no token");
    service.stop().await;
}

#[tokio::test]
async fn a_public_key_lets_in_what_its_private_key_has_signed_and_nothing_else() {
    let (queues, databases) = (Queues::start().await, Databases::new());
    // Whoever knows a public key could use its text as a secret (CVE-2015-9235).
    let confused = |public: &str| {
        let text = std::fs::read(key_file(public)).unwrap();
        encode(&Header::default(), &claims("ann"), &EncodingKey::from_secret(&text)).unwrap()
    };
    let tokens = [
        ("rsa", signed(Algorithm::RS256, "rsa")),
        ("p256", signed(Algorithm::ES256, "p256")),
        ("ed25519", signed(Algorithm::EdDSA, "ed25519")),
    ];
    for (kind, good) in &tokens {
        let public = format!("{kind}.pub");
        let service = service_with(("AUTH_JWT_PUBLIC_KEY_FILE", &key_file(&public)), &queues, &databases).await;
        assert_eq!(get(&service, "/orders", good).await.status, 200, "{kind}");
        let mut bad = vec![confused(&public), signed(Algorithm::RS384, "rsa"), signed(Algorithm::PS256, "rsa")];
        bad.push(signed(Algorithm::RS256, "another-rsa"));
        bad.extend(tokens.iter().filter(|(other, _)| other != kind).map(|(_, token)| token.clone()));
        for (index, token) in bad.iter().enumerate() {
            assert_eq!(get(&service, "/orders", token).await.status, 401, "{kind} {index}");
        }
        service.stop().await;
    }
}

#[tokio::test]
async fn nobody_sees_or_places_the_orders_of_somebody_else() {
    let (queues, databases) = (Queues::start().await, Databases::new());
    let service = service(&queues, &databases).await;
    let (ann, bob) = (token(&claims("ann")), token(&claims("bob")));
    let order = place(&service, "ann", &ann, "key").await.accepted();
    assert_eq!(place(&service, "ann", &bob, "other-key").await.problem(403)["type"], "urn:problem-type:not-yours");
    assert_eq!(get(&service, &format!("/orders/{order}"), &ann).await.status, 200);
    assert_eq!(
        get(&service, &format!("/orders/{order}"), &bob).await.problem(404)["type"],
        "urn:problem-type:unknown-order"
    );
    assert_eq!(get(&service, "/orders", &ann).await.json()["orders"].as_array().unwrap().len(), 1);
    assert_eq!(get(&service, "/orders", &bob).await.json()["orders"], json!([]));
    assert_eq!(get(&service, "/orders?userId=ann", &bob).await.problem(403)["type"], "urn:problem-type:not-yours");
    // A key is its user's own: that somebody else has used the same one neither shows nor hinders.
    let bobs = place(&service, "bob", &bob, "key").await;
    assert_eq!(bobs.header("idempotent-replayed"), None);
    assert_ne!(bobs.accepted(), order);
    service.stop().await;
}

#[tokio::test]
async fn only_its_owner_takes_an_order_back_and_nobody_else_learns_of_it() {
    let (queues, databases) = (Queues::start().await, Databases::new());
    let service = service(&queues, &databases).await;
    let (ann, bob) = (token(&claims("ann")), token(&claims("bob")));
    let cancel = async |order: &str, token: &str, key: Option<&str>| {
        let request = service.request(Method::POST, &format!("/orders/{order}/cancel"));
        let request = if token.is_empty() { request } else { request.bearer_auth(token) };
        Answer::to(key.iter().fold(request, |request, key| request.header("Idempotency-Key", *key))).await
    };
    let anns = place(&service, "ann", &ann, "anns").await.accepted();
    let bobs = place(&service, "bob", &bob, "bobs").await.accepted();
    let pending = get(&service, &format!("/orders/{anns}"), &ann).await;

    assert_eq!(cancel(&anns, "", None).await.problem(401)["type"], "urn:problem-type:unauthenticated");
    // In the words in which one is told of an order that is nowhere.
    let nowhere = "019c1a52-7e3f-7b10-8a43-5b8a0f6c2d11";
    let of_none = cancel(nowhere, &bob, None).await.problem(404).to_string().replace(nowhere, &anns);
    for key in [None, Some("key")] {
        assert_eq!(cancel(&anns, &bob, key).await.problem(404).to_string(), of_none);
    }
    assert_eq!(get(&service, &format!("/orders/{anns}"), &ann).await.text, pending.text);

    // A key is its user's own, and the request that was refused has not used it up.
    let first = cancel(&anns, &ann, Some("key")).await;
    assert_eq!((first.accepted(), first.json()["status"].as_str()), (anns.clone(), Some("CANCELLING")));
    let of_bob = cancel(&bobs, &bob, Some("key")).await;
    assert_eq!((of_bob.accepted(), of_bob.header("idempotent-replayed")), (bobs, None));
    let again = cancel(&anns, &ann, Some("key")).await;
    assert_eq!((again.text, again.headers["idempotent-replayed"].as_bytes()), (first.text, &b"true"[..]));
    assert_eq!(cancel(&anns, &bob, Some("key")).await.problem(404).to_string(), of_none);
    service.stop().await;
}

#[test]
fn a_check_that_could_not_hold_is_refused_at_start() {
    let faults =
        |variables: &[(&str, &str)]| Settings::load(variables.iter().copied().collect()).unwrap_err().to_string();
    assert!(faults(&[("AUTH_JWT_SECRET", "short")]).contains("at least 32 bytes"));
    let incomplete = faults(&[("AUTH_JWT_SECRET", SECRET)]);
    assert!(incomplete.contains("AUTH_JWT_AUDIENCE") && incomplete.contains("AUTH_JWT_ISSUER"), "{incomplete}");
    for key in [&[][..], &[("AUTH_JWT_SECRET", "")], &[("AUTH_JWT_PUBLIC_KEY_FILE", " ")]] {
        for claims in [&[AUDIENCE, ISSUER][..], &[AUDIENCE], &[ISSUER]] {
            let open_to_everybody = faults(&[key, claims].concat());
            assert!(open_to_everybody.starts_with("AUTH_JWT_SECRET: must be set"), "{open_to_everybody}");
        }
    }
    let short = faults(&[("AUTH_JWT_SECRET", "sh0rt"), AUDIENCE, ISSUER]);
    assert!(short.lines().count() == 1 && !short.contains("sh0rt"), "{short}");
    let refused = |file: &str| faults(&[("AUTH_JWT_PUBLIC_KEY_FILE", file), AUDIENCE, ISSUER]);
    let nowhere = refused("/nowhere.pem");
    assert!(nowhere.contains("cannot be read") && !nowhere.contains("nowhere"), "{nowhere}");
    assert!(refused(&key_file("p384.pub")).contains("must hold an RSA, P-256 or Ed25519"));
    assert!(refused(&key_file("rsa")).contains("private key"));
    assert!(refused(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")).contains("must hold"));
}
