import type { Action, Change, LastingAction } from '../../task.ts';
import { listOf, textOf } from '../params.ts';
import { LIVE, NEXT } from './definition.ts';
import { FILES, PLACE, REMOVE, START } from './scripts.ts';

const SCRIPT_SECONDS = 60;
/** Starting and answering. */
const START_SECONDS = 120;
/** With a slow registry. */
const PLACE_SECONDS = 1_200;

type Params = Change['params'];

const recipes: Readonly<
  Record<string, Omit<LastingAction, 'script'> & { text: string; args?: (params: Params) => string[] }>
> = {
  'proxy/files': {
    kind: 'script',
    timeoutSeconds: SCRIPT_SECONDS,
    text: FILES,
    args: ({ content }) => [textOf(content)],
  },
  'proxy/container': { kind: 'job', timeoutSeconds: PLACE_SECONDS, text: PLACE, args: placeArguments },
  'proxy/start': { kind: 'job', timeoutSeconds: START_SECONDS, text: START },
  'proxy/remove': { kind: 'job', timeoutSeconds: START_SECONDS, text: REMOVE, args: () => [NEXT, LIVE] },
  'proxy/leftover': { kind: 'script', timeoutSeconds: SCRIPT_SECONDS, text: REMOVE, args: () => [NEXT] },
};

function placeArguments(params: Params): string[] {
  const fixed = ['image', 'network', 'type', 'definition'].map((name) => textOf(params[name]));
  return [...fixed, listOf(params['trial']).join('\n'), ...listOf(params['create'])];
}

/** The script or job behind a change. @throws RangeError  for a change that the task's diff cannot have made. */
export function applyProxy(change: Change): Action {
  const recipe = recipes[change.name];
  if (recipe === undefined) throw new RangeError(`proxy has no change ${change.name}`);
  const { kind, timeoutSeconds, text, args } = recipe;
  return { kind, timeoutSeconds, script: { name: change.name, text, args: args?.(change.params) ?? [] } };
}
