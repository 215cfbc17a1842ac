import type { ByteSource, Store } from '../stores/store.ts';

/**
 * A store in which everything happens as in the real one, except that it stays in memory: reads pass through, creations
 * are remembered only. A dry run is a publication into it.
 */
export function rehearse(store: Store): Store {
  const created = new Map<string, ByteSource>();
  return {
    reference: store.reference,
    guarantee: store.guarantee,
    async fetch(name, options) {
      const source = created.get(name);
      if (source === undefined) return await store.fetch(name, options);
      return { size: source.size, url: `${store.reference} (dry run) ${name}`, bytes: source.open() };
    },
    async create(name, source, options) {
      if (created.has(name)) return 'exists';
      const names = await store.list(name, options);
      if (names.includes(name)) return 'exists';
      created.set(name, source);
      return 'created';
    },
    async list(prefix, options) {
      const names = await store.list(prefix, options);
      return [...new Set([...names, ...[...created.keys()].filter((name) => name.startsWith(prefix))])].sort();
    },
    complete: () => Promise.resolve('complete'),
    close: () => store.close(),
  };
}
