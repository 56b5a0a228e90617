/** The body of an answer that is made while it is sent. */

interface Streaming {
  /** Ends the connection: an end of the body would look as if this were all. */
  cut(): void;
  /** What the body failed by. */
  failed(error: unknown): void;
  /** Asked before each piece but the first; rejects when the rest must not be sent. */
  mayGoOn?(): Promise<void>;
}

/** The next piece is asked for only when the one before has been taken. */
export function streamedBody(
  pieces: AsyncIterable<string | Uint8Array>,
  { cut, failed, mayGoOn }: Streaming,
): ReadableStream<Uint8Array> {
  const iterator = pieces[Symbol.asyncIterator](), encoder = new TextEncoder();
  let isFirst = true;
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      try {
        if (!isFirst) await mayGoOn?.();
        isFirst = false;
        let { done, value } = await iterator.next();
        // After a piece without bytes, the server's writer would wait for ever.
        while (!done && value.length === 0) ({ done, value } = await iterator.next());
        if (done) controller.close();
        else controller.enqueue(typeof value === "string" ? encoder.encode(value) : value);
      } catch (error) {
        failed(error);
        cut();
        controller.close();
      }
    },
    async cancel() {
      await iterator.return?.();
    },
  }, { highWaterMark: 0 });
}
