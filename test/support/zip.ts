import { crc32, inflateRawSync } from 'node:zlib';

const END_OF_CENTRAL_DIRECTORY = 0x06054b50;
const CENTRAL_DIRECTORY_ENTRY = 0x02014b50;
const STORED = 0;
const DEFLATED = 8;

/**
 * Reads one file out of a zip archive, without needing a program for it.
 * Source: APPNOTE.TXT 4.3 (PKWARE), without zip64 and encryption.
 * @throws Error  when the archive or the entry is missing, unsupported or damaged.
 */
export function readZipEntry(archive: Buffer, name: string): Buffer {
  const entry = entries(archive).find((candidate) => candidate.name === name);
  if (entry === undefined) throw new Error(`The zip archive has no entry ${name}`);
  // The local header repeats the name, with extra fields of a length of its own.
  const start = entry.offset + 30 + archive.readUInt16LE(entry.offset + 26) + archive.readUInt16LE(entry.offset + 28);
  const packed = archive.subarray(start, start + entry.packedSize);
  if (entry.method !== STORED && entry.method !== DEFLATED) throw new Error(`zip method ${entry.method} of ${name}`);
  const content = entry.method === STORED ? packed : inflateRawSync(packed);
  if (crc32(content) !== entry.crc) throw new Error(`The zip entry ${name} is damaged: its checksum differs`);
  return content;
}

interface Entry {
  name: string;
  method: number;
  crc: number;
  packedSize: number;
  offset: number;
}

function entries(archive: Buffer): Entry[] {
  const end = findEnd(archive);
  const found: Entry[] = [];
  let at = archive.readUInt32LE(end + 16);
  for (let left = archive.readUInt16LE(end + 10); left > 0; left--) {
    if (archive.readUInt32LE(at) !== CENTRAL_DIRECTORY_ENTRY) throw new Error('The zip directory is damaged');
    const nameLength = archive.readUInt16LE(at + 28);
    found.push({
      name: archive.toString('utf8', at + 46, at + 46 + nameLength),
      method: archive.readUInt16LE(at + 10),
      crc: archive.readUInt32LE(at + 16),
      packedSize: archive.readUInt32LE(at + 20),
      offset: archive.readUInt32LE(at + 42),
    });
    at += 46 + nameLength + archive.readUInt16LE(at + 30) + archive.readUInt16LE(at + 32);
  }
  return found;
}

/** The end record is the last thing in the archive but for a comment of at most 65,535 bytes. */
function findEnd(archive: Buffer): number {
  for (let at = archive.length - 22; at >= Math.max(0, archive.length - 22 - 65_535); at--) {
    if (archive.readUInt32LE(at) === END_OF_CENTRAL_DIRECTORY) return at;
  }
  throw new Error('Not a zip archive: it has no end record');
}
