import ts from 'typescript';

/** A place where source does what the house rules leave to somebody else. */
export interface Fault {
  readonly path: string;
  /** From 1 on. */
  readonly line: number;
  readonly what: string;
}

const FILE_NAMES = /(?:^|[-.])(?:utils?|helpers?|common|managers?)\.[cm]?[jt]s$/;
/** What of `process` belongs to the one who was started by a person: the command line. */
const OF_THE_COMMAND_LINE = ['env', 'argv', 'stdin', 'stdout', 'stderr', 'exit', 'exitCode'];

/** True for names that say nothing about what is in a file. */
export function isEmptyFileName(path: string): boolean {
  return FILE_NAMES.test(path.slice(path.lastIndexOf('/') + 1));
}

/**
 * Judges a source file by what it says, not by what it imports.
 * @param mayTalk true for the files that read the environment, print and end the process.
 */
export function judgeSource(path: string, text: string, mayTalk: boolean): readonly Fault[] {
  const source = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true);
  const faults: Fault[] = [];
  const visit = (node: ts.Node): void => {
    const what = unknowableImport(node) ?? (mayTalk ? undefined : (processPart(node) ?? consoleUse(node)));
    if (what !== undefined) {
      const { line } = source.getLineAndCharacterOfPosition(node.getStart(source));
      faults.push({ path, line: line + 1, what });
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return faults;
}

/** `import(variable)`: neither the rules nor the bundler can see what it loads. */
function unknowableImport(node: ts.Node): string | undefined {
  if (!ts.isCallExpression(node) || node.expression.kind !== ts.SyntaxKind.ImportKeyword) return undefined;
  const [specifier] = node.arguments;
  return specifier !== undefined && ts.isStringLiteralLike(specifier) ? undefined : 'import() of what is no literal';
}

/** `process.env`, `process['env']`, `const { env } = process`, `import { env } from 'node:process'`, … */
function processPart(node: ts.Node): string | undefined {
  const part = partsOfProcess(node).find((name) => OF_THE_COMMAND_LINE.includes(name));
  return part === undefined ? undefined : `process.${part}`;
}

function partsOfProcess(node: ts.Node): readonly string[] {
  if (ts.isPropertyAccessExpression(node) && isProcess(node.expression)) return [node.name.text];
  if (ts.isElementAccessExpression(node) && isProcess(node.expression)) {
    return ts.isStringLiteralLike(node.argumentExpression) ? [node.argumentExpression.text] : OF_THE_COMMAND_LINE;
  }
  if (ts.isVariableDeclaration(node) && node.initializer !== undefined && isProcess(node.initializer)) {
    return ts.isObjectBindingPattern(node.name)
      ? node.name.elements.map((element) => (element.propertyName ?? element.name).getText())
      : OF_THE_COMMAND_LINE;
  }
  return partsImported(node);
}

function partsImported(node: ts.Node): readonly string[] {
  if (!ts.isImportDeclaration(node) || !ts.isStringLiteral(node.moduleSpecifier)) return [];
  if (!/^(?:node:)?process$/.test(node.moduleSpecifier.text)) return [];
  const bindings = node.importClause?.namedBindings;
  if (bindings !== undefined && ts.isNamespaceImport(bindings)) return OF_THE_COMMAND_LINE;
  return bindings?.elements.map((element) => (element.propertyName ?? element.name).text) ?? [];
}

/** Node's `process`, not what somebody else gave that name, e.g. a program in a sandbox. */
function isProcess(node: ts.Expression): boolean {
  if (ts.isPropertyAccessExpression(node)) {
    return node.expression.getText() === 'globalThis' && node.name.text === 'process';
  }
  return ts.isIdentifier(node) && node.text === 'process' && !isShadowed(node);
}

function isShadowed(name: ts.Identifier): boolean {
  const isBoundIn = (scope: ts.Node): boolean => bindingsOf(scope).some((binding) => bindsName(binding, name.text));
  let scope: ts.Node = name.parent;
  while (!ts.isSourceFile(scope) && !isBoundIn(scope)) scope = scope.parent;
  return isBoundIn(scope);
}

/** What a scope gives names to, apart from imports. */
function bindingsOf(scope: ts.Node): readonly (ts.ParameterDeclaration | ts.VariableDeclaration)[] {
  if (ts.isFunctionLike(scope)) return [...scope.parameters];
  if (ts.isForOfStatement(scope) && ts.isVariableDeclarationList(scope.initializer)) {
    return [...scope.initializer.declarations];
  }
  if (!ts.isBlock(scope) && !ts.isSourceFile(scope)) return [];
  return scope.statements.filter(ts.isVariableStatement).flatMap((each) => [...each.declarationList.declarations]);
}

function bindsName({ name }: { readonly name: ts.BindingName }, text: string): boolean {
  if (ts.isIdentifier(name)) return name.text === text;
  return name.elements.some((element) => ts.isBindingElement(element) && bindsName(element, text));
}

function consoleUse(node: ts.Node): string | undefined {
  if (!ts.isPropertyAccessExpression(node) && !ts.isElementAccessExpression(node)) return undefined;
  return node.expression.getText() === 'console' ? 'console' : undefined;
}
