/*
 * Creates the server for PM2 and Watt, and does not listen: managed.mjs does for PM2, and Watt does so itself. The
 * variable SERVED is JSON: `app` is the application's file, `port` the port, and `tls` has options of the https.Server.
 */
import http from 'node:http';
import https from 'node:https';

const { app = 'hello.mjs', tls, ...rest } = JSON.parse(process.env.SERVED);
export const { port } = rest;

export async function create() {
  const { default: handler } = await import(new URL(app, import.meta.url));
  return tls ? https.createServer(tls, handler) : http.createServer(handler);
}
