import type { Value } from '../values/value.ts';
import type { Call, Expr, Ident, ListExpr, Literal } from './ast.ts';

/** Makes nodes that all stand at `pos`: what a macro or an operator at that place becomes. */
export class Builder {
  readonly pos: number;

  constructor(pos: number) {
    this.pos = pos;
  }

  literal(value: Value): Literal {
    return { kind: 'literal', pos: this.pos, value };
  }

  ident(name: string): Ident {
    return { kind: 'ident', pos: this.pos, name };
  }

  call(name: string, ...args: Expr[]): Call {
    return { kind: 'call', pos: this.pos, name, target: undefined, args };
  }

  method(name: string, target: Expr, ...args: Expr[]): Call {
    return { kind: 'call', pos: this.pos, name, target, args };
  }

  list(...elements: Expr[]): ListExpr {
    return { kind: 'list', pos: this.pos, elements, optional: NONE };
  }
}

const NONE: ReadonlySet<number> = new Set();
