export { applyJsonPatch } from './jsonPatch.ts';
export { applyMergePatch } from './mergePatch.ts';
export { PatchError } from './patchError.ts';
export { applyStrategicMergePatch } from './strategicMergePatch.ts';
