import { goQuote } from '../schema/goText.ts';
import { pathTexts } from './fieldSet.ts';
import type { FieldSet } from './fieldSet.ts';
import type { ManagedEntry } from './managedEntries.ts';

/** A field of another manager that an application would change. */
export interface Conflict {
  /** Who owns it, as the message says it: `"kubectl-edit" using v1`. */
  owner: string;
  /** `.spec.replicas`. */
  path: string;
}

/** One conflict for every path of `fields`, which belong to `entry`. */
export function conflictsOf(entry: ManagedEntry, fields: FieldSet): Conflict[] {
  const owner = ownerText(entry);
  return pathTexts(fields).map((path) => ({ owner, path }));
}

function ownerText({ manager, subresource, operation, apiVersion }: ManagedEntry): string {
  const name = goQuote(manager) + (subresource === '' ? '' : ` with subresource ${goQuote(subresource)}`);
  return operation === 'Update' ? `${name} using ${apiVersion}` : name;
}

/** The sentence about all conflicts, by owner; as Kubernetes says it, as people and tools search for it. */
export function conflictMessage(conflicts: readonly Conflict[]): string {
  const [first] = conflicts;
  if (first !== undefined && conflicts.length === 1) {
    return `Apply failed with 1 conflict: conflict with ${first.owner}: ${first.path}`;
  }
  const byOwner = new Map<string, string[]>();
  for (const { owner, path } of conflicts) byOwner.set(owner, [...(byOwner.get(owner) ?? []), `- ${path}`]);
  const lines = [...byOwner].flatMap(([owner, paths]) => [`conflicts with ${owner}:`, ...paths]);
  return `Apply failed with ${conflicts.length} conflicts: ${lines.join('\n')}`;
}
