/*
 * A server for those who listen themselves, or are told when it does (PM2, Watt). The variable SERVED is JSON: the application's file as `app`, the
 * `port`, and `tls` as options of the https.Server.
 */
import http from 'node:http';
import https from 'node:https';

const { app = 'hello.mjs', tls, ...rest } = JSON.parse(process.env.SERVED);
export const { port } = rest;

export async function create() {
  const { default: handler } = await import(new URL(app, import.meta.url));
  return tls ? https.createServer(tls, handler) : http.createServer(handler);
}
