//! The CloudEvents envelope.

use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize, Serializer};
use uuid::Uuid;

const SPECVERSION: &str = "1.0";
const JSON: &str = "application/json";

/// The events of one queue, tagged by their `type`.
pub trait Payload: Serialize + DeserializeOwned {
    /// Every `type` that this reader knows.
    const TYPES: &'static [&'static str];

    /// The order that the event is about; the envelope's `subject`.
    fn subject(&self) -> Uuid;

    /// What makes the values unusable although they have the right shape.
    fn fault(&self) -> Option<String> {
        None
    }
}

/// A CloudEvent: <https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md>.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event<P> {
    specversion: String,
    /// Unique for its `source`: the same event sent twice has the same id.
    pub id: Uuid,
    /// The service that tells it.
    pub source: String,
    /// The order id.
    pub subject: Uuid,
    /// When it happened; written with three decimals, as the times of the API are.
    #[serde(serialize_with = "in_milliseconds")]
    pub time: Timestamp,
    datacontenttype: String,
    /// `type` and `data`.
    #[serde(flatten)]
    pub payload: P,
}

/// Why a body is not an event that this reader can act on. Its `Display` quotes at most one unusable value, never the body.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// Not JSON, or without the attributes that CloudEvents requires.
    #[error("the body is not a CloudEvent in structured JSON: {0}")]
    Malformed(String),
    /// Another version of CloudEvents.
    #[error("CloudEvents {0:?} is not supported, only 1.0")]
    UnknownSpecversion(String),
    /// A type, or a version of one, that this reader does not know.
    #[error("the event type {0:?} is not known here")]
    UnknownType(String),
    /// A known type whose data does not fit it.
    #[error("the data does not fit the event type: {0}")]
    UnusableData(String),
}

impl<P: Payload> Event<P> {
    /// An event of `source` that happened at `time`. What is told again must have the `id` of the first time, so that it
    /// is recognised as the same event.
    pub fn new(id: Uuid, source: &str, time: Timestamp, payload: P) -> Self {
        Self {
            specversion: SPECVERSION.to_owned(),
            id,
            source: source.to_owned(),
            subject: payload.subject(),
            time,
            datacontenttype: JSON.to_owned(),
            payload,
        }
    }

    /// The message body.
    pub fn encode(&self) -> String {
        // Strings, numbers and ids only: there is nothing in it that JSON cannot hold.
        let json = serde_json::to_string(self).unwrap_or_default();
        // The two characters that JSON allows and SQS does not; in JSON they can only stand inside a string.
        json.replace('\u{fffe}', "\\ufffe").replace('\u{ffff}', "\\uffff")
    }

    /// Reads a message body. Fields that are not known are ignored; types that are not known are not.
    pub fn decode(body: &str) -> Result<Self, DecodeError> {
        let event: Self = serde_json::from_str(body).map_err(|error| Self::why_not(body, &error))?;
        if event.specversion != SPECVERSION {
            return Err(DecodeError::UnknownSpecversion(shortened(event.specversion)));
        }
        if let Some(fault) = event.payload.fault() {
            return Err(DecodeError::UnusableData(fault));
        }
        if event.subject != event.payload.subject() {
            return Err(DecodeError::UnusableData("subject and orderId differ".to_owned()));
        }
        Ok(event)
    }

    /// What is wrong with a body that is no event of this reader's. Only here it is read a second time.
    fn why_not(body: &str, error: &serde_json::Error) -> DecodeError {
        #[derive(Deserialize)]
        struct Header {
            specversion: String,
            r#type: String,
        }
        match serde_json::from_str::<Header>(body) {
            Err(error) => DecodeError::Malformed(place(&error)),
            Ok(header) if header.specversion != SPECVERSION => {
                DecodeError::UnknownSpecversion(shortened(header.specversion))
            }
            Ok(header) if !P::TYPES.contains(&header.r#type.as_str()) => {
                DecodeError::UnknownType(shortened(header.r#type))
            }
            Ok(_) => DecodeError::UnusableData(error.to_string()),
        }
    }
}

impl DecodeError {
    /// A stable word for scripts and metrics.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Malformed(_) | Self::UnusableData(_) => "undecodable",
            Self::UnknownSpecversion(_) | Self::UnknownType(_) => "unknown-type",
        }
    }
}

fn in_milliseconds<S: Serializer>(time: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&format_args!("{time:.3}"))
}

/// Where reading stopped, without what stood there.
fn place(error: &serde_json::Error) -> String {
    let what = match error.classify() {
        serde_json::error::Category::Data => "an attribute is missing or of the wrong type",
        _ => "not JSON",
    };
    format!("{what} (line {}, column {})", error.line(), error.column())
}

/// Not all of what may be long; how it is quoted escapes what cannot be shown.
fn shortened(text: String) -> String {
    text.chars().take(64).collect()
}
