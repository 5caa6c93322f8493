#!/bin/sh
# PM2: a reload to a build that cannot be loaded takes down a service that works, says ✓ for each process, and exits with 0
#
# Two processes of one application in cluster mode serve. Then its file is replaced by one that throws when it is loaded, as a deploy with a missing
# module or variable does, and `pm2 reload` is called. One would expect the old processes to stay, or at least an exit code that stops the deploy script. The
# processes are replaced one after the other all the same, each with a ✓; the exit code is 0; in the end all are `errored`, and nobody listens.
#
# Seen, pm2 7.0.4 on node 20.20.2:
#   before: online online, 200
#   reload: exit code 0, ✓ for 2
#   after:  errored errored, no answer
# Source: the program below.
set -eu
folder=$(mktemp -d)
export PM2_HOME="$folder/home"
cd "$folder"
trap 'node_modules/.bin/pm2 kill > /dev/null 2>&1 || true; rm -rf "$folder"' EXIT
npm install --silent --no-audit --no-fund pm2@7.0.4 > /dev/null
cat > app.cjs <<'JS'
require('node:http').createServer((request, response) => response.end('ok')).listen(process.env.PORT, '127.0.0.1');
JS
PORT=$(node -e "const s = require('node:net').createServer().listen(0, () => { console.log(s.address().port); s.close(); })")
export PORT
states() { node_modules/.bin/pm2 jlist 2> /dev/null | node -e "console.log(JSON.parse(require('node:fs').readFileSync(0, 'utf8').replace(/^[^[]*/, '')).map((p) => p.pm2_env.status).join(' '))"; }
answer() { node -e "fetch('http://127.0.0.1:$PORT').then((r) => console.log(r.status), () => console.log('no answer'))"; }
waits_for() { count=0; until [ "$(states)" = "$1" ] || [ $count -ge 60 ]; do count=$((count + 1)); sleep 1; done; }
node_modules/.bin/pm2 start app.cjs -i 2 --name shop > /dev/null
waits_for 'online online'
count=0; until [ "$(answer)" = 200 ] || [ $count -ge 30 ]; do count=$((count + 1)); sleep 1; done
before="$(states), $(answer)"
echo "throw new Error('a module of this build is missing');" > app.cjs
code=0
node_modules/.bin/pm2 reload shop > told.txt 2>&1 || code=$?
waits_for 'errored errored'
found="before: $before
reload: exit code $code, ✓ for $(grep -c '✓' told.txt)
after:  $(states), $(answer)"
echo "$found"
expected='before: online online, 200
reload: exit code 0, ✓ for 2
after:  errored errored, no answer'
[ "$found" = "$expected" ] || { echo 'this has changed'; cat told.txt; exit 1; }
