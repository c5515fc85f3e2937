//! How a setting is read from text: one macro turns a table of keys into a struct.

use super::rules::Written;
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

    /// The value of `key` as [`Settings::set`] reads it; `None` if there is no such key.
    fn get(&self, key: &str) -> Option<String>;

    /// Every key whose value is not the default, with that value as [`Settings::set`] reads it.
    fn changed(&self) -> Vec<(&'static str, String)> {
        self.differing()
    }

    /// Every key whose value is not the default, whether or not another one must be told with it.
    fn differing(&self) -> Vec<(&'static str, String)> {
        let default = Self::default();
        let is_changed = |key: &&&str| self.get(key) != default.get(key);
        let changed = Self::KEYS.iter().filter(is_changed);
        changed.map(|key| (*key, self.get(key).expect("one of its keys"))).collect()
    }

    /// Changes what Kafka changes by itself because of what is written.
    fn settle(&mut self, _written: &Written) {}
}

/// A value that can be written in a properties file.
pub(super) trait Value: Sized {
    fn parse(text: &str) -> Result<Self, String>;

    /// What [`Value::parse`] reads back.
    fn show(&self) -> String;
}

/// The longest time that is told apart from "for ever", in milliseconds: 31 years.
const LONGEST: i64 = 1_000_000_000_000;

impl Value for Duration {
    /// Milliseconds, as every `*.ms` key of Kafka. Where -1 means "for ever", Kafka says so of the key;
    /// no key that is modelled has it.
    fn parse(text: &str) -> Result<Self, String> {
        match text.parse::<i64>() {
            Ok(millis) if millis > LONGEST => Ok(Self::FOREVER),
            Ok(millis) if millis >= 0 => Ok(Self::from_millis(millis as u64)),
            _ => Err(format!("a number of milliseconds from 0 to {}", i64::MAX)),
        }
    }

    fn show(&self) -> String {
        if *self == Self::FOREVER {
            return i64::MAX.to_string();
        }
        assert!(self.as_micros().is_multiple_of(1_000), "Kafka's settings are whole milliseconds");
        self.as_millis().to_string()
    }
}

impl Value for bool {
    fn parse(text: &str) -> Result<Self, String> {
        let text = text.to_ascii_lowercase();
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
whole!(u32, u64);

impl Value for u16 {
    /// A number of replicas. Kafka's numbers go further; there are never that many replicas, so that
    /// nothing is told apart beyond.
    fn parse(text: &str) -> Result<Self, String> {
        let number = text.parse::<i32>().ok().filter(|number| *number >= 0);
        let number = number.ok_or_else(|| format!("a whole number from 0 to {}", i32::MAX))?;
        Ok(Self::try_from(number).unwrap_or(Self::MAX))
    }

    fn show(&self) -> String {
        self.to_string()
    }
}

/// Declares a settings struct: `field: type = default, "kafka.key";`, and behind it the methods of
/// [`Settings`] that are not the usual ones.
macro_rules! settings {
    ($(#[$doc:meta])* $name:ident { $($(#[$fdoc:meta])* $field:ident: $ty:ty = $default:expr, $key:literal;)* } $($extra:item)*) => {
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
                let value = value.trim();
                match key {
                    $($key => self.$field = <$ty as Value>::parse(value)
                        .map_err($crate::config::SettingError::BadValue)?,)*
                    _ => return Err($crate::config::SettingError::UnknownKey),
                }
                Ok(())
            }

            fn get(&self, key: &str) -> Option<String> {
                use $crate::config::setting::Value;
                match key {
                    $($key => Some(self.$field.show()),)*
                    _ => None,
                }
            }
            $($extra)*
        }
    };
}
pub(super) use settings;
