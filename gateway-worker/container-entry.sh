#!/bin/sh
# Start of the container. A volume belongs to root (Fly, Railway) or to whoever made the folder (Docker).
# As root, this gives STATE_DIR to the user that the worker runs as, and then gives up root for good.
set -eu
if [ "$(id -u)" = 0 ]; then
  # If this fails, the worker says whether it can write there.
  mkdir -p "$STATE_DIR" && chown -R 1000:1000 "$STATE_DIR" || true
  exec setpriv --reuid=1000 --regid=1000 --clear-groups --no-new-privs "$@"
fi
exec "$@"
