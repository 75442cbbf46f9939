import type { IncomingMessage, ServerResponse } from 'node:http';
import type { RequestAudit } from '../audit/requestAudit.ts';
import type { User } from './authentication.ts';
import type { RequestInfo } from './requestInfo.ts';

/** A request, its answer and its books. */
export interface Channel {
  request: IncomingMessage;
  response: ServerResponse;
  /** Undefined when nothing is to be written of it. */
  audit: RequestAudit | undefined;
}

/** One request on its way through the chain. */
export interface Exchange extends Channel {
  info: RequestInfo;
  user: User;
}

/** Answers requests of one area (resources, discovery, health …). */
export interface Endpoint {
  /** Answers, or returns false when the path is not its own. @throws ApiError for the chain to send. */
  handle(exchange: Exchange): Promise<boolean>;
}
