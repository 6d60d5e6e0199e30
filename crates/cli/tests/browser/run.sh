#!/usr/bin/env bash
# Tells people's stories in a real Chromium, against the binaries in ROLLCALL_BINARIES (default: target/debug). Installs
# the packages it needs, fails without a browser. Pictures of every screen go to var/screens. Takes files of stories, or
# --pictures: makes those of the README instead.
set -euo pipefail
cd "$(dirname "$0")"

if grep -q '"resolved"' package-lock.json; then
  echo "package-lock.json names a registry host; use npm install --omit-lockfile-registry-resolved" >&2
  exit 1
fi
# npm writes this file last: it is older than the lock when that has changed since.
[ node_modules/.package-lock.json -nt package-lock.json ] || npm ci --no-audit --no-fund --silent

[ "${1:-}" != --pictures ] || exec node screenshots.mjs
[ $# -gt 0 ] || set -- stories/*.test.mjs
exec node --test --test-concurrency=2 --test-reporter=spec "$@"
