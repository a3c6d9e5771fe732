const initialBytes = 4_096;
/** A unit of UTF-16 takes at most this many bytes in UTF-8. */
const mostBytesPerUnit = 3;

/**
 * The messages of PostgreSQL's extended query protocol that a packet consists of, written one after the other into one
 * buffer. The driver makes a buffer for each message, so the socket would get a list of fifty for a verb.
 */
export class Messages {
  #buffer = Buffer.allocUnsafe(initialBytes);
  #end = 0;

  parse(name: string, text: string): void {
    const start = this.#begin('P');
    this.#text(name);
    this.#text(text);
    // The server finds out the types of the parameters.
    this.#int16(0);
    this.#finish(start);
  }

  /** Asks for the columns of a statement. */
  describe(name: string): void {
    this.#aboutStatement('D', name);
  }

  /** Forgets a statement, also one that is not there. */
  close(name: string): void {
    this.#aboutStatement('C', name);
  }

  #aboutStatement(type: string, name: string): void {
    const start = this.#begin(type);
    this.#byte('S');
    this.#text(name);
    this.#finish(start);
  }

  /** Binds values to a statement, each as text, and runs it to its end. */
  run(name: string, values: readonly (string | number | null)[]): void {
    const start = this.#begin('B');
    // The portal without a name, which the next one replaces.
    this.#text('');
    this.#text(name);
    // Every value is a text, and so is every column.
    this.#int16(0);
    this.#int16(values.length);
    for (const value of values) this.#value(value);
    this.#int16(0);
    this.#finish(start);
    const execution = this.#begin('E');
    this.#text('');
    // All rows.
    this.#int32(0);
    this.#finish(execution);
  }

  /** Ends the packet: the server answers. @returns all messages; the object must not be used any more. */
  sync(): Buffer {
    this.#finish(this.#begin('S'));
    return this.#buffer.subarray(0, this.#end);
  }

  /** @returns where the message's length goes. */
  #begin(type: string): number {
    this.#byte(type);
    const start = this.#end;
    this.#int32(0);
    return start;
  }

  #finish(start: number): void {
    this.#buffer.writeInt32BE(this.#end - start, start);
  }

  #value(value: string | number | null): void {
    if (value === null) {
      this.#int32(-1);
      return;
    }
    const start = this.#end;
    this.#int32(0);
    this.#utf8(String(value));
    this.#buffer.writeInt32BE(this.#end - start - 4, start);
  }

  #text(text: string): void {
    this.#utf8(text);
    this.#byte('\0');
  }

  #utf8(text: string): void {
    this.#reserve(text.length * mostBytesPerUnit);
    this.#end += this.#buffer.write(text, this.#end);
  }

  #byte(character: string): void {
    this.#reserve(1);
    this.#end = this.#buffer.writeUInt8(character.charCodeAt(0), this.#end);
  }

  #int16(number: number): void {
    this.#reserve(2);
    this.#end = this.#buffer.writeInt16BE(number, this.#end);
  }

  #int32(number: number): void {
    this.#reserve(4);
    this.#end = this.#buffer.writeInt32BE(number, this.#end);
  }

  #reserve(bytes: number): void {
    if (this.#end + bytes <= this.#buffer.length) return;
    const larger = Buffer.allocUnsafe(Math.max(this.#buffer.length * 2, this.#end + bytes));
    this.#buffer.copy(larger, 0, 0, this.#end);
    this.#buffer = larger;
  }
}
