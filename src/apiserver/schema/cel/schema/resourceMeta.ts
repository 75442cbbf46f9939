import { parseStructural, type StructuralNode } from '../../structural.ts';

const TEXT = parseStructural({ type: 'string' });
const META = parseStructural({
  type: 'object',
  properties: { name: { type: 'string' }, generateName: { type: 'string' } },
});

const known = new WeakMap<StructuralNode, StructuralNode>();

/** The schema of a whole resource as rules see it: with kind, apiVersion, and name and generateName of its metadata. */
export function withResourceMeta(node: StructuralNode): StructuralNode {
  const made = known.get(node) ?? make(node);
  known.set(node, made);
  return made;
}

function make(node: StructuralNode): StructuralNode {
  const { properties } = node;
  const meta = properties.get('metadata');
  const complete =
    ['kind', 'apiVersion'].every((key) => properties.get(key)?.type === 'string') &&
    meta?.type === 'object' &&
    ['name', 'generateName'].every((key) => meta.properties.get(key)?.type === 'string');
  if (complete) return node;
  const added = [['kind', TEXT] as const, ['apiVersion', TEXT] as const, ['metadata', META] as const];
  return { ...node, properties: new Map([...properties, ...added]) };
}
