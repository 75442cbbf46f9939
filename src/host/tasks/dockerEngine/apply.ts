import type { Disruption } from '../../../api/serverSpec.ts';
import type { Script } from '../../../ssh/session.ts';
import type { Action, Change, LastingAction, TransferAction } from '../../task.ts';
import { listOf, textOf } from '../params.ts';
import { REMOVE, STAGE } from './bundleScripts.ts';
import {
  ACTIVATE_ONLY,
  CLIENT,
  DAEMON_CONFIG,
  FINISH,
  HOLD,
  PACKAGE,
  PACKAGE_LISTS,
  REPOSITORY,
  SETTLE,
  START,
} from './scripts.ts';

const SCRIPT_SECONDS = 120;
/** A slow mirror and a slow disk. */
const PACKAGE_SECONDS = 1_800;
/** Unpacking, and one checksum of everything, on a slow disk. */
const STAGE_SECONDS = 900;

type Params = Change['params'];

interface Recipe {
  kind: LastingAction['kind'];
  timeoutSeconds: number;
  text: string;
  /** What the plan announced travels along: the script refuses to do more. */
  args?: (params: Params, disruption: Disruption) => string[];
  secretInput?: (params: Params) => string;
}

const recipes: Readonly<Record<string, Recipe>> = {
  'docker-engine/repository': {
    kind: 'job',
    timeoutSeconds: PACKAGE_SECONDS,
    text: REPOSITORY,
    args: (params) => ['line', 'key', 'uri', 'suite', 'package'].map((name) => textOf(params[name])),
  },
  'docker-engine/package-lists': {
    kind: 'job',
    timeoutSeconds: PACKAGE_SECONDS,
    text: PACKAGE_LISTS,
    args: (params) => [textOf(params['package'])],
  },
  'docker-engine/bundle-removal': {
    kind: 'script',
    timeoutSeconds: SCRIPT_SECONDS,
    text: REMOVE,
    args: (params) => listOf(params['names']),
  },
  'docker-engine/package': {
    kind: 'job',
    timeoutSeconds: PACKAGE_SECONDS,
    text: PACKAGE,
    args: (params, disruption) => [
      disruption,
      textOf(params['downgradeFrom']),
      listOf(params['hold']).join(' '),
      textOf(params['bundle']),
      ...listOf(params['packages']),
    ],
  },
  'docker-engine/client': {
    kind: 'job',
    timeoutSeconds: PACKAGE_SECONDS,
    text: CLIENT,
    args: (params) => [
      textOf(params['engine']),
      listOf(params['hold']).join(' '),
      textOf(params['bundle']),
      ...listOf(params['packages']),
    ],
  },
  'docker-engine/unfinished': { kind: 'job', timeoutSeconds: PACKAGE_SECONDS, text: FINISH },
  'docker-engine/hold': {
    kind: 'script',
    timeoutSeconds: SCRIPT_SECONDS,
    text: HOLD,
    args: (params) => [textOf(params['verb']), ...listOf(params['packages'])],
  },
  // what starts or restarts the daemon may outlive the connection
  'docker-engine/daemon-config': configRecipe('script'),
  'docker-engine/daemon-config-restart': configRecipe('job'),
  'docker-engine/daemon-activate': activateRecipe(),
  'docker-engine/restart': activateRecipe(),
  'docker-engine/settled': { kind: 'job', timeoutSeconds: SCRIPT_SECONDS, text: SETTLE },
  'docker-engine/service': { kind: 'job', timeoutSeconds: SCRIPT_SECONDS, text: START },
};

function configRecipe(kind: Recipe['kind']): Recipe {
  return {
    kind,
    timeoutSeconds: SCRIPT_SECONDS,
    text: DAEMON_CONFIG,
    args: (params, disruption) => [
      textOf(params['from']),
      textOf(params['to']),
      textOf(params['activation']),
      disruption,
    ],
    // foreign members may hold credentials: neither argument nor log
    secretInput: (params) => textOf(params['content']),
  };
}

function activateRecipe(): Recipe {
  return {
    kind: 'job',
    timeoutSeconds: SCRIPT_SECONDS,
    text: ACTIVATE_ONLY,
    args: (params, disruption) => [textOf(params['activation']), disruption],
  };
}

/** The script or job behind a change. @throws RangeError  for a change that the task's diff cannot have made. */
export function applyEngine(change: Change): Action {
  if (change.name === 'docker-engine/bundle') return transferAction(change);
  const recipe = recipes[change.name];
  if (recipe === undefined) throw new RangeError(`docker-engine has no change ${change.name}`);
  const script: Script = {
    name: change.name,
    text: recipe.text,
    ...(recipe.args === undefined ? {} : { args: recipe.args(change.params, change.disruption) }),
    ...(recipe.secretInput === undefined ? {} : { secretInput: recipe.secretInput(change.params) }),
  };
  return { kind: recipe.kind, script, timeoutSeconds: recipe.timeoutSeconds };
}

function transferAction({ name, params }: Change): TransferAction {
  const sha256 = textOf(params['sha256']);
  const artifact = { file: textOf(params['file']), sha256, sizeBytes: Number(params['sizeBytes']) };
  const script = { name, text: STAGE, args: [sha256] };
  return {
    kind: 'transfer',
    artifact,
    neededBytes: Number(params['neededBytes']),
    script,
    timeoutSeconds: STAGE_SECONDS,
  };
}
