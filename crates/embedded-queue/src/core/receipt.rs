//! Receipt handles: each names one receive of one message of one queue.
//!
//! All that a handle says is in itself, so none has to be remembered; a check tells those that were given out from
//! those that were made up or cut.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::message::Seq;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Receipt {
    /// The queue's own number, which no other queue ever had.
    pub(crate) queue: u64,
    pub(crate) seq: Seq,
    /// Which receive of the message.
    pub(crate) number: u32,
}

const LENGTH: usize = 24;

impl Receipt {
    pub(crate) fn encode(self) -> String {
        let mut bytes = [0; LENGTH];
        bytes[..8].copy_from_slice(&self.queue.to_be_bytes());
        bytes[8..16].copy_from_slice(&self.seq.to_be_bytes());
        bytes[16..20].copy_from_slice(&self.number.to_be_bytes());
        bytes[20..].copy_from_slice(&self.check().to_be_bytes());
        STANDARD.encode(bytes)
    }

    pub(crate) fn decode(handle: &str) -> Option<Self> {
        let mut bytes = [0; LENGTH];
        let length = STANDARD.decode_slice(handle, &mut bytes).ok()?;
        let word = |at: usize| bytes[at..at + 8].try_into().map(u64::from_be_bytes).ok();
        let half = |at: usize| bytes[at..at + 4].try_into().map(u32::from_be_bytes).ok();
        let receipt = Self { queue: word(0)?, seq: word(8)?, number: half(16)? };
        (length == LENGTH && half(20)? == receipt.check()).then_some(receipt)
    }

    /// Against mistakes, not against malice (the finalizer of splitmix64).
    fn check(self) -> u32 {
        let mut sum = self.queue ^ self.seq.rotate_left(24) ^ u64::from(self.number).rotate_left(48);
        sum = (sum ^ (sum >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        sum = (sum ^ (sum >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (sum ^ (sum >> 31)) as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_handle_says_what_was_put_into_it_and_nothing_else_is_one() {
        let receipt = Receipt { queue: 0xfeed, seq: 77, number: 3 };
        let handle = receipt.encode();
        assert_eq!(Receipt::decode(&handle), Some(receipt));
        assert_eq!(Receipt::decode(&handle[1..]), None);
        assert_eq!(Receipt::decode(&handle.replacen('A', "B", 1)), None);
        assert_eq!(Receipt::decode(&format!("{handle}{handle}")), None);
        assert_eq!(Receipt::decode(""), None);
        assert_eq!(Receipt::decode("not a handle"), None);
    }
}
