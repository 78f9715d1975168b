//! Kafka's text form of its ids.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::KafkaUuid;

impl KafkaUuid {
    pub fn is_zero(self) -> bool {
        self == Self::default()
    }
}

impl fmt::Display for KafkaUuid {
    /// As Kafka writes it: URL-safe base64 without padding.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&URL_SAFE_NO_PAD.encode(self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_written_as_kafka_writes_them() {
        // org.apache.kafka.common.Uuid.METADATA_TOPIC_ID and a random one, as their toString() gives them
        let metadata = KafkaUuid([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
        assert_eq!(metadata.to_string(), "AAAAAAAAAAAAAAAAAAAAAQ");
        let bytes: Vec<u8> = (0..16).map(|i| 255 - 3 * i).collect();
        assert_eq!(KafkaUuid(bytes.try_into().unwrap()).to_string(), "__z59vPw7ern5OHe29jV0g");
    }
}
