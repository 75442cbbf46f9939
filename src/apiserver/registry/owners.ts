import { canonicalText, isJsonObject, type JsonObject, type JsonValue } from '../codec/json.ts';
import { listAt, metaOf, textAt } from './object.ts';

/** When the twins were seen: in what was sent, or in what a patch made. */
type Moment = 'sent' | 'made';

const WORDS: Readonly<Record<Moment, string>> = { sent: '', made: ' after mutating admission happens' };

/** Keeps one of owners that are equal in everything, and says so by a warning; in the words of kube-apiserver. */
export function dropTwinOwners(object: JsonObject, warnings: string[], moment: Moment): void {
  const meta = metaOf(object);
  const owners = listAt(meta, 'ownerReferences');
  if (owners.length < 2) return;
  const kept = new Map<string, JsonValue>();
  const twins: string[] = [];
  for (const owner of owners) {
    const text = canonicalText(owner);
    if (kept.has(text)) twins.push(isJsonObject(owner) ? textAt(owner, 'uid') : '');
    else kept.set(text, owner);
  }
  if (twins.length === 0) return;
  meta['ownerReferences'] = [...kept.values()];
  warnings.push(
    `.metadata.ownerReferences contains duplicate entries${WORDS[moment]}; API server dedups owner references in 1.20+, and may reject such requests as early as 1.24; please fix your requests; duplicate UID(s) observed: ${twins.join(', ')}`,
  );
}
