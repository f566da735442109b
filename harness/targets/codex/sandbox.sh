#!/bin/sh
# The profile is given in the words of its configuration file. The program starts itself once more inside,
# so its own two places must be readable. The names of the directories come from the
# harness and have no character that TOML would have quoted.
set -eu
source=$1 output=$2 control=$3 lab=$4
shift 4
export CODEX_HOME=/run/bulkhead-codex
mkdir -p $CODEX_HOME
cat >$CODEX_HOME/config.toml <<END
default_permissions = "build"

[permissions.build.filesystem]
":minimal" = "read"
"$CODEX_HOME/tmp" = "read"
"/opt/rivals/npm" = "read"
"$lab" = "read"
"$source" = "write"
"$output" = "write"
"$control" = "write"

[permissions.build.network]
enabled = false
END
cd "$source"
exec /opt/rivals/bin/codex sandbox -- "$@"
