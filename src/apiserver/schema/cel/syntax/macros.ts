import { ACCUMULATOR, type Call, type Expr, type Fold, type Ident, type Select } from './ast.ts';
import { Builder } from './build.ts';
import type { Issue } from './issues.ts';

/** The list comprehensions, optional comprehensions and has() of cel-go; each becomes a fold. */

interface Loop {
  build: Builder;
  range: Expr;
  /** One variable, or two. */
  vars: readonly string[];
  /** What follows the variables. */
  args: readonly Expr[];
}

type LoopParts = Pick<Fold, 'accuInit' | 'condition' | 'step' | 'result'>;

/** By name: how many arguments follow the variables, and what becomes of them. With two variables: `two`. */
const LOOPS: Readonly<
  Record<string, { one: readonly number[]; two: readonly number[]; parts: (loop: Loop) => LoopParts }>
> = {
  all: { one: [1], two: [1], parts: all },
  exists: { one: [1], two: [1], parts: exists },
  exists_one: { one: [1], two: [1], parts: existsOne },
  existsOne: { one: [], two: [1], parts: existsOne },
  map: { one: [1, 2], two: [], parts: transformList },
  filter: { one: [1], two: [], parts: filter },
  transformList: { one: [], two: [1, 2], parts: transformList },
  transformMap: { one: [], two: [1, 2], parts: transformMap },
  transformMapEntry: { one: [], two: [1, 2], parts: transformMapEntry },
};

/** `call` itself, or the macro that it is, expanded; an issue when the macro is misused. */
export function expandCall(call: Call): Expr | Issue {
  if (call.target === undefined) return call.name === 'has' && call.args.length === 1 ? presence(call) : call;
  switch (call.name) {
    case 'optMap':
    case 'optFlatMap':
      return call.args.length === 2 ? optional(call, call.target) : call;
    case 'sortBy':
      return call.args.length === 2 ? sortBy(call, call.target) : call;
    default:
      return loop(call, call.target);
  }
}

function presence({ args, pos }: Call): Select | Issue {
  const [arg] = args;
  if (arg?.kind !== 'select') return { pos: arg?.pos, message: 'invalid argument to has() macro' };
  return { ...arg, pos, testOnly: true };
}

function loop(call: Call, range: Expr): Expr | Issue {
  const macro = Object.hasOwn(LOOPS, call.name) ? LOOPS[call.name] : undefined;
  // Only map has two arguments after one variable; it has no form with two variables.
  const count = macro?.one.includes(call.args.length - 1) ? 1 : macro?.two.includes(call.args.length - 2) ? 2 : 0;
  if (macro === undefined || count === 0) return call;
  const vars = namesOf(call.args.slice(0, count));
  if (!Array.isArray(vars)) return vars;
  return fold({ build: new Builder(call.pos), range, vars, args: call.args.slice(count) }, macro.parts);
}

function fold(at: Loop, parts: (loop: Loop) => LoopParts): Fold {
  const [iterVar = '', iterVar2] = at.vars;
  return { kind: 'fold', pos: at.build.pos, range: at.range, iterVar, iterVar2, accuVar: ACCUMULATOR, ...parts(at) };
}

function namesOf(args: readonly Expr[]): string[] | Issue {
  const names: string[] = [];
  for (const arg of args) {
    if (arg.kind !== 'ident') return { pos: arg.pos, message: 'argument must be a simple name' };
    if (names.includes(arg.name)) return { pos: arg.pos, message: `duplicate variable name: ${arg.name}` };
    if (arg.name === '__result__')
      return { pos: arg.pos, message: 'iteration variable overwrites accumulator variable' };
    names.push(arg.name);
  }
  return names;
}

function all({ build, args }: Loop): LoopParts {
  const accu = build.ident(ACCUMULATOR);
  return {
    accuInit: build.literal(true),
    condition: build.call('@not_strictly_false', accu),
    step: build.call('_&&_', accu, ...args),
    result: accu,
  };
}

function exists({ build, args }: Loop): LoopParts {
  const accu = build.ident(ACCUMULATOR);
  return {
    accuInit: build.literal(false),
    condition: build.call('@not_strictly_false', build.call('!_', accu)),
    step: build.call('_||_', accu, ...args),
    result: accu,
  };
}

function existsOne({ build, args }: Loop): LoopParts {
  const accu = build.ident(ACCUMULATOR);
  return {
    accuInit: build.literal(0n),
    condition: build.literal(true),
    step: build.call('_?_:_', ...args, build.call('_+_', accu, build.literal(1n)), accu),
    result: build.call('_==_', accu, build.literal(1n)),
  };
}

/** `[condition,] value`: what is added to the accumulator for each item. */
function collect({ build, args }: Loop, accuInit: Expr, add: (accu: Ident, value: Expr) => Expr): LoopParts {
  const accu = build.ident(ACCUMULATOR);
  const value = args.at(-1) ?? accu;
  const step = add(accu, value);
  const [condition] = args.length > 1 ? args : [];
  return {
    accuInit,
    condition: build.literal(true),
    step: condition === undefined ? step : build.call('_?_:_', condition, step, accu),
    result: accu,
  };
}

function transformList(at: Loop): LoopParts {
  const { build } = at;
  return collect(at, build.list(), (accu, value) => build.call('_+_', accu, build.list(value)));
}

function filter(at: Loop): LoopParts {
  const item = at.build.ident(at.vars[0] ?? '');
  return transformList({ ...at, args: [...at.args, item] });
}

function transformMap(at: Loop): LoopParts {
  const { build, vars } = at;
  const key = build.ident(vars[0] ?? '');
  return collect(at, emptyMap(build), (accu, value) => build.call('cel.@mapInsert', accu, key, value));
}

function transformMapEntry(at: Loop): LoopParts {
  const { build } = at;
  return collect(at, emptyMap(build), (accu, value) => build.call('cel.@mapInsert', accu, value));
}

function emptyMap(build: Builder): Expr {
  return { kind: 'map', pos: build.pos, entries: [] };
}

/** Binds `name` to `value` in `result`. */
function bind(build: Builder, name: string, value: Expr, result: Expr): Fold {
  return {
    kind: 'fold',
    pos: build.pos,
    range: build.list(),
    iterVar: '#unused',
    iterVar2: undefined,
    accuVar: name,
    accuInit: value,
    condition: build.literal(false),
    step: build.ident(name),
    result,
  };
}

function optional({ name, pos, args }: Call, target: Expr): Expr | Issue {
  const [variable, value] = args;
  if (variable?.kind !== 'ident' || value === undefined)
    return { pos: variable?.pos, message: `${name}() variable name must be a simple identifier` };
  const build = new Builder(pos);
  const inner = bind(build, variable.name, build.method('value', target), value);
  const some = name === 'optMap' ? build.call('optional.of', inner) : inner;
  return build.call('_?_:_', build.method('hasValue', target), some, build.call('optional.none'));
}

function sortBy({ pos, args }: Call, target: Expr): Expr | Issue {
  if (target.kind === 'literal' || target.kind === 'map')
    return {
      pos: target.pos,
      message: 'sortBy can only be applied to a list, identifier, comprehension, call or select expression',
    };
  const build = new Builder(pos);
  const input = build.ident('@__sortBy_input__');
  const keys = loop(build.method('map', input, ...args), input);
  if ('message' in keys) return keys;
  return bind(build, input.name, target, build.method('@sortByAssociatedKeys', input, keys));
}
