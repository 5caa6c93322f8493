/**
 * What this library asks of the system about processes by their numbers: the part of the one record `system` that threads may have too,
 * for this file imports nothing.
 */
export interface Processes {
  /** Throws where there is no process of that pid. */
  probe(pid: number): void;
  killPid(pid: number, signal: NodeJS.Signals): void;
  /** All that are in the process group of that leader. Throws where there is nobody, or none that may be signalled. */
  killGroup(leader: number, signal: NodeJS.Signals): void;
}

/** A test puts something that fails in the place of one of these. */
export const processes: Processes = {
  probe: (pid) => void process.kill(pid, 0),
  killPid: (pid, signal) => void process.kill(pid, signal),
  killGroup: (leader, signal) => void process.kill(-leader, signal),
};
