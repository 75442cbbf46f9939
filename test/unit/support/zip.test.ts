import { deflateRawSync, crc32 } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { readZipEntry } from '../../support/zip.ts';

/** A minimal archive by the specification: local headers, central directory, end record, comment. */
function zip(files: { name: string; content: Buffer; method: 0 | 8 }[], comment = ''): Buffer {
  const parts: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const { name, content, method } of files) {
    const packed = method === 8 ? deflateRawSync(content) : content;
    const local = Buffer.alloc(30);
    local.writeUInt32LE(0x04034b50, 0);
    local.writeUInt16LE(name.length, 26);
    local.writeUInt16LE(4, 28);
    const central = Buffer.alloc(46);
    central.writeUInt32LE(0x02014b50, 0);
    central.writeUInt16LE(method, 10);
    central.writeUInt32LE(crc32(content), 16);
    central.writeUInt32LE(packed.length, 20);
    central.writeUInt32LE(content.length, 24);
    central.writeUInt16LE(name.length, 28);
    central.writeUInt32LE(offset, 42);
    const whole = Buffer.concat([local, Buffer.from(name), Buffer.from('xtra'), packed]);
    parts.push(whole);
    directory.push(Buffer.concat([central, Buffer.from(name)]));
    offset += whole.length;
  }
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(files.length, 10);
  end.writeUInt32LE(offset, 16);
  end.writeUInt16LE(comment.length, 20);
  return Buffer.concat([...parts, ...directory, end, Buffer.from(comment)]);
}

describe('readZipEntry', () => {
  const text = Buffer.from('hello '.repeat(1000));

  it('reads deflated and stored entries, whatever comment follows', () => {
    const archive = zip(
      [
        { name: 'a/first', content: Buffer.from('first'), method: 0 },
        { name: 'b/second', content: text, method: 8 },
      ],
      'made by hand',
    );
    expect(readZipEntry(archive, 'a/first').toString()).toBe('first');
    expect(readZipEntry(archive, 'b/second')).toEqual(text);
  });

  it('names an entry that is not there', () => {
    expect(() => readZipEntry(zip([]), 'kubectl/kubectl')).toThrow('no entry kubectl/kubectl');
  });

  it('refuses what is not a zip archive', () => {
    expect(() => readZipEntry(Buffer.alloc(100), 'a')).toThrow('Not a zip archive');
  });

  it('refuses a damaged entry', () => {
    const archive = zip([{ name: 'a', content: text, method: 0 }]);
    archive[40] = 0;
    expect(() => readZipEntry(archive, 'a')).toThrow('checksum differs');
  });
});
