import { leftByCopy } from '../context.js';
import { own } from './prelude.js';
import type { OwnWorker } from './self.js';

/**
 * The worker that this code runs in: this process, or this thread of one. Undefined in the master and in other
 * programs. An application that is bundled with a copy of this library finds it too.
 */
export const worker: OwnWorker | undefined = own ?? (leftByCopy('worker') as OwnWorker | undefined);
