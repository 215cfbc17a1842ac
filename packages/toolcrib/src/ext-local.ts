/**
 * `toolcrib/ext-local`: resolves `ext://` references from files of this machine. No code that opens a socket is reachable
 * from here, which is tested.
 */
export type { Digest } from './core/digest.ts';
export {
  IntegrityError,
  NotFoundError,
  RemoteError,
  ToolcribError,
  UsageError,
  type ErrorCode,
  type ErrorDetails,
} from './core/errors.ts';
export type { ResolvedComponent } from './extensions/component.ts';
export { resolveLocalComponent, type ResolveLocalOptions } from './extensions/resolve-local.ts';
