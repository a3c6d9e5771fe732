import { closeSync, fstatSync, openSync, readSync } from 'node:fs';

/**
 * Reads SQLite's write-ahead log, in the format that SQLite documents (sqlite.org/fileformat2.html#walformat). A log has
 * a header and frames; a frame is a page. A transaction's last frame says how many pages the database has then. When the
 * log begins anew it has another header, whose sequence number is one higher, and the old frames are overwritten one
 * after the other.
 */

const headerBytes = 32;
const frameHeaderBytes = 24;
/** The first number of a log; the lowest bit says in which order the bytes of a checksum's words are. */
const magic = 0x377f0682;
/** Frames that are read at once. */
const atOnce = 64;

/** The log has begun anew too often, or in a way that may have hidden frames. */
export class LogLost extends Error {
  override readonly name = 'LogLost';
}

interface Header {
  readonly bytes: Buffer;
  readonly sequence: number;
  readonly pageBytes: number;
  readonly isBigEndian: boolean;
}

interface Sums {
  readonly one: number;
  readonly two: number;
}

/** How far a log is read: the last frame of a transaction, and the checksum up to it. */
interface Mark extends Sums {
  readonly frames: number;
}

interface Chain {
  /** The number of valid frames, with those of a transaction that has not ended. */
  readonly valid: number;
  /** Whether the file ended there. */
  readonly isAtEnd: boolean;
}

type Apply = (page: number, content: Buffer) => void;

/** Follows a log from its beginning, and gives each page of each committed transaction to its reader. */
export class LogFile {
  readonly #path: string;
  /** A log is never shortened to less than this when it begins anew, in bytes. */
  readonly #limitBytes: number;
  readonly #apply: Apply;
  #file: number | undefined;
  #header: Header | undefined;
  #mark: Mark = { frames: 0, one: 0, two: 0 };
  #pages: number | undefined;

  constructor(path: string, limitBytes: number, apply: Apply) {
    this.#path = path;
    this.#limitBytes = limitBytes;
    this.#apply = apply;
    this.#header = this.#readHeader();
    if (this.#header !== undefined) this.#mark = begin(this.#header);
    this.follow();
  }

  /** The number of pages of the database after the last transaction. Undefined: there was none in the log. */
  get pages(): number | undefined {
    return this.#pages;
  }

  /** The number of frames that were read of this log. */
  get frames(): number {
    return this.#mark.frames;
  }

  /** How often the log has begun anew. It changes when it does. */
  get sequence(): number | undefined {
    return this.#header?.sequence;
  }

  /**
   * Reads what was committed since the last call.
   *
   * @throws LogLost when something may have been missed.
   */
  follow(): void {
    const header = this.#readHeader();
    const known = this.#header;
    if (header === undefined && known === undefined) return;
    if (header === undefined || known === undefined) throw new LogLost('The log was emptied or made');
    if (header.bytes.equals(known.bytes)) {
      this.#read(known);
      return;
    }
    if (header.sequence !== (known.sequence + 1) >>> 0) throw new LogLost('The log has begun anew more than once');
    this.#readRest(known, header);
    this.#header = header;
    this.#mark = begin(header);
    this.#read(header);
  }

  close(): void {
    if (this.#file !== undefined) closeSync(this.#file);
    this.#file = undefined;
  }

  /** Reads the frames of the log before, of which the new one has overwritten only some that were read already. */
  #readRest(known: Header, header: Header): void {
    const { frames } = this.#mark;
    const { valid, isAtEnd } = this.#read(known);
    const bytes = this.#size();
    const isCut = isAtEnd && bytes >= this.#limitBytes && valid * frameBytes(known) + headerBytes >= bytes;
    const overwritten = this.#count(header);
    if (isCut || overwritten >= frames) throw new LogLost('The log was overwritten before it was read');
    if (!this.#readHeader()?.bytes.equals(header.bytes)) throw new LogLost('The log has begun anew again');
  }

  /** Gives the frames after the mark to the reader, and moves the mark. */
  #read(header: Header): Chain {
    let pending: [number, Buffer][] = [];
    return this.#scan(header, this.#mark, (frame, content, mark) => {
      pending.push([frame.readUInt32BE(0), content]);
      const pages = frame.readUInt32BE(4);
      if (pages === 0) return;
      for (const [page, bytes] of pending) this.#apply(page, bytes);
      pending = [];
      this.#pages = pages;
      this.#mark = mark;
    });
  }

  #count(header: Header): number {
    return this.#scan(header, begin(header), () => undefined).valid;
  }

  /** Calls `each` for the valid frames after a mark. */
  #scan(header: Header, from: Mark, each: (frame: Buffer, content: Buffer, mark: Mark) => void): Chain {
    const size = frameBytes(header);
    let mark = from;
    for (;;) {
      const bytes = this.#readAt(headerBytes + mark.frames * size, atOnce * size);
      for (let at = 0; at + size <= bytes.length; at += size) {
        const frame = bytes.subarray(at, at + frameHeaderBytes);
        const content = bytes.subarray(at + frameHeaderBytes, at + size);
        if (!frame.subarray(8, 16).equals(header.bytes.subarray(16, 24))) return { valid: mark.frames, isAtEnd: false };
        const sums = checksum(content, header, checksum(frame.subarray(0, 8), header, mark));
        if (sums.one !== frame.readUInt32BE(16) || sums.two !== frame.readUInt32BE(20)) {
          return { valid: mark.frames, isAtEnd: false };
        }
        mark = { frames: mark.frames + 1, ...sums };
        each(frame, content, mark);
      }
      if (bytes.length < atOnce * size) return { valid: mark.frames, isAtEnd: true };
    }
  }

  #readHeader(): Header | undefined {
    const bytes = this.#readAt(0, headerBytes);
    if (bytes.length < headerBytes) return undefined;
    const kind = bytes.readUInt32BE(0);
    if (kind >>> 1 !== magic >>> 1) return undefined;
    const header = {
      bytes,
      sequence: bytes.readUInt32BE(12),
      pageBytes: bytes.readUInt32BE(8),
      isBigEndian: (kind & 1) === 1,
    };
    const { one, two } = checksum(bytes.subarray(0, 24), header, { one: 0, two: 0 });
    // It is being written.
    if (one !== bytes.readUInt32BE(24) || two !== bytes.readUInt32BE(28)) return this.#header;
    return header;
  }

  #size(): number {
    return this.#file === undefined ? 0 : fstatSync(this.#file).size;
  }

  /** Up to `length` bytes at a place; fewer at the end of the file, and none while there is no log. */
  #readAt(position: number, length: number): Buffer {
    this.#file ??= openIfThere(this.#path);
    if (this.#file === undefined) return Buffer.alloc(0);
    const bytes = Buffer.allocUnsafe(length);
    let read = 0;
    for (let got = -1; got !== 0 && read < length; read += got) {
      got = readSync(this.#file, bytes, read, length - read, position + read);
    }
    return bytes.subarray(0, read);
  }
}

const frameBytes = ({ pageBytes }: Header) => frameHeaderBytes + pageBytes;

const begin = ({ bytes }: Header): Mark => ({ frames: 0, one: bytes.readUInt32BE(24), two: bytes.readUInt32BE(28) });

function openIfThere(path: string): number | undefined {
  try {
    return openSync(path, 'r');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

/** SQLite's checksum of a number of pairs of words, going on from another one. */
function checksum(bytes: Buffer, { isBigEndian }: Pick<Header, 'isBigEndian'>, { one, two }: Sums): Sums {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 0; at < bytes.byteLength; at += 8) {
    one = (one + view.getUint32(at, !isBigEndian) + two) >>> 0;
    two = (two + view.getUint32(at + 4, !isBigEndian) + one) >>> 0;
  }
  return { one, two };
}
