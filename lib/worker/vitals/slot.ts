import { writeSync } from 'node:fs';
import { performance } from 'node:perf_hooks';
import { monotonic } from '../../monotonic.js';
import { beatInterval, FD } from '../../protocol/spec.js';
import { SlotImage, type SlotRecord, type SlotState, slotPosition } from '../../scoreboard/scoreboard.js';
import { spec } from '../context.js';
import { Named } from './named.js';

/** How often a worker says that its event loop turns. Milliseconds. */
const BEAT_INTERVAL = beatInterval(spec?.clocks.timeout ?? 0);
/** Memory and utilisation are measured about once a second, however fine the beats are: `maxMemory` counts samples. */
const BEATS_PER_SAMPLE = Math.round(1_000 / BEAT_INTERVAL);
/** How long the end of a request may wait to be stored. Milliseconds. */
const SETTLE_DELAY = 2;

/** Learns what a slot is told. It is called on the way of each request. */
export interface SlotObserver {
  /** So many more requests have been finished. */
  onRequests(count: number): void;
  /** Resident memory in bytes, about once a second. */
  onMemory(rss: number): void;
}

/** Whether somebody could be let in, and for how long that could be done at once, milliseconds. */
interface Room {
  readonly hasRoom: boolean;
  readonly freeTime: { readonly sum: number };
}

/**
 * The worker's side of the scoreboard. A write is one system call on memory, so it is done on the way of each
 * request, and it outlives this process however it ends.
 *
 * At most one write per request: its start must be stored before the handler runs, but its end may wait for two milliseconds,
 * since under load the start of the next request replaces it. A worker that serves one at a time stores only
 * {@link Slot.deferRepeated | another one than the last}; one that serves in a tenth of the time, by keeping its connections, may
 * {@link Slot.defer} the start too.
 */
export class Slot {
  readonly #position: number;
  readonly #image: SlotImage;
  #requests = 0;
  #errors = 0;
  #abandoned = 0;
  #active = 0;
  #connections: () => number = () => 0;
  #room: Room | undefined;
  #observer: SlotObserver | undefined;
  /** Something waits to be stored; and the start of a request does. */
  #settling = false;
  #begun = false;
  #deferring = false;
  /** Undefined where all starts are stored in the same way. */
  #named: Named | undefined;
  readonly #settleTimer = setTimeout(() => this.#settling && this.flush(), SETTLE_DELAY).unref();
  #frozen = false;
  #utilisation = performance.eventLoopUtilization();
  #rss = 0;
  #elu = 0;
  #beats = 0;

  /**
   * @param before - what the predecessor in this slot, of the same process, has counted.
   * @param image - where the slot is kept before it is stored, see {@link storeImage}.
   */
  constructor(index: number, state: SlotState, before?: SlotRecord, image?: SharedArrayBuffer) {
    this.#image = new SlotImage(image);
    this.#requests = before?.requests ?? 0;
    this.#errors = before?.errors ?? 0;
    this.#abandoned = before?.abandoned ?? 0;
    if (before) this.#image.times.restore(before);
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

  /** The event loop is to stand still until then: the master waits for no beat. */
  setPatience(until: number): void {
    this.#image.setPatience(until);
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
    this.#named?.store(this.#begun, this.#active > 0);
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

  /**
   * The same where the slot names this very request already, since it has named one like it for at most two milliseconds. Any
   * other start is stored before its handler runs. For workers that serve one request at a time.
   */
  deferRepeated(): void {
    this.#deferring = true;
    this.#named = new Named();
  }

  /** Keeps the slot as it is now, but for the beat, for the master to read after the end of this process. */
  freeze(): void {
    this.flush();
    this.#frozen = true;
  }

  /** Requests in flight. */
  get active(): number {
    return this.#active;
  }

  /** When the request began that came last, milliseconds since the epoch: what did not count of its time is behind that too. */
  get startedAt(): number {
    return this.#image.startedAt;
  }

  /** Open connections. */
  get connections(): number {
    return this.#connections();
  }

  /** Where the number of open connections is to be had, once there are any. */
  askConnections(gauge: () => number): void {
    this.#connections = gauge;
  }

  /** What says so of the acceptor, once there is one. */
  askRoom(room: Room): void {
    this.#room = room;
  }

  observe(observer: SlotObserver): void {
    this.#observer = observer;
  }

  /**
   * @param id - where requests have ids: no two are alike then.
   * @param waited - how long it has waited before, milliseconds, where that is counted.
   */
  begin(method: string, url: string, id = '', waited?: number): void {
    this.#active++;
    if (this.#frozen) return;
    if (waited !== undefined) this.#image.times.addWait(waited);
    this.#image.setRequest(method, url, Date.now(), id);
    this.#begun = true;
    if (!this.#deferring || (this.#named && (!this.#named.begin(method, url) || id !== ''))) {
      this.flush();
      return;
    }
    this.#image.setLoad(this.#active, this.#connections());
    this.#settle();
  }

  /** @param duration - how long it took, milliseconds. */
  end(failed: boolean, duration: number): void {
    this.#active--;
    this.#requests++;
    if (failed) this.#errors++;
    if (!this.#frozen) {
      // Together: of a thread that is terminated, the process stores the image as it is.
      this.#image.times.addRequest(duration);
      this.#count();
    }
    this.#settle();
    this.#observer?.onRequests(1);
  }

  /** A request was not begun, since its client had gone. */
  abandon(): void {
    this.#abandoned++;
    this.#settle();
  }

  #settle(): void {
    if (this.#settling && this.#deferring) return;
    this.#settling = true;
    this.#settleTimer.refresh();
  }

  #beat(): void {
    const sampling = this.#beats++ % BEATS_PER_SAMPLE === 0;
    if (sampling) this.#sample();
    this.#image.setBeat(monotonic(), this.#rss, this.#elu);
    if (this.#frozen) this.#write(this.#image.header());
    else this.flush();
    if (sampling) this.#observer?.onMemory(this.#rss);
  }

  #sample(): void {
    const utilisation = performance.eventLoopUtilization();
    this.#elu = performance.eventLoopUtilization(utilisation, this.#utilisation).utilization;
    this.#utilisation = utilisation;
    try {
      this.#rss = process.memoryUsage.rss();
    } catch {
      // Node 20 opens a file for it, and there may be no descriptor left.
    }
  }

  #fill(): void {
    this.#image.setLoad(this.#active, this.#connections());
    this.#count();
    const room = this.#room;
    if (room) this.#image.setRoom({ free: room.freeTime.sum, at: monotonic(), open: room.hasRoom });
  }

  #count(): void {
    this.#image.setCounters(this.#requests, this.#errors, this.#abandoned);
  }

  #write(length: number): void {
    writeSync(FD.SCOREBOARD, this.#image.bytes, 0, length, this.#position);
  }
}
