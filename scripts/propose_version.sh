#!/bin/sh
# Opens a pull request with what scripts/evaluate_version.sh changed: pointers, dvc.lock and reports, never data. Where nothing changed it
# does nothing. Needs `gh`, which GitHub's runners have, and GH_TOKEN.
#     sh scripts/propose_version.sh [BRANCH]
set -eu
cd "$(dirname -- "$(dirname -- "$(readlink -f -- "$0")")")"
branch=${1:-evaluation-$(git rev-parse --short HEAD)}

git add --all -- '*.dvc' 'models/*.dvc' dvc.lock reports
if git diff --cached --quiet; then
    echo "Nothing changed, so there is nothing to propose."
    exit 0
fi
git switch --quiet --create "$branch"
git -c user.name="${GIT_AUTHOR_NAME:-Attend}" -c user.email="${GIT_AUTHOR_EMAIL:-attend@localhost}" \
    commit --quiet --message "Measure the version of the data anew"
git push --quiet --set-upstream origin "$branch"
gh pr create --head "$branch" --title "Evaluation of $(git rev-parse --short HEAD~1)" --body-file build/evaluation.md
