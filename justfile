# Short names for what is done often. `just --list` shows them.

# Everything CI runs.
test:
    scripts/test

# Unit tests and the rules of the tree; under a minute once built.
quick:
    scripts/test quick

# Formats every crate.
fmt:
    cargo fmt --all

# Formatting and lints, warnings as errors.
lint:
    cargo fmt --all --check
    cargo clippy --workspace --all-targets --locked -- -D warnings

# People's stories in a real browser; pictures of every screen go to var/screens.
browser *files:
    cargo build --locked -p rollcall -p graph-emulator --bins
    crates/cli/tests/browser/run.sh {{files}}

# The pictures of the README, from the running demo.
screenshots:
    cargo build --locked -p rollcall
    crates/cli/tests/browser/run.sh --pictures

# Who may depend on what, licences and sources (needs cargo-deny).
deny:
    cargo deny --all-features check bans licenses sources

# Lives that many simulated histories, the fixed ones first: `just histories 100000`.
# One again: `HISTORY_SEED=7 just histories 1`.
histories N="1010":
    HISTORIES={{N}} cargo test --release -p engine --test histories --locked -- --nocapture histories_end_well

# Measures on both databases and writes docs/reference/performance.md; `just benchmark --quick` in a minute.
benchmark *args:
    scripts/benchmark {{args}}

# What else reads people from Entra ID, on the same emulator: `just benchmark-peers --people 2000`.
benchmark-peers *args:
    scripts/benchmark-peers {{args}}
