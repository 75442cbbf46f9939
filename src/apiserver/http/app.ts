import express, { type Express } from 'express';
import { IncomingMessage, ServerResponse, type RequestListener } from 'node:http';
import type { Clock } from '../../lib/clock.ts';
import type { Logger } from '../../lib/logger.ts';
import { MASTERS } from '../authorization/rbacAuthorizer.ts';
import type { AuditLog, RequestAudit } from '../audit/requestAudit.ts';
import { assignAuditId } from './auditId.ts';
import { ANONYMOUS, type Authenticator, type User } from './authentication.ts';
import { attributesOf, isOpen, refusal, type Authorizer } from './authorization.ts';
import type { Channel, Endpoint, Exchange } from './context.ts';
import { impersonated, wantsImpersonation } from './impersonation.ts';
import type { InFlight } from './inflight.ts';
import type { Metrics } from './metrics.ts';
import { parseRequest, type RequestInfo } from './requestInfo.ts';
import { sendError, sendPlain } from './respond.ts';
import { ApiError, badRequest, internalError, serviceUnavailable, timedOut, toApiError } from './status.ts';
import { checkTimeout } from './timeout.ts';

/** What the chain is made of. */
export interface ChainDeps {
  clock: Clock;
  log: Logger;
  authenticator: Authenticator;
  authorizer: Authorizer;
  inFlight: InFlight;
  metrics: Metrics;
  /** Undefined when nothing is written of any request. */
  audit: AuditLog | undefined;
  /** Asked in this order. */
  endpoints: readonly Endpoint[];
  /** Milliseconds in which a request that is no watch has its whole answer. */
  deadlineMs: number;
  /** True from the moment the server is asked to stop. */
  isStopping: () => boolean;
}

const MUTATING = new Set(['create', 'update', 'patch', 'delete', 'deletecollection', 'post', 'put']);

/** What an HTTP server is created with. */
export interface App {
  /** Options of the server: what its requests and answers are made of. */
  classes: { IncomingMessage: typeof IncomingMessage; ServerResponse: typeof ServerResponse };
  listener: RequestListener;
}

/** The way of every request: who (401), may they (403), is there room (429), what, and one place for all errors. */
export function createApp(deps: ChainDeps): App {
  const app = express();
  app.set('etag', false);
  app.disable('x-powered-by');
  const classes = classesOf(app);
  app.use((request, response) => {
    void new Passage(deps, request, response).run();
  });
  return { classes, listener: (request, response) => void app(request, response) };
}

/**
 * Classes whose objects express finds as it wants them. It would change the prototype of every request and answer,
 * and V8 runs all code that touches such an object slower from there on: a fifth of the time of a small write.
 */
function classesOf(app: Express): App['classes'] {
  const classes = {
    IncomingMessage: class extends IncomingMessage {},
    ServerResponse: class<Request extends IncomingMessage> extends ServerResponse<Request> {},
  };
  adopt(app, 'request', classes.IncomingMessage.prototype);
  adopt(app, 'response', classes.ServerResponse.prototype);
  return classes;
}

/** Puts `prototype` between express's own one and the objects. */
function adopt(app: Express, key: 'request' | 'response', prototype: object): void {
  Object.setPrototypeOf(prototype, Reflect.get(app, key) as object);
  Reflect.set(app, key, prototype);
}

/** One request on its way. */
class Passage {
  readonly #deps: ChainDeps;
  readonly #request: IncomingMessage;
  readonly #response: ServerResponse;
  readonly #receivedAt: number;
  readonly #startedAt = process.hrtime.bigint();
  readonly #auditId: string;
  #info: RequestInfo | undefined;
  #user: User = ANONYMOUS;
  #audit: RequestAudit | undefined;

  constructor(deps: ChainDeps, request: IncomingMessage, response: ServerResponse) {
    this.#deps = deps;
    this.#request = request;
    this.#response = response;
    this.#receivedAt = deps.clock.now();
    this.#auditId = assignAuditId(request, response);
    response.setHeader('cache-control', 'no-cache, private');
    response.on('close', () => this.#finished());
  }

  async run(): Promise<void> {
    try {
      await this.#handle();
    } catch (error) {
      await sendError(this.#channel, this.#explain(error)).catch((failure: unknown) => {
        this.#deps.log.warn({ error: failure, auditId: this.#auditId }, 'an error could not be sent');
        this.#response.destroy();
      });
    }
  }

  async #handle(): Promise<void> {
    const info = this.#parse();
    this.#info = info;
    const longRunning = info.isResource && info.verb === 'watch';
    if (!longRunning) checkTimeout(info.query);
    if (this.#deps.isStopping() && !isOpen(info)) throw serviceUnavailable('the server is shutting down');
    this.#user = await this.#authenticate(info);
    this.#audit = this.#beginAudit(info, this.#user);
    this.#audit?.received();
    if (wantsImpersonation(this.#request)) {
      this.#user = await impersonated(this.#request, this.#user, this.#deps.authorizer);
      this.#audit?.impersonating(this.#user);
    }
    const leave = longRunning ? this.#deps.metrics.watching(info) : this.#enter(info, this.#user);
    try {
      await this.#authorize(info);
      await this.#dispatch({ ...this.#channel, info, user: this.#user });
    } finally {
      leave();
    }
  }

  /** A place among those that run, until the end of the request or its deadline. */
  #enter(info: RequestInfo, user: User): () => void {
    // the administrator can always look what is wrong, and a full server is no dead one
    const isExempt = user.groups.includes(MASTERS) || isOpen(info);
    const leave = this.#deps.inFlight.enter(MUTATING.has(info.verb), user.name, isExempt);
    const timer = setTimeout(() => this.#late(), this.#deps.deadlineMs);
    return () => {
      clearTimeout(timer);
      leave();
    };
  }

  /** Ends the answer to a client that does not read it, or to a request that takes too long. */
  #late(): void {
    if (this.#response.headersSent) {
      this.#response.destroy();
      return;
    }
    const error = timedOut('request did not complete within the allotted timeout');
    void sendError(this.#channel, error).catch(() => this.#response.destroy());
  }

  get #channel(): Channel {
    return { request: this.#request, response: this.#response, audit: this.#audit };
  }

  async #authenticate(info: RequestInfo): Promise<User> {
    try {
      return await this.#deps.authenticator.authenticate(this.#request);
    } catch (error) {
      if (error instanceof ApiError) this.#beginAudit(info, undefined)?.unauthenticated(error.status);
      throw error;
    }
  }

  #beginAudit(info: RequestInfo, user: User | undefined): RequestAudit | undefined {
    const { audit } = this.#deps;
    if (audit === undefined) return undefined;
    const attributes = { ...attributesOf(info, user ?? ANONYMOUS), user };
    return audit.begin({ auditId: this.#auditId, request: this.#request, attributes, receivedAt: this.#receivedAt });
  }

  #parse(): RequestInfo {
    try {
      return parseRequest(this.#request.method ?? 'GET', this.#request.url ?? '/');
    } catch (error) {
      if (error instanceof URIError) throw badRequest('the path of the request holds a broken percent escape');
      throw error;
    }
  }

  async #authorize(info: RequestInfo): Promise<void> {
    const attributes = attributesOf(info, this.#user);
    const decision = await this.#deps.authorizer.authorize(attributes);
    this.#audit?.annotate('authorization.k8s.io/decision', decision.allowed ? 'allow' : 'forbid');
    this.#audit?.annotate('authorization.k8s.io/reason', decision.reason);
    if (!decision.allowed) throw refusal(attributes, decision);
  }

  async #dispatch(exchange: Exchange): Promise<void> {
    for (const endpoint of this.#deps.endpoints) {
      if (await endpoint.handle(exchange)) return;
    }
    sendPlain(this.#response, 404, '404 page not found\n');
  }

  #explain(error: unknown): ApiError {
    const { group = '', resource = '', name = '', verb, path } = this.#info ?? {};
    const known = toApiError(error, { group, resource, name });
    if (known !== undefined && known.code !== 500) return known;
    this.#deps.log.error({ error, auditId: this.#auditId, verb, path }, 'a request failed by a fault of the server');
    const fault = known ?? internalError('the log of the server has the details under this Audit-Id');
    this.#audit?.panicked(fault.status);
    return fault;
  }

  #finished(): void {
    const info = this.#info;
    if (info === undefined) return;
    const seconds = Number(process.hrtime.bigint() - this.#startedAt) / 1e9;
    this.#deps.metrics.finished(info, { code: this.#response.statusCode, seconds });
    this.#audit?.complete(this.#response.statusCode);
  }
}
