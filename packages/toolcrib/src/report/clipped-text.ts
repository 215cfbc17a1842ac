import { countTamperings } from '../core/tampering-calls.ts';
import type { ArchiveFacts } from './archive-text.ts';

/** Why not all that a run did is sure to have been seen, in a few words each. */
export function clippingsOf({
  summary: { health },
  reports: { capture },
}: Pick<ArchiveFacts, 'summary' | 'reports'>): readonly string[] {
  const clippings = [
    ...((health?.ringbuf_drops ?? 0) > 0 ? ['events were lost'] : []),
    ...(capture?.ended_early === true ? ['the observer was gone before the run was over'] : []),
    ...((capture?.survivors ?? 0) > 0 ? ['processes lived on when the recording ended'] : []),
    ...(isTampered(capture) ? ['the observer could have been changed'] : []),
  ];
  return clippings.length > 0 ? clippings : ['not all was seen, and nothing says why'];
}

/** Whether a call was seen by which the observer could have been changed. */
export function isTampered(capture: ArchiveFacts['reports']['capture']): boolean {
  return countTamperings(capture?.normaliser?.blind_spots) > 0;
}
