import type { AnyAuthMethod, AuthHandlerMiddleware, ParsedKey } from 'ssh2';
import { AuthenticationRejected } from './connectErrors.ts';
import type { Credential } from './connectOptions.ts';
import { parsePrivateKey } from './keys.ts';
import type { LoginFacts } from './session.ts';

type Method = LoginFacts['method'];

/** A credential that was read and found fit. */
type Ready = { kind: 'key'; key: ParsedKey } | { kind: 'password'; password: string };

/** See {@link Login}. */
export interface LoginOptions {
  user: string;
  /** For messages: `203.0.113.10:22`. */
  where: string;
  /** Awaited before anything is offered: stores first trust, then fetches the credential. */
  prepare: () => Promise<Credential>;
  /** Ends the login with this error. */
  fail: (error: unknown) => void;
}

/**
 * Offers exactly one credential, once: every further try counts against us on the host (fail2ban, faillock, MaxAuthTries).
 * A password is preceded by a question for the methods, so that it is sent by the one that the host offers.
 */
export class Login {
  readonly #options: LoginOptions;
  #ready: Ready | undefined;
  #offered: Method | undefined;
  #questions = 0;

  constructor(options: LoginOptions) {
    this.#options = options;
  }

  /** The method that was tried, undefined before. */
  get method(): Method | undefined {
    return this.#offered;
  }

  /** Lets go of the credential, once the login is over. */
  forget(): void {
    this.#ready = undefined;
  }

  /** ssh2's `authHandler`: asked for the first method, and again after every refusal. */
  get handler(): AuthHandlerMiddleware {
    return (methodsLeft, partialSuccess, next) => {
      // null at first, against the type
      const left: readonly string[] | null = methodsLeft;
      this.#next(left, partialSuccess).then(
        (method) => next(method),
        (error: unknown) => this.#options.fail(error),
      );
      // ssh2 takes undefined as "later"
      return undefined;
    };
  }

  /** The error for a refused login, also when sshd ended the connection instead of answering. */
  rejected(offeredMethods: readonly string[], why?: string): AuthenticationRejected {
    const { user, where } = this.#options;
    const what = this.#ready?.kind === 'key' ? 'the private key' : 'the password';
    const methods = offeredMethods.length === 0 ? '' : ` It accepts ${offeredMethods.join(', ')}.`;
    return new AuthenticationRejected(
      `${where} rejects ${what} of ${user}${why === undefined ? '' : `: ${why}`}.${methods}`,
      {
        offeredMethods,
        remedy:
          this.#ready?.kind === 'key'
            ? `Add the public key to ~${user}/.ssh/authorized_keys (mode 600, directory 700), or correct the user or the Secret.`
            : 'Correct the user or the password in the Secret, and check PasswordAuthentication in sshd_config.',
      },
    );
  }

  async #next(left: readonly string[] | null, partial: boolean | null): Promise<AnyAuthMethod> {
    const ready = (this.#ready ??= await this.#prepare());
    if (this.#offered !== undefined) {
      throw this.rejected(
        left ?? [],
        partial === true ? 'it was accepted, but a second factor is demanded' : undefined,
      );
    }
    const username = this.#options.user;
    if (ready.kind === 'key') {
      this.#offered = 'publickey';
      return { type: 'publickey', username, key: ready.key };
    }
    if (left === null) return { type: 'none', username };
    return this.#offerPassword(left, ready.password);
  }

  async #prepare(): Promise<Ready> {
    const credential = await this.#options.prepare();
    if (credential.kind === 'password')
      return { kind: 'password', password: credential.password.replace(/\r?\n$/, '') };
    return { kind: 'key', key: parsePrivateKey(credential.privateKey, credential.passphrase) };
  }

  #offerPassword(left: readonly string[], password: string): AnyAuthMethod {
    const username = this.#options.user;
    if (left.includes('password')) {
      this.#offered = 'password';
      return { type: 'password', username, password };
    }
    if (!left.includes('keyboard-interactive')) throw this.rejected(left, 'passwords are not accepted at all');
    this.#offered = 'keyboard-interactive';
    return {
      type: 'keyboard-interactive',
      username,
      prompt: (...[, , , prompts, finish]) => this.#answer(prompts, password, finish),
    };
  }

  /** One hidden question is the password; anything else (a code, a new password) is none of ours to answer. */
  #answer(prompts: { echo?: boolean }[], password: string, finish: (answers: string[]) => void): void {
    if (prompts.length === 0) {
      finish([]);
      return;
    }
    this.#questions += prompts.length;
    if (this.#questions > 1 || prompts[0]?.echo === true) {
      this.#options.fail(this.rejected(['keyboard-interactive'], 'it asks for more than the password'));
      return;
    }
    finish([password]);
  }
}
