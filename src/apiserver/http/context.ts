import type { IncomingMessage, ServerResponse } from 'node:http';
import type { User } from './authentication.ts';
import type { RequestInfo } from './requestInfo.ts';

/** One request on its way through the chain. */
export interface Exchange {
  request: IncomingMessage;
  response: ServerResponse;
  info: RequestInfo;
  user: User;
  /** What the audit log shall say beside the request. */
  annotations: Record<string, string>;
}

/** Answers requests of one area (resources, discovery, health …). */
export interface Endpoint {
  /** Answers, or returns false when the path is not its own. @throws ApiError for the chain to send. */
  handle(exchange: Exchange): Promise<boolean>;
}
