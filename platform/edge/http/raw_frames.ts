/**
 * The octets of `forward` in TLS, whose streams cannot end in one direction alone here, as TCP does: each piece follows
 * its length in 4 octets, big-endian; the length 0 is the end of this direction.
 */
import { Buffer } from "node:buffer";
import { Transform } from "node:stream";

/** Wraps pieces; its end is a piece without octets. */
export function createFramer(count: (bytes: number) => void): Transform {
  return new Transform({
    transform(part: Buffer, _, done) {
      if (part.length > 0) {
        count(part.length);
        this.push(headerOf(part.length));
        this.push(part);
      }
      done();
    },
    flush(done) {
      this.push(headerOf(0));
      done();
    },
  });
}

function headerOf(length: number): Buffer {
  const header = Buffer.alloc(4);
  header.writeUInt32BE(length);
  return header;
}

/** Unwraps pieces as they come, and ends with the end of the direction; fails if the stream ends before. */
export function createUnframer(count: (bytes: number) => void): Transform {
  let header = Buffer.alloc(0), left = 0, isOver = false;
  return new Transform({
    transform(part: Buffer, _, done) {
      for (let at = 0; at < part.length && !isOver;) {
        if (left === 0) {
          const rest = part.subarray(at, at + 4 - header.length);
          header = Buffer.concat([header, rest]);
          at += rest.length;
          if (header.length < 4) break;
          left = header.readUInt32BE();
          header = Buffer.alloc(0);
          isOver = left === 0;
          if (isOver) this.push(null);
        } else {
          const piece = part.subarray(at, at + left);
          count(piece.length);
          this.push(piece);
          at += piece.length;
          left -= piece.length;
        }
      }
      done();
    },
    flush(done) {
      done(isOver ? null : new Error("the connection was closed in the middle"));
    },
  });
}
