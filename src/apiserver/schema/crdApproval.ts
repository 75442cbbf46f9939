import type { JsonObject } from '../codec/json.ts';
import { invalid, required } from './fieldErrors.ts';
import type { FieldError } from './fieldErrors.ts';
import { objectAt, textAt } from './read.ts';

const ANNOTATION = 'api-approved.kubernetes.io';
const FIELD = `metadata.annotations[${ANNOTATION}]`;
const PROTECTED = /(?:^|\.)(?:k8s|kubernetes)\.io$/;

/** Groups of the Kubernetes community need an annotation that points to the pull request that approved the API. */
export function checkApproval(crd: JsonObject, old: JsonObject | undefined): FieldError[] {
  if (!PROTECTED.test(textAt(objectAt(crd, 'spec'), 'group'))) return [];
  const value = approvalOf(crd);
  if (old !== undefined && stateOf(value) === stateOf(approvalOf(old))) return [];
  const hint = `protected groups must have approval annotation "${ANNOTATION}", see https://github.com/kubernetes/enhancements/pull/1111`;
  switch (stateOf(value)) {
    case 'missing':
      return [required(FIELD, hint)];
    case 'invalid':
      return [
        invalid(
          FIELD,
          value,
          `protected groups must have approval annotation "${ANNOTATION}" with either a URL or a reason starting with "unapproved", see https://github.com/kubernetes/enhancements/pull/1111`,
        ),
      ];
    case 'approved':
    case 'bypassed':
      return [];
  }
}

function approvalOf(crd: JsonObject): string {
  return textAt(objectAt(objectAt(crd, 'metadata'), 'annotations'), ANNOTATION);
}

function stateOf(value: string): 'missing' | 'bypassed' | 'approved' | 'invalid' {
  if (value === '') return 'missing';
  if (value.startsWith('unapproved')) return 'bypassed';
  return URL.canParse(value) && /^[a-z]+:\/\/[^/]/.test(value) ? 'approved' : 'invalid';
}
