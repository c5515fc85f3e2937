//! What a scenario does to a running cluster and what it claims about it: steps, injected actions,
//! conditions, promises.
//!
//! A story stands only between two inputs. It looks at a cluster through [`crate::look`] and the
//! ledger, and acts through the faults of the world. Conditions are tested after each input, but
//! only those that look at something the input touched.

mod act;
mod promise;
mod roll;
mod teller;
mod touched;
mod value;
mod watch;

pub use promise::{Judged, PromiseState};
pub use teller::{Story, Told};
pub use touched::Touched;
pub use value::Value;
pub use watch::{Scene, Watch, counted};
