import { Uint } from '../values/numbers.ts';
import type { Expr, ListExpr, MapEntry, MapExpr } from './ast.ts';
import { Builder } from './build.ts';
import { CompileError, type Issue } from './issues.ts';
import { parseInt64, parseUint64, unquote, unquoteBytes } from './literals.ts';
import { expandCall } from './macros.ts';
import { sizeProblem } from './treeSize.ts';
import { tokenize, type Token } from './tokens.ts';

/** Nesting and length as cel-go takes it. */
const MAX_DEPTH = 250;
const MAX_CODE_POINTS = 100_000;

const RESERVED: ReadonlySet<string> = new Set([
  ...['as', 'break', 'const', 'continue', 'else', 'false', 'for', 'function', 'if', 'import', 'in', 'let', 'loop'],
  ...['package', 'namespace', 'null', 'return', 'true', 'var', 'void', 'while'],
]);
const RELATIONS = ['<', '<=', '>=', '>', '==', '!=', 'in'];

/** Ends the parse; what is wrong stands in the issues. */
class Stop extends Error {}

/**
 * The syntax tree of `source`, macros expanded.
 * @throws CompileError  with the place of the first mistake.
 */
export function parse(source: string): Expr {
  const issues: Issue[] = [];
  if (source.length > MAX_CODE_POINTS && Array.from(source).length > MAX_CODE_POINTS) {
    const message = `expression code point size exceeds limit: size: ${Array.from(source).length}, limit ${MAX_CODE_POINTS}`;
    throw new CompileError(source, [{ pos: undefined, message }]);
  }
  const parser = new Parser(tokenize(source, issues), issues);
  let tree: Expr | undefined;
  try {
    tree = parser.parse();
  } catch (error) {
    if (!(error instanceof Stop)) throw error;
  }
  const problem = tree && sizeProblem(tree);
  if (problem !== undefined) issues.push({ pos: undefined, message: problem });
  if (tree === undefined || issues.length > 0) throw new CompileError(source, issues);
  return tree;
}

class Parser {
  readonly #tokens: readonly Token[];
  readonly #issues: Issue[];
  #next = 0;
  #depth = 0;

  constructor(tokens: readonly Token[], issues: Issue[]) {
    this.#tokens = tokens;
    this.#issues = issues;
  }

  parse(): Expr {
    const tree = this.#expr();
    if (this.#token().kind !== 'end') this.#unexpected();
    return tree;
  }

  #expr(): Expr {
    if (++this.#depth > MAX_DEPTH) this.#fail(undefined, `expression recursion limit exceeded: ${MAX_DEPTH}`);
    const condition = this.#or();
    const question = this.#take('?');
    const result = question === undefined ? condition : this.#branches(condition, question);
    this.#depth--;
    return result;
  }

  #branches(condition: Expr, question: Token): Expr {
    const yes = this.#or();
    this.#expect(':');
    return new Builder(question.pos).call('_?_:_', condition, yes, this.#expr());
  }

  #or(): Expr {
    return this.#logical('||', '_||_', () => this.#logical('&&', '_&&_', () => this.#relation()));
  }

  /** `a && b && c` is one call with three arguments: chains may be long. */
  #logical(sign: string, name: string, operand: () => Expr): Expr {
    const terms = [operand()];
    let pos: number | undefined;
    for (let token = this.#take(sign); token !== undefined; token = this.#take(sign)) {
      pos ??= token.pos;
      terms.push(operand());
    }
    const [only] = terms;
    return pos === undefined && only !== undefined ? only : new Builder(pos ?? 0).call(name, ...terms);
  }

  #relation(): Expr {
    return this.#binary(RELATIONS, () =>
      this.#binary(['+', '-'], () => this.#binary(['*', '/', '%'], () => this.#unary())),
    );
  }

  #binary(signs: readonly string[], operand: () => Expr): Expr {
    let left = operand();
    for (let depth = 1; ; depth++) {
      const token = signs.includes(this.#token().text) ? this.#takeAny() : undefined;
      if (token === undefined) return left;
      if (depth > MAX_DEPTH) this.#fail(undefined, 'max recursion depth exceeded');
      const name = token.text === 'in' ? '@in' : `_${token.text}_`;
      left = new Builder(token.pos).call(name, left, operand());
    }
  }

  #unary(): Expr {
    const first = this.#token();
    if (first.text === '!') return this.#signs('!', '!_');
    const literal = first.text === '-' && ['int', 'double'].includes(this.#token(1).kind);
    return first.text === '-' && !literal ? this.#signs('-', '-_') : this.#member();
  }

  #signs(sign: string, name: string): Expr {
    const first = this.#token();
    let count = 0;
    while (this.#take(sign) !== undefined) count++;
    const operand = this.#member();
    return count % 2 === 0 ? operand : new Builder(first.pos).call(name, operand);
  }

  #member(): Expr {
    let expr = this.#primary();
    for (let depth = 1; ; depth++) {
      if (depth > MAX_DEPTH) this.#fail(undefined, 'max recursion depth exceeded');
      const token = this.#take('.') ?? this.#take('[');
      if (token === undefined) return expr;
      expr = token.text === '.' ? this.#select(expr, token) : this.#index(expr, token);
    }
  }

  #select(operand: Expr, dot: Token): Expr {
    const optional = this.#take('?') !== undefined;
    const token = this.#token();
    if (token.kind === 'escapedIdent') this.#fail(token.pos, "unsupported syntax: '`'");
    if (token.kind !== 'ident' || ['in', 'true', 'false', 'null'].includes(token.text)) this.#unexpected();
    this.#next++;
    if (optional) {
      return new Builder(dot.pos).call('_?._', operand, new Builder(token.pos).literal(token.text));
    }
    const open = this.#take('(');
    if (open === undefined) return { kind: 'select', pos: dot.pos, operand, field: token.text, testOnly: false };
    return this.#expand(open.pos, token.text, operand, this.#args());
  }

  #index(operand: Expr, bracket: Token): Expr {
    const optional = this.#take('?') !== undefined;
    const index = this.#expr();
    this.#expect(']');
    return new Builder(bracket.pos).call(optional ? '_[?_]' : '_[_]', operand, index);
  }

  #primary(): Expr {
    const token = this.#token();
    if (token.kind !== 'sign' && token.kind !== 'ident') return this.#literal(false);
    if (token.text === '-') {
      this.#next++;
      return this.#literal(true);
    }
    if (this.#take('(') !== undefined) {
      const inner = this.#expr();
      this.#expect(')');
      return inner;
    }
    if (this.#take('[') !== undefined) return this.#list(token.pos);
    if (this.#take('{') !== undefined) return this.#map(token.pos);
    return token.text === '.' || token.kind === 'ident' ? this.#name() : this.#unexpected();
  }

  #name(): Expr {
    const leading = this.#take('.') === undefined ? '' : '.';
    const token = this.#token();
    if (token.kind !== 'ident' || token.text === 'in') this.#unexpected();
    this.#next++;
    if (leading === '' && ['true', 'false', 'null'].includes(token.text)) {
      return new Builder(token.pos).literal(token.text === 'null' ? null : token.text === 'true');
    }
    if (RESERVED.has(token.text)) this.#fail(token.pos, `reserved identifier: ${token.text}`);
    const open = this.#take('(');
    if (open === undefined) return new Builder(token.pos).ident(leading + token.text);
    return this.#expand(open.pos, leading + token.text, undefined, this.#args());
  }

  #expand(pos: number, name: string, target: Expr | undefined, args: Expr[]): Expr {
    const expanded = expandCall({ kind: 'call', pos, name, target, args });
    if (!('message' in expanded)) return expanded;
    this.#issues.push(expanded);
    return new Builder(pos).literal(null);
  }

  #args(): Expr[] {
    const args: Expr[] = [];
    if (this.#take(')') !== undefined) return args;
    do args.push(this.#expr());
    while (this.#take(',') !== undefined);
    this.#expect(')');
    return args;
  }

  #list(pos: number): ListExpr {
    const elements: Expr[] = [];
    const optional = new Set<number>();
    while (this.#take(']') === undefined) {
      if (this.#take('?') !== undefined) optional.add(elements.length);
      elements.push(this.#expr());
      if (this.#take(',') === undefined) {
        this.#expect(']');
        break;
      }
    }
    return { kind: 'list', pos, elements, optional };
  }

  #map(pos: number): MapExpr {
    const entries: MapEntry[] = [];
    while (this.#take('}') === undefined) {
      const optional = this.#take('?') !== undefined;
      const key = this.#expr();
      this.#expect(':');
      entries.push({ key, value: this.#expr(), optional });
      if (this.#take(',') === undefined) {
        this.#expect('}');
        break;
      }
    }
    return { kind: 'map', pos, entries };
  }

  #literal(negative: boolean): Expr {
    const { kind, text, pos } = this.#takeAny();
    const at = new Builder(negative ? pos - 1 : pos);
    const sign = negative ? '-' : '';
    switch (kind) {
      case 'int':
        return at.literal(parseInt64(sign + text) ?? this.#fail(at.pos, 'invalid int literal'));
      case 'double':
        return at.literal(Number(sign + text));
      case 'uint': {
        const value = parseUint64(text) ?? this.#fail(pos, 'invalid uint literal');
        return at.literal(new Uint(value));
      }
      case 'string':
      case 'bytes': {
        const value = kind === 'string' ? unquote(text) : unquoteBytes(text);
        return at.literal(value instanceof Error ? this.#fail(pos, value.message) : value);
      }
      default:
        this.#next--;
        return this.#unexpected();
    }
  }

  #token(ahead = 0): Token {
    const last = this.#tokens.length - 1;
    return this.#tokens[Math.min(this.#next + ahead, last)] as Token;
  }

  #takeAny(): Token {
    const token = this.#token();
    this.#next++;
    return token;
  }

  #take(sign: string): Token | undefined {
    const token = this.#token();
    return token.kind === 'sign' && token.text === sign ? this.#takeAny() : undefined;
  }

  #expect(sign: string): void {
    if (this.#take(sign) !== undefined) return;
    const { text, pos } = this.#token();
    this.#fail(pos, `Syntax error: mismatched input '${text}' expecting '${sign}'`);
  }

  #unexpected(): never {
    const { text, pos } = this.#token();
    this.#fail(pos, `Syntax error: mismatched input '${text}'`);
  }

  #fail(pos: number | undefined, message: string): never {
    this.#issues.push({ pos, message });
    throw new Stop();
  }
}
