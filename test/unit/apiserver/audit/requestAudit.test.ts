import { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import { describe, expect, it } from 'vitest';
import { parsePolicy } from '../../../../src/apiserver/audit/policy.ts';
import { AuditLog, type RequestAudit } from '../../../../src/apiserver/audit/requestAudit.ts';
import { parseRequest } from '../../../../src/apiserver/http/requestInfo.ts';
import { badRequest, internalError } from '../../../../src/apiserver/http/status.ts';
import { FakeClock } from '../../../support/fakeClock.ts';

interface Line {
  stage: string;
  responseStatus?: Record<string, unknown>;
  requestObject?: unknown;
  responseObject?: unknown;
  annotations?: Record<string, string>;
  objectRef?: Record<string, string>;
}

/** The books of one request by jane, and what was written of it. */
function open(method: string, url: string, rule: object = {}): { audit: RequestAudit; lines: Line[] } {
  const lines: Line[] = [];
  const rules = [{ level: 'RequestResponse', ...rule }];
  const log = new AuditLog({
    policy: parsePolicy(JSON.stringify({ apiVersion: 'audit.k8s.io/v1', kind: 'Policy', rules })),
    sink: { write: (line) => lines.push(JSON.parse(line) as Line) },
    clock: new FakeClock(),
  });
  const user = { name: 'jane', groups: ['staff'] };
  const audit = log.begin({
    auditId: 'a',
    request: Object.assign(new IncomingMessage(new Socket()), { url }),
    attributes: { ...parseRequest(method, url), user },
    receivedAt: 0,
  });
  if (audit === undefined) throw new Error('nothing is to be written');
  return { audit, lines };
}
const MAPS = '/api/v1/namespaces/a/configmaps';

describe('the books of a request', () => {
  it('tell of a fault of the server as Panic, and nothing after it', () => {
    const { audit, lines } = open('GET', `${MAPS}/x`);
    audit.received();
    audit.panicked(internalError('see the log').status);
    audit.complete(500);
    expect(lines.map(({ stage }) => stage)).toEqual(['RequestReceived', 'Panic']);
    expect(lines[1]?.responseStatus).toMatchObject({ status: 'Failure', reason: 'InternalError', code: 500 });
  });

  it('are closed by the answer, before it is sent', () => {
    const { audit, lines } = open('GET', `${MAPS}/x`, { omitStages: ['RequestReceived'] });
    audit.received();
    audit.answering(200, '{"a":9007199254740993}');
    expect(lines).toHaveLength(1);
    audit.complete(200);
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatchObject({ stage: 'ResponseComplete', responseStatus: { metadata: {}, code: 200 } });
  });

  it('keep the first value of an annotation', () => {
    const { audit, lines } = open('GET', MAPS);
    audit.annotate('k', 'first');
    audit.annotate('k', 'second');
    audit.complete(200);
    expect(lines[0]?.annotations).toEqual({ k: 'first' });
  });

  it('name the object by its body where the URL does not', () => {
    const { audit, lines } = open('POST', MAPS, { level: 'Metadata' });
    audit.body({ metadata: { name: 'x', uid: 'u' }, data: { a: 'b' } }, false);
    audit.complete(201);
    expect(lines[0]?.objectRef).toEqual({
      resource: 'configmaps',
      namespace: 'a',
      name: 'x',
      uid: 'u',
      apiVersion: 'v1',
    });
    expect(lines[0]).not.toHaveProperty('requestObject');
  });

  it('leave managed fields out of objects, lists and tables', () => {
    const { audit, lines } = open('GET', MAPS, { omitManagedFields: true });
    const object = { metadata: { name: 'x', managedFields: [{ manager: 'm' }] } };
    audit.body(object, false);
    audit.answering(200, JSON.stringify({ ...object, items: [object], rows: [{ cells: [1], object }, { cells: [] }] }));
    const bare = { metadata: { name: 'x' } };
    expect(lines[0]?.requestObject).toEqual(bare);
    expect(lines[0]?.responseObject).toEqual({
      ...bare,
      items: [bare],
      rows: [{ cells: [1], object: bare }, { cells: [] }],
    });
    expect(object.metadata).toHaveProperty('managedFields');
  });

  it('do not repeat an error that quotes a secret', () => {
    for (const [url, isQuoted] of [
      [`${MAPS}/x`, true],
      ['/api/v1/namespaces/a/secrets/x', false],
    ] as const) {
      const { audit, lines } = open('PUT', url);
      audit.status(badRequest('data: Invalid value: "hunter2"').status, 400);
      audit.complete(400);
      expect(JSON.stringify(lines).includes('hunter2'), url).toBe(isQuoted);
      expect(lines[0]?.responseStatus).toMatchObject({ reason: 'BadRequest', code: 400 });
    }
  });
});
