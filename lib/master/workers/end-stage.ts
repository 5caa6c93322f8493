/** How hard a worker is told to end: finish the request, exit at once, or be killed. */
export type EndStage = 'drain' | 'quit' | 'kill';
const STAGES: readonly EndStage[] = ['drain', 'quit', 'kill'];

export function isHarder(stage: EndStage, than: EndStage | undefined): boolean {
  return than === undefined || STAGES.indexOf(stage) > STAGES.indexOf(than);
}
