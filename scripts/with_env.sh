#!/bin/sh
# Runs a command of the project with its own Python and DVC first in PATH, from any folder and any environment:
#     sh scripts/with_env.sh dvc repro
set -eu
umask 077 # DVC keeps pictures of people: nobody else reads what is written here
root=$(dirname -- "$(dirname -- "$(readlink -f -- "$0")")")
PATH=$root/.venv/bin:${PATH:-/usr/local/bin:/usr/bin:/bin}
DVC_NO_ANALYTICS=1
DVC_SITE_CACHE_DIR=${DVC_SITE_CACHE_DIR:-$root/.dvc/tmp/site} # otherwise DVC writes to /var/tmp
export PATH DVC_NO_ANALYTICS DVC_SITE_CACHE_DIR
exec "$@"
