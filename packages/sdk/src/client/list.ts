/** Reads one page: the first without a cursor. */
type ReadPage = (cursor: string | undefined) => Promise<PageReply>;

/** What the pages of all lists have in common. */
export interface PageReply {
  readonly next_cursor: string | null;
}

/**
 * A list that is read page by page. Awaited, it is its first page; iterated over, it is all its rows. Nothing is
 * requested before.
 */
export class List<Page extends PageReply, Row> implements PromiseLike<Page>, AsyncIterable<Row> {
  readonly #read: ReadPage;
  readonly #field: string;
  #first: Promise<Page> | undefined;

  /** @param field the field of a page with its rows. */
  constructor(read: ReadPage, field: string) {
    this.#read = read;
    this.#field = field;
  }

  /** The first page, requested once. */
  then<Done = Page, Failed = never>(
    onDone?: ((page: Page) => Done | PromiseLike<Done>) | null,
    onFailed?: ((reason: unknown) => Failed | PromiseLike<Failed>) | null,
  ): Promise<Done | Failed> {
    this.#first ??= this.#read(undefined) as Promise<Page>;
    return this.#first.then(onDone, onFailed);
  }

  catch<Failed = never>(onFailed?: ((reason: unknown) => Failed | PromiseLike<Failed>) | null) {
    return this.then(undefined, onFailed);
  }

  finally(onEnd?: (() => void) | null): Promise<Page> {
    return this.then().finally(onEnd);
  }

  /** Page after page. */
  async *pages(): AsyncGenerator<Page, void, undefined> {
    let page = await this.then();
    yield page;
    while (page.next_cursor !== null) {
      page = (await this.#read(page.next_cursor)) as Page;
      yield page;
    }
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Row, void, undefined> {
    for await (const page of this.pages())
      yield* (page as unknown as Record<string, readonly Row[]>)[this.#field] ?? [];
  }

  /** All rows, or the first `most`. */
  async all(most = Infinity): Promise<Row[]> {
    const rows: Row[] = [];
    if (most <= 0) return rows;
    for await (const row of this) if (rows.push(row) >= most) break;
    return rows;
  }
}
