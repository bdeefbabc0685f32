//! rtc.
