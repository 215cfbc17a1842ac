import { isDigest } from '../../core/digest.ts';
import type { OciFile } from '../../core/oci-release.ts';
import { manifestOf, type FileManifest, type ParsedFileManifest } from './file-manifest.ts';
import type { ClaimNote } from './race.ts';

const INDEX = 'vnd.toolcrib.release.index';
const STATE = 'vnd.toolcrib.release.state';

/** The stored sums as a claim, with how far its publisher got. */
export function formatClaim(sums: OciFile, { index, sealed }: Omit<ClaimNote, 'sums'>): FileManifest {
  return manifestOf(sums, {
    notes: { ...(index !== undefined && { [INDEX]: index }), ...(sealed && { [STATE]: 'complete' }) },
  });
}

export function claimNoteOf({ digest, annotations }: ParsedFileManifest): ClaimNote {
  const index = annotations[INDEX];
  return {
    sums: digest,
    ...(index !== undefined && isDigest(index) && { index }),
    sealed: annotations[STATE] === 'complete',
  };
}
