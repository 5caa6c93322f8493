import { writeSync } from 'node:fs';
import { performance } from 'node:perf_hooks';
import { monotonic } from '../../monotonic.js';
import { beatInterval, FD } from '../../protocol/spec.js';
import { SlotImage, type SlotRecord, type SlotState, slotPosition } from '../../scoreboard/scoreboard.js';
import { spec } from '../context.js';
import { Named } from './named.js';

/** How often a worker writes a beat (heartbeat), which says that its event loop turns. Milliseconds. */
const BEAT_INTERVAL = beatInterval(spec?.clocks.timeout ?? 0);
/** Memory and utilisation are measured about once a second, however fine the beats are: `maxMemory` counts samples. */
const BEATS_PER_SAMPLE = Math.round(1_000 / BEAT_INTERVAL);
/** How long the end of a request may wait to be stored. Milliseconds. */
const SETTLE_DELAY = 2;

/** Is told what a slot counts. It is called for each request, so it must be fast. */
export interface SlotObserver {
  /** `count` more requests have been finished. */
  onRequests(count: number): void;
  /** Resident memory in bytes, about once a second. */
  onMemory(rss: number): void;
}

/** Whether there is room for a connection, and for how long there was in all, milliseconds. */
interface Room {
  readonly hasRoom: boolean;
  readonly freeTime: { readonly sum: number };
}

/**
 * The worker's side of the scoreboard. A write is one system call on shared memory, cheap enough for each request; and
 * what is written outlives this process, however it ends.
 *
 * There is at most one write per request. Its start must be stored before the handler runs, but its end may wait for
 * two milliseconds, since under load the start of the next request replaces it. A worker that serves one request at a
 * time stores only {@link Slot.deferRepeated | another request than the last one}. A worker that serves in a tenth of
 * the time, by keeping its connections, may {@link Slot.defer} the start too.
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
  /** Whether something waits to be stored; and whether the start of a request does. */
  #settling = false;
  #begun = false;
  #deferring = false;
  /** Undefined unless {@link Slot.deferRepeated} was called. */
  #named: Named | undefined;
  readonly #settleTimer = setTimeout(() => this.#settling && this.flush(), SETTLE_DELAY).unref();
  #frozen = false;
  #utilisation = performance.eventLoopUtilization();
  #rss = 0;
  #elu = 0;
  #beats = 0;

  /**
   * @param before - what the predecessor in this slot (an earlier thread of the same process) has counted.
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

  /** The event loop may stand still until the given time: the master expects no beat before. */
  setPatience(until: number): void {
    this.#image.setPatience(until);
    this.flush();
  }

  /** For a worker that ends by killing itself: stores the exit code that it would have had. */
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
   * From now on, the start of a request is stored within two milliseconds. That is too late for a request that never
   * lets go of the CPU, or that dies of a native crash. (A worker that ends by an error or an exit stores it first.)
   */
  defer(): void {
    this.#deferring = true;
  }

  /**
   * The same, but only for a request like the one that the stored slot still names, which it does for two milliseconds
   * at most, see {@link Named}. Any other start is stored before its handler runs. For workers that serve one request
   * at a time.
   */
  deferRepeated(): void {
    this.#deferring = true;
    this.#named = new Named();
  }

  /** Keeps the slot as it is now, except for the beat, for the master to read after the end of this process. */
  freeze(): void {
    this.flush();
    this.#frozen = true;
  }

  /** Requests in flight. */
  get active(): number {
    return this.#active;
  }

  /**
   * When the latest request began, milliseconds since the epoch. Time that did not count against the request is not
   * deducted.
   */
  get startedAt(): number {
    return this.#image.startedAt;
  }

  /** Open connections. */
  get connections(): number {
    return this.#connections();
  }

  /** Sets the function that returns the number of open connections. */
  askConnections(gauge: () => number): void {
    this.#connections = gauge;
  }

  /** Sets the acceptor that is asked for its room, once there is one. */
  askRoom(room: Room): void {
    this.#room = room;
  }

  observe(observer: SlotObserver): void {
    this.#observer = observer;
  }

  /**
   * A request begins.
   *
   * @param id - where requests have ids; then no request is like the one before.
   * @param waited - how long it has waited for its place, milliseconds, where that is counted.
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

  /**
   * A request has ended.
   *
   * @param duration - how long it took, milliseconds.
   */
  end(failed: boolean, duration: number): void {
    this.#active--;
    this.#requests++;
    if (failed) this.#errors++;
    if (!this.#frozen) {
      // Both change together: when a thread is terminated, the process stores its image as it is.
      this.#image.times.addRequest(duration);
      this.#count();
    }
    this.#settle();
    this.#observer?.onRequests(1);
  }

  /** A request was not begun because its client had gone. */
  abandon(): void {
    this.#abandoned++;
    this.#settle();
  }

  /** Has the slot stored soon, see {@link SETTLE_DELAY}. */
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
      // Node 20 opens a file for that, and there may be no descriptor left.
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
