/** Node's names of operating systems where Rust (`std::env::consts::OS`), whose names the format uses, has another. */
const RUST_NAMES: ReadonlyMap<string, string> = new Map([
  ['darwin', 'macos'],
  ['win32', 'windows'],
  ['sunos', 'solaris'],
]);

/**
 * The `platform` of a run spec and of observation health: `linux`, `macos`, `windows`.
 * @param platform Node's name, as in `process.platform`.
 */
export function platformName(platform: string): string {
  return RUST_NAMES.get(platform) ?? platform;
}
