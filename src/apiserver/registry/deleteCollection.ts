import type { CachedObject } from '../cache/cachedObject.ts';
import { ApiError } from '../http/status.ts';
import type { Admission, Call, RegistryDeps } from './call.ts';
import { deleteObject } from './delete.ts';
import type { DeleteOptions } from './deleteOptions.ts';
import type { ListResult } from './list.ts';

/** Deletions under way at once. */
const WIDTH = 16;
/** Ends the deletion of what comes after an object that may not be deleted. */
const STOPPED = new Error('an object before this one may not be deleted');

/** What every deletion of a collection shares. */
interface Collection {
  deps: RegistryDeps;
  call: Call;
  options: DeleteOptions;
}

/**
 * Deletes every object of `list` in its order; what is gone or replaced in the meantime is passed over. Nothing is
 * deleted after an object that may not be: they are judged one after the other, and only carried out at once.
 */
export async function deleteListed(collection: Collection, list: ListResult): Promise<void> {
  const { options } = collection;
  const queue = [...list.items];
  let allowed: Promise<boolean> = Promise.resolve(true);
  const worker = async (): Promise<void> => {
    for (let item = queue.shift(); item !== undefined; item = queue.shift()) {
      const before = allowed;
      let decide: (isAllowed: boolean | Promise<boolean>) => void = () => undefined;
      allowed = new Promise((resolve) => (decide = resolve));
      try {
        await deleteOne({ ...collection, deps: inTurn(collection.deps, before, () => decide(true)) }, item);
        // also one that was gone before it could be judged
        decide(before);
      } catch (error) {
        decide(false);
        queue.length = 0;
        if (error !== STOPPED) throw error;
      }
    }
  };
  // what is not as the client expects ends it, too, before it is judged
  const isConditional = options.uid !== undefined || options.resourceVersion !== undefined;
  const ends = await Promise.allSettled(Array.from({ length: isConditional ? 1 : WIDTH }, worker));
  const failed = ends.find((end) => end.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
}

/** Judges when what comes before has been judged, and without its name, as the request has none. */
function inTurn(deps: RegistryDeps, before: Promise<boolean>, judged: () => void): RegistryDeps {
  const wait: Admission = {
    admit: async () => {
      if (!(await before)) throw STOPPED;
    },
  };
  const pass: Admission = {
    admit: () => {
      judged();
      return Promise.resolve();
    },
  };
  return { ...deps, admissions: [wait, ...deps.admissions], policies: [...deps.policies.map(nameless), pass] };
}

function nameless(policy: Admission): Admission {
  return { admit: (request) => policy.admit({ ...request, call: { ...request.call, name: '' } }) };
}

async function deleteOne({ deps, call, options }: Collection, item: CachedObject): Promise<void> {
  try {
    const one = { ...call, name: item.name, namespace: item.namespace };
    await deleteObject(deps, one, { ...options, uid: options.uid ?? item.uid });
  } catch (error) {
    // in conflict by its own UID: another object has its name now
    const isReplaced = options.uid === undefined && options.resourceVersion === undefined;
    if (error instanceof ApiError && (error.code === 404 || (error.code === 409 && isReplaced))) return;
    throw error;
  }
}
