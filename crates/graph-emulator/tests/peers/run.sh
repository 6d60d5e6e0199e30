#!/usr/bin/env bash
# Drives the emulator with Microsoft's own clients, unmodified: Python (msal, azure-identity, msgraph-sdk) and Node
# (msal-node, microsoft-graph-client). Installs what is missing, starts the emulator with TLS, fails on any failure.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../../../.." && pwd)
python="$root/.venv/bin/python"
binary="${GRAPH_EMULATOR:-$root/target/debug/graph-emulator}"

[ -x "$python" ] || python3 -m venv "$root/.venv"
"$python" -c 'import msal, azure.identity, msgraph' 2>/dev/null || "$python" -m pip install -q -r "$here/requirements.txt"
[ -d "$here/node_modules/@azure/msal-node" ] || (cd "$here" && npm ci --no-audit --no-fund --silent)
if grep -q '"resolved"' "$here/package-lock.json"; then
  echo "package-lock.json names a registry host; use npm install --omit-lockfile-registry-resolved" >&2
  exit 1
fi
[ -x "$binary" ] || (cd "$root" && cargo build -p graph-emulator --bin graph-emulator)

work=$(mktemp -d)
emulator=
finish() {
  [ -z "$emulator" ] || kill "$emulator" 2>/dev/null || true
  [ -z "$emulator" ] || wait "$emulator" 2>/dev/null || true
  rm -rf "$work"
}
trap finish EXIT

RUST_BACKTRACE=0 "$binary" --listen 127.0.0.1:0 --tls --tls-directory "$work" --seed 7 >"$work/ready" 2>"$work/log" &
emulator=$!
for _ in $(seq 100); do
  [ -s "$work/ready" ] && break
  kill -0 "$emulator" 2>/dev/null || break
  sleep 0.1
done
if ! [ -s "$work/ready" ]; then
  echo "the emulator did not start:" >&2
  cat "$work/log" >&2
  exit 1
fi

field() { "$python" -c 'import json, sys; print(json.load(open(sys.argv[1]))[sys.argv[2]] or "")' "$work/ready" "$1"; }
# The certificate names localhost; some clients take 127.0.0.1 for a proxy exception only.
BASE_URL=$(field base_url | sed 's/127\.0\.0\.1/localhost/')
ca=$(field ca_file)
# Clients that are told a bundle use it alone, so it must hold the system's authorities too.
cat "${SYSTEM_BUNDLE:-/etc/ssl/certs/ca-certificates.crt}" "$ca" >"$work/bundle.pem"
export BASE_URL
export SSL_CERT_FILE="$work/bundle.pem" REQUESTS_CA_BUNDLE="$work/bundle.pem" CURL_CA_BUNDLE="$work/bundle.pem"
export NODE_EXTRA_CA_CERTS="$ca" NO_PROXY=localhost,127.0.0.1 no_proxy=localhost,127.0.0.1
unset SSL_CERT_DIR

status=0
"$python" "$here/peer.py" || status=1
node "$here/peer.mjs" || status=1
if [ "$status" -ne 0 ]; then
  echo "--- emulator log (last lines) ---" >&2
  tail -n 40 "$work/log" >&2
fi
exit "$status"
