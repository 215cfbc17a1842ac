import { readFileSync } from 'node:fs';
import * as nodeModule from 'node:module';
import { property, quietly } from './observed-function.ts';
import type { SdkIdentity } from './sdk-event-log.ts';

/** A module of a package that is waited for. */
export interface AwaitedModule {
  /** E.g. `@google/genai`. */
  readonly packageName: string;
  /** Its path in the package, from the first slash after the name. */
  readonly path: RegExp;
}

/** A module that was loaded, as an ES module or by `require`. */
export interface LoadedModule {
  readonly exports: object;
  readonly sdk: SdkIdentity;
}

/** Where the code that is put at the end of a module finds us. */
const CALLBACK = Symbol.for('toolcrib.agent-shim');

/**
 * Calls back when a module of one of these packages has been evaluated, before any module that imports it. A program may
 * load several copies. Needs `module.registerHooks` (Node 22.15, 23.5, and newer); without it, nothing is ever called.
 * @param loaded may throw: that changes nothing.
 */
export function whenLoaded(awaited: readonly AwaitedModule[], loaded: (module: LoadedModule) => void): void {
  if (!('registerHooks' in nodeModule)) return;
  Object.defineProperty(globalThis, CALLBACK, {
    value: (url: string, exports: unknown) =>
      quietly(() => {
        if (typeof exports === 'object' && exports !== null) loaded({ exports, sdk: identityOf(url, awaited) });
      }),
  });
  nodeModule.registerHooks({
    load(url, context, nextLoad) {
      const result = nextLoad(url, context);
      if (!awaited.some((module) => packageRootOf(url, module) !== undefined)) return result;
      return { ...result, ...quietly(() => withCallback(url, result)) };
    },
  });
}

/** What the instances of an exported class share; undefined when there is no such class. */
export function prototypeOf({ exports }: LoadedModule, className: string): object | undefined {
  const type = property(exports, className);
  const prototype: unknown = typeof type === 'function' ? type.prototype : undefined;
  return typeof prototype === 'object' && prototype !== null ? prototype : undefined;
}

/** An ES module may import itself: its exports are there when its last line runs. */
function withCallback(url: string, { format, source }: nodeModule.LoadFnOutput): { source?: string } {
  if (source === undefined) return {};
  const text = typeof source === 'string' ? source : new TextDecoder().decode(source);
  const call = (exports: string): string =>
    `globalThis[Symbol.for("toolcrib.agent-shim")]?.(${JSON.stringify(url)}, ${exports});`;
  const isModule = format === 'module' || url.endsWith('.mjs');
  const own = isModule
    ? `import * as toolcribSelf from ${JSON.stringify(url)};\n${call('toolcribSelf')}`
    : call('module.exports');
  return { source: `${text}\n${own}\n` };
}

/** The folder of the package, ended by a slash, when the URL is that of an awaited module. */
function packageRootOf(url: string, { packageName, path }: AwaitedModule): string | undefined {
  if (!url.startsWith('file:')) return undefined;
  const name = `/node_modules/${packageName}/`;
  const at = url.lastIndexOf(name);
  if (at < 0 || !path.test(url.slice(at + name.length))) return undefined;
  return url.slice(0, at + name.length);
}

function identityOf(url: string, awaited: readonly AwaitedModule[]): SdkIdentity {
  for (const module of awaited) {
    const root = packageRootOf(url, module);
    if (root !== undefined) return { name: module.packageName, version: quietly(() => versionAt(root)) ?? null };
  }
  return { name: null, version: null };
}

function versionAt(root: string): string | null {
  const version = property(JSON.parse(readFileSync(new URL('package.json', root), 'utf8')), 'version');
  return typeof version === 'string' ? version : null;
}
