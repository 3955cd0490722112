//! Bearer tokens: with a key configured, a person sees and places only their own orders.

use std::sync::Arc;

use axum::extract::{FromRequestParts, Request, State};
use axum::http::header;
use axum::http::request::Parts;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use chassis::Configuration;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode};
use serde::Deserialize;

use crate::http::problem::Problem;
use crate::order::UserId;

/// A shorter secret could be found by trying (RFC 7518, section 3.2).
const MIN_SECRET_BYTES: usize = 32;
/// An uncompressed point of P-256: a tag and two coordinates (SEC 1, section 2.3.3).
const P256_POINT_BYTES: usize = 65;
/// Clocks differ.
const LEEWAY_SECONDS: u64 = 30;

/// Checks JSON Web Tokens: one algorithm, decided by the key; `exp`, `aud`, `iss` and `sub` required.
pub struct TokenCheck {
    key: DecodingKey,
    validation: Validation,
}

impl std::fmt::Debug for TokenCheck {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TokenCheck")
    }
}

#[derive(Deserialize)]
struct Claims {
    sub: String,
}

impl TokenCheck {
    /// None: no key is configured, everybody may do everything.
    pub(super) fn read(configuration: &mut Configuration) -> Option<Self> {
        let secret = configuration.read("AUTH_JWT_SECRET", None, |secret| {
            let long_enough = secret.len() >= MIN_SECRET_BYTES;
            long_enough.then(|| Some(secret.to_owned())).ok_or(format!("must have at least {MIN_SECRET_BYTES} bytes"))
        });
        let public_key = configuration.read("AUTH_JWT_PUBLIC_KEY_FILE", None, |file| read_public_key(file).map(Some));
        let audience = configuration.text("AUTH_JWT_AUDIENCE", "");
        let issuer = configuration.text("AUTH_JWT_ISSUER", "");
        let (key, algorithm) = match (secret, public_key) {
            (None, None) => {
                let is_set = |name| configuration.is_set(name);
                let wanted = is_set("AUTH_JWT_AUDIENCE") || is_set("AUTH_JWT_ISSUER");
                // A key that cannot be used has been told of already.
                if wanted && !is_set("AUTH_JWT_SECRET") && !is_set("AUTH_JWT_PUBLIC_KEY_FILE") {
                    let missing = "must be set, or AUTH_JWT_PUBLIC_KEY_FILE, where AUTH_JWT_AUDIENCE or AUTH_JWT_ISSUER \
                                   is: without a key no token is checked";
                    configuration.refuse("AUTH_JWT_SECRET", missing);
                }
                return None;
            }
            (Some(secret), None) => (DecodingKey::from_secret(secret.as_bytes()), Algorithm::HS256),
            (None, Some(public_key)) => public_key,
            (Some(_), Some(_)) => {
                configuration.refuse("AUTH_JWT_SECRET", "must not be set beside AUTH_JWT_PUBLIC_KEY_FILE");
                return None;
            }
        };
        for (name, value) in [("AUTH_JWT_AUDIENCE", &audience), ("AUTH_JWT_ISSUER", &issuer)] {
            if value.is_empty() {
                configuration.refuse(name, "must be set when tokens are checked");
            }
        }
        let mut validation = Validation::new(algorithm);
        validation.set_required_spec_claims(&["exp", "aud", "iss", "sub"]);
        validation.set_audience(&[audience]);
        validation.set_issuer(&[issuer]);
        validation.validate_nbf = true;
        validation.leeway = LEEWAY_SECONDS;
        Some(Self { key, validation })
    }

    fn subject(&self, request: &Request) -> Option<UserId> {
        let value = request.headers().get(header::AUTHORIZATION)?.to_str().ok()?;
        let (scheme, token) = value.split_once(' ')?;
        if !scheme.eq_ignore_ascii_case("bearer") {
            return None;
        }
        let token = decode::<Claims>(token.trim(), &self.key, &self.validation);
        token.ok()?.claims.sub.parse().ok()
    }
}

/// The key's kind decides on the algorithm, never the token.
fn read_public_key(file: &str) -> Result<(DecodingKey, Algorithm), String> {
    let pem = std::fs::read_to_string(file).map_err(|error| format!("the file cannot be read: {error}"))?;
    if pem.contains("PRIVATE KEY") {
        return Err("the file holds a private key; it belongs to who signs the tokens, give the public one".to_owned());
    }
    DecodingKey::from_rsa_pem(pem.as_bytes())
        .map(|key| (key, Algorithm::RS256))
        .or_else(|_| DecodingKey::from_ec_pem(pem.as_bytes()).map(|key| (key, Algorithm::ES256)))
        .or_else(|_| DecodingKey::from_ed_pem(pem.as_bytes()).map(|key| (key, Algorithm::EdDSA)))
        .ok()
        .filter(|(key, algorithm)| *algorithm != Algorithm::ES256 || is_on_p256(key))
        .ok_or_else(|| "the file must hold an RSA, P-256 or Ed25519 public key in PEM".to_owned())
}

/// Other curves have the same kind of key and longer points; no token could ever be valid with one.
fn is_on_p256(key: &DecodingKey) -> bool {
    key.try_get_as_bytes().is_ok_and(|point| point.len() == P256_POINT_BYTES)
}

pub(super) async fn check(State(check): State<Arc<TokenCheck>>, mut request: Request, next: Next) -> Response {
    match check.subject(&request) {
        Some(user_id) => {
            request.extensions_mut().insert(Caller(Some(user_id)));
            next.run(request).await
        }
        None => Problem::unauthenticated().into_response(),
    }
}

/// Who the token says is calling; nobody in particular where tokens are not checked.
#[derive(Clone, Debug)]
pub(crate) struct Caller(Option<UserId>);

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        Ok(parts.extensions.get::<Self>().cloned().unwrap_or(Self(None)))
    }
}

impl Caller {
    /// Whether the caller may act for, and see what belongs to, `user_id`.
    pub(crate) fn may_act_for(&self, user_id: &UserId) -> bool {
        self.0.as_ref().is_none_or(|caller| caller == user_id)
    }

    /// Whose orders the caller sees; none: everybody's.
    pub(crate) fn restricted_to(&self) -> Option<&UserId> {
        self.0.as_ref()
    }

    /// The caller's own idempotency keys are not those of others.
    pub(crate) fn own_key(&self, key: String) -> String {
        match &self.0 {
            Some(caller) => format!("{}:{}:{key}", caller.as_str().len(), caller.as_str()),
            None => key,
        }
    }
}
