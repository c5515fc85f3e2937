//! How a setting is read from text: one macro turns a table of keys into a struct.

use crate::time::Duration;

/// Why a setting cannot be taken. The caller knows the key and where it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SettingError {
    /// No such key; `Settings::KEYS` lists those there are.
    UnknownKey,
    /// The value is not of the form the key takes; the text says what it takes.
    BadValue(String),
}

/// A group of Kafka settings with their defaults.
pub trait Settings: Default {
    /// Every key, in Kafka's spelling.
    const KEYS: &'static [&'static str];

    /// Sets `key` to `value`, written as in a Kafka properties file (times in milliseconds).
    fn set(&mut self, key: &str, value: &str) -> Result<(), SettingError>;

    /// Every key whose value is not the default, with that value as [`Settings::set`] reads it.
    fn changed(&self) -> Vec<(&'static str, String)>;
}

/// A value that can be written in a properties file.
pub(super) trait Value: Sized {
    fn parse(text: &str) -> Result<Self, String>;

    /// What [`Value::parse`] reads back.
    fn show(&self) -> String;
}

impl Value for Duration {
    /// Milliseconds, as every `*.ms` key of Kafka; `-1` means for ever.
    fn parse(text: &str) -> Result<Self, String> {
        if text == "-1" {
            return Ok(Self::FOREVER);
        }
        match text.parse::<u64>() {
            Ok(millis) if millis <= 1_000_000_000_000 => Ok(Self::from_millis(millis)),
            _ => Err("a number of milliseconds from 0 to 1000000000000".to_owned()),
        }
    }

    fn show(&self) -> String {
        if *self == Self::FOREVER {
            return "-1".to_owned();
        }
        assert!(self.as_micros().is_multiple_of(1_000), "Kafka's settings are whole milliseconds");
        self.as_millis().to_string()
    }
}

impl Value for bool {
    fn parse(text: &str) -> Result<Self, String> {
        text.parse().map_err(|_| "`true` or `false`".to_owned())
    }

    fn show(&self) -> String {
        self.to_string()
    }
}

macro_rules! whole {
    ($($int:ty),*) => {$(
        impl Value for $int {
            fn parse(text: &str) -> Result<Self, String> {
                text.parse().map_err(|_| format!("a whole number from 0 to {}", Self::MAX))
            }

            fn show(&self) -> String {
                self.to_string()
            }
        }
    )*};
}
whole!(u16, u32, u64);

/// Declares a settings struct: `field: type = default, "kafka.key", "what it does";`.
macro_rules! settings {
    ($(#[$doc:meta])* $name:ident { $($(#[$fdoc:meta])* $field:ident: $ty:ty = $default:expr, $key:literal;)* }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct $name { $($(#[$fdoc])* pub $field: $ty),* }

        impl Default for $name {
            fn default() -> Self {
                Self { $($field: $default),* }
            }
        }

        impl $crate::config::Settings for $name {
            const KEYS: &'static [&'static str] = &[$($key),*];

            fn set(&mut self, key: &str, value: &str) -> Result<(), $crate::config::SettingError> {
                use $crate::config::setting::Value;
                match key {
                    $($key => self.$field = <$ty as Value>::parse(value)
                        .map_err($crate::config::SettingError::BadValue)?,)*
                    _ => return Err($crate::config::SettingError::UnknownKey),
                }
                Ok(())
            }

            fn changed(&self) -> Vec<(&'static str, String)> {
                use $crate::config::setting::Value;
                let default = Self::default();
                let mut changed = Vec::new();
                $(if self.$field != default.$field {
                    changed.push(($key, self.$field.show()));
                })*
                changed
            }
        }
    };
}
pub(super) use settings;
