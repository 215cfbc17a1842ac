import { openObserver } from './open-observer.ts';

/** `observer-driver.ts strace|tracer COMMAND...`: observes a command, to be killed while it does. */
const [name = '', ...command] = process.argv.slice(2);
const observer = await openObserver(name === 'strace' ? 'strace' : 'tracer', {});
const run = await observer.start({ command, cwd: process.cwd(), env: process.env, stdio: 'inherit', ownGroup: false });
if ('code' in run) throw new Error(run.reason);
for await (const call of run.calls) if (call.call === 'never') process.exit(1);
