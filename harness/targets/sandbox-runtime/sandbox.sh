#!/bin/sh
# Writes the settings and starts the command. The names of the directories come from the harness and have
# no character that JSON would have quoted.
set -eu
source=$1 output=$2 control=$3 lab=$4
shift 4
place=/run/bulkhead-srt
mkdir -p $place
settings=$place/settings.$$.json
cat >$settings <<END
{
  "network": { "allowedDomains": [], "deniedDomains": [] },
  "filesystem": {
    "denyRead": ["/"],
    "allowRead": ["/usr", "/etc/alternatives", "/etc/hosts", "/etc/ld.so.cache", "/opt/rivals", "$lab", "$source", "$output", "$control"],
    "allowWrite": ["$source", "$output", "$control"],
    "denyWrite": []
  },
  "bwrapPath": "/opt/rivals/bin/bwrap"
}
END
cd "$source"
exec /opt/rivals/bin/node /opt/rivals/bin/srt --settings $settings -- "$@"
