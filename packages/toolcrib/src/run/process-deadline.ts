import type { Clock } from '../core/clock.ts';
import type { FollowedCommand } from './follow-command.ts';

/** Milliseconds between the polite signal and the one that cannot be ignored. */
export const KILL_GRACE_MS = 2000;
const POLL_MS = 20;

/**
 * Ends a command with everything in its group: TERM, and KILL for what is still there after the grace period; then what
 * left the group, where somebody knows it.
 * @returns when nothing is left, or everything was sent KILL.
 */
export async function endCommand(running: FollowedCommand, clock: Clock, graceMs: number): Promise<void> {
  const state = { ended: false };
  void running.end.then(() => (state.ended = true));
  const deadline = clock.elapsed() + graceMs;
  running.kill('SIGTERM');
  while (!(state.ended && !running.isGroupAlive()) && clock.elapsed() < deadline) await clock.sleep(POLL_MS);
  if (!state.ended || running.isGroupAlive()) running.kill('SIGKILL');
  await running.end;
  await running.endRest?.();
}
