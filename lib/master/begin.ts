import { asTrouble } from './common/trouble.js';
import type { Turn } from './turn.js';
// What this process was started as, and what it inherits, it must know before the host does anything.
import './site/origin.js';
import './sockets/heritage.js';

type Opening = typeof import('./opening.js');

/** Loads what a master works with, and opens everything. Never rejects: the turn says how it went. */
export async function begin(...opened: Parameters<Opening['opening']>): Promise<Turn> {
  try {
    const { opening } = await import('./opening.js');
    return opening(...opened);
  } catch (error) {
    return { type: 'unopened', error: asTrouble('the start failed', error) };
  }
}
