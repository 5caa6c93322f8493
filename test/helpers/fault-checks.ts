/*
 * What the fixture `faults` asks its Arbiters and the system. It runs in the process of the host, whose children and
 * descriptors it counts.
 */
import { readdirSync, readFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import { type Arbiter, ArbiterError } from '../../build/index.js';
import { inTime } from './wait.js';

let secure = false;

/** From now on, requests are sent by HTTPS. */
export function speakTls(): void {
  secure = true;
}

export function request(arbiter: Arbiter, path = '/'): Promise<number> {
  const [address] = arbiter.addresses;
  const where = typeof address === 'string' ? { socketPath: address } : { host: '127.0.0.1', port: address?.port };
  return new Promise((resolve, reject) => {
    const { get: begin } = secure ? https : http;
    const get = begin({ ...where, path, agent: false, rejectUnauthorized: false }, (response) => {
      response.resume().on('end', () => resolve(response.statusCode ?? 0));
    });
    get.on('error', reject).setTimeout(20_000, () => get.destroy(new Error('no answer in 20 s')));
  });
}

/**
 * Waits for a promise. Returns undefined where it is fulfilled, else the code of its rejection, which must be an error
 * of this library.
 */
export async function settled(promise: Promise<unknown>, what: string): Promise<string | undefined> {
  try {
    await inTime(promise, `the promise of ${what}`);
    return undefined;
  } catch (error) {
    if (error instanceof ArbiterError) return error.code;
    throw error;
  }
}

export function expect(code: string | undefined, ...codes: readonly (string | undefined)[]): void {
  if (code !== undefined && !codes.includes(code)) throw new Error(`rejected with ${code}`);
}

/** The children of the main thread of this process, without those that have been reaped. */
export function children(): number[] {
  return readFileSync(`/proc/self/task/${process.pid}/children`, 'latin1')
    .trim()
    .split(' ')
    .filter(Boolean)
    .map(Number);
}

export const descriptors = (): number => readdirSync('/proc/self/fd').length;
