#!/bin/sh
# Node 20 and 22: with http2.createSecureServer({ allowHTTP1: true, ... }), options of http.createServer say nothing for the clients of HTTP/1.1
#
# One server for both protocols is what "allowHTTP1" promises, and its requests of HTTP/1.1 are those of node:http. So one gives it the options of http.createServer, as
# https.createServer takes them. They are ignored without a word. Shown with joinDuplicateHeaders, which harms nobody: a client sends the header "age" twice, and the application is to
# get both values. Node 24 and 26 do that, so it also is lost or found with a change of version.
#
# Seen: what the handler found in request.headers.age, of https.createServer(options) and of http2.createSecureServer(options):
#   node 20.20.2 and 22.23.3: '1, 2' '1'
#   node 24.21.0 and 26.10.0: '1, 2' '1, 2'
# Source: nodejs.org/api/http.html#httpcreateserveroptions-requestlistener (joinDuplicateHeaders), nodejs.org/api/http2.html#http2createsecureserveroptions-onrequesthandler; and
# the program below.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=localhost -days 2 -keyout key.pem -out cert.pem 2> openssl.log
cat > main.mjs <<'EOF'
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import http2 from 'node:http2';
import https from 'node:https';
const tls = { key: readFileSync('key.pem'), cert: readFileSync('cert.pem') };
const joins = { joinDuplicateHeaders: true };
const answer = (request, response) => response.end(request.headers.age);
const found = [];
for (const server of [
  https.createServer({ ...tls, ...joins }, answer),
  http2.createSecureServer({ ...tls, ...joins, allowHTTP1: true }, answer),
]) {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  const options = { port, host: '127.0.0.1', rejectUnauthorized: false, headers: { age: ['1', '2'] }, agent: false };
  const [response] = await once(https.get(options), 'response');
  found.push(String(Buffer.concat(await response.toArray())));
  server.close();
}
console.log(found.map((text) => `'${text}'`).join(' '));
EOF
for pair in "20.20.2:'1, 2' '1'" "22.23.3:'1, 2' '1'" "24.21.0:'1, 2' '1, 2'" "26.10.0:'1, 2' '1, 2'"; do
  version=${pair%%:*}
  found=$(npm exec --yes --package=node@$version -- node main.mjs)
  echo "node $version: $found"
  [ "$version:$found" = "$pair" ] || { echo 'this has changed'; exit 1; }
done
