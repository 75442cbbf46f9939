import type { AnyStateMachine, AnyStateNode } from 'xstate';

/** The machine as Mermaid state diagrams, one for each parallel region, guards in brackets. */
export function toMermaid(machine: AnyStateMachine): string {
  return Object.values(machine.root.states)
    .map((region) => `**${region.key}**\n\n\`\`\`mermaid\n${diagram(region).join('\n')}\n\`\`\`\n`)
    .join('\n');
}

function diagram(region: AnyStateNode): string[] {
  const lines = ['stateDiagram-v2'];
  const initial = region.initial.target[0]?.key;
  if (initial !== undefined) lines.push(`  [*] --> ${initial}`);
  lines.push(...edges(region, '[any]'));
  for (const state of Object.values(region.states)) lines.push(...edges(state, state.key));
  return lines;
}

function edges(node: AnyStateNode, from: string): string[] {
  return [...node.transitions.values()].flat().flatMap((edge) => {
    const label = `${edge.eventType}${guardOf(edge.guard)}${actionsOf(edge.actions)}`;
    const target = edge.target?.[0]?.key ?? from;
    return [`  ${from === '[any]' ? 'any' : from} --> ${target}: ${label}`];
  });
}

function guardOf(guard: unknown): string {
  return typeof guard === 'string' ? ` [${guard}]` : '';
}

function actionsOf(actions: readonly unknown[]): string {
  const names = actions.map((action) =>
    typeof action === 'object' && action !== null && 'type' in action ? action.type : action,
  );
  return names.length === 0 ? '' : ` / ${names.join(', ')}`;
}
