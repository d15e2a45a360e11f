#!/bin/sh
# Update the client from the vendor's pages and hand the branch in: for cron, GitLab CI and GitHub Actions.
#
# PAGES_URL is the vendor's llms.txt, REMOTE the remote that takes the branch. What is printed is the text for the
# merge request, which stands in build/merge-request.md too. Nothing new and a branch handed in exit with 0; what was
# refused exits with 30, and standard error says why.
#
#   17 4 * * 1  cd /srv/chainhub && PAGES_URL=https://docs.example.com/llms.txt sh examples/ci/update.sh
set -u
branch=contract-update
make --silent environment-generator environment-test || exit 30
PATH="$PWD/.venv-generator/bin:$PATH" .venv-generator/bin/python -m tools update --branch="$branch" -- "$PAGES_URL"
status=$?
case $status in
  0) exit 0 ;;                       # nothing new
  10 | 20)                           # changed; with 20 a program that works today may break
    label=update
    [ $status -eq 20 ] && label=breaking
    # GitLab opens the merge request for these options; other servers ignore them where they do not know them.
    git push --force ${PUSH_OPTIONS-} "${REMOTE:-origin}" "$branch" || exit 30
    echo "label=$label" >>"${GITHUB_OUTPUT:-/dev/null}"
    ;;
  *) exit "$status" ;;
esac
