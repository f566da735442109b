//! As much of the domain name system as a resolver needs that logs every question.
#![forbid(unsafe_code)]

use std::net::Ipv4Addr;

/// The domain of the lab's names; `.test` is reserved and never resolves elsewhere.
pub const DOMAIN: &str = "bulkhead.test";

const TYPE_A: u16 = 1;
const TYPE_TXT: u16 = 16;

/// A question: the name that was asked for, and what of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// Its labels, as they came.
    pub labels: Vec<Vec<u8>>,
    kind: u16,
    /// Where the question ends in the packet.
    end: usize,
}

/// Reads the first question of a packet; `None` for anything malformed.
#[must_use]
pub fn question(packet: &[u8]) -> Option<Question> {
    let mut at = 12;
    let mut labels = Vec::new();
    loop {
        let length = usize::from(*packet.get(at)?);
        at += 1;
        match length {
            0 => break,
            1..=63 => labels.push(packet.get(at..at + length)?.to_vec()),
            // Compression has no place in a question.
            _ => return None,
        }
        at += length;
    }
    let kind = u16::from_be_bytes(packet.get(at..at + 2)?.try_into().ok()?);
    Some(Question { labels, kind, end: at + 4 })
}

impl Question {
    /// What the log keeps: the name in lower case, with and without its dots, since a long secret
    /// has to be spread over several labels.
    #[must_use]
    pub fn logged(&self) -> Vec<u8> {
        let mut line = self.labels.join(&b'.');
        line.push(b'\n');
        line.extend(self.labels.concat());
        line.push(b'\n');
        line.to_ascii_lowercase()
    }

    /// The answer: every address is the sink's, every text is `text`.
    #[must_use]
    pub fn answer(&self, packet: &[u8], address: Ipv4Addr, text: &str) -> Vec<u8> {
        let data = match self.kind {
            TYPE_A => address.octets().to_vec(),
            TYPE_TXT => {
                let text: Vec<u8> = text.bytes().take(255).collect();
                let length = u8::try_from(text.len()).unwrap_or_default();
                [vec![length], text].concat()
            }
            _ => Vec::new(),
        };
        let mut answer = packet.get(..2).unwrap_or_default().to_vec();
        // A response, recursion desired and available; one question, and an answer if there is one.
        answer.extend([0x81, 0x80, 0, 1, 0, u8::from(!data.is_empty()), 0, 0, 0, 0]);
        answer.extend(packet.get(12..self.end).unwrap_or_default());
        if !data.is_empty() {
            // The name is that of the question; class IN; to be kept for no time.
            answer.extend([0xc0, 0x0c]);
            answer.extend(self.kind.to_be_bytes());
            answer.extend([0, 1, 0, 0, 0, 0]);
            answer.extend(u16::try_from(data.len()).unwrap_or_default().to_be_bytes());
            answer.extend(data);
        }
        answer
    }
}

/// A packet that asks for the address of `name`.
#[must_use]
pub fn ask(name: &str) -> Vec<u8> {
    let mut packet = vec![0x42, 0x48, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    for label in name.split('.') {
        packet.push(u8::try_from(label.len()).unwrap_or(63));
        packet.extend(label.bytes().take(63));
    }
    packet.extend([0, 0, 1, 0, 1]);
    packet
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_split_over_labels_is_logged_whole() {
        let question = question(&ask("abc.DEF.bulkhead.test")).unwrap();
        let logged = String::from_utf8(question.logged()).unwrap();
        assert_eq!(logged, "abc.def.bulkhead.test\nabcdefbulkheadtest\n");
    }

    #[test]
    fn an_answer_repeats_the_question_and_names_the_sink() {
        let packet = ask("x.bulkhead.test");
        let answer = question(&packet).unwrap().answer(&packet, Ipv4Addr::new(203, 0, 113, 7), "");
        assert_eq!(answer.get(..4), Some(&[0x42, 0x48, 0x81, 0x80][..]));
        assert!(answer.ends_with(&[0, 4, 203, 0, 113, 7]));
    }

    #[test]
    fn a_cut_packet_is_no_question() {
        let packet = ask("x.bulkhead.test");
        assert_eq!(question(packet.get(..14).unwrap()), None);
    }
}
