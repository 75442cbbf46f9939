import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import { expect, it } from 'vitest';
import { addWarnings } from '../../../../src/apiserver/http/respond.ts';

function headersOf(warnings: readonly string[]): string[] {
  const response = new ServerResponse(new IncomingMessage(new Socket()));
  addWarnings(response, warnings);
  return [response.getHeader('warning') ?? []].flat().map(String);
}

it('warnings are whole while they fit into 4096 characters together', () => {
  const long = 'a'.repeat(300);
  expect(headersOf([long, long, 'b "c"'])).toEqual([`299 - "${long}"`, '299 - "b \\"c\\""']);
});

it('warnings that do not are cut to 256 characters each, and the last ones go', () => {
  const many = Array.from({ length: 30 }, (_, index) => `${index} ${'ä'.repeat(300)}`);
  const headers = headersOf(many);
  expect(headers).toHaveLength(16);
  expect(Buffer.from(headers[0] ?? '', 'latin1').toString()).toBe(`299 - "0 ${'ä'.repeat(254)}"`);
});
