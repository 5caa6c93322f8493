#!/bin/sh
# Node: where every address of a host refuses a connection, the error has an empty message, and its stack names no address
#
# Of one address the message is "connect ECONNREFUSED 127.0.0.1:1". Of a host with two, as localhost on most machines, Node tries one after the other (autoSelectFamily, on by default
# since 20) and gives an AggregateError: message '', code 'ECONNREFUSED', the errors of the addresses in `errors`. So what logs `error.message`, or `error.stack`, of a database
# that is down says nothing; and fetch() has that as the cause of "fetch failed". console.error() shows `errors`.
#
# Seen with Node 20.20.2, 24.21.0 and 26.10.0:
#   AggregateError "" ECONNREFUSED, address in the stack: no, in errors: 2
# Source: the program below; internalConnectMultiple in lib/net.js; https://nodejs.org/api/net.html#socketconnectoptions-connectlistener
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
cat > connects.mjs <<'JS'
import net from 'node:net';
// A host of two addresses, whatever this machine has for localhost.
const lookup = (_name, _options, done) =>
  done(null, [
    { address: '127.0.0.1', family: 4 },
    { address: '127.0.0.2', family: 4 },
  ]);
// Nobody listens at a port that was just given back.
const server = net.createServer().listen(0, '127.0.0.1', () => {
  const { port } = server.address();
  server.close(() => {
    net.connect({ host: 'database.test', port, lookup }).on('error', ({ name, message, code, stack, errors }) => {
      const told = stack.includes('127.0.0.') ? 'yes' : 'no';
      const named = errors.filter((error) => error.message.includes('127.0.0.')).length;
      console.log(`${name} ${JSON.stringify(message)} ${code}, address in the stack: ${told}, in errors: ${named}`);
    });
  });
});
JS
expected='AggregateError "" ECONNREFUSED, address in the stack: no, in errors: 2'
for version in 20.20.2 24.21.0 26.10.0; do
  found=$(npm exec --yes --package=node@$version -- node connects.mjs)
  echo "node $version: $found"
  [ "$found" = "$expected" ] || { echo 'this has changed'; exit 1; }
done
