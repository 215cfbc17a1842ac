import type { RedactionKey } from '../../../src/run/redaction/key.ts';
import type { Random } from '../../../src/run/run-spec.ts';

/** Bytes 0, 1, 2, …: the same every time. */
export const fixedRandom: Random = (size) => Uint8Array.from({ length: size }, (_, index) => index % 256);

export const fixedKey: RedactionKey = { bytes: fixedRandom(32), scope: 'ephemeral' };
