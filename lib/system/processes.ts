/**
 * What this library asks of the system about processes by their numbers. This is the part of the record `system` that
 * threads may load too, since this file imports nothing.
 */
export interface Processes {
  /** Throws ESRCH where there is no process of that pid, and EPERM where there is one that may not be signalled. */
  probe(pid: number): void;
  killPid(pid: number, signal: NodeJS.Signals): void;
  /**
   * Signals all that are in the process group of that leader. Throws where there is nobody, or nobody who may be
   * signalled.
   */
  killGroup(leader: number, signal: NodeJS.Signals): void;
}

/** A test replaces one of these with something that fails. */
export const processes: Processes = {
  probe: (pid) => void process.kill(pid, 0),
  killPid: (pid, signal) => void process.kill(pid, signal),
  killGroup: (leader, signal) => void process.kill(-leader, signal),
};
