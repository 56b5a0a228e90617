/**
 * The UNIX socket of PostgreSQL in the form that npm:pg needs. The one of node:net closes its descriptor twice
 * (https://github.com/denoland/deno/pull/36353): the second time it may be the file or connection that another thread
 * opened in between.
 */
import { Buffer } from "node:buffer";
import { Duplex } from "node:stream";

const readBytes = 65_536;

export class UnixSocket extends Duplex {
  #connection: Promise<Deno.UnixConn> | undefined;
  #open: Deno.UnixConn | undefined;
  #reading: Promise<void> = Promise.resolve();
  readonly #buffer = new Uint8Array(readBytes);

  constructor() {
    super({ allowHalfOpen: false });
  }

  /** Emits `connect`, or `error` with the system's code. */
  connect(path: string): this {
    this.#connection = Deno.connect({ transport: "unix", path });
    this.#connection.then((connection) => {
      if (this.destroyed) return connection.close();
      this.#open = connection;
      this.emit("connect");
    }, (error) => void this.destroy(error));
    return this;
  }

  override _read(): void {
    this.#reading = this.#readOnce();
  }

  async #readOnce(): Promise<void> {
    try {
      const length = await (await this.#connection)!.read(this.#buffer);
      // A copy, as the reader may keep a part of it.
      this.push(length === null ? null : Buffer.from(this.#buffer.subarray(0, length)));
    } catch (error) {
      if (!this.destroyed) this.destroy(error as Error);
    }
  }

  override _write(chunk: Uint8Array, _encoding: string, done: (error?: Error | null) => void): void {
    this.#writeAll(chunk).then(() => done(), done);
  }

  override _writev(chunks: { chunk: Uint8Array }[], done: (error?: Error | null) => void): void {
    this.#writeAll(Buffer.concat(chunks.map(({ chunk }) => chunk))).then(() => done(), done);
  }

  async #writeAll(chunk: Uint8Array): Promise<void> {
    const connection = (await this.#connection)!;
    for (let sent = 0; sent < chunk.length;) sent += await connection.write(chunk.subarray(sent));
  }

  override _final(done: (error?: Error | null) => void): void {
    // The other side may have closed already.
    (this.#open?.closeWrite() ?? Promise.resolve()).catch(() => {}).then(() => done());
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#open?.close();
    this.#open = undefined;
    void this.#reading.then(() => done(error));
  }

  ref(): this {
    this.#open?.ref();
    return this;
  }

  unref(): this {
    this.#open?.unref();
    return this;
  }

  setNoDelay(): this {
    return this;
  }

  setKeepAlive(): this {
    return this;
  }
}
