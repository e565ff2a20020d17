#!/bin/sh
# Installs the S3 server that tests run against into .host/versitygw (about two minutes, once):
# versitygw with Go 1.25 or newer, else moto_server from PyPI in a virtual environment (.host/versitygw/moto).
# Prints which of the two there is. Ends with 1, and says what to install, where neither can be had.
#   usage: install-versitygw.sh [versitygw|moto]     without an argument: versitygw if possible, else moto
set -eu
version=v1.8.0
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
target=${SEALPOINT_TEST_SERVERS:-$here/../../.host}/versitygw
wanted=${1:-}
mkdir -p "$target"
target=$(CDPATH='' cd -- "$target" && pwd)
log=$target/install.log

go_is_new_enough() {
  command -v go >/dev/null 2>&1 || { reason="Go is not installed"; return 1; }
  found=$(go env GOVERSION 2>/dev/null | sed 's/^go//; s/[^0-9.].*//')
  major=${found%%.*}
  minor=${found#*.}; minor=${minor%%.*}
  [ "${major:-0}" -gt 1 ] || { [ "${major:-0}" -eq 1 ] && [ "${minor:-0}" -ge 25 ]; } && return 0
  reason="Go ${found:-of an unknown version} is installed, 1.25 or newer is needed"
  return 1
}

install_versitygw() {
  [ -x "$target/versitygw" ] && return 0
  go_is_new_enough || return 1
  echo "install-versitygw: building versitygw $version with $(go env GOVERSION) (log: $log)" >&2
  build=$(mktemp -d "$target/build.XXXXXX")
  if GOBIN=$build CGO_ENABLED=0 go install -trimpath -ldflags='-s -w' "github.com/versity/versitygw/cmd/versitygw@$version" >"$log" 2>&1; then
    mv "$build/versitygw" "$target/versitygw" # one rename, so that a cut-off build is never taken for the server
    rmdir "$build"
    return 0
  fi
  rm -rf "$build"
  reason="the build of versitygw $version failed, see $log"
  return 1
}

install_moto() {
  [ -x "$target/moto/bin/moto_server" ] && [ -e "$target/moto/complete" ] && return 0
  command -v python3 >/dev/null 2>&1 || { echo "install-versitygw: python3 is not installed either" >&2; return 1; }
  echo "install-versitygw: installing moto_server (log: $log)" >&2
  rm -rf "$target/moto"
  python3 -m venv "$target/moto" >"$log" 2>&1 || { echo "install-versitygw: python3 -m venv failed (Debian: apt-get install python3-venv)" >&2; return 1; }
  "$target/moto/bin/pip" install --disable-pip-version-check --quiet 'moto==5.2.5' flask flask-cors py-partiql-parser PyYAML docker cryptography >>"$log" 2>&1 || return 1
  : >"$target/moto/complete"
}

reason=
if [ "$wanted" != moto ]; then
  if install_versitygw; then echo versitygw; exit 0; fi
  echo "install-versitygw: no versitygw: $reason." >&2
  [ "$wanted" = versitygw ] && exit 1
  echo "install-versitygw: falling back to moto_server." >&2
fi
if install_moto; then echo moto; exit 0; fi
echo "install-versitygw: no S3 server for tests. Install Go 1.25 or newer (https://go.dev/dl) or Python 3 with venv, and run this again." >&2
exit 1
