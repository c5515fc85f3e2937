//! The properties files that a scenario names. Somebody else opens them; each is read once.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;

use super::diagnostic::{Diagnostic, Origin, Outcome, Place};
use super::properties::{self, Property};
use super::read::LARGEST;
use super::{file_mistake, setting_mistake as mistake};

/// A file that was opened for a scenario.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Companion {
    /// What messages call it.
    pub name: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// Opens the file of this name, as the scenario has it; the error says in a few words why it cannot.
pub type Open<'a> = &'a dyn Fn(&str) -> Result<Companion, String>;

/// What became of a file.
#[derive(Clone)]
enum Book {
    Read(Arc<Vec<Property>>),
    Unreadable(String),
    Wrong(Box<Diagnostic>),
}

/// Every file that was named so far.
pub(super) struct Library<'a> {
    open: Open<'a>,
    books: RefCell<BTreeMap<String, Book>>,
}

impl<'a> Library<'a> {
    pub(super) fn new(open: Open<'a>) -> Self {
        Self { open, books: RefCell::default() }
    }

    /// The properties in the file called `path`, which is named at `place`.
    pub(super) fn properties(&self, path: &str, place: &Place) -> Outcome<Arc<Vec<Property>>> {
        let known = self.books.borrow().get(path).cloned();
        let book = known.unwrap_or_else(|| {
            let book = self.read(path);
            self.books.borrow_mut().insert(path.to_owned(), book.clone());
            book
        });
        match book {
            Book::Read(properties) => Ok(properties),
            Book::Unreadable(why) => Err(mistake::unreadable_file(place, path, &why)),
            Book::Wrong(mistake) => Err(mistake),
        }
    }

    fn read(&self, path: &str) -> Book {
        let Companion { name, bytes } = match (self.open)(path) {
            Ok(companion) => companion,
            Err(why) => return Book::Unreadable(why),
        };
        if bytes.len() > LARGEST {
            let origin = Arc::new(Origin { name, text: String::new() });
            return Book::Wrong(Box::new(file_mistake::file_too_large(&origin, LARGEST)));
        }
        let origin = Arc::new(Origin { name, text: properties::decode(&bytes) });
        match properties::read(&origin) {
            Ok(properties) => Book::Read(Arc::new(properties)),
            Err(mistake) => Book::Wrong(mistake),
        }
    }
}
