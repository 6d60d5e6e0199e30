//! Embedded migrations are read at compile time: build again when one is added.

fn main() {
    println!("cargo:rerun-if-changed=migrations");
}
