import fc from 'fast-check';
import { expect, test } from 'vitest';
import { effectEventSchema } from '../../../../src/run/layers/effect-event.ts';
import { createEffectReplay } from '../../../../src/run/normalise/effect-replay.ts';
import { createNormaliser } from '../../../../src/run/normalise/normaliser.ts';
import { createRedactor } from '../../../../src/run/redaction/redactor.ts';
import { createSurfaceBuilder } from '../../../../src/run/reports/capability-surface.ts';
import { fixedKey } from '../fixed.ts';
import { anyCall, changed } from '../observed.ts';

const more = fc.constantFrom('mount', 'chroot').map((call) => changed(call, [{ given: '/a' }]));

test('effects come to the blind spots that were counted, less those of the kernel layer', () => {
  fc.assert(
    fc.property(fc.array(fc.oneof(anyCall, more), { maxLength: 12 }), (calls) => {
      const options = { redactor: createRedactor(fixedKey), surface: createSurfaceBuilder(), raw: false };
      const normaliser = createNormaliser({ runId: 'run_001', ...options });
      const replay = createEffectReplay();
      for (const { effect } of calls.map((call) => normaliser.take(call))) {
        if (effect !== undefined) replay.take(effectEventSchema.parse(JSON.parse(effect)));
      }
      const { proc_of_others: _opens, unnamed_exec: _execs, ...counted } = normaliser.counts().blind_spots;
      expect(replay.blindSpots()).toEqual(counted);
    }),
  );
});
