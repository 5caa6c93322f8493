#!/bin/sh
# Node 20: a program whose terminal is gone aborts as it exits
#
# A program has a terminal as its standard streams, and listens to SIGHUP to end in order. The terminal is closed, SIGHUP comes, the program does what
# it has to do and calls process.exit(0). As it exits, Node restores the settings of the terminal, which fails with EIO, and Node 20 aborts: the exit code
# 0 is lost, and there is a core file where the system keeps them. Node 22 and later exit with 0. With /dev/null in the place of the descriptors 0 to
# 2 before the exit, Node 20 does too.
#
# Needs python3, which opens the terminal. Seen with Node 20.20.2, 22.23.3, 24.21.0 and 26.10.0:
#   node 20: signal 6; node 22, 24, 26: exit code 0
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
cat > closing.py <<'PY'
import os, pty, sys
program = 'process.on("SIGHUP", () => setTimeout(() => process.exit(0), 100)); setTimeout(() => {}, 20000); console.log("up")'
pid, terminal = pty.fork()
if pid == 0: os.execvp("node", ["node", "-e", program])
os.read(terminal, 100)
os.close(terminal)
_, status = os.waitpid(pid, 0)
print("exit code %d" % os.WEXITSTATUS(status) if os.WIFEXITED(status) else "signal %d" % os.WTERMSIG(status))
PY
for version in 20.20.2 22.23.3 24.21.0 26.10.0; do
  found=$(npm exec --yes --package=node@$version -- python3 closing.py)
  echo "node $version: $found"
  case $version in
    20.*) test "$found" = "signal 6" ;;
    *) test "$found" = "exit code 0" ;;
  esac
done
