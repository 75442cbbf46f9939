import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { KubeObject } from '../../../../src/api/meta.ts';
import { type ReadSecret, SecretReader } from '../../../../src/controllers/server/secrets.ts';
import { Client } from '../../../../src/kube/client.ts';
import { fixedConnection } from '../../../../src/kube/connection.ts';
import { Controller } from '../../../../src/kube/controller.ts';
import { createLogger } from '../../../../src/lib/logger.ts';
import { redactor } from '../../../../src/lib/redaction.ts';
import { ApiDouble } from '../../../support/apiDouble.ts';

const FIELD = 'spec.ssh.auth.passwordSecretRef';
const LINES = ['b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAAB', 'AAAAMwAAAAtzc2gtZWQyNTUxOQ=='];
const PEM = `-----BEGIN OPENSSH PRIVATE KEY-----\n${LINES.join('\n')}\n-----END OPENSSH PRIVATE KEY-----\n`;

describe('what Secrets hold', () => {
  let api: ApiDouble;
  let client: Client;
  let controller: Controller;
  let reader: SecretReader;
  let ended: Promise<void>;
  let logged: string;
  /** What the next run of that name does. */
  let work: Map<string, (secret: ReadSecret) => void>;

  beforeEach(async () => {
    api = new ApiDouble();
    Object.assign(api.kinds, { secrets: 'Secret' });
    client = new Client({ connection: fixedConnection({ server: await api.start() }) });
    reader = new SecretReader(client);
    logged = '';
    work = new Map();
    const destination = { write: (line: string) => void (logged += line) };
    controller = new Controller({
      name: 'server',
      log: createLogger({ level: 'debug', destination }),
      reconciler: {
        reconcile: async ({ name }, signal) => {
          const act = work.get(name);
          work.delete(name);
          act?.(await reader.read({ namespace: 'acme', name }, FIELD, signal));
          return {};
        },
      },
    });
    ended = controller.run();
  });
  afterEach(async () => {
    await controller.stop(0);
    await ended;
    client.close();
    await api.stop();
  });

  /** What a run of the Server `name` makes of its Secret. */
  function run<T>(name: string, look: (secret: ReadSecret) => T): Promise<T> {
    return new Promise((resolve, reject) => {
      work.set(name, (secret) => {
        try {
          resolve(look(secret));
        } catch (error) {
          reject(error instanceof Error ? error : new Error(String(error)));
        }
      });
      controller.enqueue({ namespace: 'acme', name });
    });
  }

  const redacted = (name: string, text: string) => run(name, () => redactor.redact(text));

  function put(name: string, data: Record<string, string>): void {
    const encoded = Object.entries(data).map(([key, value]) => [key, Buffer.from(value).toString('base64')]);
    const secret = {
      metadata: { namespace: 'acme', name, uid: randomUUID() },
      data: Object.fromEntries(encoded) as object,
    };
    api.put('/api/v1/secrets', secret as unknown as KubeObject);
  }

  it("is taken out of the own Server's texts, and of nobody else's: no password can be tried out by them", async () => {
    put('one', { password: 'Summer2026!' });
    put('two', { password: 'Winter2026!' });
    const text = 'Summer2025! Summer2026! Winter2026!';
    expect(await redacted('one', text)).toBe('Summer2025! [redacted] Winter2026!');
    expect(await redacted('two', text)).toBe('Summer2025! Summer2026! [redacted]');
    expect(await redacted('one', text)).toBe('Summer2025! [redacted] Winter2026!');
  });

  it('is nothing to hide unless it is a credential', async () => {
    put('one', { password: 'correct horse', username: 'root', notes: 'Server\nreachable\nDocker' });
    const text = 'Server one is reachable as root, by "correct horse"';
    expect(await redacted('one', text)).toBe('Server one is reachable as root, by "[redacted]"');
  });

  it('is hidden line by line if it is a key, else as a whole', async () => {
    put('one', { 'ssh-privatekey': PEM, passphrase: 'reachable\nServer' });
    const text = `Server: -----BEGIN OPENSSH PRIVATE KEY----- ${LINES[0]} reachable ${LINES[1]}`;
    expect(await redacted('one', text)).toBe(
      'Server: -----BEGIN OPENSSH PRIVATE KEY----- [redacted] reachable [redacted]',
    );
  });

  it('is kept out of the log of a failure that is a bug', async () => {
    put('one', { password: 'Summer2026!' });
    work.set('one', () => {
      throw new Error('sudo said: Summer2026!');
    });
    controller.enqueue({ namespace: 'acme', name: 'one' });
    await expect.poll(() => logged).toContain('sudo said: [redacted]');
    expect(logged).not.toContain('Summer2026!');
  });

  it('is no credential when it is larger than any', async () => {
    const word = 'word-of-many\n';
    put('one', { password: word.repeat(80_000), notes: word.repeat(2000), 'ssh-privatekey': PEM });
    await expect(run('one', (secret) => secret.value('password'))).rejects.toMatchObject({
      reason: 'SecretTooLarge',
      advice: `The password in Secret acme/one of ${FIELD} has more than 16384 bytes. Put the credential alone there.`,
    });
    expect(await run('one', (secret) => secret.value('ssh-privatekey'))).toBe(PEM);
    expect(await redacted('one', 'word-of-many')).toBe('word-of-many');
  });

  it('is forgotten with its Server, and by it alone', async () => {
    for (const name of ['one', 'two']) {
      put(name, { password: 'Summer2026!' });
      await redacted(name, '');
    }
    await run('one', () => redactor.forget());
    expect(redactor.within('server acme/one', () => redactor.redact('Summer2026!'))).toBe('Summer2026!');
    expect(redactor.within('server acme/two', () => redactor.redact('Summer2026!'))).toBe('[redacted]');
  });
});
