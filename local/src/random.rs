//! Credentials made up at each start.

/// 32 random hexadecimal digits.
pub(crate) fn random_hex() -> String {
    format!("{:032x}", rand::random::<u128>())
}
