import type { StoreReference } from '../core/reference.ts';
import type { Store } from '../stores/store.ts';
import type { RewriteRule } from '../transfer/rewrite.ts';
import type { ProxySettings, TransferOptions } from '../transfer/transfer-options.ts';
import type { Host } from './host.ts';

/** Opens the implementation that a store's reference names; who opens it closes it. */
export async function openStore(
  host: Host,
  reference: StoreReference,
  rewrite: readonly RewriteRule[],
): Promise<Store> {
  switch (reference.kind) {
    case 'directory': {
      const { openDirectoryStore } = await import('../stores/directory/directory-store.ts');
      return openDirectoryStore(reference, { folder: host.cwd, clock: host.clock });
    }
    case 's3': {
      const { openS3Store } = await import('../stores/s3/s3-store.ts');
      return openS3Store(reference, transferOptions(host, rewrite));
    }
  }
}

/** Stores that are opened when asked for, and closed together. */
export interface OpenStores {
  open(reference: StoreReference): Promise<Store>;
  close(): Promise<void>;
}

export function collectStores(host: Host, rewrite: readonly RewriteRule[]): OpenStores {
  const opened: Store[] = [];
  return {
    async open(reference) {
      const store = await openStore(host, reference, rewrite);
      opened.push(store);
      return store;
    },
    async close() {
      await Promise.all(opened.map((store) => store.close()));
    },
  };
}

function transferOptions(host: Host, rewrite: readonly RewriteRule[]): TransferOptions {
  return {
    offline: host.offline,
    rewrite,
    proxy: proxyOf(host.env),
    clock: host.clock,
    random: () => (host.random(1)[0] ?? 0) / 256,
  };
}

/** The usual variables, lower case first as curl does it; an empty one counts as absent. */
function proxyOf(env: Host['env']): ProxySettings {
  const read = (name: string): string | undefined => [env[name], env[name.toUpperCase()]].find((value) => !!value);
  return { http: read('http_proxy'), https: read('https_proxy'), noProxy: read('no_proxy') };
}
