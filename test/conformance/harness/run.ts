import type { KubectlVersion } from '../../support/kubectl.ts';
import { Names } from './names.ts';
import { headersThatMatter, normaliseText } from './normalise.ts';
import { fromProtobuf, PROTOBUF } from './protobuf.ts';
import type { Reply, Side } from './side.ts';
import type { HttpStep, Json, KubectlStep, Step, WatchStep } from './step.ts';

/** What one step came to, ready to be compared. */
export interface Outcome {
  /** The step, for people. */
  step: string;
  code: number;
  headers?: Readonly<Record<string, unknown>>;
  /** Parsed and normalised where it was JSON. */
  body: unknown;
}

/** kube-controller-manager looks for new kinds every 30 seconds. */
const UNTIL_MS = 45_000;

/** Does the steps of one case on one side, one after the other. */
export class Run {
  readonly #side: Side;
  readonly #namespace: string;
  readonly #names: Names;
  readonly #kubectl: KubectlVersion;
  readonly #outcomes: Outcome[] = [];
  /** Raw answers, by number of the step. */
  readonly #answers: Json[] = [];

  constructor(side: Side, namespace: string, kubectlVersion: KubectlVersion) {
    this.#side = side;
    this.#namespace = namespace;
    this.#names = new Names(namespace);
    this.#kubectl = kubectlVersion;
  }

  async all(steps: readonly Step[]): Promise<Outcome[]> {
    for (const step of steps) await this.#one(step);
    return this.#outcomes;
  }

  async #one(step: Step): Promise<void> {
    const number = this.#answers.push(undefined) - 1;
    const outcome: Outcome = { step: `${number}`, code: 0, body: undefined };
    this.#outcomes.push(outcome);
    if (step.kind === 'http') Object.assign(outcome, await this.#http(number, step));
    else if (step.kind === 'watch') Object.assign(outcome, await this.#watch(number, step));
    else Object.assign(outcome, await this.#command(step));
  }

  async #http(number: number, step: HttpStep): Promise<Omit<Outcome, 'step'> & { step: string }> {
    const path = this.#fill(step.path);
    const body = this.#bodyOf(step.body);
    const contentType = step.body === undefined ? {} : { 'content-type': 'application/json' };
    const headers = Object.fromEntries(
      Object.entries({ ...contentType, ...step.headers }).map(([name, value]) => [name, this.#fill(value)]),
    );
    const limit = Date.now() + UNTIL_MS;
    for (;;) {
      const reply = await this.#side.ask(step.method, path, { body, headers, as: step.as });
      const parsed = parse(reply);
      const fits = step.until === undefined || step.until({ code: reply.code, body: parsed, headers: reply.headers });
      if (!fits && Date.now() < limit) {
        await new Promise((resolve) => setTimeout(resolve, 50));
        continue;
      }
      this.#answers[number] = parsed;
      const picked = step.pick === undefined ? parsed : step.pick(parsed);
      return {
        step: `${number} ${step.method} ${step.path}`,
        code: reply.code,
        headers: headersThatMatter(reply.headers, this.#names),
        body: this.#names.normalise(picked),
      };
    }
  }

  async #watch(number: number, step: WatchStep): Promise<Outcome> {
    const inside = async (): Promise<void> => {
      for (const one of step.meanwhile) await this.#one(one);
    };
    const path = this.#fill(step.path);
    const reply = await (step.webSocket === undefined
      ? this.#side.watch(path, step.count, inside, step.as)
      : this.#side.webSocket(path, { count: step.count, headers: step.webSocket, as: step.as }, inside));
    const isStream = reply.code === 200 || reply.code === 101;
    const body = isStream ? eventsIn(reply.text) : parse(reply);
    this.#answers[number] = isStream ? body[0]?.object : body;
    return {
      step: `${number} WATCH ${step.path}`,
      code: reply.code,
      headers: headersThatMatter(reply.headers, this.#names),
      body: this.#names.normalise(body),
    };
  }

  async #command(step: KubectlStep): Promise<Outcome> {
    const args = step.args.map((arg) => this.#fill(arg));
    const stdin = step.stdin === undefined ? undefined : this.#fill(step.stdin);
    const said = await this.#side.kubectl(this.#kubectl, args, { namespace: this.#namespace, stdin });
    const text = (output: string): string[] =>
      normaliseText(this.#names.inText(output), this.#side.endpoint).split('\n');
    return {
      step: `kubectl ${step.args.join(' ')}`,
      code: said.code,
      body: { stdout: text(said.stdout), stderr: text(said.stderr) },
    };
  }

  #bodyOf(body: unknown): string | Buffer | undefined {
    if (body === undefined || Buffer.isBuffer(body)) return body;
    return this.#fill(typeof body === 'string' ? body : JSON.stringify(body));
  }

  #fill(text: string): string {
    return text
      .replaceAll('{ns}', this.#namespace)
      .replaceAll(/\{(name|uid|rv|continue|token)\.(\d+)\}/g, (_, what: string, number: string) => {
        const answer = this.#answers[Number(number)];
        const value: unknown = saidOf(answer, what);
        if (typeof value !== 'string')
          throw new Error(`the answer of step ${number} has no ${what}: ${JSON.stringify(answer)}`);
        return what === 'continue' ? encodeURIComponent(value) : value;
      });
  }
}

function saidOf(answer: Json, what: string): unknown {
  const metadata = answer?.metadata ?? {};
  if (what === 'rv') return metadata.resourceVersion;
  const token: unknown = answer?.data?.token;
  return what === 'token' && typeof token === 'string' ? Buffer.from(token, 'base64').toString() : metadata[what];
}

function parse({ text, bytes, headers }: Omit<Reply, 'bytes'> & { bytes?: Buffer }): Json {
  const contentType = headers['content-type'];
  if (contentType?.startsWith(PROTOBUF) === true && bytes !== undefined) return fromProtobuf(bytes, contentType);
  if (text === '' || contentType?.startsWith('application/json') !== true) return text;
  // a watch that was asked for like an object, and came to its end
  if (text.startsWith('{"type":')) return eventsIn(text);
  return JSON.parse(text);
}

function eventsIn(text: string): Json[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line): Json => JSON.parse(line));
}
