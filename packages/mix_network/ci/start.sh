#!/usr/bin/env bash
# Starts a mixnet that goes on when this script has ended, for a CI's later steps.
#
#   MIX_NETWORK_ARGUMENTS   what `mix-network up` gets, beside --json
#   MIX_NETWORK_PACKAGE     what pip installs where there is no mix-network on the path
#   MIX_NETWORK_FOLDER      for the environment and the network's files ($RUNNER_TEMP/mixnet, or a temporary one)
#
# Writes NAME=VALUE lines to standard output and, where the CI has them, to the files $GITHUB_ENV and $GITHUB_OUTPUT. Elsewhere
# `export $(start.sh)` takes them over. `mix-network status`, `kill NODE` and others then work in every step.
set -euo pipefail

folder=${MIX_NETWORK_FOLDER:-${RUNNER_TEMP:-$(mktemp -d)}/mixnet}
mkdir -p "$folder"
if ! command -v mix-network >/dev/null; then
    python3 -m venv "$folder/venv"
    # shellcheck disable=SC2086 -- several wheels are several words
    "$folder/venv/bin/python" -m pip --disable-pip-version-check install --quiet ${MIX_NETWORK_PACKAGE:-mix_network} >&2
    PATH=$folder/venv/bin:$PATH
    [ -z "${GITHUB_PATH:-}" ] || echo "$folder/venv/bin" >>"$GITHUB_PATH"
fi

# shellcheck disable=SC2086 -- they are arguments
setsid nohup mix-network up --json ${MIX_NETWORK_ARGUMENTS:-} >"$folder/network.json" 2>"$folder/errors.txt" </dev/null &
network=$!
for _ in $(seq 600); do
    [ ! -s "$folder/network.json" ] || break
    if ! kill -0 "$network" 2>/dev/null; then
        cat "$folder/errors.txt" >&2
        exit 1
    fi
    sleep 0.1
done

python3 - "$folder/network.json" "${GITHUB_ENV:-}" "${GITHUB_OUTPUT:-}" <<'EOF'
import json
import sys

described, environment, outputs = sys.argv[1:]
with open(described) as file:
    network = json.load(file)
values = {
    "MIX_DIRECTORY_URL": network["directory"]["http"],
    "MIX_STATUS_URL": network["status"],
    "MIX_NETWORK_PID": network["pid"],
}
for name, value in values.items():
    print(f"{name}={value}")
for path, lines in (
    (environment, values),
    (outputs, {"directory-url": values["MIX_DIRECTORY_URL"], "status-url": values["MIX_STATUS_URL"]}),
):
    if path:
        with open(path, "a") as file:
            file.writelines(f"{name}={value}\n" for name, value in lines.items())
EOF
