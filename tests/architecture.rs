//! Holds the shape.
