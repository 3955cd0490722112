//! The digests by which senders and receivers know that a message arrived whole.

use ::md5::{Digest, Md5};

use crate::core::{Attribute, Value};

pub(crate) fn of_text(text: &str) -> [u8; 16] {
    Md5::digest(text.as_bytes()).into()
}

/// Of attributes in the order of their names
/// (<https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-message-metadata.html#sqs-attributes-md5-message-digest-calculation>).
pub(crate) fn of_attributes<'a>(attributes: impl Iterator<Item = &'a Attribute>) -> [u8; 16] {
    let mut md5 = Md5::new();
    let mut part = |kind: Option<u8>, bytes: &[u8]| {
        md5.update(kind.as_slice());
        md5.update((bytes.len() as u32).to_be_bytes());
        md5.update(bytes);
    };
    for Attribute { name, data_type, value } in attributes {
        part(None, name.as_bytes());
        part(None, data_type.as_bytes());
        match value {
            Value::Text(text) => part(Some(1), text.as_bytes()),
            Value::Binary(bytes) => part(Some(2), bytes),
        }
    }
    md5.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(digest: [u8; 16]) -> String {
        digest.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn text(name: &str, text: &str) -> Attribute {
        Attribute { name: name.into(), data_type: "String".into(), value: Value::Text(text.into()) }
    }

    /// Digests that AWS has answered.
    #[test]
    fn digests_are_those_of_aws() {
        assert_eq!(hex(of_text("message-1")), "3d6b824fd8c1520e9a047d21fee6fb1f");
        let attributes = [text("General", "Kenobi"), text("Hello", "There"), text("Help.Me", "Me")];
        assert_eq!(hex(of_attributes(attributes.iter())), "4c360f3fdafd970e05fae2f149d997f5");
        let bytes = b"traceparent\x1e00-774062d6c37081a5a0b9b5b88e30627c-2d2482211f6489da-01";
        let value = Value::Binary(bytes.as_slice().into());
        let binary = Attribute { name: "attr1".into(), data_type: "Binary".into(), value };
        assert_eq!(hex(of_attributes([binary].iter())), "8cbe4db156db8a94db8b801b7addb984");
    }
}
