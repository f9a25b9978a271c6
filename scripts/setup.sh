#!/bin/sh
# Makes .venv with everything that requirements.txt pins, on a machine that has nothing but Python and make.
# Run by `make setup`; running it again brings an existing .venv up to date.
set -eu
cd "$(dirname "$0")/.."

say() { printf '%s\n' "$*" >&2; }

find_python() {
    for candidate in "${PYTHON:-}" python3 python3.13 python3.12 python3.11; do
        [ -n "$candidate" ] || continue
        if "$candidate" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null; then
            command -v "$candidate"
            return
        fi
    done
    say "Attend needs Python 3.11, 3.12 or 3.13, and none was found. On Debian and Ubuntu: apt-get install python3"
    exit 1
}

python=$(find_python)

# Debian keeps the part of Python that makes environments in a package of its own.
if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
    package=python$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')-venv
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        say "Installing $package, which this Python lacks"
        apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "$package" >/dev/null
    else
        say "This Python cannot make environments. As an administrator: apt-get install $package"
        exit 1
    fi
fi

if ! .venv/bin/python -c '' 2>/dev/null; then
    say "Making .venv with $("$python" --version)"
    rm -rf .venv
    "$python" -m venv .venv
fi

# uv installs some hundred packages in a fraction of pip's time. Its version and hashes are those of the lock.
wanted=$(sed -n 's/^uv==\([^ ]*\).*/\1/p' requirements.txt)
if [ "$(.venv/bin/uv --version 2>/dev/null | cut -d' ' -f2)" != "$wanted" ]; then
    lock=$(mktemp)
    trap 'rm -f "$lock"' EXIT
    awk '/^uv==/ { block = 1 } block { print; if ($0 !~ /\\$/) exit }' requirements.txt >"$lock"
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r "$lock"
fi

say "Installing the pinned packages (about 7 GB with PyTorch; a few minutes the first time)"
.venv/bin/uv pip sync --quiet --require-hashes --python .venv/bin/python requirements.txt

cp requirements.txt .venv/installed.txt
