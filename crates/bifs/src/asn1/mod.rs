//! The NIFs of `asn1rt_nif`, which the code that OTP's ASN.1 compiler makes calls: BER in [`ber`], PER in [`per`].

pub(crate) mod ber;
pub(crate) mod per;

#[cfg(test)]
mod tests {
    #[test]
    fn answers_as_the_real_system() {
        let compared = crate::testing::check_recording(include_bytes!("../../tests/data/asn1rt_nif.etf"));
        assert!(compared > 1000);
    }
}
