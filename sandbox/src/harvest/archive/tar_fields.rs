//! Fields of a header of a tar file: texts that zeros fill up, and numbers.
#![forbid(unsafe_code)]

use super::Fault;

/// What stands in a field that zeros fill up; nothing when there is something behind the first.
pub(super) fn padded(field: &[u8]) -> Option<&[u8]> {
    let end = field.iter().position(|byte| *byte == 0).unwrap_or(field.len());
    let (text, filling) = field.split_at_checked(end)?;
    filling.iter().all(|byte| *byte == 0).then_some(text)
}

/// A number of a header: octal digits, or 64 bits behind a first byte of 0x80.
pub(super) fn number(field: &[u8]) -> Result<u64, Fault> {
    const WRONG: Fault = Fault::Structure("a number in a header is none");
    if let Some((0x80, rest)) = field.split_first() {
        let (high, low) = rest.split_last_chunk::<8>().map_or((rest, [0; 8]), |(h, l)| (h, *l));
        let fits = rest.len() < 8 || high.iter().all(|byte| *byte == 0);
        let low = if rest.len() < 8 {
            rest.iter().fold(0, |sum, byte| (sum << 8) | u64::from(*byte))
        } else {
            u64::from_be_bytes(low)
        };
        return if fits { Ok(low) } else { Err(WRONG) };
    }
    let filling = |byte: &u8| matches!(byte, 0 | b' ');
    let start = field.iter().take_while(|byte| **byte == b' ').count();
    let digits = field.get(start..).unwrap_or_default();
    let end = digits.iter().position(filling).unwrap_or(digits.len());
    let (digits, rest) = digits.split_at_checked(end).ok_or(WRONG)?;
    // Nothing at all is zero; nothing but blanks is an error to GNU tar.
    if !rest.iter().all(filling) || (digits.is_empty() && field.contains(&b' ')) {
        return Err(WRONG);
    }
    digits.iter().try_fold(0_u64, |sum, digit| match digit {
        b'0'..=b'7' => {
            let more = sum.checked_mul(8).ok_or(WRONG)?;
            Ok(more | u64::from(digit - b'0'))
        }
        _ => Err(WRONG),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn numbers_are_octal_or_binary() {
        for (field, expected) in [
            (&b"0000644\0"[..], 0o644),
            (b"   644 \0", 0o644),
            (b"00000000010\0", 8),
            (b"\0\0\0\0", 0),
            (b"77777777", 0o77_777_777),
            (b"\x80\0\0\0\0\0\0\x02\0\0\0\0", 2 << 32),
            (b"\x80\0\0\x01\0\0\0\0", 1 << 32),
        ] {
            assert_eq!(number(field).unwrap(), expected, "{field:?}");
        }
        for field in [
            &b"0000648\0"[..],
            b"        ",
            b"  \0",
            b"\0 ",
            b"1\x002",
            b"-1",
            b"\xff\xff\xff",
            b"\x80\x01\0\0\0\0\0\0\0\0\0\0",
        ] {
            assert!(number(field).is_err(), "{field:?}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]

        #[test]
        fn arbitrary_bytes_never_panic(data in prop::collection::vec(any::<u8>(), 0..60)) {
            let _ = number(&data);
            let _ = padded(&data);
        }
    }
}
