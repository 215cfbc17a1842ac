/** What WebAssembly bytes are: a component of the component model, a core module, or no WebAssembly at all. */
export type WebAssemblyKind = 'component' | 'module' | 'none';

const MAGIC = [0x00, 0x61, 0x73, 0x6d];
/** Version and layer, two bytes each (the component model's `Binary.md`, "Component Definitions"; its version is no 1 yet). */
const COMPONENT = [0x0d, 0x00, 0x01, 0x00];
const MODULE = [0x01, 0x00, 0x00, 0x00];

/** Reads the first eight bytes; whether the rest is well-formed is for who runs it. */
export function webAssemblyKind(bytes: Uint8Array): WebAssemblyKind {
  const startsWith = (expected: readonly number[]): boolean => expected.every((byte, at) => bytes[at] === byte);
  if (startsWith([...MAGIC, ...COMPONENT])) return 'component';
  return startsWith([...MAGIC, ...MODULE]) ? 'module' : 'none';
}
