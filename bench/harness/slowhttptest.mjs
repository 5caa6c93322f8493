import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { keep, stopChild } from './peer.mjs';
import { stat } from './proc.mjs';

const READS = ['-X', '-n', 1, '-z', 32, '-w', 512, '-y', 1024, '-k', 3];
/** The modes of slowhttptest. Each client sends or reads so little per second that this could go on for hours. */
export const ATTACKS = [
  { name: 'slow headers', flags: ['-H', '-i', 1, '-x', 24], path: '/health' },
  { name: 'slow bodies', flags: ['-B', '-i', 1, '-x', 10, '-s', 8192], path: '/upload' },
  { name: 'ranges', flags: ['-R', '-a', 10, '-b', 3000], path: '/' },
  { name: 'slow reads', flags: READS, path: '/page', reads: true },
  { name: 'slow reads, more than there is memory for', flags: READS, path: '/large', reads: true },
];

/** How often the attacker's CPU time is read, milliseconds. */
const LOOK = 200;

/** Ends the script if slowhttptest is missing. */
export function needSlowhttptest() {
  if (spawnSync('slowhttptest', ['-h']).error === undefined) return;
  console.error("slowhttptest is not installed: 'apt-get install slowhttptest'");
  process.exit(2);
}

/**
 * Begins an attack.
 *
 * @param {typeof ATTACKS[number]} attack
 * @param {number} port
 * @param {{ clients: number, rate: number, seconds: number }} plan `rate` is how many clients come per second
 */
export function startAttack({ flags, path }, port, { clients, rate, seconds }) {
  const plan = ['-c', clients, '-r', rate, '-l', seconds, '-p', 3, '-u', `http://127.0.0.1:${port}${path}`];
  const child = keep(spawn('slowhttptest', [...flags, ...plan].map(String), { stdio: ['ignore', 'pipe', 'inherit'] }));
  const begun = performance.now();
  let [text, cpu, ended] = ['', 0, begun];
  child.stdout.setEncoding('latin1').on('data', (part) => {
    text += part;
  });
  const closed = once(child, 'close');
  const looking = setInterval(() => {
    // A process that has ended but was not waited for yet still has its file in /proc, with its last figures.
    try {
      cpu = stat(child.pid).cpu;
      ended = performance.now();
    } catch {
      clearInterval(looking);
    }
  }, LOOK);
  return {
    /**
     * Waits for the end of the attack. Returns how many of its clients were connected and closed, as slowhttptest last
     * printed it, and the share of a core that it used.
     */
    async end() {
      const limit = setTimeout(() => stopChild(child), (seconds + 10) * 1000 - (performance.now() - begun));
      await closed;
      clearTimeout(limit);
      clearInterval(looking);
      const plain = text.replaceAll(/\x1b\[[\d;]*m/g, '');
      const last = (state) => Number([...plain.matchAll(new RegExp(`${state}: +(\\d+)`, 'g'))].at(-1)?.[1] ?? 0);
      return { connected: last('connected'), closed: last('closed'), cpu: (cpu * 1000) / (ended - begun) };
    },
  };
}
