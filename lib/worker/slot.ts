import { writeSync } from 'node:fs';
import { performance } from 'node:perf_hooks';
import { monotonic } from '../monotonic.js';
import { FD } from '../protocol.js';
import { SlotImage, type SlotRecord, type SlotState, slotPosition } from '../scoreboard.js';

/** How often an idle worker says that it lives. Milliseconds. */
const BEAT_INTERVAL = 1_000;
/** How long the end of a request may wait to be stored. Milliseconds. */
const SETTLE_DELAY = 2;

/** Learns what a slot is told. It is called on the way of each request. */
export interface SlotObserver {
  /** So many more requests have been finished. */
  onRequests(count: number): void;
  /** Resident memory in bytes, at each beat. */
  onMemory(rss: number): void;
}

/**
 * The worker's side of the scoreboard. A write is one system call on memory, so it is done on the way of each
 * request, and it outlives this process however it ends.
 *
 * One write per request: its start must be stored before the handler runs, but its end may wait for two milliseconds,
 * since under load the start of the next request replaces it. A worker that serves in a tenth of the time, by keeping its
 * connections, may {@link Slot.defer} the start too.
 */
export class Slot {
  readonly #position: number;
  readonly #image: SlotImage;
  #requests = 0;
  #errors = 0;
  #active = 0;
  #connections: () => number = () => 0;
  #observer: SlotObserver | undefined;
  /** Something waits to be stored; and the start of a request does. */
  #settling = false;
  #begun = false;
  #deferring = false;
  readonly #settleTimer = setTimeout(() => this.#settling && this.flush(), SETTLE_DELAY).unref();
  #frozen = false;
  #utilisation = performance.eventLoopUtilization();

  /**
   * @param before - what the predecessor in this slot, of the same process, has counted.
   * @param image - where the slot is kept before it is stored, see {@link storeImage}.
   */
  constructor(index: number, state: SlotState, before?: SlotRecord, image?: SharedArrayBuffer) {
    this.#image = new SlotImage(image);
    this.#requests = before?.requests ?? 0;
    this.#errors = before?.errors ?? 0;
    this.#position = slotPosition(index);
    this.#image.setPid(process.pid);
    this.#image.setState(state);
    this.#beat();
    setInterval(() => this.#beat(), BEAT_INTERVAL).unref();
  }

  setState(state: SlotState): void {
    this.#image.setState(state);
    this.flush();
  }

  /** For a worker that leaves by killing itself: the exit code that it would have had. */
  setExitCode(code: number): void {
    this.#image.setExitCode(code);
    this.#write(this.#image.header());
  }

  /** Stores what {@link Slot.end} has put off; for a process that is about to exit. */
  flush(): void {
    if (this.#frozen) return;
    const length = this.#begun ? this.#image.full() : this.#image.header();
    this.#settling = false;
    this.#begun = false;
    this.#fill();
    this.#write(length);
  }

  /**
   * From now on, the start of a request is stored within two milliseconds, too late for one that never lets go of the CPU or
   * dies of a native crash. (What ends by an error or an exit stores it before.)
   */
  defer(): void {
    this.#deferring = true;
  }

  /** Keeps the slot as it is now, for the master to read after the end of this process. */
  freeze(): void {
    this.flush();
    this.#frozen = true;
  }

  /** Where the number of open connections is to be had, once there are any. */
  countConnections(gauge: () => number): void {
    this.#connections = gauge;
  }

  observe(observer: SlotObserver): void {
    this.#observer = observer;
  }

  begin(method: string, url: string): void {
    this.#active++;
    if (this.#frozen) return;
    this.#image.setRequest(method, url, Date.now());
    this.#begun = true;
    if (!this.#deferring) {
      this.flush();
      return;
    }
    this.#image.setLoad(this.#active, this.#connections());
    this.#settle();
  }

  end(failed: boolean): void {
    this.#active--;
    this.#requests++;
    if (failed) this.#errors++;
    this.#settle();
    this.#observer?.onRequests(1);
  }

  #settle(): void {
    if (this.#settling && this.#deferring) return;
    this.#settling = true;
    this.#settleTimer.refresh();
  }

  #beat(): void {
    const utilisation = performance.eventLoopUtilization();
    const { utilization } = performance.eventLoopUtilization(utilisation, this.#utilisation);
    this.#utilisation = utilisation;
    const rss = process.memoryUsage.rss();
    this.#image.setBeat(monotonic(), rss, utilization);
    this.flush();
    this.#observer?.onMemory(rss);
  }

  #fill(): void {
    this.#image.setLoad(this.#active, this.#connections());
    this.#image.setCounters(this.#requests, this.#errors);
  }

  #write(length: number): void {
    writeSync(FD.SCOREBOARD, this.#image.bytes, 0, length, this.#position);
  }
}
