/** What a worker is called in messages. A spare holds no slot, so it has no number. */
export function workerName(id: number): string {
  return id === 0 ? 'spare' : `worker #${id}`;
}
