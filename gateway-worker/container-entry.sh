#!/bin/sh
# Start of the container. A volume belongs to root (Fly, Railway) or to the user that created the folder (Docker).
# As root, this gives STATE_DIR to the user that the worker runs as, and then drops root permanently.
set -eu
if [ "$(id -u)" = 0 ]; then
  # If this fails, the worker itself reports that it cannot write there.
  mkdir -p "$STATE_DIR" && chown -R 1000:1000 "$STATE_DIR" || true
  exec setpriv --reuid=1000 --regid=1000 --clear-groups --no-new-privs "$@"
fi
exec "$@"
