declare const __TOOLCRIB_VERSION__: string | number;
declare const __TOOLCRIB_TARGET__: string;

/** What this executable is: `version` and `target` are compiled in, so that nothing in a sandbox can change them. */
export interface Identity {
  readonly tool: 'sandbox-tools';
  /** The ordinal of `tool-version.txt`; 0 when the sources run uncompiled. */
  readonly version: number;
  /** For example `amd64-any`; `unbuilt` when the sources run uncompiled. */
  readonly target: string;
}

/** The identity of the running executable. */
export const identity: Identity = {
  tool: 'sandbox-tools',
  version: typeof __TOOLCRIB_VERSION__ === 'undefined' ? 0 : Number(__TOOLCRIB_VERSION__),
  target: typeof __TOOLCRIB_TARGET__ === 'undefined' ? 'unbuilt' : __TOOLCRIB_TARGET__,
};
