import { childrenOf, type Expr } from './ast.ts';

/** Deeper trees would overflow the stack of whoever walks them. */
const MAX_DEPTH = 1000;
/** optMap doubles its target: chains of it grow with powers of two. */
const MAX_NODES = 200_000;

/** Why a tree is too large to work with; undefined when it is not. */
export function sizeProblem(tree: Expr): string | undefined {
  let count = 0;
  const rest: { expr: Expr; depth: number }[] = [{ expr: tree, depth: 1 }];
  for (let next = rest.pop(); next !== undefined; next = rest.pop()) {
    const depth = next.depth + 1;
    if (depth > MAX_DEPTH) return 'max recursion depth exceeded';
    if (++count > MAX_NODES) return `expression size exceeds limit: ${MAX_NODES}`;
    for (const expr of childrenOf(next.expr)) rest.push({ expr, depth });
  }
  return undefined;
}
