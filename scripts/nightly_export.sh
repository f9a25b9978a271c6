#!/bin/sh
# Exports the database, makes a version of it where something changed, and pushes it. For cron or systemd: it needs nothing in the
# environment, keeps a log in data/nightly.log, and on failure writes one line to stderr, which cron sends by mail, and ends with a
# code above 0. Settings come from .env beside the app, as always: docs/dvc.md.
#
#     15 2 * * *  /path/to/attend/scripts/nightly_export.sh
set -u
umask 077 # pictures of people: nobody else reads what is written here

fail() {
    printf 'nightly export failed: %s\n' "$1" >&2
    exit "$2"
}

script=$(readlink -f -- "$0") || fail "this script cannot find itself." 1
root=$(dirname -- "$(dirname -- "$script")")
cd -- "$root" || fail "$root cannot be entered." 1
PATH=$root/.venv/bin:${PATH:-/usr/local/bin:/usr/bin:/bin}
export PATH

mkdir -p data 2>/dev/null
log=data/nightly.log
if [ "$(wc -c 2>/dev/null <"$log" || echo 0)" -gt 1000000 ]; then
    mv -f -- "$log" "$log.1"
fi
printf '== %s\n' "$(date -u +%Y-%m-%dT%H:%M:%SZ)" >>"$log" || fail "$root/$log cannot be written." 1

python=$(command -v python || command -v python3) || {
    echo "Python was not found." >>"$log"
    fail "Python was not found; run make setup in $root." 127
}
if ! "$python" -c 'import typer' 2>>"$log"; then
    fail "$python lacks the packages of the project; run make setup in $root." 127
fi
"$python" -m attendance versions save --nightly >>"$log" 2>&1
code=$?
if [ "$code" -ne 0 ]; then
    fail "$(tail -n 1 -- "$log") The log is $root/$log." "$code"
fi
