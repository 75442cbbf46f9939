import { createHash } from 'node:crypto';
import type { User } from '../http/authentication.ts';
import { audiencesOfPlainToken } from './audiences.ts';
import type { TokenSource } from './bearer.ts';

/** Tokens from a file, good until the process ends: one per line, `token,user,uid,"group1,group2"`. */
export class StaticTokens implements TokenSource {
  /** By digest: looking one up takes as long whatever was sent. */
  readonly #users = new Map<string, User>();

  /** @throws Error with the number of the line (never its text) that is not of this form. */
  constructor(csv: string) {
    for (const [index, line] of csv.split('\n').entries()) {
      const text = line.trim();
      if (text === '' || text.startsWith('#')) continue;
      const found = userOf(text);
      if (found === undefined) {
        throw new Error(`line ${index + 1} of the token file is not token,user,uid[,"group1,group2"]`);
      }
      this.#users.set(digest(found.token), found.user);
    }
  }

  userOf(token: string, audiences: readonly string[]): Promise<{ user: User; audiences: string[] } | undefined> {
    const user = this.#users.get(digest(token));
    const accepted = audiencesOfPlainToken(audiences);
    return Promise.resolve(user === undefined || accepted.length === 0 ? undefined : { user, audiences: accepted });
  }
}

function userOf(line: string): { token: string; user: User } | undefined {
  const [token = '', name = '', uid = '', groups = ''] = fieldsOf(line);
  if (token === '' || name === '' || uid === '') return undefined;
  const own = groups.split(',').map((group) => group.trim());
  return { token, user: { name, uid, groups: [...own.filter((group) => group !== ''), 'system:authenticated'] } };
}

function digest(token: string): string {
  return createHash('sha256').update(token).digest('base64');
}

/** Fields of a line, the last one perhaps in quotes. */
function fieldsOf(line: string): string[] {
  const fields = line.match(/("(?:[^"]|"")*"|[^,]*)(?:,|$)/g) ?? [];
  return fields.map((field) =>
    field
      .replace(/,$/, '')
      .trim()
      .replace(/^"(.*)"$/, '$1'),
  );
}
