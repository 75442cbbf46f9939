import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FrameReader } from '../../../src/ssh/frame.ts';

const frame = { begin: 'aaaaB', end: 'aaaaE' };
const limit = 1024;

function read(text: string, chunkBytes = text.length || 1, maxBytes = limit): FrameReader {
  const reader = new FrameReader(frame, maxBytes);
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; at += chunkBytes) reader.push(bytes.subarray(at, at + chunkBytes));
  return reader;
}

describe('FrameReader', () => {
  it('takes only what stands between the marks', () => {
    const reader = read('motd\nwelcome\n\naaaaB 12 (sh)\nhello\nworldaaaaE 3\nlogout\n');
    expect(reader).toMatchObject({
      header: '12 (sh)',
      body: 'hello\nworld',
      status: 3,
      truncated: false,
      broken: false,
    });
  });

  it('reads the same however the stream is cut into chunks', () => {
    const text = 'noise aaa aaaa\naaaaB h\naaaaa é 🦆 aaaaaE 0 \naaaaE 0\nx';
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 60 }), (chunkBytes) => {
        expect(read(text, chunkBytes)).toMatchObject({ header: 'h', body: read(text).body, status: 0 });
      }),
    );
  });

  it('has no status before the end mark, and keeps what came', () => {
    const reader = read('aaaaB \npartial aaaa');
    reader.finish();
    expect(reader).toMatchObject({ status: undefined, body: 'partial aaaa', header: '' });
  });

  it('cuts at the limit and still finds the end', () => {
    const reader = read(`aaaaB \n${'x'.repeat(5000)}aaaaE 0\n`, 100);
    expect(reader).toMatchObject({ truncated: true, bodyBytes: 5000, status: 0 });
    expect(reader.body).toHaveLength(limit);
  });

  it('does not believe a trailer without a status', () => {
    expect(read('aaaaB \nx aaaaE rm\n')).toMatchObject({ broken: true, status: undefined });
    expect(read('aaaaB \nx aaaaE 999\n')).toMatchObject({ broken: true, status: undefined });
  });

  it('gives up on endless noise, keeping its beginning as explanation', () => {
    const reader = read('This account is not available. '.repeat(50_000), 65_536);
    expect(reader.broken).toBe(true);
    expect(reader.noise).toMatch(/^This account is not available/);
    expect(reader.noise.length).toBeLessThanOrEqual(300);
  });
});
