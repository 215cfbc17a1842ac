import { messageOf, ToolcribError, UsageError } from '../../core/errors.ts';
import type { ManyOptions, ManyResult } from '../../flows/inject-many.ts';
import type { PlacingOptions } from '../../flows/inject-tool.ts';
import type { FailureFacts } from '../../report/injections-text.ts';
import { exitCodeOf, NOT_INJECTABLE } from '../exit-codes.ts';
import { errorDocument } from '../output.ts';
import { parseJobs, type Registration } from '../program-options.ts';
import type { Session } from '../session.ts';
import { standardStreams } from '../standard-streams.ts';

interface InjectOptions {
  readonly plan?: boolean;
  readonly copy?: boolean;
  readonly label?: string;
  readonly engine?: string;
  readonly jobs?: number;
}

export function registerInject({ program, action }: Registration): void {
  program
    .command('inject')
    .description('resolve the tool for sandboxes, place it there and prove that it runs')
    .argument('[sandbox...]', 'docker:NAME, podman:NAME, exec:PREFIX or local:DIR')
    .option('--label <key[=value]>', 'also every running container that has this label')
    .option('--engine <engine>', 'whose containers --label means: docker or podman (default: docker)')
    .option('--jobs <number>', 'how many sandboxes at the same time (default: 4)', parseJobs)
    .option('--copy', 'always copy, so that it is there after a restart, and in images made of the container')
    .option('--plan', 'tell every target and every way, usable or not, and why; place nothing')
    .action(
      action(async (session, sandboxes: string[], options: InjectOptions) => {
        const [sandbox] = sandboxes;
        if (options.label === undefined) {
          if (sandbox === undefined) throw noSandbox();
          if (options.engine !== undefined) throw engineWithoutLabel();
          const one = options.plan === true ? planOne : injectOne;
          if (sandboxes.length === 1) return await one(session, { sandbox, copy: options.copy });
        }
        const { label, jobs, copy } = options;
        const labelled = label === undefined ? undefined : { scheme: engineOf(options), label: labelFrom(label) };
        return await (options.plan === true ? planAll : injectAll)(session, { sandboxes, labelled, jobs, copy });
      }),
    );
}

type OneOptions = { readonly sandbox: string } & PlacingOptions;

async function injectOne(session: Session, options: OneOptions): Promise<number> {
  const { injectTool } = await import('../../flows/inject-tool.ts');
  const { describeInjection } = await import('../../report/injection-text.ts');
  const dialogue = await session.dialogue();
  const injection = await injectTool(session.project(), session.host, { ...options, dialogue });
  session.output.result(injection, describeInjection(injection));
  return 0;
}

async function planOne(session: Session, options: OneOptions): Promise<number> {
  const { planInjection } = await import('../../flows/plan-injection.ts');
  const { describeInjectionPlan } = await import('../../report/injection-plan-text.ts');
  const plan = await planInjection(await session.project(), session.host, options);
  session.output.result(plan, describeInjectionPlan(plan));
  return plan.possible ? 0 : NOT_INJECTABLE;
}

async function injectAll(session: Session, options: ManyOptions & PlacingOptions): Promise<number> {
  const { injectMany } = await import('../../flows/inject-many.ts');
  const { describeInjections } = await import('../../report/injections-text.ts');
  const dialogue = await session.dialogue();
  const results = await injectMany(await session.project(), session.host, { ...options, dialogue });
  const told = results.map((result) => ('error' in result ? failureOf(result) : result.value));
  session.output.result(
    documentOf(results, (injection) => injection),
    describeInjections(told, { width: standardStreams.stdout.columns }),
  );
  return firstCode(results, () => 0);
}

async function planAll(session: Session, options: ManyOptions & PlacingOptions): Promise<number> {
  const { planMany } = await import('../../flows/inject-many.ts');
  const { describeInjectionPlan } = await import('../../report/injection-plan-text.ts');
  const { describeFailure } = await import('../../report/injections-text.ts');
  const results = await planMany(await session.project(), session.host, options);
  const texts = results.map((result) =>
    'error' in result ? describeFailure(failureOf(result)) : describeInjectionPlan(result.value),
  );
  session.output.result(
    documentOf(results, (plan) => ({ plan })),
    texts.join('\n'),
  );
  return firstCode(results, ({ possible }) => (possible ? 0 : NOT_INJECTABLE));
}

/** One document for all; of what failed, the error as when it were the only one. */
function documentOf<T>(results: readonly ManyResult<T>[], fieldsOf: (value: T) => object): object {
  return {
    results: results.map((result) => {
      const { sandbox } = result;
      if ('error' in result) return { sandbox, ...errorDocument(result.error) };
      return { sandbox, ...fieldsOf(result.value), error: null };
    }),
  };
}

function failureOf({ sandbox, error }: { readonly sandbox: string; readonly error: unknown }): FailureFacts {
  const { message, hint } =
    error instanceof ToolcribError ? error : { message: `bug in toolcrib: ${messageOf(error)}`, hint: undefined };
  return { sandbox, message, hint };
}

/** Of the first in the order given that did not go well. */
function firstCode<T>(results: readonly ManyResult<T>[], codeOf: (value: T) => number): number {
  const codes = results.map((result) => ('error' in result ? exitCodeOf(result.error) : codeOf(result.value)));
  return codes.find((code) => code !== 0) ?? 0;
}

function engineOf({ engine = 'docker' }: InjectOptions): 'docker' | 'podman' {
  if (engine === 'docker' || engine === 'podman') return engine;
  throw new UsageError('USAGE', `--engine takes docker or podman, found ${JSON.stringify(engine)}`);
}

function labelFrom(text: string): string {
  if (/^[^=\s]+(?:=.*)?$/.test(text)) return text;
  throw new UsageError('USAGE', `--label takes KEY or KEY=VALUE, found ${JSON.stringify(text)}`, {
    hint: 'e.g. --label app=web',
  });
}

function noSandbox(): UsageError {
  return new UsageError('USAGE', 'no sandbox given', {
    hint: 'name some, e.g. docker:web, or running containers by a label: --label app=web',
  });
}

function engineWithoutLabel(): UsageError {
  return new UsageError('USAGE', '--engine says whose containers --label means, and there is no --label', {
    hint: 'a single container is podman:NAME or docker:NAME',
  });
}
