import type { ProjectConfig } from '../config/config.ts';
import { formatTarget } from '../core/target.ts';

/** Keys of `toolcrib.json` by which a change decides itself what is looked at, who is asked and whom to trust. */
type WatchedSetting = 'sources' | 'targets' | 'stores' | 'rewrite' | 'attestation';

/** Such a key whose value is another than what the change began with, for whoever reviews it. */
export interface Notice {
  readonly key: WatchedSetting;
  /** One sentence without a full stop. May quote names of the repository. */
  readonly message: string;
}

/** What a reviewer should look at; nothing of it closes the gate. */
export function noticesBetween(before: ProjectConfig, now: ProjectConfig): readonly Notice[] {
  const [earlier, later] = [valuesOf(before), valuesOf(now)];
  return KEYS.filter((key) => JSON.stringify(earlier[key]) !== JSON.stringify(later[key])).map((key) => ({
    key,
    message: `"${key}" of toolcrib.json is another than on the base: ${describe(key, before, now)}`,
  }));
}

const KEYS: readonly WatchedSetting[] = ['sources', 'targets', 'stores', 'rewrite', 'attestation'];

function valuesOf({ sources, targets, stores, rewrite, attestation }: ProjectConfig): Record<WatchedSetting, unknown> {
  return {
    sources,
    targets: targets.map(formatTarget).sort(),
    stores: stores.map(({ url }) => url),
    rewrite,
    attestation,
  };
}

function describe(key: WatchedSetting, before: ProjectConfig, now: ProjectConfig): string {
  if (key === 'rewrite') return 'stores may be asked elsewhere';
  if (key === 'attestation') return 'whose signatures count may have changed';
  if (key === 'stores' && now.stores.length === 0) return 'nothing tells any more whether the release is published';
  const [earlier, later] = [namesOf(key, before), namesOf(key, now)];
  const [gone, came] = [without(earlier, later), without(later, earlier)];
  const said = [...listed('without', gone), ...listed('with', came)];
  return said.length === 0 ? 'in another order' : said.join(', ');
}

function namesOf(key: 'sources' | 'targets' | 'stores', config: ProjectConfig): readonly string[] {
  switch (key) {
    case 'sources':
      return config.sources;
    case 'targets':
      return config.targets.map(formatTarget);
    case 'stores':
      return config.stores.map(({ url }) => url);
  }
}

function without(names: readonly string[], others: readonly string[]): readonly string[] {
  return names.filter((name) => !others.includes(name));
}

/** So many values are named, the rest is counted. */
const SHOWN = 5;

function listed(word: string, names: readonly string[]): readonly string[] {
  if (names.length === 0) return [];
  const rest = names.length - SHOWN;
  return [`${word} ${names.slice(0, SHOWN).join(' ')}${rest > 0 ? ` and ${rest} more` : ''}`];
}
